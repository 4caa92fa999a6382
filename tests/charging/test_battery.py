"""Batteries, with efficiencies that keep the arithmetic in the head."""

import pytest

from cosim.charging.battery import AT_BOUND_KWH, Battery, BatteryKind

KIND = BatteryKind(energy_min_kwh=10.0, energy_max_kwh=50.0, charge_efficiency=0.8, discharge_efficiency=0.5)


def test_charging_stores_the_efficient_share_of_what_is_drawn() -> None:
    battery = Battery(KIND, 20.0)
    # 30 kW for 1200 s are 10 kWh, of which 8 are stored.
    assert battery.flow(30.0, 1200.0) == 10.0
    assert (battery.energy_kwh, battery.drawn_kwh, battery.fed_kwh) == (28.0, 10.0, 0.0)


def test_discharging_takes_more_than_it_delivers() -> None:
    battery = Battery(KIND, 20.0)
    # 6 kW for 1800 s are 3 kWh at the charger, for which 6 are taken out.
    assert battery.flow(-6.0, 1800.0) == -3.0
    assert (battery.energy_kwh, battery.drawn_kwh, battery.fed_kwh) == (14.0, 0.0, 3.0)


def test_drawn_and_fed_are_counted_apart() -> None:
    battery = Battery(KIND, 20.0)
    battery.flow(30.0, 1200.0)
    battery.flow(-6.0, 1800.0)
    assert (battery.energy_kwh, battery.drawn_kwh, battery.fed_kwh) == (22.0, 10.0, 3.0)


def test_no_time_changes_nothing() -> None:
    battery = Battery(KIND, 20.0)
    assert battery.flow(30.0, 0.0) == 0.0
    assert (battery.energy_kwh, battery.drawn_kwh, battery.fed_kwh) == (20.0, 0.0, 0.0)


def test_the_time_to_the_upper_bound_counts_the_losses() -> None:
    # 24 kWh are missing, 30 must be drawn: an hour at 30 kW.
    assert Battery(KIND, 26.0).time_to_bound_s(30.0) == 3600.0


def test_the_time_to_the_lower_bound_counts_the_losses() -> None:
    # 10 kWh above the minimum deliver 5: half an hour at 10 kW.
    assert Battery(KIND, 20.0).time_to_bound_s(-10.0) == 1800.0


@pytest.mark.parametrize("power_kw", [7.3, -7.3])
def test_after_that_time_the_battery_cannot_move_on_but_back(power_kw: float) -> None:
    battery = Battery(KIND, 31.7)
    battery.flow(power_kw, battery.time_to_bound_s(power_kw))
    assert not battery.can_move(power_kw)
    assert battery.can_move(-power_kw)


def test_a_battery_a_hair_from_its_bound_is_at_it() -> None:
    assert not Battery(KIND, 50.0 - AT_BOUND_KWH / 2).can_move(1.0)
    assert not Battery(KIND, 10.0 + AT_BOUND_KWH / 2).can_move(-1.0)
    assert Battery(KIND, 50.0 - 3 * AT_BOUND_KWH).can_move(1.0)
    assert Battery(KIND, 10.0 + 3 * AT_BOUND_KWH).can_move(-1.0)


def test_resting_at_a_bound_removes_the_rounding() -> None:
    battery = Battery(KIND, 50.0 + 1e-13)
    battery.rest_at_bound(1.0)
    assert battery.energy_kwh == 50.0
    battery.rest_at_bound(-1.0)
    assert battery.energy_kwh == 10.0
