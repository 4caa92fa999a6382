"""Where road nodes are: coordinates from TNTP, CSV or GeoJSON files."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.wording import shown
from cosim.traffic import tntp

Positions = dict[int, tuple[float, float]]

COLUMNS = ("node", "x", "y")
#: Mistakes of a file that are listed.
MOST_ISSUES = 20


def read_coordinates(path: Path, where: str = "") -> Positions:
    """Read the coordinates of nodes; the form follows from the file's name.

    Args:
        path: `*.csv` with columns `node`, `x`, `y`; `*.geojson` or `*.json` with a point for each node, its number as
            the property `node` or as `id`; anything else is TNTP.
        where: Place in the scenario that names the file, for the issues.

    Returns:
        x and y of each node [the file's unit], by node.

    Raises:
        ScenarioError: If the file is missing or wrong; holds its first mistakes.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".geojson", ".json"):
        return tntp.read_nodes(path, where)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError([ScenarioIssue(where, f"{path} cannot be read ({error.strerror})")]) from error
    except UnicodeDecodeError as error:
        raise ScenarioError([ScenarioIssue(where, f"{path} is not in UTF-8")]) from error
    found = _Found(path, where)
    if suffix == ".csv":
        _read_csv(text, found)
    else:
        _read_geojson(text, found)
    return found.checked()


class _Found:
    """Positions and mistakes of a file.

    Args:
        path: The file.
        where: Place in the scenario that names it.
    """

    def __init__(self, path: Path, where: str) -> None:
        self._path, self._where = path, where
        self._positions: Positions = {}
        self._issues: list[ScenarioIssue] = []

    def wrong(self, place: str, problem: str) -> None:
        """Note a mistake."""
        self._issues.append(ScenarioIssue(self._where, f"{self._path}: {place}: {problem}"))

    def add(self, place: str, node: Any, x: Any, y: Any) -> None:
        """Take in a node."""
        number = _whole(node)
        if number is None:
            self.wrong(place, f"the node must be a whole number of at least 0, got {shown(node)}")
            return
        at = (_finite(x), _finite(y))
        if any(map(math.isnan, at)):
            self.wrong(place, f"node {number}: x and y must be numbers, got {shown(x)} and {shown(y)}")
        elif number in self._positions:
            self.wrong(place, f"node {number} has a place already")
        else:
            self._positions[number] = at

    def checked(self) -> Positions:
        """The positions, if there are any and none is wrong."""
        if not self._positions and not self._issues:
            self.wrong("the file", "has no nodes")
        if self._issues:
            raise ScenarioError(self._issues[:MOST_ISSUES])
        return self._positions


def _read_csv(text: str, found: _Found) -> None:
    rows = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        found.wrong("line 1", f"has no column {', '.join(missing)}; it must have {', '.join(COLUMNS)}")
        return
    for row in rows:
        found.add(f"line {rows.line_num}", *(row[name] for name in COLUMNS))


def _read_geojson(text: str, found: _Found) -> None:
    try:
        tree = json.loads(text)
    except ValueError as error:
        found.wrong("the file", f"is no JSON ({error})")
        return
    features = tree.get("features") if isinstance(tree, dict) else None
    if not isinstance(features, list):
        found.wrong("the file", "is no GeoJSON FeatureCollection: it has no list of features")
        return
    for number, feature in enumerate(features):
        place = f"feature {number}"
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        if not isinstance(geometry, dict) or geometry.get("type") != "Point":
            found.wrong(place, "must be a Point")
            continue
        at = geometry.get("coordinates")
        if not isinstance(at, list) or len(at) < 2:
            found.wrong(place, f"must have two coordinates, got {shown(at)}")
            continue
        properties = feature.get("properties") or {}
        found.add(place, properties.get("node", feature.get("id")), at[0], at[1])


def _whole(value: Any) -> int | None:
    """A number of a node, from a number or from text."""
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and not isinstance(value, bool | float) else None


def _finite(value: Any) -> float:
    """A number, from a number or from text; not a number if it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return math.nan
    try:
        number = float(value)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
