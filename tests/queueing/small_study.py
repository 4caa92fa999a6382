"""Small queueing studies for the tests, written and loaded as a user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cosim.queueing.plan import Plan, make_plan
from cosim.scenario.study_loader import load_study

CARS = {
    "name": "cars",
    "station": "A",
    "arrivals": {"kind": "poisson", "per_h": 6.0},
    "service_h": {"kind": "exponential", "mean": 0.5},
}
STATION = {"name": "A", "chargers": 4}


def tree(*, station: dict[str, Any] | None = None, hours: float = 24.0, **cars: Any) -> dict[str, Any]:
    """The values of a study of one station and one group; what is None is left out."""
    customer, built = (
        {name: value for name, value in values.items() if value is not None}
        for values in ({**CARS, **cars}, {**STATION, **(station or {})})
    )
    return {
        "version": 1,
        "kind": "queue",
        "name": "small",
        "seed": 3,
        "clock": {"hours": hours},
        "stations": [built],
        "customers": [customer],
    }


def written(folder: Path, values: dict[str, Any]) -> Path:
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def plan(folder: Path, **changes: Any) -> Plan:
    return make_plan(load_study(written(folder, tree(**changes))))
