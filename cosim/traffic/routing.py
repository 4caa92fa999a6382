"""The quickest way between two places on the roads, at the travel times of one instant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from cosim.traffic.road_network import RoadNetwork

#: A place this near to the end of a road is at the node there [km].
AT_END_KM = 1e-6


class Place(NamedTuple):
    """A point of the road network: a node, or a point of a directed road.

    Attributes:
        node: The node, or the end of the road.
        road: The directed road, -1 at a node.
        offset_km: Distance from the road's start [km], 0 at a node.
    """

    node: int
    road: int = -1
    offset_km: float = 0.0


class Leg(NamedTuple):
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


class Drive(NamedTuple):
    """The part of a way that is driven in one slot.

    Attributes:
        legs: The legs, none where there is nothing to drive.
        length_km: Their length [km].
        end: Where it ends.
    """

    legs: Sequence[Leg]
    length_km: float
    end: Place


class Way:
    """A way between two places.

    Args:
        legs: The legs, none at the target itself.

    Attributes:
        legs: The legs.
        roads: Their roads.
        drive: What can be driven of it in a slot, once it has been worked out.
    """

    __slots__ = ("drive", "legs", "roads")

    def __init__(self, legs: Sequence[Leg]) -> None:
        self.legs = legs
        self.roads = [leg[0] for leg in legs]
        self.drive: Drive | None = None


class Router:
    """Finds quickest ways by A* on the travel times it is given.

    The lower bound is the straight distance on the map times the best pace (free time per drawn kilometre) of
    any road: it never exceeds a true travel time, whatever the map's scale.

    Args:
        roads: The road network.
    """

    def __init__(self, roads: RoadNetwork) -> None:
        self._roads = roads
        self.nodes = roads.nodes
        """Number of nodes."""
        self.length_km: list[float] = roads.length_km.tolist()
        """Length of each road [km]."""
        self._whole = [Leg(road, 0.0, length_km) for road, length_km in enumerate(self.length_km)]
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
        beginnings = [(node, self.time_of_s(legs, time_s), legs) for node, legs in self.exits(start)]
        endings = {node: (self.time_of_s(legs, time_s), legs) for node, legs in self.entries(target)}
        direct = self.direct(start, target)
        found = self._search(beginnings, endings, target, time_s)
        if direct is not None and (found is None or self.time_of_s(direct, time_s) <= self.time_of_s(found, time_s)):
            return direct
        return found

    def time_of_s(self, legs: Sequence[Leg], time_s: Sequence[float]) -> float:
        """Travel time of a way [s], at the travel time of each whole road [s]."""
        length_km = self.length_km
        total_s = 0.0
        for road, from_km, to_km in legs:
            total_s += (to_km - from_km) / length_km[road] * time_s[road]
        return total_s

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
            # A node closed to transit may be left by who begins there, and be an end.
            shut = closed[node] and first_legs.get(node) != []
            if node in endings and not (shut and endings[node][1]) and here_s + endings[node][0] < best_s:
                best_s, best_node = here_s + endings[node][0], node
            if shut:
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
            way.append(self._whole[road])
            node = self._tail[road]
        way.reverse()
        return first_legs[node] + way + endings[best_node][1]

    def drive(self, way: Way, budget_km: float) -> Drive:
        """The beginning of a way that is not empty, as far as some kilometres reach.

        Args:
            way: The way.
            budget_km: Kilometres that may be driven [km].
        """
        legs = cut_to_budget(way.legs, budget_km)
        last = legs[-1] if legs else Leg(way.legs[0].road, 0.0, way.legs[0].from_km)
        length_km = sum([to_km - from_km for _, from_km, to_km in legs])
        return Drive(legs, length_km, self.place_on(last.road, last.to_km))

    def is_shut(self, first_legs: Sequence[Leg], first: int, last: int, last_legs: Sequence[Leg]) -> bool:
        """Whether a way by an exit and an entry would pass through a node closed to transit at either."""
        closed = self._closed
        goes_on = first != last or bool(last_legs)
        return (bool(first_legs) and closed[first] and goes_on) or (
            bool(last_legs) and closed[last] and (first != last or bool(first_legs))
        )

    def exits(self, place: Place) -> list[tuple[int, list[Leg]]]:
        """Nodes that can be reached from a place without passing another one, each with the way there."""
        if place.road < 0:
            return [(place.node, [])]
        length_km = self.length_km[place.road]
        ways = [(place.node, [Leg(place.road, place.offset_km, length_km)])]
        back = self._roads.opposite[place.road]
        if back >= 0:
            back_km = self.length_km[back]
            offset_km = back_km * (1.0 - place.offset_km / length_km)
            ways.append((self._head[back], [Leg(back, offset_km, back_km)]))
        return ways

    def entries(self, place: Place) -> list[tuple[int, list[Leg]]]:
        """Nodes from which a place can be reached without passing another one, each with the way from there."""
        if place.road < 0:
            return [(place.node, [])]
        ways = [(self._tail[place.road], [Leg(place.road, 0.0, place.offset_km)])]
        back = self._roads.opposite[place.road]
        if back >= 0:
            offset_km = self.length_km[back] * (1.0 - place.offset_km / self.length_km[place.road])
            ways.append((self._tail[back], [Leg(back, 0.0, offset_km)]))
        return ways

    def direct(self, start: Place, target: Place) -> list[Leg] | None:
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


def cut_to_budget(legs: Sequence[Leg], budget_km: float) -> list[Leg]:
    """The beginning of a way, as far as some kilometres reach; it may end between two nodes.

    Args:
        legs: The way.
        budget_km: Kilometres that may be driven [km].
    """
    kept: list[Leg] = []
    left_km = budget_km
    for leg in legs:
        road, from_km, to_km = leg
        length_km = to_km - from_km
        if length_km <= left_km + AT_END_KM:
            kept.append(leg)
            left_km -= length_km
            continue
        if left_km > AT_END_KM:
            kept.append(Leg(road, from_km, from_km + left_km))
        break
    return kept
