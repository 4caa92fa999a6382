"""Co-simulation of electric vehicles in a damaged power system.

import cosim
results = cosim.run("scenarios/outage_33bus.yaml", episodes=8)
results.metrics["load_restoration_ratio"].mean
results.visits  # and the other tables, as data frames
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cosim._version import __version__

if TYPE_CHECKING:
    from cosim.experiment import Results, load, run
    from cosim.system import System

__all__ = ["Results", "System", "__version__", "load", "run"]

_HOME = {
    "Results": "cosim.experiment",
    "System": "cosim.system",
    "load": "cosim.experiment",
    "run": "cosim.experiment",
}


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Load what is heavy when it is first used."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'cosim' has no attribute {name!r}")
