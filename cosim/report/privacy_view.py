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
    "sums": ("late reader", "hears sums of all by station and slot, when all have decided"),
    "turns": (
        "core",
        "hears how these sums change by the turn of a vehicle, or of all that decide with it; so do all who read them",
    ),
    "messages": ("station", "hears a vehicle's message"),
    "messages of four slots": ("stations", "hear its messages of four slots, and know that they are of one vehicle"),
}
#: How attackers guess.
GUESSERS = {
    "neighbours": "the mean of what was true where the nearest known messages were sent",
    "network": "has learned from the known messages; both take what they hear in a slot by itself",
    "sequence": "a network that has read, slot by slot, all that was heard since the episode began, at any station",
}


def privacy_view(summary: Mapping[str, Any]) -> Group:
    """The tables.

    Args:
        summary: What `Privacy.summary` gives.
    """
    restored = summary["metrics"]["load_restoration_ratio"]
    interval = "" if restored["low"] is None else f" ({restored['low']:.3f} to {restored['high']:.3f})"
    mean = "none" if restored["mean"] is None else f"{restored['mean']:.3f}{interval}"
    lines = [*_about(summary), f"load restored: {mean}"]
    question = ["", _question(summary)]
    attacked = {attack["hears"] for attack in summary["attacks"]}
    heard = [f"{word}: {about}" for hears, (word, about) in HEARERS.items() if hears in attacked]
    if "messages" not in attacked:
        heard.append("station: hears no message; vehicles add up among themselves")
    guessed = [f"{name}: {about}" for name, about in GUESSERS.items()]
    remarks = [*heard, "", *guessed, "charge in points of the battery", "", _membership(summary), _guarantee(summary)]
    return Group(
        *map(Text, lines),
        _traffic(summary["traffic"]),
        *map(Text, question),
        _attacks(summary),
        *map(Text, ["", *remarks]),
    )


def _about(summary: Mapping[str, Any]) -> list[str]:
    """Which episodes of what these are."""
    fleet, run = f"{summary['controller']}, {summary['fleet_size']} EVs", summary["run"]
    count, seed = summary["episodes"], f"seed {summary['seed']}"
    if run is None:
        return [f"{summary['scenario']}: {fleet}, {count} held-out episodes, {seed}"]
    lines = [
        f"{run['folder']}: {summary['scenario']}, {fleet}, {_episodes(count)}, {seed}; the same to the last bit when "
        "run again"
    ]
    if run["interrupted"]:
        lines.append(
            f"interrupted: {count} of {run['episodes_planned']} episodes are finished, and only these are attacked"
        )
    return lines


def _question(summary: Mapping[str, Any]) -> str:
    if summary["run"] is None:
        return "how far attackers are off who know all about half of the episodes, in the other half"
    known = summary["episodes_known"]
    return f"how far attackers are off in the run, who know all about {_episodes(known)} that are held out of it"


def _episodes(count: int) -> str:
    return f"{count} episode{'' if count == 1 else 's'}"


def _membership(summary: Mapping[str, Any]) -> str:
    found = summary["membership"]
    if found["mean"] is None:
        return "in the run or not: not asked, for one episode has no other whose vehicles are strangers to it"
    interval = "" if found["low"] is None else f" ({found['low']:.2f} to {found['high']:.2f})"
    return (
        f"in the run or not: by sums, a vehicle that was looks likelier than one that was not with probability "
        f"{found['mean']:.2f}{interval}; a guess: 0.50; a message bears the vehicle's number"
    )


def _guarantee(summary: Mapping[str, Any]) -> str:
    promised = summary["guarantee"]
    if promised is None:
        return "differential privacy: none, for messages bear no noise"
    return (
        f"differential privacy of the energies that a vehicle tells in an episode: epsilon {_epsilon(promised)} "
        f"for delta {promised['delta']:g}, by noise of {promised['noise_kwh']:g} kWh; station, arrival, side: none"
    )


def _epsilon(promised: Mapping[str, Any]) -> str:
    epsilon = promised["epsilon"]
    return "of tens of thousands" if epsilon is None else f"{epsilon:,.{0 if epsilon >= 10.0 else 2}f}"


def _traffic(traffic: Mapping[str, Any]) -> Table:
    """What goes over the bus, weights apart."""
    table = Table(title="\nmessages, without weights", title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    table.add_column("")
    table.add_column("in use", justify="right")
    table.add_column("in training", justify="right")
    phases = [traffic[phase] for phase in ("execution", "training")]
    evs = [phase["without_weights"]["per_ev_and_slot"] for phase in phases]
    balances, on_board = (
        [phase["without_weights"][name] for phase in phases] for name in ("balance", "balance_on_board")
    )
    of_all = traffic["evs"] * traffic["slots"]
    rows: dict[str, list[str]] = {
        "an EV sends in a slot [bytes]": [_number(ev["sent_bytes"]) for ev in evs],
        "an EV receives in a slot [bytes]": [_number(ev["received_bytes"]) for ev in evs],
        "raw bytes that leave an EV in a slot": [_number(phase["raw_bytes_left"] / max(of_all, 1)) for phase in phases],
        "share of raw bytes that stay": [_number(phase.get("data_decentralisation"), 3) for phase in phases],
        "entropy of where raw bytes are [bits]": [_number(phase.get("data_entropy_bits"), 2) for phase in phases],
        "Jain's index of the load of all nodes": [_number(balance["jain"], 3) for balance in balances],
        "busiest node": [balance["busiest"] or "none" for balance in balances],
        "its load over the mean": [_number(balance["busiest_over_mean"], 2) for balance in balances],
        "the same with twins in their vehicles": [_number(balance["busiest_over_mean"], 2) for balance in on_board],
    }
    for name, cells in rows.items():
        table.add_row(Text(name), *cells)
    return table


def _number(value: float | None, digits: int = 1) -> str:
    return "none" if value is None else f"{value:,.{digits}f}"


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
