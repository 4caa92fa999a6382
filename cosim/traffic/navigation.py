"""What a driver's navigation knows: distances to stations, and where to head, with the traffic that is usual."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from cosim.interface import Floats, Ints
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.routing import Leg, Place, Router
from cosim.units import hours

#: Aims remembered at most; more are found anew each time.
MOST_AIMS = 100_000


class RoadNavigator:
    """Ways from every place to every station, quickest at fixed travel times.

    Fulfils `cosim.interface.Navigator`. The ways are found when they are first asked for.

    Args:
        roads: The road network.
        router: Knows positions on it.
        station_node: Road node of each station, shape [H].
        usual_time_s: Travel time of each road with the traffic that is usual [s], shape [E].
        budget_km: Farthest straight distance of an action, and kilometres per slot [km].
    """

    def __init__(
        self, roads: RoadNetwork, router: Router, station_node: Ints, usual_time_s: Floats, budget_km: float
    ) -> None:
        self._roads = roads
        self._router = router
        self._station_node: list[int] = station_node.tolist()
        self._budget_km = budget_km
        self._usual_time_s = usual_time_s
        self._opposite = np.array(roads.opposite, dtype=np.int64)
        self._aims: dict[tuple[int, float, int], tuple[float, float]] = {}

    @cached_property
    def station_distance_km(self) -> Floats:
        """Road distance from each station to each other one [km], shape [H, H]."""
        distance_km: Floats = self._distance_km[self._station_node]
        return distance_km

    @cached_property
    def station_travel_time_h(self) -> Floats:
        """Usual driving time from each station to each other one [h], shape [H, H]; inf where there is no way."""
        travel_time_h: Floats = hours(1.0) * self._time_s[self._station_node]
        return travel_time_h

    def distance_km(self, edge: Ints, node: Ints, offset_km: Floats) -> Floats:
        """Road distance from places to every station [km]; see `cosim.interface.Navigator`."""
        return self._from_places(self._distance_km, self._roads.length_km, edge, node, offset_km)

    def travel_time_h(self, edge: Ints, node: Ints, offset_km: Floats) -> Floats:
        """Usual driving time from places to every station [h]; see `cosim.interface.Navigator`."""
        return hours(1.0) * self._from_places(self._time_s, self._usual_time_s, edge, node, offset_km)

    def aim(self, edge: Ints, node: Ints, offset_km: Floats, station: Ints) -> tuple[Floats, Floats]:
        """The move that brings EVs as near to their stations as one slot allows; see `Navigator`."""
        places = zip(*(np.ravel(values).tolist() for values in (edge, node, offset_km, station)), strict=True)
        aims = np.array([self._aim(*place) for place in places]).reshape(*np.shape(edge), 2)
        return aims[..., 0], aims[..., 1]

    def _aim(self, edge: int, node: int, offset_km: float, station: int) -> tuple[float, float]:
        key = (edge, offset_km, station) if edge >= 0 else (-1, node, station)
        aim = self._aims.get(key)
        if aim is None:
            aim = self._find_aim(Place(node, edge, offset_km), station)
            if len(self._aims) < MOST_AIMS:
                self._aims[key] = aim
        return aim

    def _find_aim(self, place: Place, station: int) -> tuple[float, float]:
        """Follow the way to the station to its last point within the slot's road and straight kilometres."""
        start_x_km, start_y_km = self._router.position_km(place)
        driven_km, aim = 0.0, (0.0, 0.0)
        for leg in self._way(place, station):
            allowed_km = min(leg.length_km, self._budget_km - driven_km)
            if allowed_km <= 0.0:
                break
            reach = self._last_within(leg, allowed_km, start_x_km, start_y_km)
            if reach is not None:
                dx, dy = reach[0] - start_x_km, reach[1] - start_y_km
                aim = (math.atan2(dy, dx) % (2.0 * math.pi), min(math.hypot(dx, dy), self._budget_km))
            driven_km += leg.length_km
        return aim

    def _last_within(self, leg: Leg, allowed_km: float, x_km: float, y_km: float) -> tuple[float, float] | None:
        """The last point of a leg's first kilometres that is within straight reach of a position."""
        length_km = self._router.length_km[leg.road]
        x1, y1 = self._router.position_km(Place(-1, leg.road, leg.from_km))
        x2, y2 = self._router.position_km(Place(-1, leg.road, min(leg.from_km + allowed_km, length_km)))
        if math.hypot(x2 - x_km, y2 - y_km) <= self._budget_km:
            return x2, y2
        # Where the segment leaves the circle of reach: the larger root of |p1 + s (p2 - p1) - centre| = reach.
        dx, dy, fx, fy = x2 - x1, y2 - y1, x1 - x_km, y1 - y_km
        a, b, c = dx * dx + dy * dy, 2.0 * (fx * dx + fy * dy), fx * fx + fy * fy - self._budget_km**2
        under_root = b * b - 4.0 * a * c
        if a == 0.0 or under_root < 0.0:
            return None
        share = (-b + math.sqrt(under_root)) / (2.0 * a)
        return (x1 + share * dx, y1 + share * dy) if 0.0 <= share <= 1.0 else None

    def _way(self, place: Place, station: int) -> Iterator[Leg]:
        node = place.node
        if place.road >= 0:
            first = self._first_leg(place, station)
            yield first
            node = int(self._roads.head[first.road])
        while node != self._station_node[station]:
            after = int(self._next_node[node, station])
            if after < 0:
                return
            road = self._roads.road_between[node, after]
            yield Leg(road, 0.0, self._router.length_km[road])
            node = after

    def _first_leg(self, place: Place, station: int) -> Leg:
        """From a point of a road, go on or turn back, whichever is quicker."""
        length_km = self._router.length_km[place.road]
        ahead = Leg(place.road, place.offset_km, length_km)
        back = self._roads.opposite[place.road]
        if back < 0:
            return ahead
        back_km = self._router.length_km[back]
        behind = Leg(back, back_km * (1.0 - place.offset_km / length_km), back_km)
        return min(ahead, behind, key=lambda leg: self._time_by(leg, station))

    def _time_by(self, leg: Leg, station: int) -> float:
        share = leg.length_km / self._router.length_km[leg.road]
        return float(share * self._usual_time_s[leg.road] + self._time_by_node[self._roads.head[leg.road], station])

    @cached_property
    def _ways(self) -> tuple[Floats, Ints]:
        """Travel time [s] and next node from each node to each station, shape [N, H]."""
        return _ways_to_stations(self._roads, self._station_node, self._usual_time_s)

    @property
    def _time_s(self) -> Floats:
        return self._ways[0]

    @cached_property
    def _time_by_node(self) -> Floats:
        """The same for who comes from a road: a node closed to transit may only be an end, shape [N, H]."""
        time_s = self._time_s.copy()
        shut = np.broadcast_to(self._roads.closed_to_transit[:, None], time_s.shape).copy()
        shut[self._station_node, np.arange(len(self._station_node))] = False
        time_s[shut] = np.inf
        return time_s

    @property
    def _next_node(self) -> Ints:
        return self._ways[1]

    @cached_property
    def _distance_km(self) -> Floats:
        """Length of the quickest way from each node to each station [km], shape [N, H]."""
        distance_km = np.full(self._time_s.shape, np.inf)
        for station, target in enumerate(self._station_node):
            distance_km[target, station] = 0.0
            # By rising travel time, the next node on the way is known before the nodes behind it.
            for node in np.argsort(self._time_s[:, station], kind="stable").tolist():
                after = int(self._next_node[node, station])
                if after >= 0:
                    road = self._roads.road_between[node, after]
                    distance_km[node, station] = self._roads.length_km[road] + distance_km[after, station]
        return distance_km

    def _from_places(self, of_node: Floats, of_road: Floats, edge: Ints, node: Ints, offset_km: Floats) -> Floats:
        """A measure of the quickest way from places to stations: by the node ahead, or the one behind."""
        measure: Floats = of_node[node]
        between = np.asarray(edge) >= 0
        if between.any():
            road = edge[between]
            behind = (offset_km[between] / self._roads.length_km[road])[:, None]
            tail, head, back = self._roads.tail[road], self._roads.head[road], self._opposite[road]
            ahead = 1.0 - behind
            on_s = ahead * self._usual_time_s[road, None] + self._time_by_node[head]
            back_s = behind * self._usual_time_s[back, None] + self._time_by_node[tail]
            back_s[back < 0] = np.inf
            by = np.where(
                on_s <= back_s,
                ahead * of_road[road, None] + of_node[head],
                behind * of_road[back, None] + of_node[tail],
            )
            by[np.minimum(on_s, back_s) == np.inf] = np.inf
            measure[between] = by
        return measure


def _ways_to_stations(roads: RoadNetwork, station_node: Sequence[int], time_s: Floats) -> tuple[Floats, Ints]:
    """Travel time and next node from each node to each station; shape [N, H]; next node -1 at the end."""
    # Roads turned round, so that one search from each station finds the ways to it. The search takes a
    # weight of 0 for no road at all. A road into a node closed to transit leads to a station there only.
    weight = np.maximum(time_s, 1e-9)
    travel_time_s, next_node = np.empty((roads.nodes, len(station_node))), np.empty((roads.nodes, len(station_node)))
    for station, node in enumerate(station_node):
        kept = ~roads.closed_to_transit[roads.head] | (roads.head == node)
        turned = csr_array((weight[kept], (roads.head[kept], roads.tail[kept])), shape=(roads.nodes, roads.nodes))
        travel_time_s[:, station], next_node[:, station] = dijkstra(turned, indices=node, return_predecessors=True)
    return travel_time_s, np.maximum(next_node, -1).astype(np.int64)
