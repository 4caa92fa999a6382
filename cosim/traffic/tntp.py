"""Readers of TNTP files, the text format in which road networks for research are exchanged.

Numbers keep the units of the file; what a unit means is said in the scenario. Whether two files fit together
is checked where they meet, in `cosim.traffic.road_network`.

Source: Transportation Networks for Research, https://github.com/bstabler/TransportationNetworks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.text_file import UnreadableError, read_text
from cosim.scenario.wording import one_line, shown

MAX_ISSUES: Final = 20
LINK_COLUMNS: Final = ("tail", "head", "capacity", "length", "free_flow_time", "b", "power")
NODE_COLUMNS: Final = ("node", "x", "y")
FLOW_COLUMNS: Final = ("tail", "head", "volume", "cost")
#: As in a scenario: beyond these, or nearer to zero, numbers have no meaning and arithmetic overflows.
HIGHEST: Final = 1e9
SMALLEST: Final = 1e-9
HIGHEST_POWER: Final = 20

LINK_BOUNDS: Final = {
    "capacity": (SMALLEST, HIGHEST),
    "length": (0.0, HIGHEST),
    "free_flow_time": (0.0, HIGHEST),
    "b": (0.0, HIGHEST),
    "power": (0.0, HIGHEST_POWER),
}

Link = tuple[int, int]
Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class TntpNetwork:
    """The directed links of a road network, in the order of the file.

    Args:
        nodes: Number of nodes; they are numbered from 1.
        first_thru_node: Nodes below this one are ends of trips only, never passed through.
        tail: Node at which each link starts, shape [E].
        head: Node at which each link ends, shape [E].
        capacity_vph: Capacity [vehicles/h], above 0, shape [E].
        length: Length [the file's unit], shape [E].
        free_flow_time: Travel time on the empty link [the file's unit], shape [E].
        b: Congestion factor of the BPR function, shape [E].
        power: Exponent of the BPR function, shape [E].
    """

    nodes: int
    first_thru_node: int
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    capacity_vph: NDArray[np.float64]
    length: NDArray[np.float64]
    free_flow_time: NDArray[np.float64]
    b: NDArray[np.float64]
    power: NDArray[np.float64]


def read_network(path: Path, where: str = "") -> TntpNetwork:
    """Read a file of links (`*_net.tntp`).

    Args:
        path: The file.
        where: Place in the scenario that names the file, for the issues.

    Returns:
        The network.

    Raises:
        ScenarioError: If the file is missing or wrong; holds its first mistakes.
    """
    file = _TntpFile(path, where)
    nodes = file.required_count("NUMBER OF NODES")
    first_thru_node = file.count("FIRST THRU NODE") or 1
    links: dict[Link, list[float]] = {}
    for line, text in file.rows:
        with file.reading(line):
            fields = _fields(text, LINK_COLUMNS)
            link = _link(fields)
            if nodes and max(link) > nodes:
                raise _WrongLineError(f"node {max(link)} is unknown: the nodes are 1 to {nodes}")
            _add(links, link, [_number(name, fields[name], *LINK_BOUNDS[name]) for name in LINK_COLUMNS[2:]])
    file.check_row_count("NUMBER OF LINKS", file.required_count("NUMBER OF LINKS"))
    file.raise_issues()

    used_nodes = len({node for link in links for node in link})
    if nodes != used_nodes:
        file.note("NUMBER OF NODES", f"{nodes} nodes, but the links join {used_nodes}")
    if first_thru_node > nodes:
        file.note("FIRST THRU NODE", f"node {first_thru_node} is unknown: the nodes are 1 to {nodes}")
    file.raise_issues()

    tail, head = np.array(list(links), dtype=np.int64).T.copy()
    capacity, length, free_flow_time, b, power = np.array(list(links.values()), dtype=np.float64).T.copy()
    return TntpNetwork(nodes, first_thru_node, tail, head, capacity, length, free_flow_time, b, power)


def read_nodes(path: Path, where: str = "") -> dict[int, tuple[float, float]]:
    """Read a file of node coordinates (`*_node.tntp`).

    Args:
        path: The file.
        where: Place in the scenario that names the file, for the issues.

    Returns:
        x and y of each node [the file's unit], by node.

    Raises:
        ScenarioError: If the file is missing or wrong; holds its first mistakes.
    """
    file = _TntpFile(path, where)
    positions: dict[int, tuple[float, float]] = {}
    for line, text in file.rows:
        with file.reading(line):
            fields = _fields(text, NODE_COLUMNS, exactly=True)
            _add(positions, _node(fields["node"]), (_number("x", fields["x"]), _number("y", fields["y"])))
    file.check_row_count("NUMBER OF NODES", file.count("NUMBER OF NODES"))
    file.raise_issues()
    return positions


def read_flow(path: Path, where: str = "") -> dict[Link, tuple[float, float]]:
    """Read a file of link flows (`*_flow.tntp`).

    Args:
        path: The file.
        where: Place in the scenario that names the file, for the issues.

    Returns:
        Volume [vehicles/h] and travel time at that volume [the unit of `free_flow_time`], by tail and head.

    Raises:
        ScenarioError: If the file is missing or wrong; holds its first mistakes.
    """
    file = _TntpFile(path, where)
    flows: dict[Link, tuple[float, float]] = {}
    for line, text in file.rows:
        with file.reading(line):
            fields = _fields(text.replace(":", " "), FLOW_COLUMNS, exactly=True)
            volume, cost = (_number(name, fields[name], 0.0, HIGHEST) for name in FLOW_COLUMNS[2:])
            _add(flows, _link(fields), (volume, cost))
    file.check_row_count("NUMBER OF LINKS", file.count("NUMBER OF LINKS"))
    file.raise_issues()
    return flows


def read_trips(path: Path, where: str = "") -> dict[Link, float]:
    """Read a trip table (`*_trips.tntp`).

    Args:
        path: The file.
        where: Place in the scenario that names the file, for the issues.

    Returns:
        Trips [vehicles/h] by origin and destination; zeros as far as the file writes them.

    Raises:
        ScenarioError: If the file is missing or wrong; holds its first mistakes.
    """
    file = _TntpFile(path, where)
    zones = file.count("NUMBER OF ZONES")
    trips: dict[Link, float] = {}
    origin = 0
    for line, text in file.rows:
        with file.reading(line):
            word, *rest = text.split()
            if word.lower() == "origin":
                origin = 0  # so that a wrong origin does not give its trips to the one before
                origin = _zone(" ".join(rest), zones)
                continue
            if not origin:
                raise _WrongLineError("trips without an origin above them")
            for item in filter(str.strip, text.split(";")):
                destination, _, volume = item.partition(":")
                pair = (origin, _zone(destination.strip(), zones))
                _add(trips, pair, _number("volume", volume.strip(), 0.0, HIGHEST))
    file.raise_issues()
    return trips


class _WrongLineError(Exception):
    """A line is wrong; the message says what was expected and what was given."""


class _TntpFile:
    """A file cut into metadata and rows, and the mistakes found in it so far.

    Args:
        path: The file.
        where: Place in the scenario that names the file, for the issues.

    Raises:
        ScenarioError: If the file cannot be read.
    """

    def __init__(self, path: Path, where: str) -> None:
        self._source = one_line(str(path))
        self._where = where
        self._issues: list[ScenarioIssue] = []
        self._metadata: dict[str, tuple[int, str]] = {}
        self.rows: list[tuple[int, str]] = []
        try:
            text = read_text(path)
        except UnreadableError as error:
            raise ScenarioError([ScenarioIssue(where, str(error), self._source, error.line)]) from error
        self._cut(text.replace("\r\n", "\n").replace("\r", "\n"))
        if not self.rows:
            self._issues.append(ScenarioIssue(where, "holds no data", self._source))

    def _cut(self, text: str) -> None:
        for line, raw in enumerate(text.split("\n"), start=1):
            content = raw.partition("~")[0].strip()
            if content.startswith("<"):
                with self.reading(line):
                    self._add_metadata(line, content)
            elif content.strip("; \t"):
                self.rows.append((line, content))
        if self.rows and _is_header(self.rows[0][1]):
            del self.rows[0]

    def _add_metadata(self, line: int, content: str) -> None:
        name, closed, value = content[1:].partition(">")
        if not closed:
            raise _WrongLineError(f"metadata is written <NAME> value, got {shown(content)}")
        _add(self._metadata, name.strip().upper(), (line, value.strip()))

    @contextmanager
    def reading(self, line: int) -> Iterator[None]:
        """Turn a mistake met in the block into an issue of that line, and go on after the block."""
        try:
            yield
        except _WrongLineError as error:
            self._issues.append(ScenarioIssue(self._where, str(error), self._source, line))

    def note(self, name: str, problem: str) -> None:
        """Note a mistake at the line of a metadata entry, or at none if the entry is missing."""
        line, _ = self._metadata.get(name, (0, ""))
        self._issues.append(ScenarioIssue(self._where, f"<{name}>: {problem}", self._source, line))

    def count(self, name: str) -> int:
        """Read a metadata entry that counts or numbers something; 0 if it is missing or wrong."""
        if name not in self._metadata:
            return 0
        line, text = self._metadata[name]
        with self.reading(line):
            return _positive_integer(f"<{name}>", text)
        return 0

    def required_count(self, name: str) -> int:
        """Read a metadata entry as `count` does; that it is missing is a mistake."""
        if name not in self._metadata:
            self.note(name, "is missing")
        return self.count(name)

    def check_row_count(self, name: str, expected: int) -> None:
        """Note a mistake if the number of rows is not what a metadata entry says, 0 for nothing."""
        if expected and expected != len(self.rows):
            self.note(name, f"{expected} rows, but the file has {len(self.rows)}")

    def raise_issues(self) -> None:
        """Raise all mistakes noted so far.

        Raises:
            ScenarioError: If there are any; holds the first `MAX_ISSUES` in the order of their lines.
        """
        if self._issues:
            raise ScenarioError(sorted(self._issues, key=lambda issue: issue.line)[:MAX_ISSUES])


def _is_header(text: str) -> bool:
    """Tell a line of column names: no field of it is a number."""
    return not any(_is_number(field) for field in text.replace(";", " ").replace(":", " ").split())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _fields(text: str, columns: tuple[str, ...], *, exactly: bool = False) -> dict[str, str]:
    """Split a row into its named columns; further columns are left out, or a mistake: another kind of file."""
    row, _, rest = text.partition(";")
    values = row.split()
    if rest.strip("; \t"):
        raise _WrongLineError(f"a row ends at its semicolon, got {shown(rest.strip())} after it")
    if len(values) < len(columns) or (exactly and len(values) > len(columns)):
        wanted = f"{len(columns)} values" if exactly else f"at least {len(columns)} values"
        raise _WrongLineError(f"a row has {wanted} ({', '.join(columns)}), got {len(values)}")
    return dict(zip(columns, values, strict=False))


def _link(fields: dict[str, str]) -> Link:
    tail, head = _node(fields["tail"]), _node(fields["head"])
    if tail == head:
        raise _WrongLineError(f"a link joins two nodes, got {tail} twice")
    return tail, head


def _node(text: str) -> int:
    return _positive_integer("a node", text)


def _zone(text: str, zones: int) -> int:
    zone = _positive_integer("a zone", text)
    if zones and zone > zones:
        raise _WrongLineError(f"zone {zone} is unknown: the zones are 1 to {zones}")
    return zone


def _positive_integer(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise _WrongLineError(f"{name} must be a whole number from 1 to 999999999, got {shown(text)}")
    return int(text)


def _number(name: str, text: str, lowest: float = -HIGHEST, highest: float = HIGHEST) -> float:
    value = float(text) if _is_number(text) and "_" not in text else math.nan
    if not math.isfinite(value):
        raise _WrongLineError(f"{name} must be a finite number, got {shown(text)}")
    if value < lowest:
        raise _WrongLineError(f"{name} must be at least {lowest:g}, got {value:g}")
    if value > highest:
        raise _WrongLineError(f"{name} must be at most {highest:g}, got {value:g}")
    return value


def _add(entries: dict[Key, Value], key: Key, value: Value) -> None:
    """Add an entry that must not be there yet."""
    if key in entries:
        name = key if isinstance(key, str) else shown(key)
        raise _WrongLineError(f"{one_line(str(name), 60)} stands twice in the file")
    entries[key] = value
