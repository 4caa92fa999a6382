"""The algorithms that can be trained, by name, and how their settings are read."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, cast

from agents.learning import Algorithm
from agents.turns import Order
from cosim.errors import ControllerError
from cosim.interface import FleetSpec


@dataclass(frozen=True)
class Line:
    """An algorithm with what makes it one line of a comparison.

    Attributes:
        name: Its name, that of its controller too.
        module: Where it is.
        cls: Its class; the settings' class stands beside it as `Settings`.
        about: One line.
        presets: Settings that make the line, whatever else is set.
        starts_from: Line whose weights it can begin with; empty for none.
    """

    name: str
    module: str
    cls: str
    about: str
    presets: Mapping[str, Any]
    starts_from: str = ""


LINES = (
    Line("maddqn", "agents.algorithms.maddqn", "Maddqn", "double deep Q-network over stations and modes", {}),
    Line("admaddpg", "agents.algorithms.admaddpg", "Admaddpg", "attention, CNN and LSTM; actor and central critic", {}),
    Line(
        "admaddpg-no-lstm",
        "agents.algorithms.admaddpg",
        "Admaddpg",
        "AD-MADDPG that remembers no earlier slot",
        {"memory": 1},
    ),
    Line(
        "team-ppo",
        "agents.algorithms.team_ppo",
        "TeamPpo",
        "MADDQN's network, fine-tuned by the team's reward",
        {},
        starts_from="maddqn",
    ),
)
ORDERS: tuple[Order, ...] = ("sequential", "simultaneous")


def find_line(name: str) -> Line:
    """Look a line up by name.

    Raises:
        ControllerError: If there is none of that name.
    """
    for line in LINES:
        if line.name == name:
            return line
    names = ", ".join(repr(line.name) for line in LINES)
    raise ControllerError(f"there is no algorithm {name!r}; there are {names}")


def make_settings(line: Line, given: Mapping[str, Any]) -> Any:
    """Read settings.

    Args:
        line: Whose.
        given: Values by name; whole numbers may stand for others.

    Raises:
        ControllerError: If there is no setting of a name, or its value is of another kind; names it.
    """
    settings = importlib.import_module(line.module).Settings
    known = {f.name: f for f in fields(settings)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise ControllerError(f"algorithm.{name}: {line.name} has no such setting; it has {', '.join(known)}")
        if name in line.presets:
            raise ControllerError(f"algorithm.{name}: is {line.presets[name]!r} in {line.name}")
        whole = known[name].type == "int"
        least, kind = (1, "a whole number") if whole else (0, "a number")
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not value >= least:
            raise ControllerError(f"algorithm.{name}: must be {kind} of at least {least}, got {value!r}")
        values[name] = value if whole else float(value)
    return settings(**{**values, **line.presets})


def make_algorithm(line: Line, spec: FleetSpec, settings: Any, seed: int) -> Algorithm:
    """Make an algorithm with untrained networks.

    Args:
        line: Which.
        spec: The fleet.
        settings: Its settings.
        seed: Seed of the networks' first weights.
    """
    cls = getattr(importlib.import_module(line.module), line.cls)
    return cast(Algorithm, cls(spec, settings, seed))
