"""MADDPG learns what a world of one slot's rewards pays for, with each head, critic and view of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from line_fleet import fleet

from agents.algorithms.maddpg import Maddpg, Settings
from agents.episode_replay import EpisodeReplay
from agents.learning import kept_shapes

SPEC, EVS, EPISODES = fleet(3), 3, 32
QUICK: Mapping[str, Any] = {
    "width": 16,
    "gamma": 0.0,
    "actor_rate": 5e-3,
    "critic_rate": 1e-2,
    "logit_penalty": 0.0,
    "entropy": 0.0,
    "entropy_end": 0.0,
}


def replay_of(made: Maddpg, generator: np.random.Generator) -> EpisodeReplay:
    """Episodes in which everybody did anything, with energy enough for all of it."""
    shapes = kept_shapes(SPEC, made)
    replay = EpisodeReplay(EPISODES, shapes)
    drawn = {name: np.zeros((EPISODES, *shape), kind) for name, (shape, kind) in shapes.items()}
    drawn["vector"][:] = 0.1 * generator.normal(size=drawn["vector"].shape)
    drawn["vector"][..., made._vector._energy] = 0.6
    drawn["choice"][:] = -1
    if made.settings.head == "literal":
        drawn["action"][:] = generator.uniform(size=drawn["action"].shape)
        drawn["action"][..., 2] = 1.8 * drawn["action"][..., 2] - 0.8
        drawn["decided"][:] = True
        # It pays to draw power and to drive north; the others' power costs.
        heading, distance, power = np.moveaxis(drawn["action"], -1, 0 + 0)
        own = 0.5 * power + distance * np.sin(2.0 * np.pi * heading)
        drawn["reward"][:] = own - 0.2 * (power.sum(axis=2, keepdims=True) - power)
    else:
        drawn["possible"][:] = True
        drawn["possible"][..., 7] = False
        drawn["choice"][:] = generator.integers(0, 7, drawn["choice"].shape)
        drawn["reward"][:] = (drawn["choice"] == 4) - 0.2 * (drawn["choice"] == 2).sum(axis=2, keepdims=True)
    replay.add(drawn)
    return replay


@pytest.mark.parametrize("critic", ["concatenate", "set"])
@pytest.mark.parametrize("others", ["replay", "current"])
def test_a_literal_head_turns_to_where_it_pays(critic: Any, others: Any) -> None:
    made, generator = Maddpg(SPEC, Settings(**QUICK, critic=critic, others=others), 0), np.random.default_rng(0)
    replay = replay_of(made, generator)
    for _ in range(300):
        logged = made.update(replay, 0.0, generator)
    with torch.no_grad():
        heading, distance, power = torch.sigmoid(made.actor(torch.from_numpy(replay.arrays["vector"][0, 0]))).T
    assert logged["critic_loss"] < 0.05
    assert (heading - 0.25).abs().max() < 0.1
    assert min(float(distance.min()), float(power.min())) > 0.8


@pytest.mark.parametrize("critic", ["concatenate", "set"])
def test_a_pointer_finds_the_choice_that_pays(critic: Any) -> None:
    made, generator = Maddpg(SPEC, Settings(**QUICK, head="pointer", critic=critic), 0), np.random.default_rng(0)
    replay = replay_of(made, generator)
    for _ in range(300):
        logged = made.update(replay, 0.0, generator)
    seen = made._seen(replay, np.array([0]), np.array([0]))
    with torch.no_grad():
        chances = made._head.policy(made.actor(seen["vector"]), seen)
    assert logged["critic_loss"] < 0.05
    assert (chances[..., 4] > 0.8).all()
    assert not chances[..., 7].any()


def test_one_step_on_the_value_of_the_next_slot_and_none_after_the_last() -> None:
    made = Maddpg(SPEC, Settings(**{**QUICK, "gamma": 1.0, "critic_rate": 0.0, "actor_rate": 0.0}), 0)
    replay = replay_of(made, np.random.default_rng(0))
    replay.arrays["reward"][:] = 0.0
    # A critic that says 0.5 everywhere is wrong by 0.5 in the last slot only.
    for network in (made.critic, made.critic_target):
        torch.nn.init.zeros_(network.value[-1].weight)
        torch.nn.init.constant_(network.value[-1].bias, 0.5)
    last = []
    for _ in range(40):
        last.append(made.update(replay, 0.0, np.random.default_rng(len(last)))["critic_loss"])
    assert np.mean(last) == pytest.approx(0.5 * 0.5**2 / 12, rel=0.15)
