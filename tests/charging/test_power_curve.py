"""Charging along a curve: closed forms by hand, and against a fine integration."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.power_curve import PowerCurve

#: Rising to 30 kWh, flat, falling from 48 kWh on.
CURVE = PowerCurve([0.0, 30.0, 48.0, 60.0], [40.0, 100.0, 100.0, 10.0])


def test_constant_power_up_to_a_corner() -> None:
    flow = CURVE.flow(30.0, math.inf, 1000.0, 0.9)
    assert (flow.power_kw, flow.growth_per_h, flow.until_kwh) == (100.0, 0.0, 48.0)
    assert flow.until_s == pytest.approx(18.0 / 0.9 / 100.0 * 3600.0)
    assert flow.energy_kwh(flow.until_s) == pytest.approx(20.0)


def test_falling_power_falls_exponentially() -> None:
    # 100 - 7.5 (E - 48): half way down, at 54 kWh, 55 kW.
    flow = CURVE.flow(48.0, 54.0, 1000.0, 1.0)
    assert flow.until_s == pytest.approx(math.log(55.0 / 100.0) / -7.5 * 3600.0)
    assert flow.energy_kwh(flow.until_s) == pytest.approx(6.0)


def test_a_limit_holds_until_the_curve_has_fallen_to_it() -> None:
    flow = CURVE.flow(48.0, 60.0, 55.0, 1.0)
    assert (flow.power_kw, flow.growth_per_h) == (55.0, 0.0)
    assert flow.until_kwh == pytest.approx(54.0)
    # From there on the curve decides.
    assert CURVE.flow(flow.until_kwh, 60.0, 55.0, 1.0).growth_per_h == pytest.approx(-7.5)


def test_a_limit_stops_a_rise() -> None:
    rising = CURVE.flow(0.0, 60.0, 70.0, 1.0)
    assert rising.growth_per_h == pytest.approx(2.0)
    assert rising.until_kwh == pytest.approx(15.0)
    assert CURVE.flow(rising.until_kwh, 60.0, 70.0, 1.0).growth_per_h == 0.0


def test_no_power_flows_for_ever() -> None:
    flow = CURVE.flow(10.0, 60.0, 0.0, 1.0)
    assert (flow.power_kw, flow.until_s, flow.until_kwh) == (0.0, math.inf, 10.0)


def test_the_most_until_the_next_corner() -> None:
    assert CURVE.most_kw(0.0) == 100.0
    assert CURVE.most_kw(54.0) == pytest.approx(55.0)
    assert CURVE.most_kw(70.0) == 10.0


@given(
    energy_kwh=st.floats(0.0, 59.0),
    limit_kw=st.floats(5.0, 150.0),
    efficiency=st.floats(0.8, 1.0),
    share=st.floats(0.0, 1),
)
def test_flows_are_those_of_small_steps(energy_kwh: float, limit_kw: float, efficiency: float, share: float) -> None:
    flow = CURVE.flow(energy_kwh, 60.0, limit_kw, efficiency)
    duration_s = flow.until_s * share
    steps, stored_kwh = 2_000, energy_kwh
    corners = [(0.0, 40.0), (30.0, 100.0), (48.0, 100.0), (60.0, 10.0)]

    def power_kw(energy: float) -> float:
        for (low, first), (high, last) in pairwise(corners):
            if energy <= high:
                return min(limit_kw, first + (last - first) * (energy - low) / (high - low))
        return min(limit_kw, corners[-1][1])

    for _ in range(steps):
        # Midpoint rule.
        half_kwh = stored_kwh + power_kw(stored_kwh) * efficiency * duration_s / steps / 7200.0
        stored_kwh += power_kw(half_kwh) * efficiency * duration_s / steps / 3600.0
    assert energy_kwh + flow.energy_kwh(duration_s) * efficiency == pytest.approx(stored_kwh, abs=1e-5)
    if share == 1.0:
        assert flow.until_kwh == pytest.approx(stored_kwh, abs=1e-5)
