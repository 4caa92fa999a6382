"""Stations for customers: disciplines, kinds of chargers, limits, faults by hand; and what holds for all of them."""

from __future__ import annotations

import math
from collections import defaultdict

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.charging.customer import Customer, Outcome
from cosim.charging.design import ChargerKind, StationDesign
from cosim.charging.power_curve import PowerCurve
from cosim.charging.public_station import Event, PublicStation
from cosim.charging.timing import call_after

DC = ChargerKind("dc", 1, 50.0)


class Day:
    """A station, those who come, and what happened."""

    def __init__(self, design: StationDesign) -> None:
        self.env = simpy.Environment(0.0)
        self.left: list[Customer] = []
        self.events: list[tuple[float, Event, Customer | None, int]] = []
        self.station = PublicStation(self.env, design, self.left.append, lambda *event: self.events.append(event))

    def comes(self, number: int, arrive_s: float, hold_s: float | None = 100.0, **more) -> Customer:
        customer = Customer(number, arrive_s, hold_s=hold_s, **more)
        call_after(self.env, arrive_s, lambda _: self.station.arrive(customer))
        return customer

    def fails(self, charger: int, from_s: float, until_s: float) -> None:
        call_after(self.env, from_s, lambda _: self.station.break_down(charger))
        call_after(self.env, until_s, lambda _: self.station.repair(charger))

    def run(self) -> list[int]:
        """Go through the day; numbers in the order in which they first got a charger."""
        self.env.run()
        starts = [customer.number for _, event, customer, _ in self.events if event is Event.START]
        return list(dict.fromkeys(starts))


def test_first_come_first_served_and_equal_times_go_by_number() -> None:
    day = Day(StationDesign((DC,)))
    for number, arrive_s in ((3, 10.0), (2, 10.0), (1, 20.0), (0, 5.0)):
        day.comes(number, arrive_s)
    assert day.run() == [0, 2, 3, 1]
    assert [c.waited_s for c in sorted(day.left, key=lambda c: c.number)] == [0.0, 285.0, 95.0, 195.0]
    assert [c.queue_met for c in sorted(day.left, key=lambda c: c.number)] == [0, 2, 0, 1]


def test_who_comes_as_another_leaves_does_not_wait() -> None:
    day = Day(StationDesign((DC,), places=0))
    day.comes(0, 0.0, 100.0)
    second = day.comes(1, 100.0)
    day.run()
    assert (second.outcome, second.waited_s) == (Outcome.SERVED, 0.0)


@pytest.mark.parametrize(
    ("discipline", "order"),
    [("first_come", [0, 1, 2, 3]), ("lowest_soc", [0, 3, 1, 2]), ("earliest_departure", [0, 2, 3, 1])],
)
def test_disciplines(discipline, order) -> None:
    day = Day(StationDesign((DC,), discipline=discipline))
    day.comes(0, 0.0)
    for number, energy_kwh, depart_s in ((1, 20.0, 900.0), (2, 30.0, 600.0), (3, 10.0, 700.0)):
        day.comes(number, number, energy_kwh=energy_kwh, battery_kwh=60.0, depart_s=depart_s)
    assert day.run() == order


def test_a_lower_class_is_served_first_and_takes_a_charger_if_it_may() -> None:
    for preemptive, order in ((False, [0, 2, 1]), (True, [0, 2, 1])):
        day = Day(StationDesign((DC,), discipline="priority", preemptive=preemptive))
        first = day.comes(0, 0.0, priority=1)
        day.comes(1, 10.0, priority=1)
        urgent = day.comes(2, 20.0, priority=0)
        assert day.run() == order
        assert urgent.waited_s == (0.0 if preemptive else 80.0)
        # It goes on where it stopped, before those of its class.
        assert (first.interrupted, first.waited_s, first.plug_out_s) == (
            (1, 100.0, 200.0) if preemptive else (0, 0.0, 100.0)
        )


def test_balking_blocking_reneging() -> None:
    day = Day(StationDesign((DC,), places=2))
    day.comes(0, 0.0)
    patient, hasty = day.comes(1, 1.0), day.comes(2, 2.0, patience_s=30.0)
    shy, late = day.comes(3, 3.0, balks_at=2), day.comes(4, 4.0)
    back = day.comes(5, 32.0)
    day.run()
    outcomes = [c.outcome.name for c in (patient, hasty, shy, late, back)]
    assert outcomes == ["SERVED", "RENEGED", "BALKED", "BLOCKED", "SERVED"]
    assert (hasty.waited_s, hasty.plug_out_s, hasty.start_s) == (30.0, 32.0, None)


def test_a_customer_takes_the_first_kind_that_fits_and_waits_for_no_other() -> None:
    design = StationDesign(
        (ChargerKind("fast", 1, 150.0, frozenset({"ccs"})), ChargerKind("slow", 1, 22.0, frozenset({"type2"})))
    )
    day = Day(design)
    one, two, three = day.comes(0, 0.0, plug="ccs"), day.comes(1, 1.0, plug="ccs"), day.comes(2, 2.0, plug="type2")
    day.run()
    # The third overtakes the second, whom the slow charger does not fit.
    assert [c.waited_s for c in (one, two, three)] == [0.0, 99.0, 0.0]
    assert {c.number: charger for _, event, c, charger in day.events if event is Event.START} == {0: 0, 1: 0, 2: 1}


def test_charging_to_a_target_at_constant_power() -> None:
    day = Day(StationDesign((DC,)))
    customer = day.comes(0, 0.0, None, energy_kwh=10.0, target_kwh=55.0, efficiency=0.9)
    day.run()
    assert customer.plug_out_s == pytest.approx(3600.0)
    assert (customer.charged_kwh, customer.energy_kwh) == (pytest.approx(50.0), 55.0)


def test_charging_along_a_curve_takes_as_long_as_the_curve_says() -> None:
    day = Day(StationDesign((DC,)))
    curve = PowerCurve([0.0, 40.0, 60.0], [100.0, 100.0, 20.0])
    customer = day.comes(0, 0.0, None, energy_kwh=20.0, target_kwh=55.0, curve=curve)
    day.run()
    # 50 kW up to where the curve is at 50, 52.5 kWh; then 100 - 4 (E - 40).
    hours = 32.5 / 50.0 + math.log(40.0 / 50.0) / -4.0
    assert customer.plug_out_s == pytest.approx(hours * 3600.0)
    assert customer.charged_kwh == pytest.approx(35.0)


@pytest.mark.parametrize("sharing", ["max_min", "priority"])
def test_what_a_tapering_car_leaves_of_a_site_limit_goes_to_the_others(sharing: str) -> None:
    day = Day(StationDesign((ChargerKind("fast", 2, 60.0),), limit_kw=50.0, sharing=sharing))
    curve = PowerCurve([0.0, 40.0], [25.0, 5.0])
    tapers = day.comes(0, 0.0, 2 * 3600.0, energy_kwh=0.0, target_kwh=100.0, curve=curve)
    other = day.comes(1, 0.0, 2 * 3600.0, energy_kwh=0.0, target_kwh=100.0)
    day.run()
    # From 25 kW on the power falls by half its value per hour; the other has the rest, a minute later at most.
    drawn_kwh = 25.0 * (1.0 - math.exp(-0.5 * 2.0)) / 0.5
    assert tapers.charged_kwh == pytest.approx(drawn_kwh)
    assert 100.0 - drawn_kwh - 0.2 < other.charged_kwh < 100.0 - drawn_kwh


@pytest.mark.parametrize("began_s", [0.0, 914.4, 1346.4])
def test_who_is_done_as_its_charger_fails_leaves_first(began_s: float) -> None:
    for wants in ({"hold_s": 432.0}, {"hold_s": None, "target_kwh": 50.0 * 0.12}):
        day = Day(StationDesign((DC,)))
        # Scheduled before the customer comes, as faults that are listed are.
        day.fails(0, began_s + 432.0, began_s + 9000.0)
        customer = day.comes(0, began_s, **wants)
        next_one = day.comes(1, began_s + 10.0)
        day.run()
        assert (customer.outcome, customer.interrupted) == (Outcome.SERVED, 0)
        assert customer.plug_out_s == pytest.approx(began_s + 432.0)
        assert next_one.start_s == began_s + 9000.0


def test_who_lost_its_charger_to_a_fault_takes_that_of_a_higher_class() -> None:
    kinds = (ChargerKind("one", 1, 50.0), ChargerKind("other", 1, 50.0))
    day = Day(StationDesign(kinds, discipline="priority", preemptive=True))
    low, high = day.comes(0, 0.0, 1000.0, priority=0), day.comes(1, 0.0, 1000.0, priority=1)
    day.fails(0, 100.0, 5000.0)
    day.run()
    assert (low.plug_out_s, low.waited_s, low.interrupted) == (1000.0, 0.0, 1)
    assert (high.plug_out_s, high.interrupted) == (1900.0, 1)


def test_who_holds_a_charger_takes_no_more_than_its_battery_lacks() -> None:
    day = Day(StationDesign((DC,)))
    holds = day.comes(0, 0.0, 7200.0, energy_kwh=12.0, target_kwh=60.0)
    day.run()
    assert (holds.plug_out_s, holds.charged_kwh) == (7200.0, pytest.approx(48.0))


def test_who_stays_holds_its_charger_after_it_is_full() -> None:
    day = Day(StationDesign((DC,)))
    stays = day.comes(0, 0.0, None, stays=True, depart_s=7200.0, energy_kwh=0.0, target_kwh=50.0)
    next_one = day.comes(1, 60.0)
    day.run()
    assert (stays.plug_out_s, stays.charged_kwh, next_one.waited_s) == (7200.0, pytest.approx(50.0), 7140.0)


def test_who_stays_goes_in_time_although_it_has_lost_its_charger() -> None:
    day = Day(StationDesign((DC,)))
    stays = day.comes(0, 0.0, None, stays=True, depart_s=3600.0, energy_kwh=0.0, target_kwh=50.0)
    day.fails(0, 1800.0, 7200.0)
    day.run()
    assert (stays.outcome, stays.plug_out_s, stays.waited_s) == (Outcome.SERVED, 3600.0, 1800.0)
    assert stays.charged_kwh == pytest.approx(25.0)


def test_who_stays_and_gets_a_charger_again_goes_in_time_too() -> None:
    day = Day(StationDesign((DC,)))
    stays = day.comes(0, 0.0, None, stays=True, depart_s=3600.0, energy_kwh=0.0, target_kwh=50.0)
    day.fails(0, 900.0, 1800.0)
    day.run()
    assert (stays.plug_out_s, stays.waited_s, stays.interrupted) == (3600.0, 900.0, 1)
    assert stays.charged_kwh == pytest.approx(37.5)
    assert len(day.left) == 1


def test_a_site_limit_is_shared_and_what_a_full_car_leaves_goes_to_the_others() -> None:
    day = Day(StationDesign((ChargerKind("dc", 2, 50.0),), limit_kw=60.0))
    small = day.comes(0, 0.0, None, energy_kwh=0.0, target_kwh=15.0)
    large = day.comes(1, 0.0, None, energy_kwh=0.0, target_kwh=40.0)
    day.run()
    # 30 kW each for half an hour, then 50.
    assert (small.plug_out_s, large.plug_out_s) == (pytest.approx(1800.0), pytest.approx(3600.0))


def test_a_customer_of_a_charger_that_fails_comes_back_first_with_its_energy() -> None:
    day = Day(StationDesign((DC,)))
    first = day.comes(0, 0.0, None, energy_kwh=0.0, target_kwh=50.0)
    second = day.comes(1, 60.0, None, energy_kwh=0.0, target_kwh=25.0)
    day.fails(0, 1800.0, 5400.0)
    day.run()
    assert (first.interrupted, first.waited_s, first.plug_out_s) == (1, 3600.0, pytest.approx(7200.0))
    assert first.charged_kwh == pytest.approx(50.0)
    assert second.plug_out_s == pytest.approx(9000.0)


def test_a_free_charger_that_fails_is_not_given_to_anybody() -> None:
    day = Day(StationDesign((ChargerKind("dc", 2, 50.0),)))
    day.fails(0, 0.0, 1000.0)
    one, two = day.comes(0, 10.0), day.comes(1, 20.0)
    day.run()
    assert (one.waited_s, two.waited_s) == (0.0, 90.0)


CUSTOMERS = st.lists(
    st.tuples(
        st.integers(0, 400),  # arrival [10 s], so that some come at the same instant
        st.one_of(st.none(), st.integers(0, 300)),  # hold [10 s]
        st.floats(1.0, 50.0),  # energy wanted [kWh]
        st.sampled_from(["", "ccs", "type2"]),
        st.integers(0, 2),
        st.one_of(st.just(math.inf), st.integers(1, 100)),  # patience [10 s]
        st.one_of(st.none(), st.integers(0, 4)),
    ),
    max_size=25,
)
KINDS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.floats(10.0, 150.0),
        st.sampled_from([frozenset(), frozenset({"ccs"}), frozenset({"ccs", "type2"})]),
    ),
    min_size=1,
    max_size=2,
)


@settings(max_examples=200, deadline=None)
@given(
    customers=CUSTOMERS,
    kinds=KINDS,
    limit_kw=st.one_of(st.just(math.inf), st.floats(20.0, 200.0)),
    sharing=st.sampled_from(["max_min", "priority"]),
    places=st.one_of(st.none(), st.integers(0, 4)),
    discipline=st.sampled_from(["first_come", "lowest_soc", "earliest_departure", "priority"]),
    preemptive=st.booleans(),
    faults=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 100)), max_size=3),
)
def test_what_holds_for_every_station(
    customers, kinds, limit_kw, sharing, places, discipline, preemptive, faults
) -> None:
    chargers = tuple(ChargerKind(f"k{k}", *kind) for k, kind in enumerate(kinds))
    design = StationDesign(chargers, limit_kw, sharing, places, discipline, preemptive and discipline == "priority")
    day = Day(design)
    station = day.station
    curve = PowerCurve([0.0, 30.0, 50.0], [80.0, 120.0, 15.0])
    everybody = [
        day.comes(
            number,
            10.0 * arrive,
            None if hold is None else 10.0 * hold,
            stays=hold is None and number % 3 == 0,
            energy_kwh=float(number % 7),
            target_kwh=number % 7 + wanted,
            curve=curve if number % 2 else None,
            battery_kwh=60.0,
            efficiency=0.9,
            plug=plug,
            priority=priority,
            patience_s=10.0 * patience,
            balks_at=balks_at,
            depart_s=10.0 * arrive + 1000.0 * priority,
        )
        for number, (arrive, hold, wanted, plug, priority, patience, balks_at) in enumerate(customers)
    ]
    for charger, (from_10s, for_10s) in zip(range(design.chargers), faults, strict=False):
        day.fails(charger, 10.0 * from_10s, 10.0 * (from_10s + for_10s))

    settle = station._settle

    def settled(now: float) -> None:
        settle(now)
        # No charger idles while somebody waits whom it fits.
        assert not any(station._fits(customer, charger) for customer in station.queue for charger in station._free)
        assert not set(station.plugged) & (set(station._free) | station._broken)
        power_kw = [c.flow.power_kw for c in station.plugged.values()]
        assert sum(power_kw) <= limit_kw + 1e-6
        for charger, customer in station.plugged.items():
            assert customer.flow.power_kw <= station.kind_of[charger].power_kw + 1e-9
            assert station._fits(customer, charger)

    station._settle = settled
    day.env.run()
    fitted = [c for c in everybody if any(station._fits(c, charger) for charger in range(design.chargers))]
    station.close()

    # Everybody leaves whom a charger fits, and nobody twice.
    assert len(day.left) == len(set(day.left))
    assert set(fitted) <= set(day.left)
    # Little's law, on the path: what the station counted is what the customers say.
    stuck_s = sum(day.env.now - c.arrive_s for c in everybody if c.outcome is Outcome.THERE)
    assert station.queue_s == pytest.approx(sum(c.waited_s for c in everybody) + stuck_s, abs=1e-6)
    # A charger serves one at a time, and energy flows only while a car is plugged in.
    at, busy_s, plugged_s = {}, 0.0, defaultdict(float)
    for time_s, event, customer, charger in day.events:
        if event is Event.START:
            assert charger not in at
            at[charger] = (customer, time_s)
        elif event in (Event.END, Event.DISPLACED):
            holder, since_s = at.pop(charger)
            assert holder is customer
            busy_s += time_s - since_s
            plugged_s[customer.number] += time_s - since_s
    assert station.busy_s == pytest.approx(busy_s, abs=1e-6)
    assert not at
    strongest_kw = max(kind.power_kw for kind in chargers)
    for customer in everybody:
        assert customer.charged_kwh <= strongest_kw * plugged_s[customer.number] / 3600.0 + 1e-9
        assert customer.energy_kwh == pytest.approx(customer.number % 7 + 0.9 * customer.charged_kwh, abs=1e-6)
        assert customer.energy_kwh <= customer.target_kwh + 1e-9
        if customer.outcome is Outcome.SERVED and customer.hold_s is None and not customer.stays:
            assert customer.energy_kwh == customer.target_kwh
    # Nobody overtakes where the first who comes is served first and all chargers fit.
    if discipline == "first_come" and all(not kind.plugs for kind in chargers) and not faults:
        starts = [c for c in everybody if c.start_s is not None]
        order = sorted(starts, key=lambda c: (c.arrive_s, c.number))
        assert [c.start_s for c in order] == sorted(c.start_s for c in starts)
    assert [c for _, event, c, _ in day.events if event is Event.LEAVE] == day.left
