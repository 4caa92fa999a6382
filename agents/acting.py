"""A network as it acts: in 64 bits, so that its numbers do not depend on how many act side by side.

In 32 bits the last bits of a row depend on the number of rows. Where the largest of some numbers decides, that
hardly ever shows; a literal action would carry it into positions and energies. What is computed in 64 bits and then
rounded to 32 is the same for a row alone and among others.
"""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

from torch import nn

Network = TypeVar("Network", bound=nn.Module)


class Acting(Generic[Network]):
    """A copy of a network in 64 bits, made when it is asked for.

    Args:
        network: The network that learns.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._copy: Network | None = None

    @property
    def network(self) -> Network:
        """The copy."""
        if self._copy is None:
            self._copy = copy.deepcopy(self._network).double()
        return self._copy

    def renew(self) -> None:
        """Forget the copy: the network has changed."""
        self._copy = None
