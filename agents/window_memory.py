"""What EVs remember while they act: the maps and the vectors of the last slots, as a learner finds them in a replay."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.turns import Turn


class WindowMemory:
    """The window of slots that ends with the present one, of all EVs of all replicas.

    Args:
        slots: Slots of a window, L.
        evs: EVs of a fleet.
        vector: Length of an EV's vector, V.
    """

    def __init__(self, slots: int, evs: int, vector: int) -> None:
        self._slots = slots
        self._shape = (evs, slots, vector)
        self._first = True

    def begin_slot(self, slot: int, maps: Tensor) -> None:
        """A slot begins; nobody has decided in it.

        Args:
            slot: Its number.
            maps: What its maps are encoded to, shape [R, width].
        """
        self._first = slot == 0
        if self._first:
            # Before its first slot an EV remembers that slot.
            self._maps = maps[:, None].repeat(1, self._slots, 1)
            self._vectors = np.zeros((len(maps), *self._shape), dtype=np.float32)
        else:
            self._maps = torch.cat([self._maps[:, 1:], maps[:, None]], dim=1)
            self._vectors = np.roll(self._vectors, -1, axis=2)
            # Of a slot in which it only drives an EV remembers nothing.
            self._vectors[:, :, -1] = 0.0

    def see(self, turn: Turn, vector: NDArray[np.float32]) -> None:
        """Remember what EVs see as they decide, shape [N, V]."""
        if self._first:
            self._vectors[turn.replica, turn.ev] = vector[:, None]
        else:
            self._vectors[turn.replica, turn.ev, -1] = vector

    def of_turn(self, turn: Turn) -> tuple[Tensor, Tensor]:
        """The windows of the EVs that decide: encoded maps [N, L, width] and vectors [N, L, V]."""
        return self._maps[turn.replica], torch.from_numpy(self._vectors[turn.replica, turn.ev])
