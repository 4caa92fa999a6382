"""What is left to chance while a fleet learns, and how it fades with the training's progress."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.interface import Floats, Ints


def linear(first: float, last: float, progress: float) -> float:
    """A value between two, by progress from 0 to 1."""
    return first + (last - first) * min(max(progress, 0.0), 1.0)


def drawn_by_chance(logits: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
    """Logits with noise such that the largest of those that are possible is drawn from their softmax."""
    noisy: NDArray[Any] = logits + generator.gumbel(size=logits.shape)
    return noisy


class Exploration:
    """Random choices among those that make sense, or noise, at a rate that rises over the replicas.

    Args:
        rate: Mean share of random choices; mean width of the noise.
        replicas: Number of replicas.
        generator: Draws them.
    """

    def __init__(self, rate: float, replicas: int, generator: np.random.Generator) -> None:
        spread = np.linspace(0.05, 1.95, replicas) if replicas > 1 else np.ones(1)
        self._rate: Floats = np.minimum(rate * spread, 1.0)
        self.generator = generator

    def mixed(self, choice: Ints, possible: NDArray[np.bool_], replica: Ints) -> Ints:
        """Choices with some replaced by random ones, shape [N]."""
        drawn = self.generator.random((2, len(choice)))
        count = possible.sum(axis=1)
        # The k-th of those that are possible.
        nth = np.minimum((drawn[1] * count).astype(np.int64), np.maximum(count - 1, 0))
        at_random = (np.cumsum(possible, axis=1) > nth[:, None]).argmax(axis=1)
        return np.where(drawn[0] < self._rate[replica], at_random, choice)

    def noisy(self, outputs: NDArray[Any], replica: Ints) -> NDArray[np.float32]:
        """Outputs of a literal head with Gaussian noise, shape [N, 3]; heading goes round, the rest stays in 0 to 1."""
        noise = self.generator.normal(size=outputs.shape) * self._rate[replica][:, None]
        moved = (outputs + noise).astype(np.float32)
        return np.concatenate([moved[:, :1] % 1.0, np.clip(moved[:, 1:], 0.0, 1.0)], axis=1)

    def jittered(self, share: NDArray[np.float32]) -> NDArray[np.float32]:
        """Shares of power with Gaussian noise, shape [R, I], from -1 to 1."""
        noise = self.generator.normal(size=share.shape) * self._rate[:, None]
        return np.clip(share + noise, -1.0, 1.0).astype(np.float32)


def exploring(settings: Any, progress: float, replicas: int, generator: np.random.Generator) -> Exploration:
    """The random choices of episodes side by side.

    Args:
        settings: An algorithm's.
        progress: Share of the training that is done before them.
        replicas: Number of episodes.
        generator: Draws them.
    """
    rate = linear(settings.epsilon, settings.epsilon_end, progress / settings.epsilon_until)
    return Exploration(rate, replicas, generator)
