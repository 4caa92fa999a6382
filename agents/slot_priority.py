"""Priorities of slots: those whose values were most wrong are looked at more often.

Source:
    Schaul et al. 2016.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.interface import Floats, Ints

#: No slot's error counts as less.
SMALLEST_ERROR = 1e-3


class SlotPriority:
    """Draws slots of the episodes in a replay by priority.

    Args:
        episodes: Episodes that the replay keeps.
        slots: Slots of an episode.
        exponent: Exponent of the errors; 0 draws all slots alike.
    """

    def __init__(self, episodes: int, slots: int, exponent: float) -> None:
        self._exponent = exponent
        self._priority: Floats = np.zeros((episodes, slots))
        self._met: Ints = np.zeros(1, dtype=np.int64)

    def parts(self) -> dict[str, NDArray[Any]]:
        """All that the next draw depends on, by name; arrays that may be written."""
        return {"priority": self._priority, "prioritised": self._met}

    def meet(self, stored: int) -> None:
        """Take in new episodes, with the greatest priority so far.

        Args:
            stored: Episodes ever stored in the replay.
        """
        for number in range(int(self._met[0]), stored):
            self._priority[number % len(self._priority)] = self._priority.max(initial=0.0) or 1.0
        self._met[0] = stored

    def draw(
        self, count: int, correction: float, generator: np.random.Generator
    ) -> tuple[Ints, Ints, NDArray[np.float32]]:
        """Draw slots.

        Args:
            count: How many, S.
            correction: Exponent of the weights that correct for the priorities; 1 in full.
            generator: Draws them.

        Returns:
            Episode, slot and weight of each, shape [S]; the greatest weight is 1.
        """
        episodes, slots = min(int(self._met[0]), len(self._priority)), self._priority.shape[1]
        priority = self._priority[:episodes].ravel()
        total = np.cumsum(priority)
        at = np.searchsorted(total, generator.random(count) * total[-1], side="right")
        at = np.minimum(at, len(priority) - 1)
        weight = (len(priority) * priority[at] / total[-1]) ** -correction
        return at // slots, at % slots, (weight / weight.max()).astype(np.float32)

    def set(self, episode: Ints, slot: Ints, error: NDArray[np.float32]) -> None:
        """Note how wrong the values of slots were, shape [S]."""
        self._priority[episode, slot] = (error + SMALLEST_ERROR) ** self._exponent
