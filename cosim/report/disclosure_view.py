"""What EVs disclose and send, beside what they reach: a table of `cosim compare --privacy`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

#: Heading and digits of each number.
COLUMNS = {
    "raw_bytes_left_per_ev_and_slot": ("raw bytes\nleaving", 1),
    "data_decentralisation": ("raw share\nstaying", 2),
    "sent_messages_per_ev_and_slot": ("messages\nsent", 1),
    "sent_bytes_per_ev_and_slot": ("bytes\nsent", 0),
    "jain_index": ("Jain's\nindex", 2),
    "busiest_over_mean": ("busiest\nto mean", 1),
}
NONE = "none"


def disclosure_view(disclosures: Mapping[str, Mapping[str, Any] | None]) -> Group:
    """One row per controller, in each cell the number in use and that in training.

    Args:
        disclosures: What `Disclosure` holds, by the name of the controller; None where nothing could be counted.
    """
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(overflow="fold", min_width=8, max_width=30)
    for heading, _ in COLUMNS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    cells = [_cells(disclosures, name, digits) for name, (_, digits) in COLUMNS.items()]
    for name, row in zip(disclosures, zip(*cells, strict=True), strict=True):
        table.add_row(Text(name), *row)
    return Group(Text("\nmessages, without weights, per EV and slot: in use/in training"), table)


def disclosure_remarks(disclosures: Sequence[Mapping[str, Any] | None]) -> list[Text]:
    """What stands below the tables where a cell has no number.

    Args:
        disclosures: What `Disclosure` holds of each controller; None where nothing could be counted.
    """
    remarks = []
    if None in disclosures:
        remarks.append(
            "none: its EVs send no messages that could be counted, and `cosim train` does not train it; what a planner "
            "(mpc, best_response) sees of all EVs goes over no bus"
        )
    if any(found and found["training"] is None for found in disclosures):
        remarks.append("none after the stroke: `cosim train` does not train it")
    return [Text(remark) for remark in remarks]


def _cells(disclosures: Mapping[str, Mapping[str, Any] | None], name: str, digits: int) -> list[str]:
    """A number of each controller, both phases, with the strokes one below the other."""
    pairs = [
        None if found is None else [_number(phase and phase[name], digits) for phase in found.values()]
        for found in disclosures.values()
    ]
    width = max((len(pair[1]) for pair in pairs if pair), default=0)
    return [f"{pair[0]}/{pair[1]:>{width}}" if pair else NONE for pair in pairs]


def _number(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:,.{digits}f}"
