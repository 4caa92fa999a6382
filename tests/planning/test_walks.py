"""The best walks: literal ones, and that rounding in the EV's favour makes a bound of them."""

from __future__ import annotations

import numpy as np
import pytest
from planning_fleet import STATION_KM, A, B, fleet, line_trips, slots_of, starts

from cosim.interface import FleetSpec
from cosim.planning.walks import BestWalks, Levels, Market, _window_max


def market(spec: FleetSpec, draw: tuple[float, ...], feed: tuple[float, ...], limit_kwh: float = 1e9) -> Market:
    draw_price, feed_price = (slots_of(prices, spec.slots)[None] for prices in (draw, feed))
    limit = np.full_like(draw_price, limit_kwh)
    return Market(draw_price, feed_price, limit, limit)


def test_greatest_of_windows_of_different_widths() -> None:
    rng = np.random.default_rng(1)
    values, most = rng.random((2, 3, 40)), rng.integers(0, 60, (2, 4, 3))
    found = _window_max(values, most)
    for b, k, h, level in np.ndindex(found.shape):
        assert found[b, k, h, level] == values[b, h, level : level + most[b, k, h] + 1].max()


def test_a_full_ev_drives_to_the_deficit_and_sells_there() -> None:
    spec = fleet()
    levels = Levels(spec, 511, favourable=False)
    best = BestWalks(levels, line_trips(spec), market(spec, (0.0, 9.0, 9.0), (0.0, 1.0, 0.0)))
    walk = best.follow(starts(spec, levels, [A], 57.0))
    assert walk.station.tolist() == [[[B, B, B, B]]]
    assert walk.there.tolist() == [[[False, True, True, True]]]
    # 48.6 kWh of the battery are 38.88 kWh at the charger; two kilometres of the second slot are spent driving.
    assert walk.fed_kwh.sum() == pytest.approx(38.88)
    assert walk.fed_kwh[0, 0, 1] <= 18.0 + 1e-9
    assert walk.driven_kwh.tolist() == pytest.approx(np.array([[2.4]]))
    assert walk.value.tolist() == pytest.approx(np.array([[38.88]]))


def test_an_ev_buys_where_it_is_cheap_to_sell_where_it_is_dear() -> None:
    spec = fleet(slots=6)
    levels = Levels(spec, 511, favourable=False)
    best = BestWalks(levels, line_trips(spec), market(spec, (0.1, 9.0, 9.0), (0.0, 1.0, 0.0)))
    walk = best.follow(starts(spec, levels, [A], 8.4))
    assert walk.station[0, 0].tolist() == [A, A, A, B, B, B]
    # 18 and 20 kWh can be sold, and are worth 47.5 kWh of the battery; nothing more is bought.
    assert walk.fed_kwh[0, 0] == pytest.approx([0.0, 0.0, 0.0, 0.0, 18.0, 20.0], abs=0.1)
    assert walk.drawn_kwh.sum() * 0.9 == pytest.approx(47.5, abs=0.2)


@pytest.mark.parametrize("reason", ["nothing to earn", "no energy for the way", "no time for the way"])
def test_an_ev_without_a_use_changes_nothing(reason: str) -> None:
    spec = fleet(slots=1 if reason.startswith("no time") else 4)
    levels = Levels(spec, 511, favourable=True)
    feed = (0.0, 0.0 if reason.startswith("nothing") else 1.0, 0.0)
    best = BestWalks(levels, line_trips(spec), market(spec, (1.0, 1.0, 1.0), feed))
    walk = best.follow(starts(spec, levels, [A], 7.0 if reason.startswith("no energy") else 57.0))
    assert walk.value.tolist() == [[0.0]]
    assert walk.drawn_kwh.sum() == walk.fed_kwh.sum() == 0.0


def test_limits_hold_for_one_ev() -> None:
    spec = fleet()
    levels = Levels(spec, 511, favourable=False)
    best = BestWalks(levels, line_trips(spec), market(spec, (0.0, 0.0, 0.0), (0.0, 1.0, 0.0), limit_kwh=4.0))
    assert best.follow(starts(spec, levels, [B], 57.0)).fed_kwh[0, 0] == pytest.approx([4.0] * 4)


@pytest.mark.parametrize("count", [9, 52, 511])
def test_no_policy_earns_more_than_the_levels_say(count: int) -> None:
    rng = np.random.default_rng(count)
    spec = fleet(slots=8)
    trips, levels = line_trips(spec), Levels(spec, count, favourable=True)
    prices = rng.random((2, 1, 3, 8)) * rng.integers(0, 2, (2, 1, 3, 8))
    limit = np.full((1, 3, 8), 1e9)
    value = BestWalks(levels, trips, Market(*prices, limit, limit)).value[0, 0]
    earned_most = 0.0
    for _ in range(3000):
        station, energy_kwh = int(rng.integers(3)), float(rng.uniform(6.0, 57.0))
        said = float(np.interp(levels.held(np.array(energy_kwh)), np.arange(count), value[station]))
        earned = random_earnings(spec, rng, prices[:, 0], station, energy_kwh)
        assert earned <= said + 1e-9
        earned_most = max(earned_most, earned / max(said, 1e-9))
    assert earned_most > 0.7


def random_earnings(
    spec: FleetSpec, rng: np.random.Generator, prices: np.ndarray, station: int, energy_kwh: float
) -> float:
    """What a policy earns that goes anywhere and buys and sells any amount, nothing rounded."""
    slot, earned = 0, 0.0
    while slot < spec.slots:
        goal = station if rng.random() < 0.6 else int(rng.integers(3))
        way_km = abs(STATION_KM[station] - STATION_KM[goal])
        before = max(int(np.ceil(way_km / 10.0)) - 1, 0)
        slot += before
        if slot >= spec.slots or energy_kwh - 0.2 * way_km < 6.0:
            return earned
        energy_kwh -= 0.2 * way_km
        station, time_h = goal, 0.5 - (way_km - 10.0 * before) / 40.0
        much = 1.0 if rng.random() < 0.7 else rng.random()
        if prices[1, station, slot] > prices[0, station, slot]:
            sold_kwh = much * min(40.0 * time_h, (energy_kwh - 6.0) * 0.8)
            energy_kwh -= sold_kwh / 0.8
            earned += prices[1, station, slot] * sold_kwh
        else:
            bought_kwh = much * min(40.0 * time_h, (57.0 - energy_kwh) / 0.9)
            energy_kwh += bought_kwh * 0.9
            earned -= prices[0, station, slot] * bought_kwh
        slot += 1
    return earned
