"""Noise: factors around 1, drawn once per episode from a stream of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.scenario.schema import Noise
from cosim.seeding import stream


def draw_factors(noise: Noise, seed: int, episode: int, name: str, size: int) -> NDArray[np.float64]:
    """Draw the factors of one episode.

    Args:
        noise: Their distribution.
        seed: The scenario's seed.
        episode: Number of the episode.
        name: Name of the stream.
        size: How many.

    Returns:
        Factors around 1, clipped, never below 0, shape [size].
    """
    if noise.std == 0.0:
        return np.ones(size)
    deviation = stream(seed, episode, name).standard_normal(size).clip(-noise.clip_sigma, noise.clip_sigma)
    return np.maximum(1.0 + noise.std * deviation, 0.0)


def factor_range(noise: Noise) -> tuple[float, float]:
    """The least and the greatest factor that can be drawn."""
    spread = noise.std * noise.clip_sigma if noise.std > 0.0 else 0.0
    return max(1.0 - spread, 0.0), 1.0 + spread
