"""The table that `cosim engines --check` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text


def engines_view(found: Sequence[Mapping[str, Any]]) -> Group:
    """Which engines agree with pandapower, how well, and what a case costs.

    Args:
        found: What `Conformance` holds, one for each engine, with `passed`.
    """
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("engine", overflow="fold", min_width=16)
    for heading in ("5 islands", "intact", "same alone", "ms alone", "ms of 32"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for one in found:
        table.add_row(
            Text(one["engine"]),
            f"{one['islands_error']:.1e}",
            f"{one['intact_error']:.1e}",
            "yes" if one["alone_is_same"] else "no",
            f"{one['alone_ms']:.3f}",
            f"{one['batch_ms']:.3f}",
            "good" if one["passed"] else "wrong",
        )
    notes = [
        "largest difference from pandapower in p.u., MW or Mvar; whether the bits of a case do not depend on others;",
        "CPU time per case, alone and as one of 32",
        *(f"{one['engine']} does not solve the AC equations, it is near them" for one in found if not one["exact"]),
        *(f"{one['engine']}: {problem}" for one in found for problem in one["problems"]),
    ]
    return Group(table, *map(Text, notes))
