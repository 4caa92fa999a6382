"""What every algorithm for EVs that commute is: power at home, chosen by all at once."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from agents.algorithm import Algorithm
from agents.episode_replay import Arrays, Shapes


class CommuterAlgorithm(Algorithm):
    """Decides for EVs that are at home, all at once."""

    @abstractmethod
    def shapes(self, slots: int, evs: int) -> Shapes:
        """What is kept of an episode beside what EVs see, choose and earn: shape and type by name."""

    @abstractmethod
    def choose(self, seen: Arrays, slot: int) -> NDArray[np.float32]:
        """Share of the power of each EV, > 0 charges, shape [R, I], from what is seen; see `agents.commuters.view`."""

    def messages(self, seen: Arrays, slot: int, share: NDArray[np.float32]) -> Arrays:
        """What twins tell when all have chosen, by name as in `shapes`, shape [R, ...]."""
        return {}
