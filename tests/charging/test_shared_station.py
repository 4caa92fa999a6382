"""Stations that the fleet shares with customers: tiny simulations with literal traces.

EVs' batteries hold 10 to 50 kWh; 0.8 of what is drawn is stored, 0.5 of what is taken out is delivered. Customers store
all that they draw, from 0 kWh on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.charging.battery import Battery, BatteryKind
from cosim.charging.customer import Customer, Outcome
from cosim.charging.design import ChargerKind, StationDesign
from cosim.charging.power_curve import PowerCurve
from cosim.charging.shared_station import FleetCustomer, SharedStation
from cosim.charging.tally import StationTally
from cosim.charging.timing import call_after
from cosim.interface import EvState

KIND = BatteryKind(energy_min_kwh=10.0, energy_max_kwh=50.0, charge_efficiency=0.8, discharge_efficiency=0.5)
SLOT_S = 1800.0
#: Customers' numbers are beyond those of the EVs.
FIRST = 100


class Scene:
    """A station in slots, who comes when, and what came of it."""

    def __init__(self, chargers: int = 1, power_kw: float = 60.0, priority: int = 0, **design: object) -> None:
        self.env = simpy.Environment()
        kinds = (ChargerKind("charger", chargers, power_kw),)
        self.station = SharedStation(
            self.env,
            StationDesign(**{"kinds": kinds, "sharing": "priority", **design}),  # type: ignore[arg-type]
            battery_kwh=60.0,
            priority=priority,
        )
        self.requests: dict[int, FleetCustomer] = {}
        self.customers: dict[int, Customer] = {}

    def slot(self, charge_kw: float = 1e3, discharge_kw: float = 1e3) -> StationTally:
        """Go through a slot; gives its sums."""
        end_s = self.env.now + SLOT_S
        self.station.begin_slot(charge_kw, discharge_kw, end_s)
        # As a replica does, behind what else happens at this instant.
        call_after(self.env, 0.0, lambda _: self.station.settle())
        self.env.run(until=end_s)
        return self.station.end_slot()

    def at(self, time_s: float, function: Callable[[], object]) -> None:
        call_after(self.env, time_s - self.env.now, lambda _: function())

    def ev(self, time_s: float, ev: int, power_kw: float, energy_kwh: float = 30.0) -> None:
        def ask() -> None:
            self.requests[ev] = self.station.request(ev, Battery(KIND, energy_kwh), power_kw)

        self.at(time_s, ask)

    def customer(self, time_s: float, number: int, energy_kwh: float, **wishes: object) -> None:
        customer = self.customers[number] = Customer(
            FIRST + number,
            time_s,
            target_kwh=energy_kwh,
            **wishes,  # type: ignore[arg-type]
        )
        self.at(time_s, lambda: self.station.arrive(customer))


def test_fleet_and_customers_wait_in_one_queue() -> None:
    scene = Scene()
    scene.customer(0.0, 0, 10.0)  # 600 s at 60 kW
    scene.ev(100.0, 0, 60.0, energy_kwh=42.0)  # 10 kWh drawn: 600 s
    scene.customer(200.0, 1, 20.0)
    tally = scene.slot()
    first, second = scene.customers.values()
    request = scene.requests[0]
    assert (first.start_s, first.plug_out_s) == (0.0, 600.0)
    assert (request.plug_in_s, request.plug_out_s, request.queue_met) == (600.0, 1200.0, 0)
    assert (second.start_s, second.plug_out_s, second.queue_met) == (1200.0, None, 1)
    assert tally.row() == pytest.approx((10.0, 0.0, 500.0 + 1000.0, 2, 1800.0, 1, 10.0 + 10.0))


def test_of_those_who_come_at_one_instant_the_fleet_is_first() -> None:
    scene = Scene()
    scene.customer(60.0, 0, 5.0)
    scene.ev(60.0, 0, 60.0, energy_kwh=42.0)
    scene.slot()
    assert scene.requests[0].plug_in_s == 60.0
    assert scene.customers[0].start_s == 660.0


def test_without_power_customers_wait_and_evs_that_discharge_have_their_chargers() -> None:
    scene = Scene()
    scene.customer(0.0, 0, 45.0)  # 45 minutes at 60 kW
    scene.slot()
    customer = scene.customers[0]
    assert (customer.charged_kwh, customer.interrupted) == (30.0, 0)
    # 20 kWh above its lowest energy deliver 10: ten minutes.
    scene.ev(1900.0, 0, -60.0)
    tally = scene.slot(charge_kw=0.0)
    request = scene.requests[0]
    assert (request.plug_in_s, request.plug_out_s, request.discharged_kwh) == (1900.0, 2500.0, pytest.approx(10.0))
    assert (customer.charged_kwh, customer.interrupted, customer.outcome) == (30.0, 1, Outcome.THERE)
    assert tally.row() == pytest.approx((0.0, 10.0, 1800.0, 1, 600.0, 1, 0.0))
    scene.slot()
    assert (customer.plug_out_s, customer.outcome, customer.waited_s) == (4500.0, Outcome.SERVED, 1800.0)
    assert customer.charged_kwh == pytest.approx(45.0)


def test_who_has_what_it_wants_as_power_goes_is_served() -> None:
    scene = Scene()
    scene.customer(0.0, 0, 30.0)
    scene.slot()
    scene.slot(charge_kw=0.0)
    assert (scene.customers[0].outcome, scene.customers[0].plug_out_s) == (Outcome.SERVED, 1800.0)


def test_both_directions_have_limits_of_their_own() -> None:
    scene = Scene(chargers=4)
    scene.ev(0.0, 0, 60.0)
    scene.ev(0.0, 1, -40.0)
    scene.customer(0.0, 0, 100.0)
    tally = scene.slot(charge_kw=70.0, discharge_kw=10.0)
    # 60 of 70 kW for the EV until it has drawn 25 kWh, after 1,500 s; the rest is the customer's.
    row = tally.row()
    assert row[0] == pytest.approx(25.0)
    assert row[1] == pytest.approx(5.0)
    assert row[6] == pytest.approx(10.0 * 1500.0 / 3600.0 + 60.0 * 300.0 / 3600.0)


def test_the_same_for_all_where_that_is_asked_for() -> None:
    scene = Scene(chargers=2, sharing="max_min")
    scene.ev(0.0, 0, 60.0)
    scene.customer(0.0, 0, 100.0)
    row = scene.slot(charge_kw=40.0).row()
    assert (row[0], row[6]) == (pytest.approx(10.0), pytest.approx(10.0))


def test_a_site_limit_holds_beside_the_slots() -> None:
    scene = Scene(chargers=2, limit_kw=30.0)
    scene.customer(0.0, 0, 100.0)
    scene.ev(0.0, 0, -50.0)
    row = scene.slot().row()
    assert (row[1], row[6]) == (pytest.approx(10.0), pytest.approx(15.0))


def test_a_customer_of_a_lower_class_takes_the_fleets_charger() -> None:
    scene = Scene(priority=1, discipline="priority", preemptive=True)
    scene.ev(0.0, 0, 30.0)
    scene.customer(600.0, 0, 10.0)
    scene.slot()
    request = scene.requests[0]
    assert (scene.customers[0].start_s, scene.customers[0].plug_out_s) == (600.0, 1200.0)
    assert (request.interrupted, request.state, request.charged_kwh) == (1, EvState.CHARGING, pytest.approx(10.0))
    assert request.battery.energy_kwh == pytest.approx(30.0 + 0.8 * 10.0)


def test_a_fault_sends_an_ev_to_the_head_of_the_queue_with_its_energy() -> None:
    scene = Scene()
    scene.ev(0.0, 0, 60.0)
    scene.customer(100.0, 0, 10.0)
    scene.at(300.0, lambda: scene.station.break_down(0))
    scene.at(900.0, lambda: scene.station.repair(0))
    scene.slot()
    request = scene.requests[0]
    assert [r.ev for r in scene.station.requests()] == [0]
    assert (request.state, request.plug_in_s, request.waited_s) == (EvState.CHARGING, 0.0, 600.0)
    assert request.charged_kwh == pytest.approx(60.0 * 1200.0 / 3600.0)
    assert scene.customers[0].start_s is None


def test_an_ev_that_finds_no_place_to_wait_asks_in_vain() -> None:
    scene = Scene(places=0)
    scene.customer(0.0, 0, 100.0)
    scene.ev(10.0, 0, 60.0)
    scene.slot()
    request = scene.requests[0]
    assert (request.ended, request.plug_in_s, request.plug_out_s, request.state) == (True, None, 10.0, EvState.PARKED)


def test_an_ev_withdraws_from_charger_and_queue() -> None:
    scene = Scene()
    scene.ev(0.0, 0, 60.0)
    scene.ev(10.0, 1, 60.0)
    scene.customer(20.0, 0, 10.0)
    scene.at(300.0, lambda: scene.station.withdraw(scene.requests[1]))
    scene.at(600.0, lambda: scene.station.withdraw(scene.requests[0]))
    scene.slot()
    assert (scene.requests[1].waited_s, scene.requests[1].plug_out_s) == (290.0, 300.0)
    assert scene.requests[0].charged_kwh == pytest.approx(10.0)
    assert scene.customers[0].start_s == 600.0


def test_an_ev_turns_round_without_leaving_its_charger() -> None:
    scene = Scene()
    scene.ev(0.0, 0, 40.0)
    scene.slot()
    request = scene.requests[0]
    request.wanted_kw = -10.0
    scene.slot()
    assert (request.charged_kwh, request.discharged_kwh) == (pytest.approx(20.0), pytest.approx(5.0))
    assert request.battery.energy_kwh == pytest.approx(30.0 + 16.0 - 10.0)
    assert request.state is EvState.DISCHARGING


# --------------------------------------------------------------------------------- what holds for every station


@settings(max_examples=200, deadline=None)
@given(
    customers=st.lists(
        st.tuples(
            st.integers(0, 700),
            st.one_of(st.none(), st.integers(1, 200)),
            st.floats(0.5, 40.0),
            st.sampled_from(["", "ccs"]),
            st.integers(0, 2),
            st.sampled_from([math.inf, 300.0, 20.0]),
        ),
        max_size=12,
    ),
    evs=st.lists(
        st.tuples(st.integers(0, 700), st.sampled_from([60.0, 11.0, -60.0, -5.0]), st.floats(10.0, 50.0)), max_size=8
    ),
    kinds=st.lists(
        st.tuples(st.integers(1, 3), st.floats(5.0, 80.0), st.sampled_from([frozenset(), frozenset({"ccs"})])),
        min_size=1,
        max_size=2,
    ),
    limits=st.lists(st.tuples(*[st.sampled_from([0.0, 20.0, 1e3])] * 2), min_size=4, max_size=4),
    site_kw=st.sampled_from([math.inf, 45.0]),
    sharing=st.sampled_from(["max_min", "priority"]),
    places=st.sampled_from([None, 0, 2]),
    discipline=st.sampled_from(["first_come", "lowest_soc", "earliest_departure", "priority"]),
    preemptive=st.booleans(),
    priority=st.integers(0, 2),
    faults=st.lists(st.tuples(st.integers(0, 600), st.integers(1, 200)), max_size=2),
    withdrawn=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 700)), max_size=3),
)
def test_what_holds_for_every_shared_station(
    customers, evs, kinds, limits, site_kw, sharing, places, discipline, preemptive, priority, faults, withdrawn
) -> None:
    scene = Scene(
        priority=priority,
        kinds=tuple(ChargerKind(f"k{k}", *kind) for k, kind in enumerate(kinds)),
        limit_kw=site_kw,
        sharing=sharing,
        places=places,
        discipline=discipline,
        preemptive=preemptive and discipline == "priority",
    )
    station = scene.station
    curve = PowerCurve([0.0, 15.0, 40.0], [30.0, 60.0, 5.0])
    for number, (arrive, hold, wanted, plug, of_class, patience_s) in enumerate(customers):
        scene.customer(
            10.0 * arrive + 0.1,
            number,
            wanted,
            hold_s=None if hold is None else 10.0 * hold,
            curve=curve if number % 2 else None,
            plug=plug,
            priority=of_class,
            patience_s=patience_s,
            battery_kwh=60.0,
        )
    for ev, (arrive, power_kw, energy_kwh) in enumerate(evs):
        scene.at(10.0 * arrive, partial(ask_if_served, scene, ev, power_kw, energy_kwh))
    for ev, at in withdrawn:
        scene.at(10.0 * at + 0.2, partial(withdraw_if_there, scene, ev))
    for charger, (from_10s, for_10s) in enumerate(faults[: station.chargers]):
        scene.at(10.0 * from_10s, partial(station.break_down, charger))
        scene.at(10.0 * (from_10s + for_10s), partial(station.repair, charger))

    settle = station._settle

    def settled(now: float) -> None:
        settle(now)
        waiting = [c for c in station.queue if station._has_power_for(c)]
        assert not any(station._fits(c, charger) for c in waiting for charger in station._free)
        assert not set(station.plugged) & (set(station._free) | station._broken)
        for charges, limit_kw in ((True, station.charge_limit_kw), (False, station.discharge_limit_kw)):
            flows = [c.flow.power_kw for c in station.plugged.values() if c.charges is charges]
            assert sum(flows) <= limit_kw + 1e-6
        for charger, customer in station.plugged.items():
            assert customer.flow.power_kw <= station.kind_of[charger].power_kw + 1e-9
            assert station._fits(customer, charger)

    station._settle = settled
    sums = []
    for charge_kw, discharge_kw in limits:
        for request in list(station.requests()):
            # As a replica does: a slot without power in its direction ends a request.
            if (charge_kw if request.charges else discharge_kw) <= 0.0:
                station.withdraw(request)
        sums.append(scene.slot(charge_kw, discharge_kw))
        end_h = SLOT_S / 3600.0
        assert sums[-1].charged_kwh + sums[-1].customers_kwh <= min(charge_kw, site_kw) * end_h + 1e-6
        assert sums[-1].discharged_kwh <= min(discharge_kw, site_kw) * end_h + 1e-6

    # What the station sold and bought is what everybody says.
    requests = list(scene.requests.values())
    assert sum(t.customers_kwh for t in sums) == pytest.approx(sum(c.charged_kwh for c in scene.customers.values()))
    assert sum(t.charged_kwh for t in sums) == pytest.approx(sum(r.charged_kwh for r in requests))
    assert sum(t.discharged_kwh for t in sums) == pytest.approx(sum(r.discharged_kwh for r in requests))
    for (_, _, energy_kwh), request in zip_evs(evs, scene):
        gained_kwh = 0.8 * request.charged_kwh - request.discharged_kwh / 0.5
        assert request.battery.energy_kwh == pytest.approx(energy_kwh + gained_kwh)
        assert 10.0 - 1e-6 <= request.battery.energy_kwh <= 50.0 + 1e-6
    # Little's law: over all slots, waiting as counted is waiting as it is told.
    end_s = scene.env.now
    everybody = [c for c in (*scene.customers.values(), *requests) if c.arrive_s < end_s]
    told_s = sum(c.waited_s + (end_s - c.waits_since_s if c in station.queue else 0.0) for c in everybody)
    assert sum(t.queue_s for t in sums) == pytest.approx(told_s, abs=1e-6)


def ask_if_served(scene: Scene, ev: int, power_kw: float, energy_kwh: float) -> None:
    battery = Battery(KIND, energy_kwh)
    if scene.station.serves(battery, power_kw):
        scene.requests[ev] = scene.station.request(ev, battery, power_kw)


def withdraw_if_there(scene: Scene, ev: int) -> None:
    request = scene.requests.get(ev)
    if request is not None and not request.ended:
        scene.station.withdraw(request)


def zip_evs(evs: list[tuple[int, float, float]], scene: Scene) -> list[tuple[tuple[int, float, float], FleetCustomer]]:
    return [(evs[ev], request) for ev, request in scene.requests.items()]
