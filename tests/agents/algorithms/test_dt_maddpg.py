"""DT-MADDPG is MADDPG on messages and a model: without the model to the bit, with it the model's value at first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from line_fleet import fleet, observe

from agents.algorithms import dt_maddpg, maddpg
from agents.board import IntentionBoard
from agents.catalogue import find_line, make_settings
from agents.episode_replay import EpisodeReplay
from agents.learning import kept_shapes
from agents.options import Outlook
from agents.reach import Mode
from agents.turns import turns
from cosim.errors import ControllerError

SPEC, EPISODES = fleet(3), 16
SMALL: dict[str, Any] = {"head": "pointer", "critic": "messages", "steps": 4, "width": 16, "slots": 8}


def replay_of(made: maddpg.Maddpg) -> EpisodeReplay:
    """Episodes in which everybody did anything."""
    generator, shapes = np.random.default_rng(0), kept_shapes(SPEC, made)
    replay = EpisodeReplay(EPISODES, shapes)
    drawn = {name: np.zeros((EPISODES, *shape), kind) for name, (shape, kind) in shapes.items()}
    for name in ("vector", "totals", "reward"):
        drawn[name][:] = generator.normal(size=drawn[name].shape)
    drawn["possible"][:] = True
    drawn["choice"][:] = generator.integers(0, 9, drawn["choice"].shape)
    if "model" in drawn:
        drawn["model"][:] = 0.0 if made.settings.horizon == 0 else generator.normal(size=drawn["model"].shape)  # type: ignore[attr-defined]
    replay.add(drawn)
    return replay


def test_without_a_horizon_it_is_maddpg_on_messages_to_the_bit() -> None:
    plain = maddpg.Maddpg(SPEC, maddpg.Settings(**SMALL), 3)
    twin = dt_maddpg.DtMaddpg(SPEC, dt_maddpg.Settings(**SMALL, horizon=0), 3)
    for made in (plain, twin):
        replay, generator = replay_of(made), np.random.default_rng(1)
        for _ in range(20):
            made.update(replay, 0.1, generator)
    states = plain.state(), twin.state()
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_with_a_horizon_it_is_not() -> None:
    twins = [dt_maddpg.DtMaddpg(SPEC, dt_maddpg.Settings(**SMALL, horizon=horizon), 3) for horizon in (0, 4)]
    for made in twins:
        made.update(replay_of(made), 0.1, np.random.default_rng(1))
    assert not torch.equal(twins[0].critic.value[3].weight, twins[1].critic.value[3].weight)  # type: ignore[union-attr]


def test_how_good_the_model_is_is_told() -> None:
    made = dt_maddpg.DtMaddpg(SPEC, dt_maddpg.Settings(**SMALL, horizon=4), 0)
    replay = replay_of(made)
    replay.arrays["restored_kwh"][..., 0] = 7.0
    replay.arrays["expected_kwh"][..., 1] = 9.5
    logged = made.update(replay, 0.1, np.random.default_rng(1))
    assert [logged[f"model_error_{k}_kwh"] for k in range(4)] == pytest.approx([7.0, 2.5, 7.0, 7.0])
    # The last layer of what is learned begins at zero.
    assert (logged["residual_share"], logged["model_share"]) == (0.0, 1.0)


def test_the_value_begins_as_what_the_model_says() -> None:
    made = dt_maddpg.DtMaddpg(SPEC, dt_maddpg.Settings(**SMALL, horizon=4), 0)
    replay = replay_of(made)
    seen = made._seen(replay, np.array([0, 1]), np.array([2, 3]))
    done = made._head.done(seen)
    values = made._values(made.critic, seen, done, done)
    assert torch.equal(values, (seen["model"] * done).sum(dim=-1))


def test_the_model_sees_what_others_mean_to_do() -> None:
    """Whoever comes after others finds less to sell where they go."""
    made = dt_maddpg.DtMaddpg(SPEC, dt_maddpg.Settings(**SMALL, horizon=4), 0)
    observation = observe([[12, 12, 12]], 40.0, deficit_kw=(0.0, 40.0, 0.0))
    board = IntentionBoard(3, 3, SPEC.slots)
    board.begin(1)
    outlook = Outlook(SPEC, observation)
    made.begin_slot(observation)
    worths = []
    for turn in turns("sequential", board, outlook):
        seen = made.inputs(turn, learns=True)
        worths.append(seen["model"].reshape(3, 3)[1, Mode.DISCHARGE])
        turn.take(np.array([3 + Mode.DISCHARGE]))
    assert worths[0] > worths[1] > worths[2] > 0.0
    # Each keeps 2.4 of its 34 kWh for the way back, and feeds in 20 at first, then the rest.
    rest_kwh = (34.0 - 2.4) * 0.8 - 20.0
    expected_kwh = made.inputs(turn, learns=True)["expected_kwh"][0]
    assert expected_kwh == pytest.approx([20.0, 3.0 * rest_kwh, 0.0, 0.0], abs=0.02)


def test_a_horizon_beyond_the_real_rewards_is_refused() -> None:
    with pytest.raises(ControllerError, match=r"algorithm\.horizon: must be at most steps \(4\), got 5"):
        make_settings(find_line("dt-maddpg"), {"horizon": 5})
    assert make_settings(find_line("dt-maddpg"), {"horizon": 0}).horizon == 0
