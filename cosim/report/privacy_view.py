"""What `cosim privacy` shows in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

#: Who hears what: a word for it, and what is meant.
HEARERS = {
    "nothing": ("guess", "hears nothing: what any message must be held against"),
    "sums": ("core", "hears sums of all messages by station and slot"),
    "messages": ("station", "hears a vehicle's message; so does who reads the board before and after it decides"),
    "messages of four slots": ("stations", "hear its messages of four slots, and know that they are of one vehicle"),
}


def privacy_view(summary: Mapping[str, Any]) -> Group:
    """The tables.

    Args:
        summary: What `Privacy.summary` gives.
    """
    restored = summary["metrics"]["load_restoration_ratio"]
    interval = "" if restored["low"] is None else f" ({restored['low']:.3f} to {restored['high']:.3f})"
    mean = "none" if restored["mean"] is None else f"{restored['mean']:.3f}{interval}"
    sent = f"{summary['messages_per_ev_slot']:.2f} messages of {summary['bytes_per_ev_slot']:.1f} bytes"
    lines = [
        f"{summary['scenario']}: {summary['controller']}, {summary['fleet_size']} EVs, {summary['episodes']} held-out "
        f"episodes, seed {summary['seed']}",
        f"load restored: {mean}",
        f"an EV sends {sent} in a slot",
        "",
        "how far attackers are off who know all about half of the episodes, in the other half",
    ]
    heard = [f"{word}: {about}" for word, about in HEARERS.values()]
    return Group(*map(Text, lines), _attacks(summary), *map(Text, ["", *heard, "charge in points of the battery"]))


def _attacks(summary: Mapping[str, Any]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("who")
    table.add_column("guesses by")
    for heading in ("position [km]", "charge", "charge at start", "next station"):
        table.add_column(heading, justify="right")
    for attack in summary["attacks"]:
        right = "" if attack["station_right"] is None else f"{attack['station_right']:.0%}"
        table.add_row(
            HEARERS[attack["hears"]][0],
            attack["attacker"],
            f"{attack['position_km']:.1f}",
            f"{attack['charge_points']:.1f}",
            f"{attack['start_points']:.1f}",
            right,
        )
    return table
