"""The road to take next from everywhere to some destinations, at the travel times of one instant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import dijkstra

from cosim.interface import Floats, Ints
from cosim.traffic.road_network import RoadNetwork


class NextRoads:
    """Signposts. Nobody is led through a node that is closed to transit.

    Args:
        roads: The road network.
        destinations: Nodes that somebody goes to.
    """

    def __init__(self, roads: RoadNetwork, destinations: Ints) -> None:
        self._roads = roads
        self._destinations = np.unique(destinations)
        self._row = {node: k for k, node in enumerate(self._destinations.tolist())}
        ends = roads.tail * roads.nodes + roads.head
        self._order = np.argsort(ends, kind="stable")
        self._ends = ends[self._order]
        self._next: list[list[int]] = []

    def look(self, time_s: Floats | Sequence[float]) -> None:
        """Put the signposts up anew.

        Args:
            time_s: Travel time of each road [s], shape [E].
        """
        roads, time_s = self._roads, np.asarray(time_s)
        closed = roads.closed_to_transit
        found = np.full((len(self._destinations), roads.nodes), -1)
        alone = closed[self._destinations]
        for rows in (np.flatnonzero(~alone), *(np.array([k]) for k in np.flatnonzero(alone))):
            if len(rows):
                found[rows] = self._before(self._destinations[rows], time_s)
        here = np.broadcast_to(np.arange(roads.nodes), found.shape)
        # Of several roads between the same nodes the last one, as everywhere.
        place = np.searchsorted(self._ends, here * roads.nodes + np.maximum(found, 0), side="right") - 1
        self._next = np.where(found >= 0, self._order[place], -1).tolist()

    def road(self, node: int, destination: int) -> int:
        """The road to take; -1 at the destination, or where there is no way."""
        return self._next[self._row[destination]][node]

    def way(self, origin: int, destination: int) -> list[int]:
        """All roads from a node to a destination that can be reached from it."""
        head, next_road = self._roads.head, self._next[self._row[destination]]
        way: list[int] = []
        node = origin
        while node != destination:
            road = next_road[node]
            way.append(road)
            node = int(head[road])
        return way

    def _before(self, destinations: Ints, time_s: Floats) -> Ints:
        """The node after each one on the way to a destination, shape [D, N]: a search from there, against traffic."""
        roads = self._roads
        enters = ~roads.closed_to_transit[roads.head]
        if len(destinations) == 1:
            enters = enters | (roads.head == destinations[0])
        graph = scipy.sparse.csr_array(
            (time_s[enters], (roads.head[enters], roads.tail[enters])), shape=(roads.nodes, roads.nodes)
        )
        _, before = dijkstra(graph, indices=destinations, return_predecessors=True)
        after: Ints = before.astype(np.int64)
        return after
