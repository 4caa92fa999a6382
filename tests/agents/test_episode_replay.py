"""Episodes in the replay, and N-step returns."""

from __future__ import annotations

import numpy as np
import pytest

from agents.episode_replay import EpisodeReplay, bootstrap_slots, n_step_rows
from cosim.errors import ControllerError


def test_the_oldest_episodes_are_overwritten() -> None:
    replay = EpisodeReplay(3, {"reward": ((2, 1), np.float32)})
    assert len(replay) == 0
    for first in (0, 2):
        replay.add({"reward": np.array([[[first], [first]], [[first + 1], [first + 1]]], dtype=np.float32)})
    assert (len(replay), replay.stored) == (3, 4)
    assert replay.arrays["reward"][:, 0, 0].tolist() == [3.0, 1.0, 2.0]
    assert replay.rows("reward", np.array([0, 1]), np.array([1, 0]), np.array([0, 0])).tolist() == [3.0, 1.0]
    assert replay.size_bytes == 3 * 2 * 4


def test_n_step_returns_end_with_the_episode() -> None:
    reward = np.arange(1.0, 5.0, dtype=np.float32).reshape(1, 4, 1)
    at, ev = np.array([0, 1, 3]), np.zeros(3, dtype=int)
    assert n_step_rows(reward, 3, 0.5, ev, at, ev).tolist() == pytest.approx([1 + 1 + 0.75, 2 + 1.5 + 1, 4])


def test_after_n_rewards_comes_the_slot_after_them() -> None:
    slot = np.array([0, 1, 2, 3])
    later, goes_on = bootstrap_slots(slot, 2, 4)
    assert later.tolist() == [2, 3, 2, 3]
    assert goes_on.tolist() == [True, True, False, False]


def test_the_published_index_is_one_less() -> None:
    slot = np.array([0, 1, 2, 3])
    later, goes_on = bootstrap_slots(slot, 2, 4, literal_index=True)
    assert later.tolist() == [1, 2, 3, 3]
    assert goes_on.tolist() == [True, True, True, False]


def test_a_smaller_fleet_is_filled_up_with_evs_that_have_chosen_nothing() -> None:
    replay = EpisodeReplay(3, {"choice": ((2, 4), np.int16), "seen": ((2, 4, 1), np.float32)})
    replay.add({"choice": np.ones((1, 2, 2), np.int16), "seen": np.ones((1, 2, 2, 1), np.float32)})
    assert replay.arrays["choice"][0].tolist() == [[1, 1, -1, -1]] * 2
    assert replay.arrays["seen"][0, :, :, 0].tolist() == [[1.0, 1.0, 0.0, 0.0]] * 2


@pytest.mark.parametrize("count", [2, 5])
def test_its_contents_can_be_put_back(count: int) -> None:
    shapes = {"reward": ((2,), np.float32)}
    one, other = EpisodeReplay(3, shapes), EpisodeReplay(3, shapes)
    for number in range(count):
        one.add({"reward": np.full((1, 2), number, np.float32)})
    assert len(one.contents()["reward"]) == min(count, 3)
    other.refill(one.contents(), one.stored)
    for replay in (one, other):
        replay.add({"reward": np.full((1, 2), 9, np.float32)})
    assert np.array_equal(one.arrays["reward"], other.arrays["reward"])
    assert one.stored == other.stored
    with pytest.raises(ControllerError, match="the replay is not as it was written"):
        other.refill(one.contents(), 1)
