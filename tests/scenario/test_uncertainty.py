"""Factors of noise: their range, their spread, and whose draws they are."""

import numpy as np
import pytest

from cosim.scenario.schema import Noise
from cosim.scenario.uncertainty import draw_factors, factor_range


@pytest.mark.parametrize(
    ("noise", "low", "high"),
    [
        (Noise(std=0.1), 0.7, 1.3),
        (Noise(std=0.1, clip_sigma=1.0), 0.9, 1.1),
        (Noise(std=0.5), 0.0, 2.5),  # never below 0
        (Noise(std=1.0, clip_sigma=0.25), 0.75, 1.25),
    ],
)
def test_the_range_of_factors_by_hand(noise: Noise, low: float, high: float) -> None:
    assert factor_range(noise) == (pytest.approx(low, abs=1e-15), pytest.approx(high, abs=1e-15))


def test_without_noise_the_factor_is_exactly_one() -> None:
    for noise in (Noise(), Noise(std=0.0, clip_sigma=100.0)):
        assert factor_range(noise) == (1.0, 1.0)
        assert draw_factors(noise, 1, 0, "uncertainty.load", 3).tolist() == [1.0] * 3


@pytest.mark.parametrize("std", [0.05, 0.4, 1.0])
@pytest.mark.parametrize("clip_sigma", [0.1, 1.0, 3.0, 50.0])
def test_no_factor_is_out_of_range_and_the_clipped_ones_are_at_its_ends(std: float, clip_sigma: float) -> None:
    noise = Noise(std=std, clip_sigma=clip_sigma)
    low, high = factor_range(noise)
    drawn = np.concatenate([draw_factors(noise, 1, episode, "uncertainty.pv", 50) for episode in range(40)])
    # To the last bit: the route table relies on it.
    assert drawn.min() >= low
    assert drawn.max() <= high
    if clip_sigma <= 1.0:
        assert (drawn.min(), drawn.max()) == (low, high)
    assert low >= 0.0


def test_an_episode_a_seed_and_a_name_have_draws_of_their_own() -> None:
    noise = Noise(std=0.1)
    drawn = [
        tuple(draw_factors(noise, seed, episode, name, 3).tolist())
        for seed in (1, 2)
        for episode in (0, 1, 2)
        for name in ("uncertainty.load", "uncertainty.pv")
    ]
    assert len(set(drawn)) == len(drawn)
    assert drawn[0] == tuple(draw_factors(noise, 1, 0, "uncertainty.load", 3).tolist())
