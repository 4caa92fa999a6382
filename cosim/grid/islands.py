"""Which microgrids are together in a slot: closed lines join them to islands, opened ones part them."""

from __future__ import annotations

import numpy as np

from cosim.interface import Floats, Ints


class Islands:
    """The islands of a slot.

    Args:
        island: Number of each microgrid's island, -1 if it is dark, shape [M].

    Attributes:
        island: The same.
        live: Whether a grid-forming unit holds the microgrid's voltage, shape [M].
        together: 1 where two microgrids are in one island, else 0, shape [M, M].
        alone: Whether every microgrid is an island of its own, and none is dark.
    """

    def __init__(self, island: Ints) -> None:
        self.island = island
        self.live = island >= 0
        self.alone = bool((island == np.arange(len(island))).all())
        # Who is dark is with nobody.
        numbered = np.where(self.live, island, -1 - np.arange(len(island)))
        self.together = (numbered[:, None] == numbered).astype(np.float64)

    def total(self, values: Floats) -> Floats:
        """What an island has in all, at each of its microgrids; of who is dark, its own; shape [..., M]."""
        if self.alone:
            return values
        # A sum over the last axis, not a matrix product: the result of a case depends on that case alone.
        total: Floats = (values[..., None, :] * self.together).sum(axis=-1)
        return total

    def part(self, total: Floats, weight: Floats) -> Floats:
        """Each microgrid's part of what its island has in all, in proportion to weights >= 0; shape [..., M]."""
        if self.alone:
            return total
        of_all = self.total(weight)
        share: Floats = weight / np.where(of_all > 0.0, of_all, 1.0)
        return total * share
