"""Rewards and Jain's index, by hand."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from cosim.records.schema import EvSlots, MicrogridSlots
from cosim.reward import RewardModel, jain_fairness
from cosim.scenario.schema import RewardSection
from cosim.traffic.target import PENALISED, ActionOutcome


def slots_of(kind: type, **values: list[float]) -> Any:
    """One slot of one replica; columns that are not given are 0."""
    units = len(next(iter(values.values())))
    return kind(**{f.name: np.array([[values.get(f.name, [0.0] * units)]]) for f in fields(kind)})


def grid(*shed_kw: float) -> MicrogridSlots:
    # Half an hour at 20 CNY/kWh.
    return slots_of(MicrogridSlots, shed_kw=list(shed_kw), shedding_cny=[kw * 0.5 * 20.0 for kw in shed_kw])


# The second EV drives for 3 + 2 + 1 = 6 CNY, the third aims outside.
EVS = slots_of(
    EvSlots,
    battery_cny=[0.0, 3.0, 0.0],
    distance_cny=[0.0, 2.0, 0.0],
    time_cny=[0.0, 1.0, 0.0],
    outcome=[ActionOutcome.STAYED, ActionOutcome.DEPARTED, ActionOutcome.OUTSIDE],
)


def model(form: str) -> RewardModel:
    return RewardModel(RewardSection(form=form, scale=0.001, move_penalty=0.1), 0.5, PENALISED)


# Of 100 and 50 kW are 50 and 0 restored: shares 1/2 and 0, so Jain 1/2; 1000 CNY shed, 500 avoided, 3 EVs.
@pytest.mark.parametrize(
    ("form", "shared"),
    [
        ("avoided", 0.5 * 500.0 / 3 / 1000),
        ("literal", -0.5 * 1000.0 / 3 / 1000),
        ("ratio", -1000.0 / 0.5 / 3 / 1000),
    ],
)
def test_the_three_forms(form: str, shared: float) -> None:
    rewards = model(form).of_slots(EVS, grid(50.0, 50.0), grid(100.0, 50.0))
    assert rewards.shedding == pytest.approx(np.full((1, 1, 3), shared))
    assert rewards.cost == pytest.approx(np.array([[[0.0, -0.006, 0.0]]]))
    assert rewards.penalty == pytest.approx(np.array([[[0.0, 0.0, -0.1]]]))
    assert rewards.total == pytest.approx(rewards.shedding + rewards.cost + rewards.penalty)


@pytest.mark.parametrize("outcome", list(ActionOutcome))
def test_only_moves_that_cannot_be_made_are_penalised(outcome: ActionOutcome) -> None:
    evs = slots_of(EvSlots, outcome=[outcome])
    (penalty,) = model("avoided").of_slots(evs, grid(0.0), grid(0.0)).penalty[0, 0]
    wrong = (ActionOutcome.OUTSIDE, ActionOutcome.OFF_ROAD, ActionOutcome.NO_WAY)
    assert penalty == (-0.1 if outcome in wrong else 0.0)


def test_fairness_counts_all_slots_of_an_episode_so_far() -> None:
    evs = EvSlots(*(np.repeat(getattr(EVS, f.name), 2, axis=0) for f in fields(EvSlots)))
    shed, reference = [grid(0.0, 50.0), grid(50.0, 0.0)], [grid(50.0, 50.0)] * 2
    both = [
        MicrogridSlots(*(np.concatenate([getattr(slot, f.name) for slot in slots]) for f in fields(MicrogridSlots)))
        for slots in (shed, reference)
    ]
    rewards = model("avoided").of_slots(evs, *both)
    # After the first slot one has all 50 kWh back, after the second both have 25 of 50: Jain 1/2, then 1.
    assert rewards.shedding[:, 0, 0] == pytest.approx([0.5 * 500.0 / 3 / 1000, 1.0 * 500.0 / 3 / 1000])


def test_a_fleet_of_none_has_no_rewards() -> None:
    evs = EvSlots(*(np.zeros((1, 1, 0)) for _ in fields(EvSlots)))
    assert model("avoided").of_slots(evs, grid(1.0), grid(2.0)).total.shape == (1, 1, 0)


@pytest.mark.parametrize(
    ("restored_kwh", "reference_kwh", "fairness"),
    [
        ([30.0, 30.0], [60.0, 60.0], 1.0),
        ([10.0, 50.0], [20.0, 100.0], 1.0),  # equal shares, not equal energies
        ([10.0, 20.0], [100.0, 50.0], 0.25 / (2 * 0.17)),  # 0.1, 0.4: 0.5^2 / (2 (0.01 + 0.16))
        ([40.0, 0.0, 0.0, 0.0], [80.0, 80.0, 80.0, 80.0], 0.25),  # one has it all
        ([0.0, 0.0, 0.0], [80.0, 80.0, 80.0], 1 / 3),  # nothing restored
        ([0.0, 7.0], [0.9, 70.0], 1.0),  # one microgrid counts: the other shed below 1 kWh
        ([7.0, 0.0], [1.0, 70.0], 1.0),  # exactly 1 kWh does not count; nothing restored in the other
        ([0.5, 0.0], [0.5, 0.0], 1.0),  # none counts
        ([-10.0, -10.0], [100.0, 100.0], 0.5),  # EVs may make it worse: nothing restored
        ([10.0, -10.0], [100.0, 100.0], 0.5),  # one has it all
        ([1e-13, 1e-13], [100.0, 100.0], 0.5),  # rounding restores nothing
    ],
)
def test_jain(restored_kwh: list[float], reference_kwh: list[float], fairness: float) -> None:
    assert jain_fairness(np.array([restored_kwh]), np.array([reference_kwh])) == pytest.approx([fairness])


def test_shedding_over_fairness_stays_finite_where_shares_cancel() -> None:
    rewards = model("ratio").of_slots(EVS, grid(90.0, 110.0), grid(100.0, 100.0))
    assert rewards.shedding[0, 0, 0] == pytest.approx(-2000.0 / 0.5 / 3 / 1000)
