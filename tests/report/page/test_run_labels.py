"""What differs between runs is found, and names tell them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cosim.report.page.run_labels import labels_of, varied_number


def scenario(size: int = 30, controller: str = "greedy", **others: Any) -> dict[str, Any]:
    return {"name": "outage", "fleet": {"size": size}, "controller": {"name": controller}, **others}


def test_one_number_that_varies_is_found() -> None:
    assert varied_number([scenario(20), scenario(30), scenario(30, "idle")]) == "fleet.size"
    assert varied_number([scenario(seed=1), scenario(seed=2)]) == "seed"
    assert varied_number([scenario(stations=[{"chargers": 1}]), scenario(stations=[{"chargers": 2}])]) == (
        "stations.0.chargers"
    )


def test_anything_else_is_not() -> None:
    assert varied_number([scenario(), scenario(controller="idle")]) is None
    assert varied_number([scenario(20, seed=1), scenario(30, seed=2)]) is None
    assert varied_number([scenario(engine="a"), scenario(engine="b")]) is None
    assert varied_number([scenario(flag=True), scenario(flag=False)]) is None


def test_labels_tell_runs_apart() -> None:
    folders = [Path("one"), Path("two"), Path("two")]
    assert labels_of(folders[:2], [scenario(), scenario(controller="idle")]) == ["greedy", "idle"]
    assert labels_of(folders[:2], [scenario(20), scenario(30)]) == [
        "greedy, fleet.size = 20",
        "greedy, fleet.size = 30",
    ]
    assert labels_of(folders, [scenario()] * 3) == ["greedy, one", "greedy, two [2]", "greedy, two [3]"]
