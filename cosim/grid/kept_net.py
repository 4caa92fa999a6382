"""A pandapower net in a process that may never look at it.

Importing pandapower takes more time than many a run. Only who builds a network needs it, and the engine of that name: a
worker that is sent a network, or a simulator that solves its power flows, does not.
"""

from __future__ import annotations

import pickle
from typing import Any

PandapowerNet = Any


class KeptNet:
    """A pandapower net that travels as bytes, and is made of them where it is looked at.

    Args:
        net: The net.
    """

    def __init__(self, net: PandapowerNet) -> None:
        self._net = net
        self._pickled: bytes | None = None

    @property
    def net(self) -> PandapowerNet:
        """The net."""
        if self._pickled is not None:
            self._net, self._pickled = pickle.loads(self._pickled), None
        return self._net

    def __getstate__(self) -> bytes:
        return pickle.dumps(self._net) if self._pickled is None else self._pickled

    def __setstate__(self, pickled: bytes) -> None:
        self._net, self._pickled = None, pickled
