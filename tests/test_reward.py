"""Rewards and Jain's index, by hand."""

from __future__ import annotations

from dataclasses import fields, replace
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


def model(form: str, credit: str = "team") -> RewardModel:
    section = RewardSection(form=form, credit=credit, scale=0.001, move_penalty=0.1)
    return RewardModel(section, 0.5, np.array([1, 0]), PENALISED)


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


def test_individual_credit_goes_to_those_who_fed_by_their_energies() -> None:
    # Station 0 hangs on microgrid 1, station 1 on microgrid 0. EVs 0 and 1 feed microgrid 1, 30 to 10 kWh; EV 2 feeds
    # nowhere. Microgrid 0 gets 5 of 50 kWh back from its storage, microgrid 1 20 of 50: Jain 0.5^2 / (2 x 0.17).
    evs = slots_of(EvSlots, station=[0, 0, -1], discharged_kwh=[30.0, 10.0, 0.0])
    evs = replace(evs, station=evs.station.astype(int))
    rewards = model("avoided", "individual").of_slots(evs, grid(90.0, 60.0), grid(100.0, 100.0))
    fairness, per_kw = 0.25 / (2 * 0.17), 0.5 * 20.0 / 1000
    own, left = fairness * 40.0 * per_kw, fairness * 10.0 * per_kw / 3
    assert rewards.shedding[0, 0] == pytest.approx([own * 0.75 + left, own * 0.25 + left, left])
    team = model("avoided").of_slots(evs, grid(90.0, 60.0), grid(100.0, 100.0))
    assert rewards.shedding.sum() == pytest.approx(team.shedding.sum())


def test_a_slot_after_others_is_rewarded_as_in_its_episode() -> None:
    evs = EvSlots(*(np.repeat(getattr(EVS, f.name), 2, axis=0) for f in fields(EvSlots)))
    both = [
        MicrogridSlots(*(np.concatenate([getattr(slot, f.name) for slot in slots]) for f in fields(MicrogridSlots)))
        for slots in ([grid(0.0, 50.0), grid(50.0, 7.0)], [grid(50.0, 50.0)] * 2)
    ]
    of_episode = model("ratio").of_slots(evs, *both).total
    alone = model("ratio").of_slots(
        EVS, grid(50.0, 7.0), grid(50.0, 50.0), np.array([[25.0, 0.0]]), np.array([[25.0, 25.0]])
    )
    assert of_episode[1:].tolist() == alone.total.tolist()
