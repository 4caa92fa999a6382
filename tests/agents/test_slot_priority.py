"""Slots by priority: who was wrong comes more often, new ones like the worst, and weights correct for it."""

from __future__ import annotations

import numpy as np
import pytest

from agents.slot_priority import SMALLEST_ERROR, SlotPriority


def of_two_episodes(exponent: float = 0.5) -> SlotPriority:
    priority = SlotPriority(4, 2, exponent)
    priority.meet(2)
    errors = np.array([0.0, 4.0, 0.0, 0.0], dtype=np.float32) - SMALLEST_ERROR * np.array([0, 1, 0, 0])
    priority.set(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), errors.astype(np.float32))
    return priority


def test_slots_are_drawn_by_their_priority() -> None:
    priority = of_two_episodes()
    episode, slot, weight = priority.draw(20_000, 1.0, np.random.default_rng(0))
    wrong = (episode == 0) & (slot == 1)
    small = SMALLEST_ERROR**0.5
    assert wrong.mean() == pytest.approx(2.0 / (2.0 + 3.0 * small), abs=0.01)
    # The mean with weights is as if all had come alike.
    assert float(weight[wrong].sum() / weight.sum()) == pytest.approx(0.25, abs=0.03)
    assert weight.max() == 1.0


def test_without_correction_all_weights_are_1() -> None:
    assert of_two_episodes().draw(100, 0.0, np.random.default_rng(0))[2].tolist() == [1.0] * 100


def test_new_episodes_come_with_the_greatest_priority_and_replace_the_oldest() -> None:
    priority = of_two_episodes()
    priority.meet(5)
    episode, slot, _ = priority.draw(20_000, 0.0, np.random.default_rng(0))
    # Episode 4 lies where 0 was; 2, 3 and 4 are new, both slots of each as likely as the worst.
    share = [float(((episode == e) & (slot == s)).mean()) for e in (0, 2, 3) for s in (0, 1)]
    assert share == pytest.approx([1 / 6] * 6, abs=0.02)


def test_exponent_0_draws_all_alike() -> None:
    episode, slot, weight = of_two_episodes(0.0).draw(20_000, 1.0, np.random.default_rng(0))
    assert np.bincount(episode * 2 + slot) / 20_000 == pytest.approx([0.25] * 4, abs=0.02)
    assert weight.tolist() == [1.0] * 20_000
