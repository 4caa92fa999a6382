"""The greedy rule on a line of three stations, with literal actions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from line_fleet import fleet, observe, only, replica_of

from agents.baselines.greedy import GreedyController
from cosim.interface import EvState, Observation


def act(observation: Observation, return_reserve: bool = True) -> tuple[float, float, float]:
    return only(GreedyController(fleet(), return_reserve).act(observation))


def test_goes_to_the_nearest_deficit_as_far_as_a_slot_reaches() -> None:
    assert act(observe([[0]], 57.0)) == (0.0, 10.0, -0.8)
    assert act(observe([[10]], 55.0)) == (0.0, 2.0, -0.8)
    assert act(observe([[30]], 40.0)) == (0.0, 6.0, -0.8)


def test_passes_by_a_deficit_too_small_for_one_ev() -> None:
    assert act(observe([[12]], 50.0, deficit_kw=(0.0, 39.9, 400.0))) == (0.0, 10.0, -0.8)
    assert act(observe([[12]], 50.0, deficit_kw=(0.0, 40.0, 400.0))) == (0.0, 0.0, -0.8)


def test_stays_and_sells_down_to_the_minimum_when_there_is_no_reserve() -> None:
    assert act(observe([[12]], 40.0), return_reserve=False) == (0.0, 0.0, -0.8)
    # 5 kWh above the minimum: 4 kWh in half an hour are 8 of 50 kW.
    assert act(observe([[12]], 11.0), return_reserve=False) == pytest.approx((0.0, 0.0, -0.16))


def test_keeps_the_energy_for_the_way_back() -> None:
    # 12 km take 2.4 kWh; 5 kWh are left to sell.
    assert act(observe([[12]], 13.4)) == pytest.approx((0.0, 0.0, -0.16))


@pytest.mark.parametrize(("slot", "share"), [(0, -0.16), (6, -0.16), (7, -0.2368), (11, -0.2368)])
def test_keeps_it_only_while_a_round_trip_fits(slot: int, share: float) -> None:
    # A trip of two slots, so up to slot 12 - 2 - 4; then 7.4 kWh are sold.
    assert act(observe([[12]], 13.4, slot=slot)) == pytest.approx((0.0, 0.0, share))


def test_goes_to_the_nearest_surplus_when_nothing_is_left_to_sell() -> None:
    # Exactly the energy for the way, and a little rounding less.
    for energy_kwh in (8.4, 8.4 - 1e-12):
        assert act(observe([[12]], energy_kwh)) == (math.pi, 10.0, 1.0)
    assert act(observe([[30]], 9.0, surplus_kw=(400.0, 0.0, 40.0), deficit_kw=(0.0, 0.0, 0.0))) == (0.0, 6.0, 1.0)


def test_charges_until_full_then_leaves() -> None:
    assert act(observe([[0]], 40.0)) == (0.0, 0.0, 1.0)
    assert act(observe([[0]], 56.1)) == (0.0, 10.0, -0.8)


@pytest.mark.parametrize(
    "observation",
    [
        pytest.param(observe([[12]], 8.3, deficit_kw=(0.0, 0.0, 0.0)), id="too little energy for the way"),
        pytest.param(observe([[0]], 57.0, slot=11), id="too late to arrive"),
        pytest.param(observe([[5]], 40.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), id="no surplus, no deficit"),
        pytest.param(observe([[0]], 57.0, deficit_kw=(0.0, 0.0, 0.0)), id="full, no deficit"),
    ],
)
def test_stays_without_a_charger_when_nothing_is_useful(observation: Observation) -> None:
    assert act(observation) == (0.0, 0.0, 0.0)


def test_an_ev_that_drives_is_given_no_move() -> None:
    assert act(observe([[5]], 57.0, state=EvState.DRIVING))[:2] == (0.0, 0.0)


def test_a_replica_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(1)
    together = observe(rng.integers(0, 37, (3, 20)), rng.uniform(6.0, 57.0, (3, 20)), slot=3)
    controller = GreedyController(fleet(20))
    action = controller.act(together)
    for r in range(3):
        alone = controller.act(replica_of(together, r))
        for name in ("heading_rad", "distance_km", "power_share"):
            assert getattr(alone, name)[0].tolist() == getattr(action, name)[r].tolist()


def test_a_fleet_of_none() -> None:
    action = GreedyController(fleet(0)).act(observe(np.zeros((2, 0)), 0.0))
    assert action.heading_rad.shape == action.distance_km.shape == action.power_share.shape == (2, 0)
