"""What literal AD-MADDPG makes of a replay: windows, returns, and that acting sees what learning sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from line_fleet import fleet, observe

from agents.algorithms.admaddpg_literal import AdmaddpgLiteral, Settings, Window
from agents.episode_replay import Arrays, EpisodeReplay
from agents.learning import FleetDecider, kept_shapes

SPEC = fleet(2)


def driven(made: AdmaddpgLiteral) -> tuple[EpisodeReplay, list[Arrays]]:
    """An episode of a fleet that stands still whatever it says, and what it said slot by slot."""
    decider, shapes = FleetDecider(SPEC, made, "simultaneous"), kept_shapes(SPEC, made)
    kept: Arrays = {name: np.zeros((1, *shape), kind) for name, (shape, kind) in shapes.items()}
    for slot in range(SPEC.slots):
        decider.decide(observe([[12, 0]], [[40.0 - slot, 30.0 + slot]], slot=slot), None, kept)
    replay = EpisodeReplay(1, shapes)
    replay.add(kept)
    return replay, [kept]


@pytest.mark.parametrize("memory", [1, 3])
def test_what_it_learns_from_is_what_it_saw(memory: int) -> None:
    made = AdmaddpgLiteral(SPEC, Settings(memory=memory, width=8), 0)
    replay, _ = driven(made)
    slots = np.arange(SPEC.slots)
    window = Window(made, replay, np.zeros_like(slots), slots)
    with torch.no_grad():
        outputs = torch.sigmoid(window.logits(made.actor))
        action = made._head.action(outputs, made._vector.energy_kwh(window.seen["vector"]))
    assert np.allclose(action.numpy(), replay.arrays["action"][0], atol=1e-4)
    assert window.decided.all()


def test_returns_are_of_n_rewards() -> None:
    made = AdmaddpgLiteral(SPEC, Settings(width=8), 0)
    replay, _ = driven(made)
    replay.arrays["reward"][0] = np.arange(24.0).reshape(12, 2)
    window = Window(made, replay, np.array([0, 0]), np.array([4, 11]))
    assert window.returns(3, 0.5).tolist() == [[8 + 5 + 3, 9 + 5.5 + 3.25], [22, 23]]


def test_an_update_moves_actor_critic_and_targets() -> None:
    made = AdmaddpgLiteral(SPEC, Settings(width=8, replay_episodes=1), 0)
    replay, _ = driven(made)
    replay.arrays["reward"][:] = 1.0
    parts = (made.actor, made.critic, made.actor_target, made.critic_target)
    before = [[p.clone() for p in part.parameters()] for part in parts]
    logged = made.update(replay, 0.0, np.random.default_rng(0))
    assert logged["critic_loss"] > 0.0
    for part, old in zip(parts, before, strict=True):
        assert any(not torch.equal(p, q) for p, q in zip(part.parameters(), old, strict=True))
    # The critic's encoder learns from the critic's error alone, not from the actor's gain.
    assert all(p.grad is not None for p in made.actor.parameters())
