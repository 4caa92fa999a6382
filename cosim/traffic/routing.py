"""The quickest way between two places on the roads, at the travel times of one instant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from cosim.traffic.road_network import RoadNetwork

#: A place this near to the end of a road is at the node there [km].
AT_END_KM = 1e-6


@dataclass(frozen=True, slots=True)
class Place:
    """A point of the road network: a node, or a point of a directed road.

    Attributes:
        node: The node, or the end of the road.
        road: The directed road, -1 at a node.
        offset_km: Distance from the road's start [km], 0 at a node.
    """

    node: int
    road: int = -1
    offset_km: float = 0.0


@dataclass(frozen=True, slots=True)
class Leg:
    """A drive along one directed road, or a part of it.

    Attributes:
        road: The road.
        from_km: Where the drive begins, from the road's start [km].
        to_km: Where it ends [km], beyond `from_km`.
    """

    road: int
    from_km: float
    to_km: float

    @property
    def length_km(self) -> float:
        """Length of the drive [km]."""
        return self.to_km - self.from_km


class Router:
    """Finds quickest ways by A* on the travel times it is given.

    The lower bound is the straight distance on the map times the best pace (free time per drawn kilometre) of
    any road: it never exceeds a true travel time, whatever the map's scale.

    Args:
        roads: The road network.
    """

    def __init__(self, roads: RoadNetwork) -> None:
        self._roads = roads
        self.length_km: list[float] = roads.length_km.tolist()
        """Length of each road [km]."""
        self._tail: list[int] = roads.tail.tolist()
        self._head: list[int] = roads.head.tolist()
        self._x_km: list[float] = roads.node_km[:, 0].tolist()
        self._y_km: list[float] = roads.node_km[:, 1].tolist()
        self._closed: list[bool] = roads.closed_to_transit.tolist()
        drawn = roads.drawn_km > 0.0
        pace = roads.free_time_s[drawn] / roads.drawn_km[drawn]
        self._best_pace_s_per_km = float(pace.min()) if len(pace) else 0.0

    def place_on(self, road: int, offset_km: float) -> Place:
        """The place at an offset on a road; near an end, the node there."""
        if offset_km <= AT_END_KM:
            return Place(self._tail[road])
        if offset_km >= self.length_km[road] - AT_END_KM:
            return Place(self._head[road])
        return Place(self._head[road], road, offset_km)

    def position_km(self, place: Place) -> tuple[float, float]:
        """Position of a place on the map [km]."""
        if place.road < 0:
            return self._x_km[place.node], self._y_km[place.node]
        share = place.offset_km / self.length_km[place.road]
        tail, head = self._tail[place.road], self._head[place.road]
        return (
            self._x_km[tail] + share * (self._x_km[head] - self._x_km[tail]),
            self._y_km[tail] + share * (self._y_km[head] - self._y_km[tail]),
        )

    def route(self, start: Place, target: Place, time_s: Sequence[float]) -> list[Leg] | None:
        """Find the quickest way.

        Args:
            start: Where it begins; on a road, it may go on or, where there is an opposite road, turn back.
            target: Where it ends.
            time_s: Travel time of each road [s], shape [E].

        Returns:
            The legs, none at the target itself; or None if there is no way.
        """
        if start == target:
            return []
        beginnings = self._ways_to_nodes(start, time_s)
        endings = {node: (cost_s, legs) for node, cost_s, legs in self._ways_from_nodes(target, time_s)}
        direct = self._direct(start, target)
        found = self._search(beginnings, endings, target, time_s)
        if direct is not None and (found is None or self.time_of_s(direct, time_s) <= self.time_of_s(found, time_s)):
            return direct
        return found

    def time_of_s(self, legs: Sequence[Leg], time_s: Sequence[float]) -> float:
        """Travel time of a way [s], at the travel time of each whole road [s]."""
        return sum(leg.length_km / self.length_km[leg.road] * time_s[leg.road] for leg in legs)

    def _search(
        self,
        beginnings: list[tuple[int, float, list[Leg]]],
        endings: dict[int, tuple[float, list[Leg]]],
        target: Place,
        time_s: Sequence[float],
    ) -> list[Leg] | None:
        out_roads, x_km, y_km, closed = self._roads.out_roads, self._x_km, self._y_km, self._closed
        target_x_km, target_y_km = self.position_km(target)
        pace = self._best_pace_s_per_km
        cost: dict[int, float] = {}
        came_by: dict[int, int] = {}
        heap: list[tuple[float, int]] = []
        first_legs: dict[int, list[Leg]] = {}
        for node, cost_s, legs in beginnings:
            if cost_s < cost.get(node, math.inf):
                cost[node] = cost_s
                first_legs[node] = legs
                bound_s = pace * math.hypot(x_km[node] - target_x_km, y_km[node] - target_y_km)
                heappush(heap, (cost_s + bound_s, node))
        best_s, best_node = math.inf, -1
        done: set[int] = set()
        while heap:
            bound_s, node = heappop(heap)
            if bound_s >= best_s:
                break
            if node in done:
                continue
            done.add(node)
            here_s = cost[node]
            if node in endings and here_s + endings[node][0] < best_s:
                best_s, best_node = here_s + endings[node][0], node
            if closed[node] and node not in first_legs:
                continue
            for road, head in out_roads[node]:
                there_s = here_s + time_s[road]
                if there_s < cost.get(head, math.inf):
                    cost[head] = there_s
                    came_by[head] = road
                    bound_s = pace * math.hypot(x_km[head] - target_x_km, y_km[head] - target_y_km)
                    heappush(heap, (there_s + bound_s, head))
        if best_node < 0:
            return None
        way: list[Leg] = []
        node = best_node
        while node in came_by:
            road = came_by[node]
            way.append(Leg(road, 0.0, self.length_km[road]))
            node = self._tail[road]
        way.reverse()
        return first_legs[node] + way + endings[best_node][1]

    def _ways_to_nodes(self, place: Place, time_s: Sequence[float]) -> list[tuple[int, float, list[Leg]]]:
        """Nodes that can be reached from a place without passing another one, with cost [s] and legs."""
        if place.road < 0:
            return [(place.node, 0.0, [])]
        length_km = self.length_km[place.road]
        ways = [self._part(place.road, place.offset_km, length_km, time_s, self._head[place.road])]
        back = self._roads.opposite[place.road]
        if back >= 0:
            back_km = self.length_km[back]
            offset_km = back_km * (1.0 - place.offset_km / length_km)
            ways.append(self._part(back, offset_km, back_km, time_s, self._head[back]))
        return ways

    def _ways_from_nodes(self, place: Place, time_s: Sequence[float]) -> list[tuple[int, float, list[Leg]]]:
        """Nodes from which a place can be reached without passing another one, with cost [s] and legs."""
        if place.road < 0:
            return [(place.node, 0.0, [])]
        ways = [self._part(place.road, 0.0, place.offset_km, time_s, self._tail[place.road])]
        back = self._roads.opposite[place.road]
        if back >= 0:
            offset_km = self.length_km[back] * (1.0 - place.offset_km / self.length_km[place.road])
            ways.append(self._part(back, 0.0, offset_km, time_s, self._tail[back]))
        return ways

    def _direct(self, start: Place, target: Place) -> list[Leg] | None:
        """The way between two places on the same road that passes no node."""
        if start.road < 0 or target.road < 0:
            return None
        back = self._roads.opposite[start.road]
        if target.road not in (start.road, back):
            return None
        length_km = self.length_km[start.road]
        target_km = target.offset_km
        if target.road == back:
            target_km = length_km * (1.0 - target.offset_km / self.length_km[back])
        if target_km >= start.offset_km:
            return [Leg(start.road, start.offset_km, target_km)]
        if back < 0:
            return None
        scale = self.length_km[back] / length_km
        return [Leg(back, (length_km - start.offset_km) * scale, (length_km - target_km) * scale)]

    def _part(
        self, road: int, from_km: float, to_km: float, time_s: Sequence[float], node: int
    ) -> tuple[int, float, list[Leg]]:
        leg = Leg(road, from_km, to_km)
        return node, self.time_of_s([leg], time_s), [leg]


def cut_to_budget(legs: list[Leg], budget_km: float) -> list[Leg]:
    """The beginning of a way, as far as some kilometres reach; it may end between two nodes.

    Args:
        legs: The way.
        budget_km: Kilometres that may be driven [km].
    """
    kept: list[Leg] = []
    left_km = budget_km
    for leg in legs:
        if leg.length_km <= left_km + AT_END_KM:
            kept.append(leg)
            left_km -= leg.length_km
            continue
        if left_km > AT_END_KM:
            kept.append(Leg(leg.road, leg.from_km, leg.from_km + left_km))
        break
    return kept


class SnapIndex:
    """Finds the nearest point of any road, in a grid of cells that each know the roads near them.

    Args:
        roads: The road network.
        reach_km: Points farther than this from any road are not snapped [km].
    """

    def __init__(self, roads: RoadNetwork, reach_km: float) -> None:
        self._reach_km = reach_km
        typical_km = float(np.median(roads.drawn_km)) if roads.roads else 0.0
        self._cell_km = max(2.0 * reach_km, typical_km / 2.0)
        ends = np.concatenate([roads.node_km[roads.tail], roads.node_km[roads.head]], axis=1)
        self._ends: list[tuple[float, float, float, float]] = [tuple(row) for row in ends.tolist()]
        self._length_km: list[float] = roads.length_km.tolist()
        self._cells: dict[tuple[int, int], list[int]] = {}
        for road, (x1, y1, x2, y2) in enumerate(self._ends):
            # One direction of a two-way road is enough: both lie on the same line.
            if 0 <= roads.opposite[road] < road:
                continue
            columns = range(self._cell(min(x1, x2) - reach_km), self._cell(max(x1, x2) + reach_km) + 1)
            rows = range(self._cell(min(y1, y2) - reach_km), self._cell(max(y1, y2) + reach_km) + 1)
            for column in columns:
                for row in rows:
                    self._cells.setdefault((column, row), []).append(road)

    def nearest(self, x_km: float, y_km: float) -> tuple[int, float] | None:
        """The nearest point of a road.

        Args:
            x_km: Position, eastwards [km].
            y_km: Position, northwards [km].

        Returns:
            The road (the lowest number among equals) and the offset on it [km]; None if none is in reach.
        """
        best_km, best = self._reach_km, None
        for road in self._cells.get((self._cell(x_km), self._cell(y_km)), ()):
            x1, y1, x2, y2 = self._ends[road]
            dx, dy = x2 - x1, y2 - y1
            square = dx * dx + dy * dy
            share = ((x_km - x1) * dx + (y_km - y1) * dy) / square if square > 0.0 else 0.0
            share = min(max(share, 0.0), 1.0)
            distance_km = math.hypot(x_km - x1 - share * dx, y_km - y1 - share * dy)
            if distance_km < best_km or (best is None and distance_km <= best_km):
                best_km, best = distance_km, (road, share * self._length_km[road])
        return best

    def _cell(self, km: float) -> int:
        return math.floor(km / self._cell_km)
