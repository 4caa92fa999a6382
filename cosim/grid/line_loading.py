"""The power on lines by the linear model, and the limits that the network gives for them.

Apparent power at rated voltage stands for current; losses are left out, as in the voltages of the linear model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.grid.feeder import Feeder
from cosim.interface import Floats

#: A line counts as beyond its limit from this share of it on.
TOLERANCE = 1e-6

Complexes = NDArray[np.complex128]


class LineLoading:
    """The lines of a feeder that have limits.

    Args:
        feeder: The feeder.
        impedance: Its impedance matrix without the slack buses [p.u. at 1 MVA], shape [B, B].
    """

    def __init__(self, feeder: Feeder, impedance: Complexes) -> None:
        limited = np.isfinite(feeder.line_max_kva)
        first, second = feeder.line_from[limited], feeder.line_to[limited]
        base_ohm = feeder.vn_kv[second] ** 2
        of_line = (feeder.line_r_ohm + 1j * feeder.line_x_ohm)[limited] / base_ohm
        # What flows from the first to the second bus of each line, per power drawn at each bus; in a tree 0, 1 or -1.
        self._share: Complexes = np.conj((impedance[second] - impedance[first]) / of_line[:, None])
        self._max_kva: Floats = feeder.line_max_kva[limited]
        self._island = feeder.island[first]
        self._islands = len(feeder.slack)

    def of_lines_kva(self, p_kw: Floats, q_kvar: Floats) -> Floats:
        """Apparent power of each line with a limit [kVA], shape [N, L]; powers drawn at buses have shape [N, B]."""
        drawn = p_kw + 1j * q_kvar
        # A stack of products, not one: a case is the same to the last bit however many there are.
        loading: Floats = np.abs((self._share[None] @ drawn[:, :, None])[:, :, 0])
        return loading

    def beyond(self, p_kw: Floats, q_kvar: Floats) -> NDArray[np.bool_]:
        """Which islands have a line beyond its limit, shape [N, S]."""
        beyond = self.of_lines_kva(p_kw, q_kvar) > self._max_kva * (1.0 + TOLERANCE)
        flags = np.zeros((len(p_kw), self._islands), dtype=np.bool_)
        for island in range(self._islands):
            flags[:, island] = beyond[:, self._island == island].any(axis=1)
        return flags

    def of_island(self, island: int, inside: NDArray[np.int64]) -> tuple[Complexes, Floats]:
        """Shares [L, n] and limits [kVA] of an island's lines; `inside` are its buses, shape [n]."""
        lines = self._island == island
        return self._share[lines][:, inside], self._max_kva[lines]
