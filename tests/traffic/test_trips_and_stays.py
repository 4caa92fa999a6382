"""Whatever happens in a small world: every EV is in one place at a time, and every time and energy has a reason."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from small_world import Case, Run, cases

from cosim.charging.visit import Visit
from cosim.interface import EvState
from cosim.traffic.routing import Leg, Place, Router
from cosim.traffic.start import battery_kind
from cosim.traffic.target import ActionOutcome
from cosim.traffic.travel_time import TravelTime
from cosim.traffic.trip import Trip

EXAMPLES = settings(max_examples=200, deadline=None, derandomize=True)
#: A road, when it was entered, when left (infinity if it was not), the leg, and who.
Stay = tuple[int, float, float, Leg, int]


def of_ev(run: Run, ev: int) -> tuple[list[Trip], list[Visit]]:
    """Trips and stays at stations of one EV, in order."""
    (trips,), (visits,) = run.slots[-1].trips, run.slots[-1].visits
    return [trip for trip in trips if trip.ev == ev], [visit for visit in visits if visit.ev == ev]


def stays_on_roads(trips: list[Trip]) -> Iterator[Stay]:
    for trip in trips:
        left_s = [*trip.enter_s[1:], math.inf if trip.arrive_s is None else trip.arrive_s]
        for leg, enter_s, leave_s in zip(trip.legs, trip.enter_s, left_s, strict=False):
            yield leg.road, enter_s, leave_s, leg, trip.ev


def driven_km(trip: Trip, end_s: float) -> float:
    """Kilometres of a trip up to a time, from its legs and the times of entry."""
    if trip.arrive_s is not None:
        return sum(leg.length_km for leg in trip.legs)
    *behind, last = trip.legs[: len(trip.enter_s)]
    return sum(leg.length_km for leg in behind) + last.length_km * min((end_s - trip.enter_s[-1]) / trip.leg_s, 1.0)


@EXAMPLES
@given(cases())
def test_nobody_is_in_two_places(case: Case) -> None:
    run = case.run((2,))
    end = run.states[-1]
    for ev in range(case.fleet.size):
        trips, visits = of_ev(run, ev)
        pieces = sorted(
            [(t.depart_s, math.inf if t.arrive_s is None else t.arrive_s) for t in trips]
            + [(v.arrive_s, math.inf if v.depart_s is None else v.depart_s) for v in visits]
        )
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(pieces))
        assert all(begin_s <= end_s for begin_s, end_s in pieces)
        driving = bool(trips) and trips[-1].arrive_s is None
        assert (end.state[0, ev] == EvState.DRIVING) == driving
        here = visits[-1].station if visits and visits[-1].depart_s is None else -1
        assert end.station[0, ev] == here
        assert not (driving and here >= 0)


@EXAMPLES
@given(cases())
def test_a_trip_begins_where_the_ev_stood_and_ends_where_it_stands_then(case: Case) -> None:
    run = case.run((8,))
    router = Router(case.network)
    station_km = case.network.node_km[list(case.station_nodes)]
    for ev in range(case.fleet.size):
        trips, visits = of_ev(run, ev)
        here_km = tuple(run.states[0].position_km[0, ev])
        for trip in trips:
            arrived = trip.arrive_s is not None
            first, last = trip.legs[0], trip.legs[-1]
            assert router.position_km(Place(-1, first.road, first.from_km)) == pytest.approx(here_km, abs=3e-6)
            here_km = router.position_km(trip.drive.end)
            assert router.position_km(Place(-1, last.road, last.to_km)) == pytest.approx(here_km, abs=3e-6)
            left = [visit.station for visit in visits if visit.depart_s == trip.depart_s]
            assert left == ([trip.from_station] if trip.from_station >= 0 else [])
            if trip.destination >= 0:
                assert here_km == pytest.approx(station_km[trip.destination].tolist(), abs=3e-6)
            came = [visit.station for visit in visits if arrived and visit.arrive_s == trip.arrive_s]
            assert came == ([trip.destination] if arrived and trip.destination >= 0 else [])
        if not trips or trips[-1].arrive_s is not None:
            assert tuple(run.states[-1].position_km[0, ev]) == pytest.approx(here_km, abs=1e-12)


@EXAMPLES
@given(cases())
def test_the_legs_of_a_trip_hang_together(case: Case) -> None:
    roads = case.network
    for trip in case.run((8,)).slots[-1].trips[0]:
        for leg in trip.legs:
            assert 0.0 <= leg.from_km < leg.to_km <= roads.length_km[leg.road] + 1e-9
        for before, after in itertools.pairwise(trip.legs):
            assert roads.head[before.road] == roads.tail[after.road]
            assert (before.to_km, after.from_km) == (pytest.approx(roads.length_km[before.road], abs=1e-9), 0.0)
        assert trip.length_km == pytest.approx(sum(leg.length_km for leg in trip.legs), abs=1e-9)
        assert trip.enter_s[0] == trip.depart_s
        assert trip.depart_s % case.slot_s == 0.0
        assert trip.enter_s == sorted(trip.enter_s)
        assert trip.arrive_s is None or len(trip.enter_s) == len(trip.legs)


@EXAMPLES
@given(cases())
def test_the_time_on_every_road_follows_from_who_was_on_it(case: Case) -> None:
    run = case.run((3,))
    travel_time = TravelTime(case.network)
    stays = list(stays_on_roads(run.slots[-1].trips[0]))
    for road, enter_s, leave_s, leg, ev in stays:
        if leave_s == math.inf:
            continue
        base_vph = run.slots[int(enter_s // case.slot_s)].base_flow_vph[0, road]
        others = [
            (since_s, until_s) for at, since_s, until_s, _, who in stays if (at, who) != (road, ev) and at == road
        ]
        # Who comes or goes at that very instant may count or not.
        least = 1 + sum(since_s < enter_s < until_s for since_s, until_s in others)
        most = 1 + sum(since_s <= enter_s <= until_s for since_s, until_s in others)
        share = leg.length_km / case.network.length_km[road]
        low_s, high_s = (
            share * travel_time.of_road_s(road, base_vph + case.ev_flow_vph * evs) for evs in (least, most)
        )
        slack_s = 1e-9 + 1e-12 * leave_s
        assert low_s - slack_s <= leave_s - enter_s <= high_s + slack_s


@EXAMPLES
@given(cases())
def test_evs_that_depart_together_count_one_after_the_other(case: Case) -> None:
    run = case.run((3,))
    travel_time = TravelTime(case.network)
    (trips,) = run.slots[-1].trips
    for slot in range(len(run.slots)):
        start_s = float(slot * case.slot_s)
        entered: list[int] = []
        for trip in trips:
            if trip.depart_s != start_s:
                continue
            road, leg = trip.legs[0].road, trip.legs[0]
            # Those who are under way, some of them on this road till at least this instant.
            under_way = sum(
                at == road and since_s < start_s <= until_s for at, since_s, until_s, _, _ in stays_on_roads(trips)
            )
            base_vph = run.slots[slot].base_flow_vph[0, road]
            flow_vph = base_vph + case.ev_flow_vph * (under_way + entered.count(road) + 1)
            expected_s = travel_time.of_road_s(road, flow_vph) * leg.length_km / case.network.length_km[road]
            # The present leg may be a later one.
            first_s = trip.leg_s if len(trip.enter_s) == 1 else trip.enter_s[1] - start_s
            assert first_s == pytest.approx(expected_s, rel=1e-9, abs=1e-9)
            entered.append(road)
        assert [trip.ev for trip in trips if trip.depart_s == start_s] == sorted(
            np.flatnonzero(run.slots[slot].evs.outcome[0] == ActionOutcome.DEPARTED).tolist()
        )


@EXAMPLES
@given(cases())
def test_kilometres_times_consumption_is_what_driving_took(case: Case) -> None:
    run = case.run((6,))
    kind, end_s = battery_kind(case.fleet), float(case.clock.slots * case.slot_s)
    for ev in range(case.fleet.size):
        trips, _ = of_ev(run, ev)
        from_trips_km = sum(driven_km(trip, end_s) for trip in trips)
        assert sum(slot.evs.driven_km[0, ev] for slot in run.slots) == pytest.approx(from_trips_km, abs=1e-9)
        from_trips_s = sum((end_s if t.arrive_s is None else t.arrive_s) - t.depart_s for t in trips)
        assert sum(slot.evs.driven_s[0, ev] for slot in run.slots) == pytest.approx(from_trips_s, abs=1e-6)
        drawn_kwh = sum(slot.evs.charged_kwh[0, ev] for slot in run.slots)
        fed_kwh = sum(slot.evs.discharged_kwh[0, ev] for slot in run.slots)
        stored_kwh = drawn_kwh * kind.charge_efficiency - fed_kwh / kind.discharge_efficiency
        gained_kwh = run.states[-1].energy_kwh[0, ev] - run.states[0].energy_kwh[0, ev]
        driving_kwh = case.fleet.consumption_kwh_per_km * from_trips_km
        assert gained_kwh == pytest.approx(stored_kwh - driving_kwh, abs=1e-8)


@EXAMPLES
@given(cases())
def test_who_could_be_served_at_a_station_holds_a_charger_or_waits_for_one(case: Case) -> None:
    run = case.run((9,))
    kind = battery_kind(case.fleet)
    told = np.zeros(case.fleet.size)
    for (action, limits_kw), before, after in zip(run.orders, run.states, run.states[1:], strict=False):
        # Who drove when the slot began does what it was told before.
        told = np.where(before.state[0] == EvState.DRIVING, told, action.power_share[0])
        at, state, energy_kwh = after.station[0], after.state[0], after.energy_kwh[0]
        charge_kw, discharge_kw = (np.where(at >= 0, limits_kw[0, at, way], 0.0) for way in (0, 1))
        charges = (told > 1e-3) & (charge_kw > 0.0)
        discharges = (told < -1e-3) & (discharge_kw > 0.0)
        served = np.isin(state, [EvState.QUEUEING, EvState.CHARGING, EvState.DISCHARGING])
        assert not (served & ~(charges | discharges)).any()
        assert not ((state == EvState.CHARGING) & ~charges).any()
        assert not ((state == EvState.DISCHARGING) & ~discharges).any()
        could = (charges & (energy_kwh < kind.energy_max_kwh - 1e-9)) | (
            discharges & (energy_kwh > kind.energy_min_kwh + 1e-9)
        )
        assert not (could & ~served).any()


@EXAMPLES
@given(cases())
def test_only_who_departs_leaves_its_place(case: Case) -> None:
    run = case.run((4,))
    for (action, _), slot, before, after in zip(run.orders, run.slots, run.states, run.states[1:], strict=False):
        outcome = slot.evs.outcome
        driving = before.state == EvState.DRIVING
        assert ((outcome == ActionOutcome.IGNORED) == driving).all()
        stays = ~driving & (outcome != ActionOutcome.DEPARTED)
        assert (before.position_km[stays] == after.position_km[stays]).all()
        assert (before.station[stays] == after.station[stays]).all()
        assert (slot.evs.driven_km[stays] == 0.0).all()
        assert (outcome[~driving & (action.distance_km == 0.0)] == ActionOutcome.STAYED).all()
        heads_out = action.distance_km[..., None] * np.stack(
            [np.cos(action.heading_rad), np.sin(action.heading_rad)], axis=-1
        )
        aim_km = before.position_km + heads_out
        outside = ((aim_km < -2e-6) | (aim_km > np.array(case.network.area_km) + 2e-6)).any(axis=-1)
        asked = ~driving & (action.distance_km > 0.0)
        assert (outcome[asked & outside & (action.distance_km > 1e-5)] == ActionOutcome.OUTSIDE).all()
        spent_kwh = case.fleet.consumption_kwh_per_km * slot.evs.driven_km
        assert (before.energy_kwh - spent_kwh >= battery_kind(case.fleet).energy_min_kwh - 1e-6)[
            outcome == ActionOutcome.DEPARTED
        ].all()
