"""Random choices: only those that make sense, at the rate of their replica, and drawn as the probabilities say."""

from __future__ import annotations

import numpy as np
import pytest

from agents.exploration import Exploration, drawn_by_chance, linear


def test_linear_goes_from_the_first_to_the_last_value_and_stays_there() -> None:
    assert [linear(1.0, 3.0, progress) for progress in (-1.0, 0.0, 0.5, 1.0, 2.0)] == [1.0, 1.0, 2.0, 3.0, 3.0]


def test_replicas_explore_at_rising_rates_and_only_what_is_possible() -> None:
    count = 20_000
    replica = np.arange(count) % 2
    possible = np.array([[True, False, True, True]]).repeat(count, axis=0)
    explored = Exploration(0.4, 2, np.random.default_rng(1)).mixed(np.zeros(count, dtype=np.int64), possible, replica)
    assert set(explored) == {0, 2, 3}
    # Two of three random choices are others than the best: rates are 0.05 and 1.95 times 0.4.
    others = [float((explored[replica == r] != 0).mean()) for r in (0, 1)]
    assert others == pytest.approx([0.02 * 2 / 3, 0.78 * 2 / 3], abs=0.015)


def test_without_a_rate_nothing_is_changed() -> None:
    choice = np.array([2, 0, 1])
    explored = Exploration(0.0, 3, np.random.default_rng(1)).mixed(choice, np.ones((3, 4), dtype=bool), np.arange(3))
    assert explored.tolist() == choice.tolist()


def test_noise_turns_headings_round_and_keeps_the_rest_between_0_and_1() -> None:
    outputs = np.tile([0.99, 0.99, 0.01], (2000, 1))
    noisy = Exploration(0.01, 1, np.random.default_rng(2)).noisy(outputs, np.zeros(2000, dtype=np.int64))
    assert ((noisy >= 0.0) & (noisy <= 1.0)).all()
    # Half of the headings pass the full turn and come out small; distance and power stop at their ends.
    assert (noisy[:, 0] < 0.1).any()
    assert not (noisy[:, 1] < 0.5).any()
    assert (noisy[:, 1] == 1.0).any()
    assert (noisy[:, 2] == 0.0).any()


def test_what_is_drawn_follows_the_softmax() -> None:
    logits = np.log(np.tile([0.1, 0.3, 0.6], (40_000, 1)))
    drawn = drawn_by_chance(logits, np.random.default_rng(3)).argmax(axis=1)
    assert (np.bincount(drawn) / len(drawn)).tolist() == pytest.approx([0.1, 0.3, 0.6], abs=0.01)


def test_one_episode_alone_explores_at_the_mean_rate() -> None:
    share = np.zeros((1, 20_000), dtype=np.float32)
    assert Exploration(0.2, 1, np.random.default_rng(0)).jittered(share).std() == pytest.approx(0.2, rel=0.03)


def test_shares_with_noise_stay_shares() -> None:
    noisy = Exploration(1.0, 3, np.random.default_rng(0)).jittered(np.full((3, 50), 0.9, dtype=np.float32))
    assert noisy.dtype == np.float32
    assert np.abs(noisy).max() <= 1.0
    # The rate rises over the replicas.
    assert noisy[0].std() < noisy[2].std()
