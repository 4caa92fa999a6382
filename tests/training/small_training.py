"""Trainings of a few episodes with a small fleet, for the tests."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cosim
from agents.catalogue import LINES
from cosim.system import System
from cosim.training import Training

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"
DAY = SCENARIO.with_name("v2g_day.yaml")
COMMUTING = {line.name for line in LINES if line.commutes}
#: Settings of each line that make its updates quick.
FEW: Mapping[str, Mapping[str, Any]] = {
    "maddqn": {"updates": 2, "rows": 64, "replay_episodes": 8},
    "admaddpg": {"updates": 2, "actor_every": 2, "slots": 2, "replay_episodes": 8},
    "admaddpg-no-lstm": {"updates": 2, "slots": 2, "replay_episodes": 8},
    "team-ppo": {"rows": 128, "warm_up": 1},
    "admaddpg-literal": {"updates": 2, "slots": 2, "replay_episodes": 8},
    "maddpg": {"updates": 2, "slots": 4, "replay_episodes": 8},
    "maddpg-pointer": {"updates": 2, "slots": 4, "replay_episodes": 8},
    "maddpg-messages": {"updates": 2, "slots": 4, "replay_episodes": 8},
    "dt-maddpg": {"updates": 2, "slots": 4, "replay_episodes": 8},
    "independent": {"updates": 2, "rows": 8, "replay_episodes": 8},
    "v2g-il": {"updates": 2, "slots": 4, "replay_episodes": 8},
    "v2g-maddpg": {"updates": 2, "slots": 4, "replay_episodes": 8},
    "v2g-dt-maddpg": {"updates": 2, "slots": 4, "replay_episodes": 8, "correction": True},
}
SMALL = ("network.engine=lindistflow", "fleet.size=5")


def small_system(*overrides: str, algorithm: str = "") -> System:
    """A small fleet of the kind that an algorithm guides."""
    return cosim.load(DAY if algorithm in COMMUTING else SCENARIO, [*SMALL, *overrides])


def short(algorithm: str, **changes: Any) -> Training:
    known = {line.name: line.orders[0] for line in LINES}
    asked: dict[str, Any] = {"episodes": 6, "replicas": 2, "settings": FEW.get(algorithm, {}), "command": "as a test"}
    asked["order"] = known.get(algorithm, "sequential")
    return Training(algorithm, **{**asked, **changes})


def curve_of(folder: Path) -> list[dict[str, str]]:
    """The rows of a curve; without the time, which no two runs share."""
    with (folder / "curve.csv").open(newline="") as file:
        return [{name: cell for name, cell in row.items() if name != "cpu_s"} for row in csv.DictReader(file)]


def result_of(folder: Path) -> dict[str, Any]:
    """Weights to the last bit, and the curve."""
    weights = {name: (folder / f"{name}.safetensors").read_bytes() for name in ("best", "last")}
    return {**weights, "curve": curve_of(folder)}
