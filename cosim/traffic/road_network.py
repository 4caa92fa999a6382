"""The road network as arrays, and how it is built from a scenario."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.interface import Floats, Ints
from cosim.scenario.schema import LatticeRoads, ListedRoads, RoadSection, StationSection, TntpRoads
from cosim.traffic import tntp
from cosim.traffic.coordinates import read_coordinates
from cosim.units import seconds_from_minutes, seconds_per_km

#: A station's position must be this near to a node [km].
AT_NODE_KM = 1e-3
#: A road is at least this long [km].
SHORTEST_KM = 1e-9
#: A number that was mistyped is looked for in networks of up to this many nodes.
HINTED_NODES = 10_000


@dataclass(frozen=True, eq=False)
class RoadNetwork:
    """Nodes and directed roads; a road is also called an edge. Both are counted from 0.

    Attributes:
        node_number: Number of each node in its source, shape [N].
        node_km: Position of each node on the map [km], shape [N, 2].
        tail: Node that each road leaves, shape [E].
        head: Node that it leads to, shape [E].
        length_km: Length; on a drawn map not the distance of its ends [km], shape [E].
        free_time_s: Travel time without traffic [s], shape [E].
        capacity_vph: Capacity [vehicles/h], shape [E].
        bpr_b: Congestion factor of the BPR function, shape [E].
        bpr_power: Exponent of the BPR function, shape [E].
        area_km: Width and height of the map [km].
        closed_to_transit: Whether traffic may not pass through a node, shape [N].
    """

    node_number: Ints
    node_km: Floats
    tail: Ints
    head: Ints
    length_km: Floats
    free_time_s: Floats
    capacity_vph: Floats
    bpr_b: Floats
    bpr_power: Floats
    area_km: tuple[float, float]
    closed_to_transit: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

    @property
    def nodes(self) -> int:
        """Number of nodes, N."""
        return len(self.node_number)

    @property
    def roads(self) -> int:
        """Number of directed roads, E."""
        return len(self.tail)

    @cached_property
    def out_roads(self) -> list[list[tuple[int, int]]]:
        """For each node the roads that leave it, each with its head."""
        out: list[list[tuple[int, int]]] = [[] for _ in range(self.nodes)]
        for road, (tail, head) in enumerate(zip(self.tail.tolist(), self.head.tolist(), strict=True)):
            out[tail].append((road, head))
        return out

    @cached_property
    def road_between(self) -> dict[tuple[int, int], int]:
        """The road from one node to another, by its tail and head."""
        return {ends: road for road, ends in enumerate(zip(self.tail.tolist(), self.head.tolist(), strict=True))}

    @cached_property
    def opposite(self) -> list[int]:
        """For each road the one in the opposite direction, -1 if there is none."""
        there, back = self.tail * self.nodes + self.head, self.head * self.nodes + self.tail
        order = np.argsort(there, kind="stable")
        # Of several roads between the same nodes the last one, as everywhere.
        found = np.searchsorted(there[order], back, side="right") - 1
        opposite: list[int] = np.where((found >= 0) & (there[order][found] == back), order[found], -1).tolist()
        return opposite

    @cached_property
    def drawn_km(self) -> Floats:
        """Straight distance of each road's ends on the map [km], shape [E]."""
        ends: Floats = self.node_km[self.head] - self.node_km[self.tail]
        return np.hypot(ends[:, 0], ends[:, 1])

    @cached_property
    def middle_km(self) -> Floats:
        """Position of each road's middle on the map [km], shape [E, 2]."""
        middle_km: Floats = (self.node_km[self.tail] + self.node_km[self.head]) / 2.0
        return middle_km

    def position_km(self, road: Ints, node: Ints, offset_km: Floats) -> Floats:
        """Positions of places on the map.

        Args:
            road: Directed road, -1 at a node, shape [...].
            node: Node, or the end of the road, shape [...].
            offset_km: Distance from the road's start [km], shape [...].

        Returns:
            Positions [km], shape [..., 2].
        """
        position_km: Floats = self.node_km[node]
        between = road >= 0
        at = road[between]
        tail_km = self.node_km[self.tail[at]]
        share = offset_km[between] / self.length_km[at]
        position_km[between] = tail_km + share[:, None] * (position_km[between] - tail_km)
        return position_km


def build_lattice(section: LatticeRoads) -> RoadNetwork:
    """A rectangular lattice of two-way roads, its nodes numbered row by row from the origin."""
    columns, rows, spacing_km = section.columns, section.rows, section.spacing_km
    node = np.arange(columns * rows, dtype=np.int64)
    column, row = node % columns, node // columns
    east = node[column < columns - 1]
    north = node[row < rows - 1]
    first = np.concatenate([east, north])
    second = np.concatenate([east + 1, north + columns])
    # Both directions of a road side by side, roads in the order of their first nodes.
    order = np.argsort(first, kind="stable")
    tail = np.stack([first[order], second[order]], axis=1).ravel()
    head = np.stack([second[order], first[order]], axis=1).ravel()
    one = np.ones(len(tail))
    return RoadNetwork(
        node_number=node,
        node_km=np.stack([column * spacing_km, row * spacing_km], axis=1).astype(np.float64),
        tail=tail,
        head=head,
        length_km=one * spacing_km,
        free_time_s=one * spacing_km * seconds_per_km(section.speed_kmh),
        capacity_vph=one * section.capacity_vph,
        bpr_b=one * section.bpr_b,
        bpr_power=one * section.bpr_power,
        area_km=((columns - 1) * spacing_km, (rows - 1) * spacing_km),
        closed_to_transit=np.zeros(len(node), dtype=bool),
    )


def build_tntp(section: TntpRoads, resolve: Callable[[str], Path]) -> RoadNetwork:
    """A road network from TNTP files, its coordinates stretched onto the map.

    Args:
        section: The scenario's `roads`.
        resolve: Turns a path in the scenario into one that can be opened.

    Raises:
        ScenarioError: If a file is wrong, or the two do not fit together.
    """
    links = tntp.read_network(resolve(section.network), "roads.network")
    positions = read_coordinates(resolve(section.nodes), "roads.nodes")
    number = np.unique(np.concatenate([links.tail, links.head]))
    issues = [
        ScenarioIssue("roads.nodes", f"node {missing} of the links has no coordinates in {section.nodes}")
        for missing in number.tolist()
        if missing not in positions
    ]
    flat = np.flatnonzero(links.length * section.km_per_length < SHORTEST_KM)
    issues += [
        ScenarioIssue("roads.network", f"link {links.tail[k]}-{links.head[k]} has no length") for k in flat.tolist()
    ]
    if issues:
        raise ScenarioError(issues)
    tail, head = np.searchsorted(number, links.tail), np.searchsorted(number, links.head)
    # Files that are published have dead ends; parts that nothing joins are a mistake.
    _check_joined(number, tail, head, "weak", "roads.network")
    drawn = np.array([positions[n] for n in number.tolist()])
    extent = np.ptp(drawn, axis=0)
    stretch = np.array(section.area_km) / np.where(extent > 0.0, extent, 1.0)
    return RoadNetwork(
        node_number=number,
        node_km=(drawn - drawn.min(axis=0)) * stretch,
        tail=tail,
        head=head,
        length_km=links.length * section.km_per_length,
        free_time_s=links.free_flow_time * seconds_from_minutes(section.minutes_per_time),
        capacity_vph=links.capacity_vph,
        bpr_b=links.b,
        bpr_power=links.power,
        area_km=(float(section.area_km[0]), float(section.area_km[1])),
        closed_to_transit=number < links.first_thru_node,
    )


def build_listed(section: ListedRoads) -> RoadNetwork:
    """A road network that is listed node by node and road by road; the map reaches as far as its nodes.

    Args:
        section: The scenario's `roads`.

    Raises:
        ScenarioError: If a node is listed twice or not at all, a road leads nowhere or is listed twice, or some nodes
            cannot be reached from others; names them.
    """
    number = [node.node for node in section.nodes]
    place = {node: k for k, node in enumerate(number)}
    issues = [
        ScenarioIssue(f"roads.nodes.{k}.node", f"node {node} is listed already")
        for k, node in enumerate(number)
        if place[node] != k
    ]
    ends: dict[tuple[int, int], tuple[int, RoadSection]] = {}
    for k, road in enumerate(section.roads):
        issues += [
            ScenarioIssue(f"roads.roads.{k}.{name}", f"there is no node {node}; it must be one of roads.nodes")
            for name, node in (("from_node", road.from_node), ("to_node", road.to_node))
            if node not in place
        ]
        if road.from_node == road.to_node:
            issues.append(
                ScenarioIssue(f"roads.roads.{k}.to_node", f"leads back to node {road.to_node}, where it begins")
            )
        for pair in [(road.from_node, road.to_node), (road.to_node, road.from_node)][: 1 + road.both_ways]:
            if pair in ends:
                problem = f"leads from {pair[0]} to {pair[1]} as roads.roads.{ends[pair][0]} does"
                issues.append(ScenarioIssue(f"roads.roads.{k}", problem))
            ends.setdefault(pair, (k, road))
    if issues:
        raise ScenarioError(issues)
    position_km = np.array([node.position_km for node in section.nodes])
    tail, head = np.array([[place[a], place[b]] for a, b in ends]).T.copy()
    listed = [road for _, road in ends.values()]
    straight_km = np.hypot(*(position_km[head] - position_km[tail]).T)
    given = [road.length_km for road in listed]
    length_km = np.array([km if k is None else k for k, km in zip(given, straight_km.tolist(), strict=True)])
    for k, km in zip((k for k, _ in ends.values()), length_km.tolist(), strict=True):
        if km < SHORTEST_KM:
            raise ScenarioError([ScenarioIssue(f"roads.roads.{k}", "its ends are at one place; give it a length_km")])
    _check_joined(np.array(number), tail, head, "strong", "roads.nodes")
    east_km, north_km = position_km.max(axis=0).tolist()
    return RoadNetwork(
        node_number=np.array(number),
        node_km=position_km,
        tail=tail,
        head=head,
        length_km=length_km,
        free_time_s=length_km * np.array([seconds_per_km(road.speed_kmh) for road in listed]),
        capacity_vph=np.array([road.capacity_vph for road in listed]),
        bpr_b=np.full(len(tail), section.bpr_b),
        bpr_power=np.full(len(tail), section.bpr_power),
        area_km=(east_km, north_km),
        closed_to_transit=np.zeros(len(number), dtype=np.bool_),
    )


def _check_joined(number: Ints, tail: Ints, head: Ints, connection: str, path: str) -> None:
    """Refuse nodes that nothing joins with the others; with a strong connection, those too that are dead ends."""
    graph = csr_array((np.ones(len(tail)), (tail, head)), shape=(len(number), len(number)))
    count, part = connected_components(graph, directed=True, connection=connection)
    if count == 1:
        return
    largest = np.bincount(part).argmax()
    apart = number[part != largest]
    named = ", ".join(map(str, apart[:5].tolist())) + (", ..." if len(apart) > 5 else "")
    leads = "no way leads there and back from" if connection == "strong" else "no road joins them with"
    problem = f"{leads} the other nodes: {named}; add roads, or leave the nodes out"
    raise ScenarioError([ScenarioIssue(path, problem)])


def build_roads(section: LatticeRoads | TntpRoads | ListedRoads, resolve: Callable[[str], Path]) -> RoadNetwork:
    """The road network of a scenario.

    Args:
        section: The scenario's `roads`.
        resolve: Turns a path in the scenario into one that can be opened.

    Raises:
        ScenarioError: If a file is wrong.
    """
    if isinstance(section, LatticeRoads):
        return build_lattice(section)
    return build_listed(section) if isinstance(section, ListedRoads) else build_tntp(section, resolve)


def station_nodes(stations: list[StationSection], roads: RoadNetwork) -> Ints:
    """Find the road node of each station.

    Args:
        stations: The scenario's stations.
        roads: The road network.

    Returns:
        Nodes, counted from 0, shape [H].

    Raises:
        ScenarioError: If a station stands at no node, two stand at one, or no road joins them; holds all mistakes.
    """
    nodes: list[int] = []
    holder: dict[int, str] = {}
    issues: list[ScenarioIssue] = []
    for k, station in enumerate(stations):
        node, issue = _station_node(k, station, roads)
        if issue is None and node in holder:
            issue = ScenarioIssue(
                f"stations.{k}", f"stands at node {roads.node_number[node]}, where {holder[node]!r} is already"
            )
        if issue is not None:
            issues.append(issue)
        nodes.append(node)
        holder.setdefault(node, station.name)
    if not issues:
        issues = _apart(stations, nodes, roads)
    if issues:
        raise ScenarioError(issues)
    return np.array(nodes, dtype=np.int64)


def _apart(stations: list[StationSection], nodes: list[int], roads: RoadNetwork) -> list[ScenarioIssue]:
    """Stations that no way joins with the first one."""
    issues = []
    for tail, head, lack in (
        (roads.tail, roads.head, "no way leads to it from"),
        (roads.head, roads.tail, "no way leads from it to"),
    ):
        passed = ~roads.closed_to_transit[tail] | (tail == nodes[0])
        ends = (tail[passed], head[passed])
        graph = csr_array((np.ones(len(ends[0])), ends), shape=(roads.nodes, roads.nodes))
        reached = np.zeros(roads.nodes, dtype=bool)
        reached[breadth_first_order(graph, nodes[0], return_predecessors=False)] = True
        issues += [
            ScenarioIssue(f"stations.{k}", f"{lack} station {stations[0].name!r}; stations must be joined by roads")
            for k, node in enumerate(nodes)
            if not reached[node]
        ]
    return issues


def _station_node(k: int, station: StationSection, roads: RoadNetwork) -> tuple[int, ScenarioIssue | None]:
    if station.node is not None:
        numbers = roads.node_number
        found = np.flatnonzero(numbers == station.node)
        if len(found):
            return int(found[0]), None
        near = difflib.get_close_matches(str(station.node), map(str, numbers[:HINTED_NODES].tolist()), n=1)
        hint = f"; did you mean {near[0]}?" if near and len(numbers) <= HINTED_NODES else ""
        problem = f"there is no road node {station.node}; nodes are {numbers.min()} to {numbers.max()}{hint}"
        return -1, ScenarioIssue(f"stations.{k}.node", problem)
    x_km, y_km = station.position_km or (0.0, 0.0)
    distance_km = np.hypot(roads.node_km[:, 0] - x_km, roads.node_km[:, 1] - y_km)
    node = int(distance_km.argmin())
    if distance_km[node] <= AT_NODE_KM:
        return node, None
    nearest = ", ".join(f"{value:g}" for value in roads.node_km[node])
    problem = f"there is no road node at [{x_km:g}, {y_km:g}] km; the nearest is at [{nearest}] km"
    return -1, ScenarioIssue(f"stations.{k}.position_km", problem)
