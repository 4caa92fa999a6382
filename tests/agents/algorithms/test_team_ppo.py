"""Decisions of an episode in their order, and their advantages, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from agents.algorithms.team_ppo import Decisions
from agents.episode_replay import EpisodeReplay


def replay() -> EpisodeReplay:
    """Two episodes of two slots and two EVs; in the first EV 1 decides first, in the second nobody in slot 1."""
    made = EpisodeReplay(2, {"choice": ((2, 2), np.int16), "turn": ((2, 2), np.int16), "reward": ((2, 2), np.float32)})
    made.add(
        {
            "choice": np.array([[[10, 11], [12, -1]], [[20, 21], [-1, -1]]]),
            "turn": np.array([[[1, 0], [0, 0]], [[0, 1], [0, 0]]]),
            "reward": np.array([[[1.0, 1.0], [2.0, 2.0]], [[4.0, 4.0], [8.0, 8.0]]]),
        }
    )
    return made


def test_decisions_come_in_the_order_of_slots_and_turns() -> None:
    decisions = Decisions.of(replay())
    assert decisions.taken.tolist() == [[True, True, True, False], [True, True, False, False]]
    assert decisions.rows("choice").tolist() == [11, 10, 12, 20, 21]
    # A slot's reward comes after its last decision; where nobody decides, after the last one before.
    assert decisions.reward.tolist() == [[0.0, 2.0, 4.0, 0.0], [0.0, 24.0, 0.0, 0.0]]


def test_advantages_of_the_whole_trace_are_returns_beyond_the_value() -> None:
    value = np.array([5.0, 1.0, 3.0, 20.0, 30.0], dtype=np.float32)
    advantage, wanted = Decisions.of(replay()).advantages(value, 1.0, 1.0)
    assert wanted.tolist() == pytest.approx([6.0, 6.0, 4.0, 24.0, 24.0])
    assert advantage.tolist() == pytest.approx([1.0, 5.0, 1.0, 4.0, -6.0])


def test_advantages_without_a_trace_are_the_surprises() -> None:
    value = np.array([5.0, 1.0, 3.0, 20.0, 30.0], dtype=np.float32)
    advantage, _ = Decisions.of(replay()).advantages(value, 0.5, 0.0)
    assert advantage.tolist() == pytest.approx([0.5 - 5, 2 + 1.5 - 1, 4 - 3, 15 - 20, 24 - 30])
