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
    from cosim.evaluation import Comparison, compare
    from cosim.experiment import Results, run
    from cosim.loading import load
    from cosim.records.store import read_records
    from cosim.report.making import make_figures, make_report
    from cosim.system import System
    from cosim.verification import Verification, verify

__all__ = [
    "Comparison",
    "Results",
    "System",
    "Verification",
    "__version__",
    "compare",
    "load",
    "make_figures",
    "make_report",
    "read_records",
    "run",
    "verify",
]

_HOME = {
    "Comparison": "cosim.evaluation",
    "Results": "cosim.experiment",
    "System": "cosim.system",
    "Verification": "cosim.verification",
    "compare": "cosim.evaluation",
    "load": "cosim.loading",
    "make_figures": "cosim.report.making",
    "make_report": "cosim.report.making",
    "read_records": "cosim.records.store",
    "run": "cosim.experiment",
    "verify": "cosim.verification",
}


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Load what is heavy when it is first used."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'cosim' has no attribute {name!r}")
