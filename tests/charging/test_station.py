"""Stations: tiny simulations with literal traces.

The battery holds 10 to 50 kWh; 0.8 of what is drawn is stored, 0.5 of what is taken out is delivered.
"""

from collections.abc import Callable

import pytest
import simpy

from cosim.charging.battery import Battery, BatteryKind
from cosim.charging.station import ChargingStation
from cosim.charging.timing import call_after
from cosim.charging.visit import Request

KIND = BatteryKind(energy_min_kwh=10.0, energy_max_kwh=50.0, charge_efficiency=0.8, discharge_efficiency=0.5)
LONG_S = 36_000.0


class Scene:
    """A station, what is asked of it when, and what came of it."""

    def __init__(
        self, chargers: int = 1, charge_kw: float = 1e3, discharge_kw: float = 1e3, end_s: float = LONG_S
    ) -> None:
        self.env = simpy.Environment()
        self.station = ChargingStation(self.env, chargers)
        self.requests: dict[int, Request] = {}
        self.begin_slot(charge_kw, discharge_kw, end_s)

    def begin_slot(self, charge_kw: float, discharge_kw: float, end_s: float) -> None:
        self.station.begin_slot(charge_kw, discharge_kw, end_s)
        self.station.settle()

    def at(self, time_s: float, function: Callable[[], object]) -> None:
        call_after(self.env, time_s - self.env.now, lambda _: function())

    def ask(self, time_s: float, ev: int, power_kw: float, energy_kwh: float = 30.0) -> None:
        def ask() -> None:
            self.requests[ev] = self.station.request(ev, Battery(KIND, energy_kwh), power_kw)

        self.at(time_s, ask)

    def withdraw(self, time_s: float, ev: int) -> None:
        self.at(time_s, lambda: self.station.withdraw(self.requests[ev]))

    def trace(self) -> list[tuple[int, float | None, float | None]]:
        """Number, time of plugging in and of plugging out of each EV."""
        return [(ev, request.plug_in_s, request.plug_out_s) for ev, request in sorted(self.requests.items())]


# -------------------------------------------------------------------------------------- order of service


def test_a_full_battery_frees_the_charger_for_the_next_at_that_instant() -> None:
    scene = Scene()
    # 16 kWh stored need 20 drawn: 1200 s at 60 kW. 8 stored need 10 drawn: 600 s.
    scene.ask(0.0, 0, 60.0, energy_kwh=34.0)
    scene.ask(300.0, 1, 60.0, energy_kwh=42.0)
    scene.env.run(until=LONG_S)
    assert scene.trace() == [(0, 0.0, 1200.0), (1, 1200.0, 1800.0)]
    assert [r.battery.energy_kwh for r in scene.requests.values()] == [50.0, 50.0]
    assert [r.charged_kwh for r in scene.requests.values()] == [20.0, 10.0]


def test_an_empty_battery_frees_the_charger_for_the_next_at_that_instant() -> None:
    scene = Scene()
    # 8 kWh taken out deliver 4: 400 s at 36 kW.
    scene.ask(0.0, 0, -36.0, energy_kwh=18.0)
    scene.ask(100.0, 1, 60.0, energy_kwh=42.0)
    scene.env.run(until=LONG_S)
    assert scene.trace() == [(0, 0.0, 400.0), (1, 400.0, 1000.0)]
    assert scene.requests[0].battery.energy_kwh == 10.0
    assert scene.requests[0].discharged_kwh == 4.0


def test_those_who_ask_earlier_are_served_earlier_whatever_their_numbers() -> None:
    scene = Scene()
    for time_s, ev in ((0.0, 3), (10.0, 2), (20.0, 1), (30.0, 0)):
        scene.ask(time_s, ev, 60.0, energy_kwh=34.0)
    scene.env.run(until=LONG_S)
    assert scene.trace() == [(0, 3600.0, 4800.0), (1, 2400.0, 3600.0), (2, 1200.0, 2400.0), (3, 0.0, 1200.0)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_equal_times_are_served_by_number_however_they_were_scheduled(order: tuple[int, ...]) -> None:
    scene = Scene()
    for ev in order:
        scene.ask(50.0, ev, 60.0, energy_kwh=34.0)
    scene.env.run(until=LONG_S)
    assert scene.trace() == [(0, 50.0, 1250.0), (1, 1250.0, 2450.0), (2, 2450.0, 3650.0)]
    assert [scene.requests[ev].queue_met for ev in (0, 1, 2)] == [0, 0, 1]


@pytest.mark.parametrize("first", ["ask", "free"])
def test_asking_just_when_a_charger_is_freed_gets_it_behind_those_who_wait(first: str) -> None:
    scene = Scene()
    scene.ask(0.0, 5, 60.0)
    scene.ask(10.0, 4, 60.0)

    if first == "ask":
        scene.ask(100.0, 1, 60.0)
    scene.withdraw(100.0, 5)
    if first == "free":
        scene.ask(100.0, 1, 60.0)
    scene.env.run(until=200.0)
    assert scene.trace() == [(1, None, None), (4, 100.0, None), (5, 0.0, 100.0)]
    assert scene.station.end_slot().queue_max == 1


def test_as_many_are_plugged_in_as_there_are_chargers() -> None:
    scene = Scene(chargers=2)
    for ev in range(3):
        scene.ask(0.0, ev, 60.0)
    scene.env.run(until=100.0)
    assert [r.ev for r in scene.station.plugged] == [0, 1]
    assert [r.ev for r in scene.station.queue] == [2]


def test_who_withdraws_while_waiting_is_not_served() -> None:
    scene = Scene()
    scene.ask(0.0, 0, 60.0, energy_kwh=34.0)
    scene.ask(1.0, 1, 60.0)
    scene.ask(2.0, 2, 60.0, energy_kwh=34.0)
    scene.withdraw(500.0, 1)
    scene.env.run(until=LONG_S)
    assert scene.trace() == [(0, 0.0, 1200.0), (1, None, 500.0), (2, 1200.0, 2400.0)]
    assert scene.requests[1].charged_kwh == 0.0


def test_a_second_request_works_as_the_first() -> None:
    scene = Scene()
    battery = Battery(KIND, 34.0)
    asked: list[Request] = []
    scene.at(0.0, lambda: asked.append(scene.station.request(0, battery, 60.0)))
    # After 1200 s it is full; then 12 kW for 1200 s deliver 4 kWh and take out 8; then it charges those again.
    scene.at(2000.0, lambda: asked.append(scene.station.request(0, battery, -12.0)))
    scene.at(3200.0, lambda: scene.station.withdraw(asked[1]))
    scene.at(4000.0, lambda: asked.append(scene.station.request(0, battery, 60.0)))
    scene.env.run(until=LONG_S)
    assert [(r.plug_in_s, r.plug_out_s, r.charged_kwh, r.discharged_kwh) for r in asked] == [
        (0.0, 1200.0, 20.0, 0.0),
        (2000.0, 3200.0, 0.0, 4.0),
        (4000.0, 4600.0, 10.0, 0.0),
    ]
    assert battery.energy_kwh == 50.0


def test_no_energy_flows_while_queueing() -> None:
    scene = Scene()
    scene.ask(0.0, 0, 6.0)
    scene.ask(0.0, 1, 60.0)
    scene.env.run(until=1800.0)
    scene.station.end_slot()
    assert scene.requests[1].battery.energy_kwh == 30.0
    # Nor is the time in the queue made up for afterwards: 6 kW for 600 s.
    scene.withdraw(1800.0, 0)
    scene.env.run(until=2400.0)
    scene.station.end_slot()
    assert scene.requests[1].charged_kwh == pytest.approx(10.0)


# ------------------------------------------------------------------------------------------------- power


def test_power_is_shared_in_order_of_plugging_in() -> None:
    scene = Scene(chargers=3, charge_kw=100.0)
    # Number 2 asks first, so number 0 gets the remainder, and number 1 nothing: it keeps its charger.
    scene.ask(0.0, 2, 60.0)
    scene.ask(1.0, 0, 60.0)
    scene.ask(2.0, 1, 60.0)
    scene.env.run(until=10.0)
    assert [(r.ev, r.power_kw) for r in scene.station.plugged] == [(2, 60.0), (0, 40.0), (1, 0.0)]


def test_power_is_shared_anew_when_one_unplugs_and_when_one_plugs_in() -> None:
    scene = Scene(chargers=3, charge_kw=100.0)
    powers: list[list[tuple[int, float]]] = []

    def note() -> None:
        powers.append([(r.ev, r.power_kw) for r in scene.station.plugged])

    for ev in (0, 1):
        scene.ask(0.0, ev, 60.0, energy_kwh=10.0)
    scene.withdraw(900.0, 0)
    scene.ask(1200.0, 2, 60.0, energy_kwh=10.0)
    for time_s in (1.0, 901.0, 1201.0):
        scene.at(time_s, note)
    scene.env.run(until=1500.0)
    scene.station.end_slot()
    assert powers == [[(0, 60.0), (1, 40.0)], [(1, 60.0)], [(1, 60.0), (2, 40.0)]]
    # EV 1: 900 s at 40 kW and 600 s at 60 kW; EV 2: 300 s at 40 kW.
    assert [scene.requests[ev].charged_kwh for ev in (0, 1, 2)] == pytest.approx([15.0, 20.0, 10.0 / 3])


def test_a_change_of_power_moves_the_time_at_which_the_battery_is_full() -> None:
    scene = Scene(chargers=2, charge_kw=90.0)
    # EV 1 draws 30 kW until EV 0 is full at 600 s (5 kWh drawn), then 60 kW for its other 15 kWh: 900 s.
    scene.ask(0.0, 0, 60.0, energy_kwh=42.0)
    scene.ask(0.0, 1, 60.0, energy_kwh=34.0)
    scene.env.run(until=LONG_S)
    assert scene.trace() == [(0, 0.0, 600.0), (1, 0.0, 1500.0)]
    assert scene.requests[1].charged_kwh == pytest.approx(20.0, abs=1e-12)


def test_charging_and_discharging_have_limits_of_their_own() -> None:
    scene = Scene(chargers=4, charge_kw=50.0, discharge_kw=20.0)
    for ev, power_kw in enumerate((40.0, -15.0, 40.0, -15.0)):
        scene.ask(0.0, ev, power_kw)
    scene.env.run(until=10.0)
    assert [(r.ev, r.power_kw) for r in scene.station.plugged] == [(0, 40.0), (1, -15.0), (2, 10.0), (3, -5.0)]


def test_serves_looks_at_the_limit_and_the_battery_in_its_direction() -> None:
    station = Scene(charge_kw=0.0, discharge_kw=5.0).station
    half, empty = Battery(KIND, 30.0), Battery(KIND, 10.0)
    assert [station.serves(half, 1.0), station.serves(half, -1.0), station.serves(empty, -1.0)] == [False, True, False]
    station = Scene(charge_kw=5.0, discharge_kw=0.0).station
    full = Battery(KIND, 50.0)
    assert [station.serves(half, 1.0), station.serves(half, -1.0), station.serves(full, 1.0)] == [True, False, False]


# ------------------------------------------------------------------------------------------ slots


def test_a_charger_is_held_over_the_end_of_a_slot_at_the_new_limit() -> None:
    scene = Scene(charge_kw=40.0, end_s=1800.0)
    # 16 kWh stored need 20 drawn: 5 kWh at 10 kW in the first slot, then 3 kW for the other 15: 18000 s.
    scene.ask(0.0, 0, 10.0, energy_kwh=34.0)
    scene.env.run(until=1800.0)
    assert scene.station.end_slot().charged_kwh == 5.0
    scene.begin_slot(3.0, 0.0, 1800.0 + LONG_S)
    scene.env.run(until=1800.0 + LONG_S)
    assert scene.trace() == [(0, 0.0, 19_800.0)]
    assert scene.station.end_slot().charged_kwh == 15.0


def test_a_battery_full_at_exactly_the_slots_end_is_left_to_the_next_slot() -> None:
    scene = Scene(end_s=1200.0)
    scene.ask(0.0, 0, 60.0, energy_kwh=34.0)
    scene.env.run(until=1200.0)
    tally = scene.station.end_slot()
    assert scene.trace() == [(0, 0.0, None)]
    assert (tally.charged_kwh, tally.busy_s) == (20.0, 1200.0)
    assert scene.requests[0].battery.energy_kwh == pytest.approx(50.0, abs=1e-12)
    # The next slot sees that this battery can go no further, and its owner withdraws.
    assert not scene.station.serves(scene.requests[0].battery, 60.0)


def test_asking_at_exactly_the_slots_end_belongs_to_the_next_slot() -> None:
    scene = Scene(end_s=1800.0)
    scene.ask(1800.0, 0, 60.0)
    scene.env.run(until=1800.0)
    assert scene.station.end_slot().busy_max == 0
    assert scene.requests == {}
    scene.begin_slot(1e3, 1e3, 3600.0)
    scene.env.run(until=3600.0)
    tally = scene.station.end_slot()
    assert scene.trace() == [(0, 1800.0, 3300.0)]  # 20 kWh stored need 25 drawn: 1500 s at 60 kW
    assert (tally.busy_max, tally.busy_s) == (1, 1500.0)


def test_the_sums_of_a_slot_start_anew() -> None:
    scene = Scene(end_s=1800.0)
    scene.ask(0.0, 0, 6.0, energy_kwh=10.0)
    scene.ask(600.0, 1, 6.0)
    scene.env.run(until=1800.0)
    first = scene.station.end_slot()
    scene.begin_slot(1e3, 1e3, 3600.0)
    scene.withdraw(2700.0, 1)
    scene.env.run(until=3600.0)
    second = scene.station.end_slot()
    assert (first.charged_kwh, first.queue_s, first.queue_max, first.busy_s) == (3.0, 1200.0, 1, 1800.0)
    assert (second.charged_kwh, second.queue_s, second.queue_max, second.busy_s) == (3.0, 900.0, 1, 1800.0)


def test_time_averages_of_queue_and_occupancy() -> None:
    scene = Scene(chargers=2, end_s=1800.0)
    # Chargers: EV 0 from 0 to 1200, EV 1 from 300 to 900, EV 2 from 900, EV 3 from 1200 to the end.
    # Waiting: EV 2 from 600 to 900, EV 3 from 700 to 1200.
    scene.ask(0.0, 0, 60.0, energy_kwh=34.0)
    scene.ask(300.0, 1, 60.0, energy_kwh=42.0)
    scene.ask(600.0, 2, 6.0)
    scene.ask(700.0, 3, 6.0)
    scene.env.run(until=1800.0)
    tally = scene.station.end_slot()
    assert scene.trace() == [(0, 0.0, 1200.0), (1, 300.0, 900.0), (2, 900.0, None), (3, 1200.0, None)]
    assert (tally.busy_s, tally.busy_max) == (1200.0 + 600.0 + 900.0 + 600.0, 2)
    assert (tally.queue_s, tally.queue_max) == (300.0 + 500.0, 2)
    assert [scene.requests[ev].queue_met for ev in range(4)] == [0, 0, 0, 1]


def test_who_waits_no_time_is_not_in_the_longest_queue() -> None:
    scene = Scene(chargers=3)
    for ev in range(3):
        scene.ask(7.0, ev, 60.0)
    scene.env.run(until=100.0)
    tally = scene.station.end_slot()
    assert (tally.queue_max, tally.queue_s, tally.busy_max) == (0, 0.0, 3)


def test_energy_in_and_out_are_summed_apart() -> None:
    scene = Scene(chargers=2)
    scene.ask(0.0, 0, 12.0)
    scene.ask(0.0, 1, -6.0)
    scene.env.run(until=1800.0)
    tally = scene.station.end_slot()
    assert (tally.charged_kwh, tally.discharged_kwh) == (6.0, 3.0)


def test_a_charger_withdrawn_and_asked_for_at_one_instant_is_held_by_the_new_one() -> None:
    scene = Scene()
    scene.ask(0.0, 0, 60.0)
    scene.withdraw(100.0, 0)
    scene.ask(100.0, 1, 60.0)
    scene.env.run(until=200.0)
    assert scene.trace() == [(0, 0.0, 100.0), (1, 100.0, None)]
    assert scene.station.end_slot().busy_s == 200.0


def test_two_batteries_at_their_bounds_together_survive_rounding() -> None:
    # When the first stops, the second has rounding left to deliver: its time to the bound is -5e-14 s.
    kind = BatteryKind(energy_min_kwh=6.0, energy_max_kwh=57.0, charge_efficiency=0.9, discharge_efficiency=0.9)
    env = simpy.Environment(0.0)
    station = ChargingStation(env, 10)
    station.begin_slot(73.94790525082286, 73.94790525082286, 1800.0)
    batteries = [Battery(kind, 6.0 + spare_kwh) for spare_kwh in (4.050969617929827, 5.726708257441976)]
    requests = [
        station.request(ev, battery, power_kw)
        for ev, (battery, power_kw) in enumerate(zip(batteries, (-30.63720458977034, -60.0), strict=True))
    ]
    station.settle()
    env.run(until=1800.0)
    assert [battery.energy_kwh for battery in batteries] == [6.0, 6.0]
    assert all(request.ended for request in requests)
