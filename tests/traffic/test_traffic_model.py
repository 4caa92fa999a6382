"""Whatever fleets, stations, limits and actions there are: the books close and the queues are fair."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from small_world import SLOTS, Case, arrays_of, cases

from cosim.charging.visit import Request, Visit
from cosim.interface import Action, EvState
from cosim.ledger import Ledger
from cosim.scenario.schema import FleetSection, FleetStart, LatticeRoads, Noise
from cosim.scenario.uncertainty import draw_factors
from cosim.traffic.accounts import TrafficSlot
from cosim.traffic.start import battery_kind
from cosim.traffic.target import ActionOutcome

EXAMPLES = settings(max_examples=200, deadline=None, derandomize=True)


@EXAMPLES
@given(cases())
def test_the_ledger_closes_in_every_slot(case: Case) -> None:
    episodes = (0, 3)
    kind, consumption = battery_kind(case.fleet), case.fleet.consumption_kwh_per_km
    ledger = Ledger(case.clock.slot_h)
    slots = case.run(episodes).slots
    together = TrafficSlot.together(slots)
    ledger.check_traffic(together.evs, together.stations, kind, consumption, episodes, range(len(slots)))
    for before, after in itertools.pairwise(slots):
        assert (before.evs.energy_end_kwh == after.evs.energy_start_kwh).all()
    assert ledger.max_error_kwh < 1e-9


@EXAMPLES
@given(cases())
def test_everything_is_a_number_and_within_its_bounds(case: Case) -> None:
    run = case.run((5,))
    slots, states = run.slots, run.states
    roads, kind = case.network, battery_kind(case.fleet)
    records = [*states, *(s.evs for s in slots), *(s.stations for s in slots)]
    assert all(np.isfinite(values).all() for record in records for values in arrays_of(record).values())
    for state in states:
        assert (state.energy_kwh >= kind.energy_min_kwh - 1e-9).all()
        assert (state.energy_kwh <= kind.energy_max_kwh + 1e-9).all()
        assert (state.chargers_busy <= case.chargers).all()
        assert (state.position_km >= -1e-9).all()
        assert (state.position_km <= np.array(roads.area_km) + 1e-9).all()
        at_node = state.edge == -1
        assert (state.offset_km[at_node] == 0.0).all()
        assert (roads.head[state.edge[~at_node]] == state.node[~at_node]).all()
        assert (state.station[state.state >= EvState.QUEUEING] >= 0).all()
        driving = state.state == EvState.DRIVING
        assert (state.station[driving] == -1).all()
        assert (state.destination[~driving] == -1).all()
        queueing = [(state.station == h) & (state.state == EvState.QUEUEING) for h in range(len(case.station_nodes))]
        assert [row.sum() for row in queueing] == state.queue_length[0].tolist()
    reach_km = case.fleet.l_max * case.fleet.move_scale_km
    for slot in slots:
        assert (slot.stations.busy_max <= case.chargers).all()
        assert (slot.evs.driven_s >= 0.0).all()
        assert (slot.evs.driven_s <= case.slot_s + 1e-9).all()
        assert (slot.evs.driven_km <= reach_km + 1e-5).all()
    assert all(trip.length_km <= reach_km + 1e-5 for trip in slots[-1].trips[0])


@EXAMPLES
@given(cases())
def test_queues_are_first_come_first_served_and_every_wait_is_explained(case: Case) -> None:
    slots = case.run((7,)).slots
    end_s = float(case.clock.slots * case.slot_s)
    for station in range(len(case.station_nodes)):
        requests = sorted(_requests_at(slots[-1].visits[0], station), key=lambda r: (r.request_s, r.ev))
        held, waited = _intervals(requests, end_s)
        for before, after in itertools.combinations(requests, 2):
            if after.plug_in_s is not None:
                gone_s = min(s for s in (before.plug_in_s, before.plug_out_s, np.inf) if s is not None)
                assert gone_s <= after.plug_in_s, "overtaken"
        times = sorted({t for interval in held + waited for t in interval})
        for first, last in itertools.pairwise(times):
            middle = (first + last) / 2
            if not first < middle < last:
                continue  # no time between them
            busy = sum(a < middle < b for a, b in held)
            assert busy <= case.chargers
            if any(a < middle < b for a, b in waited):
                assert busy == case.chargers, "somebody waits though a charger is free"
        for name, intervals in (("queue_mean", waited), ("busy_mean", held)):
            from_slots_s = sum(getattr(slot.stations, name)[0, station] for slot in slots) * case.slot_s
            assert from_slots_s == pytest.approx(sum(b - a for a, b in intervals), abs=1e-6)


@EXAMPLES
@given(cases())
def test_energies_of_requests_are_those_of_evs_and_stations(case: Case) -> None:
    slots = case.run((1,)).slots
    for name in ("charged_kwh", "discharged_kwh"):
        of_station = np.array([getattr(slot.stations, name)[0] for slot in slots]).sum(axis=0)
        for station in range(len(case.station_nodes)):
            requests = _requests_at(slots[-1].visits[0], station)
            assert sum(getattr(r, name) for r in requests) == pytest.approx(of_station[station], abs=1e-9)
        of_ev = np.array([getattr(slot.evs, name)[0] for slot in slots]).sum(axis=0)
        for ev in range(case.fleet.size):
            requests = [r for visit in slots[-1].visits[0] for r in visit.requests if r.ev == ev]
            assert sum(getattr(r, name) for r in requests) == pytest.approx(of_ev[ev], abs=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cases())
def test_a_replica_is_the_same_to_the_last_bit_alone_or_among_others(case: Case) -> None:
    together = case.run((4, 5, 6))
    for replica, episode in enumerate((4, 5, 6)):
        model = case.model()
        model.begin([episode])
        for (action, limits_kw), slot, state in zip(together.orders, together.slots, together.states[1:], strict=True):
            one = slice(replica, replica + 1)
            own = Action(action.heading_rad[one], action.distance_km[one], action.power_share[one])
            alone = model.step(own, limits_kw[one])
            pairs = ((alone.evs, slot.evs), (alone.stations, slot.stations), (model.state(), state))
            for mine, ours in pairs:
                for name, values in arrays_of(mine).items():
                    assert (values == arrays_of(ours)[name][one]).all(), name
        assert alone.trips[0] == together.slots[-1].trips[replica]


def _requests_at(visits: list[Visit], station: int) -> list[Request]:
    return [request for visit in visits if visit.station == station for request in visit.requests]


def _intervals(requests: list[Request], end_s: float) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """When chargers were held, and when EVs waited."""
    held, waited = [], []
    for r in requests:
        out_s = end_s if r.plug_out_s is None else r.plug_out_s
        if r.plug_in_s is None:
            waited.append((r.request_s, out_s))
        else:
            waited.append((r.request_s, r.plug_in_s))
            held.append((r.plug_in_s, out_s))
    return held, waited


# ------------------------------------------------------------------------------------------ small worlds

ONE_CHARGER = Case(
    fleet=FleetSection(size=9, start=FleetStart(place="round_robin", soc=0.5, soc_spread=0.0)),
    roads=LatticeRoads(kind="lattice", columns=2, rows=1),
    station_nodes=(0,),
    chargers=1,
    ev_flow_vph=10.0,
    base_share=0.0,
    limits_kw=(60.0,),
    seed=1,
)


def test_nine_evs_at_one_charger_of_one_node() -> None:
    model = ONE_CHARGER.model()
    model.begin([0])
    charge = Action(np.zeros((1, 9)), np.zeros((1, 9)), np.ones((1, 9)))
    slot = model.step(charge, np.full((1, 1, 2), 60.0))
    # Each lacks 27 kWh: 28.42 drawn, 1705 s at 60 kW. The second plugs in within the slot.
    state = model.state()
    assert state.state[0].tolist() == [EvState.PARKED, EvState.CHARGING, *[EvState.QUEUEING] * 7]
    assert slot.stations.power_kw[0, 0] == pytest.approx(60.0)
    assert (slot.stations.queue_max[0, 0], slot.stations.busy_max[0, 0]) == (8, 1)
    assert (state.queue_length[0, 0], state.chargers_busy[0, 0]) == (7, 1)


def test_a_fleet_of_nobody_runs() -> None:
    run = replace(ONE_CHARGER, fleet=FleetSection(size=0)).run((0, 1))
    slots, states = run.slots, run.states
    assert states[0].position_km.shape == (2, 0, 2)
    assert slots[0].evs.energy_end_kwh.shape == (2, 0)
    assert slots[0].stations.power_kw.tolist() == [[0.0], [0.0]]


def test_costs_by_hand() -> None:
    fleet = FleetSection(size=1, start=FleetStart(place="round_robin", soc=0.5, soc_spread=0.0))
    case = replace(ONE_CHARGER, fleet=fleet, ev_flow_vph=0.0)
    model = case.model()
    model.begin([0])
    slot = model.step(Action.stay(1, 1), np.full((1, 1, 2), 60.0))
    assert [slot.evs.battery_cny[0, 0], slot.evs.distance_cny[0, 0], slot.evs.time_cny[0, 0]] == [0.0, 0.0, 0.0]
    slot = model.step(Action(np.zeros((1, 1)), np.zeros((1, 1)), np.full((1, 1), 0.2)), np.full((1, 1, 2), 60.0))
    assert slot.evs.battery_cny[0, 0] == pytest.approx(1.8)  # 12 kW for half an hour at 0.3 CNY/kWh
    slot = model.step(Action(np.zeros((1, 1)), np.full((1, 1), 4.0), np.zeros((1, 1))), np.full((1, 1, 2), 60.0))
    assert slot.evs.outcome.tolist() == [[ActionOutcome.DEPARTED]]
    assert slot.evs.driven_s[0, 0] == pytest.approx(360.0)
    assert slot.evs.distance_cny[0, 0] == pytest.approx(0.4)
    assert slot.evs.time_cny[0, 0] == pytest.approx(0.5)


def test_the_flow_of_a_state_counts_the_evs_on_the_road() -> None:
    fleet = FleetSection(size=2, start=FleetStart(place="round_robin", soc=0.5, soc_spread=0.0))
    roads = LatticeRoads(kind="lattice", columns=2, rows=1, speed_kmh=4.0)  # an hour for the only road
    case = replace(ONE_CHARGER, fleet=fleet, roads=roads, base_share=0.5)
    model = case.model()
    model.begin([0])
    assert model.state().road_flow_vph.tolist() == [[200.0, 200.0]]
    slot = model.step(Action(np.zeros((1, 2)), np.full((1, 2), 4.0), np.zeros((1, 2))), np.zeros((1, 1, 2)))
    assert slot.base_flow_vph.tolist() == [[200.0, 200.0]]
    assert model.state().road_flow_vph.tolist() == [[220.0, 200.0]]
    assert model.state().state.tolist() == [[EvState.DRIVING] * 2]


def test_an_episode_begins_anew() -> None:
    model = ONE_CHARGER.model()
    found = []
    for _ in range(2):
        model.begin([0])
        for number in range(SLOTS):
            slot = model.step(*ONE_CHARGER.orders(model.state(), number))
        found.append((slot, model.state()))
    for name, values in arrays_of(found[0][1]).items():
        assert (values == arrays_of(found[1][1])[name]).all(), name
    assert found[0][0].trips[0] == found[1][0].trips[0]


def test_base_flow_has_one_factor_an_episode_from_a_stream_of_its_own() -> None:
    case = replace(ONE_CHARGER, base_share=0.5, flow_std=0.2)
    model, quiet = case.model(), replace(case, flow_std=0.0).model()
    noise, episodes = Noise(std=0.2), (0, 7, 8)
    for one in (model, quiet):
        one.begin(episodes)
    factor = np.array([draw_factors(noise, case.seed, e, "uncertainty.traffic", 1)[0] for e in episodes])
    assert len(set(factor)) == 3
    assert factor[0] != draw_factors(noise, case.seed, 0, "uncertainty.load", 1)[0]
    for number in range(SLOTS):
        action, limits_kw = Action.stay(3, case.fleet.size), np.zeros((3, 1, 2))
        slot = model.step(action, limits_kw)
        assert quiet.step(action, limits_kw).base_flow_vph == pytest.approx(np.full((3, 2), 200.0))
        # Rising from slot to slot, and more on the second road.
        expected_vph = 200.0 * (1.0 + 0.2 * number) * np.array([1.0, 1.1])
        assert slot.base_flow_vph == pytest.approx(factor[:, None] * expected_vph)
        if number < SLOTS - 1:
            next_vph = 200.0 * (1.0 + 0.2 * (number + 1)) * np.array([1.0, 1.1])
            assert model.state().road_flow_vph == pytest.approx(factor[:, None] * next_vph)
