"""What every algorithm that trains a fleet is: networks that decide, and updates of them.

An algorithm says what it sees, how it chooses and how it learns. How its weights are handed on, and how all that it is
made of is written down and taken up again, is the same for all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.device import CPU
from agents.episode_replay import Arrays, EpisodeReplay, Shapes
from agents.exploration import Exploration
from agents.learner_state import Parts, load_tensors, tensors_of
from agents.moves import Moves
from agents.turns import Turn
from cosim.interface import Ints, Observation


class Algorithm(ABC):
    """Trains a fleet; how it decides depends on whether EVs choose where to go, or commute."""

    settings: Any
    on_policy: bool = False
    """Whether it learns from the last round's episodes only, not from all that a replay holds."""
    decides: nn.Module
    """The network that decides."""
    device: torch.device = CPU
    """Where it learns; only on the CPU does it decide too."""

    # ----------------------------------------------------------------------------------------------------- update

    @abstractmethod
    def update(self, replay: EpisodeReplay, progress: float, generator: np.random.Generator) -> dict[str, float]:
        """One update; returns what is logged."""

    def learn_on(self, device: torch.device) -> None:
        """Move all networks to a device, before the first update; who decides then is another one, on the CPU."""
        self.device = device
        for part in self.parts().values():
            if isinstance(part, nn.Module):
                # In place, so that optimisers keep their parameters.
                part.to(device)

    def tensor(self, values: NDArray[Any]) -> Tensor:
        """Values as a tensor where it learns."""
        return torch.from_numpy(values).to(self.device)

    # ---------------------------------------------------------------------------------------------------- weights

    @abstractmethod
    def parts(self) -> Parts:
        """All that the next update depends on, by name: networks, targets, optimisers, priorities, counters."""

    def weights(self) -> dict[str, Tensor]:
        """The weights that decide, by name."""
        return self.decides.state_dict()

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights that decide."""
        self.decides.load_state_dict(weights)
        self.renew()

    def start_from(self, line: str, weights: Mapping[str, Tensor]) -> None:
        """Begin with weights of a line that `agents.catalogue.Line.starts_from` names."""
        raise NotImplementedError

    def state(self) -> dict[str, Tensor]:
        """All parts as flat tensors."""
        return tensors_of(self.parts())

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        load_tensors(self.parts(), tensors)
        self.renew()

    def renew(self) -> None:  # noqa: B027 - most have nothing to renew
        """Take note that the network that decides has changed."""


class FleetAlgorithm(Algorithm):
    """Decides for EVs that choose where to go, in turn or all at once."""

    credit: str
    """`individual` or `team`: what EVs are rewarded by in training."""
    looks_back: bool = False
    """Whether critics see what all have chosen in a slot in sequential order too, once the last one has."""

    @abstractmethod
    def shapes(self, slots: int, evs: int) -> Shapes:
        """What is kept of an episode beside choices and rewards: shape and type by name."""

    def begin_slot(self, observation: Observation) -> Arrays:
        """Look at a slot before anybody decides; what is kept of it, shape [R, ...]. Slot 0 begins new episodes."""
        return {}

    @abstractmethod
    def inputs(self, turn: Turn, learns: bool) -> Arrays:
        """What the networks see as the EVs of a turn decide, shape [N, ...]; what only updates need, if it learns."""

    @abstractmethod
    def choose(self, turn: Turn, seen: Arrays, exploration: Exploration | None) -> Ints | Moves:
        """The choice of each EV by the networks, shape [N], or its literal action; the best one without exploration."""

    def afterwards(self, turn: Turn) -> Arrays:
        """What critics see anew when all have chosen, by name as in `inputs`, shape [N, ...]."""
        return {}
