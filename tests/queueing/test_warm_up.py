"""MSER-5: where the beginning ends."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.errors import QueueError
from cosim.queueing.warm_up import mser_5


def test_a_ramp_is_cut_and_the_rest_is_kept() -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.1, 1_000)
    values = noise + np.minimum(np.arange(1_000) / 100.0, 1.0)
    assert 60 <= mser_5(values) <= 150


def test_what_is_steady_from_the_beginning_is_hardly_cut() -> None:
    assert mser_5(np.random.default_rng(1).normal(5.0, 1.0, 2_000)) <= 200


def test_by_hand() -> None:
    # One high batch, then nine alike: the error is 0 without the first.
    values = np.concatenate([np.full(5, 10.0), np.ones(45)])
    assert mser_5(values) == 5


def test_a_beginning_that_does_not_end_is_refused() -> None:
    with pytest.raises(QueueError, match="no steady state was found"):
        mser_5(np.arange(1_000.0))
    with pytest.raises(QueueError, match="needs at least 20 values, got 19"):
        mser_5(np.ones(19))
