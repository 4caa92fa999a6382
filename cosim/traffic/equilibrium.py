"""User equilibrium: flows at which nobody gets there sooner by another way.

Source:
    Wardrop 1952 (first principle); Beckmann, McGuire, Winsten 1956 (as the minimum of a convex function);
    Frank, Wolfe 1956; Mitradjieva, Lindberg 2013, The stiff is moving (conjugate and biconjugate directions).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.sparse
from scipy.sparse.csgraph import dijkstra

from cosim.errors import SimulationError
from cosim.interface import Floats, Ints
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.travel_time import TravelTime

#: A direction never keeps more than this of the one before: else it is no longer one of descent.
MOST_KEPT = 0.99
#: Curvatures below this are none.
FLAT = 1e-30


@dataclass(frozen=True)
class Equilibrium:
    """An assignment of trips to roads.

    Attributes:
        flow_vph: Flow of each road [vehicles/h], shape [E].
        relative_gap: How much of all travel time would be saved if everybody took the quickest way at these flows.
        iterations: Number of all-or-nothing assignments after the first.
    """

    flow_vph: Floats
    relative_gap: float
    iterations: int


class AllOrNothing:
    """Assigns all trips to the quickest ways.

    Args:
        roads: The road network; nodes that are closed to transit are passed by nobody.
        trips_vph: Trips [vehicles/h] by origin and destination, nodes counted from 0.

    Raises:
        SimulationError: If there is no way for some trips; names them.
    """

    def __init__(self, roads: RoadNetwork, trips_vph: Mapping[tuple[int, int], float]) -> None:
        self._roads = roads
        origins = sorted({origin for (origin, end), trips in trips_vph.items() if trips > 0.0 and origin != end})
        self._origins = np.array(origins, dtype=np.int64)
        self._trips = np.zeros((len(origins), roads.nodes))
        row = {origin: k for k, origin in enumerate(origins)}
        for (origin, destination), trips in trips_vph.items():
            if trips > 0.0 and origin != destination:
                self._trips[row[origin], destination] += trips
        self._road_between = np.full((roads.nodes, roads.nodes), -1)
        self._road_between[roads.tail, roads.head] = np.arange(roads.roads)
        self._check_ways()

    def assign(self, time_s: Floats) -> tuple[Floats, float]:
        """Flows if everybody takes the quickest way.

        Args:
            time_s: Travel time of each road [s], shape [E].

        Returns:
            Flow of each road [vehicles/h], shape [E], and the travel time of all trips together [vehicle s/h].
        """
        flow_vph = np.zeros(self._roads.roads)
        total = 0.0
        for rows, distance_s, before in self._searches(time_s):
            trips = self._trips[rows]
            total += float((np.where(trips > 0.0, distance_s, 0.0) * trips).sum())
            # From the farthest node to the nearest, all that goes through a node is handed on to the one before.
            through = trips.copy()
            order = np.argsort(np.where(np.isfinite(distance_s), distance_s, -1.0), axis=1)[:, ::-1]
            k = np.arange(len(rows))
            for node in order.T:
                source = before[k, node]
                found = source >= 0
                some, last, first = k[found], node[found], source[found]
                amount = through[some, last]
                np.add.at(flow_vph, self._road_between[first, last], amount)
                through[some, first] += amount
        return flow_vph, total

    def _searches(self, time_s: Floats) -> Iterator[tuple[Ints, Floats, Ints]]:
        """Rows of origins, times to all nodes and the nodes before them, for origins that are searched together."""
        roads = self._roads
        closed = roads.closed_to_transit
        alone = closed[self._origins]
        groups = [np.flatnonzero(~alone), *(np.array([k]) for k in np.flatnonzero(alone))]
        for rows in groups:
            if not len(rows):
                continue
            # Nobody goes on from a closed node but who begins there.
            leaves = ~closed[roads.tail] | np.isin(roads.tail, self._origins[rows] if alone[rows[0]] else [])
            graph = scipy.sparse.csr_array(
                (time_s[leaves], (roads.tail[leaves], roads.head[leaves])), shape=(roads.nodes, roads.nodes)
            )
            distance_s, before = dijkstra(graph, indices=self._origins[rows], return_predecessors=True)
            yield rows, distance_s, before

    def _check_ways(self) -> None:
        for rows, distance_s, _ in self._searches(self._roads.free_time_s):
            lost = np.argwhere((self._trips[rows] > 0.0) & ~np.isfinite(distance_s))
            if len(lost):
                number = self._roads.node_number
                pairs = [f"{number[self._origins[rows[k]]]} to {number[node]}" for k, node in lost[:5].tolist()]
                raise SimulationError(f"there is no way for the trips from {', '.join(pairs)}")


def user_equilibrium(
    roads: RoadNetwork, trips_vph: Mapping[tuple[int, int], float], *, gap: float = 1e-4, iterations: int = 10_000
) -> Equilibrium:
    """Assign trips to roads so that nobody gets there sooner by another way.

    Args:
        roads: The road network.
        trips_vph: Trips [vehicles/h] by origin and destination, nodes counted from 0.
        gap: Relative gap to reach.
        iterations: All-or-nothing assignments, at most.

    Raises:
        SimulationError: If there is no way for some trips, or the gap is not reached.

    Source:
        Mitradjieva, Lindberg 2013, section 3.
    """
    travel_time, ways = TravelTime(roads), AllOrNothing(roads, trips_vph)
    flow_vph, _ = ways.assign(roads.free_time_s)
    target: list[Floats] = []
    step = 0.0
    found = 1.0
    for iteration in range(iterations + 1):
        time_s = travel_time.of_all_s(flow_vph)
        shortest_vph, least = ways.assign(time_s)
        spent = float(time_s @ flow_vph)
        found = (spent - least) / spent if spent > 0.0 else 0.0
        if found <= gap:
            return Equilibrium(flow_vph, found, iteration)
        curvature = _slope_s(roads, flow_vph)
        point = _conjugate(flow_vph, shortest_vph, target, step, curvature)
        if float(time_s @ (point - flow_vph)) >= 0.0:
            # No direction of descent: begin anew.
            point, target = shortest_vph, []
        step = _line_search(travel_time, flow_vph, point - flow_vph)
        target = [point, *target[:1]] if step < 1.0 else []
        flow_vph = flow_vph + step * (point - flow_vph)
    raise SimulationError(f"after {iterations} iterations the relative gap is {found:.2g}, not {gap:g}")


def _slope_s(roads: RoadNetwork, flow_vph: Floats) -> Floats:
    """How travel times grow with flow [s per vehicle/h], shape [E]."""
    load = flow_vph / roads.capacity_vph
    power = roads.bpr_power
    with np.errstate(divide="ignore", invalid="ignore"):
        steep = np.where(load > 0.0, load ** (power - 1.0), 0.0)
    slope: Floats = roads.free_time_s * roads.bpr_b * power * steep / roads.capacity_vph
    return slope


def _conjugate(flow: Floats, shortest: Floats, target: list[Floats], step: float, curvature: Floats) -> Floats:
    """The point to go towards: conjugate to the last direction, or to the last two."""
    if not target:
        return shortest
    to_last, to_new = target[0] - flow, shortest - flow
    if len(target) == 1:
        numerator = float(to_last @ (curvature * to_new))
        denominator = float(to_last @ (curvature * (shortest - target[0])))
        kept = numerator / denominator if abs(denominator) > FLAT else 0.0
        kept = min(max(kept, 0.0), MOST_KEPT)
        return kept * target[0] + (1.0 - kept) * shortest
    both = step * target[0] + (1.0 - step) * target[1] - flow
    across = target[1] - target[0]
    bottom = float(both @ (curvature * across))
    mu = -float(both @ (curvature * to_new)) / bottom if abs(bottom) > FLAT else 0.0
    square = float(to_last @ (curvature * to_last))
    nu = 0.0
    if square > FLAT and step < 1.0:
        nu = -float(to_last @ (curvature * to_new)) / square + mu * step / (1.0 - step)
    mu, nu = max(mu, 0.0), max(nu, 0.0)
    share = 1.0 / (1.0 + mu + nu)
    point: Floats = share * (shortest + nu * target[0] + mu * target[1])
    return point


def _line_search(travel_time: TravelTime, flow: Floats, direction: Floats) -> float:
    """Share of a direction at which Beckmann's function is least, between 0 and 1."""

    def derivative(share: float) -> float:
        return float(travel_time.of_all_s(flow + share * direction) @ direction)

    if derivative(1.0) <= 0.0:
        return 1.0
    return float(scipy.optimize.brentq(derivative, 0.0, 1.0, xtol=1e-12))
