"""Ways that need no search: known to be the quickest whatever the base flow is, as long as no EV is on them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from cosim.traffic.road_traffic import RoadTraffic
from cosim.traffic.routing import Leg, Place, Router, Way

#: Ways remembered at most, between nodes and between other places; more are found anew each time.
MOST_NODE_WAYS = 200_000
MOST_PLACE_WAYS = 20_000


class TimeRange(NamedTuple):
    """Travel times of all roads between which those without EVs always lie, on one straight line.

    Attributes:
        low_s: Times at the least base flow [s], shape [E].
        high_s: Times at the greatest base flow [s], shape [E].
    """

    low_s: Sequence[float]
    high_s: Sequence[float]


class KnownWay(NamedTuple):
    """A way that is the quickest all over the range while it is free of EVs.

    Attributes:
        way: The way.
        low_s: Its time at one end of the range [s].
        high_s: Its time at the other end [s].
    """

    way: Way
    low_s: float
    high_s: float


class RouteTable:
    """Quickest ways, remembered.

    Where the base flow is one pattern times a factor, and the BPR exponent is common to all roads, the time of
    any way without EVs is a + b theta, theta = factor ** exponent. So a way that is the quickest at both ends of
    theta's range is so all over it. EVs only make roads slower: it stays the quickest while no EV is on it.

    Args:
        router: Searches.
        times: Travel times at both ends of the range; None if they lie on no line: then nothing is known.
    """

    def __init__(self, router: Router, times: TimeRange | None) -> None:
        self._router = router
        self._empty = times is None
        self._low_s, self._high_s = times or TimeRange((), ())
        self._of_nodes: dict[tuple[int, int], KnownWay | None] = {}
        self._of_places: dict[tuple[Place, Place], KnownWay | None] = {}

    def route(self, start: Place, target: Place, traffic: RoadTraffic) -> Way | None:
        """Look the quickest way up.

        Args:
            start: Where it begins.
            target: Where it ends.
            traffic: The traffic now.

        Returns:
            The way; None if it must be searched for.
        """
        if self._empty:
            return None
        known = self._between_places(start, target)
        return known.way if known is not None and not traffic.any_on(known.way.roads) else None

    def _between_places(self, start: Place, target: Place) -> KnownWay | None:
        if start.road < 0 and target.road < 0:
            return self._between_nodes(start.node, target.node)
        ends = (start, target)
        if ends in self._of_places:
            return self._of_places[ends]
        known = self._by_nodes(start, target)
        if len(self._of_places) < MOST_PLACE_WAYS:
            self._of_places[ends] = known
        return known

    def _between_nodes(self, start: int, target: int) -> KnownWay | None:
        ends = (start, target)
        if ends in self._of_nodes:
            return self._of_nodes[ends]
        known = self._search(Place(start), Place(target))
        if len(self._of_nodes) < MOST_NODE_WAYS:
            self._of_nodes[ends] = known
        return known

    def _search(self, start: Place, target: Place) -> KnownWay | None:
        low, high = (self._router.route(start, target, time_s) for time_s in (self._low_s, self._high_s))
        return self._known(low) if low is not None and low == high else None

    def _by_nodes(self, start: Place, target: Place) -> KnownWay | None:
        """By the nodes next to both places: there are at most two on either side."""
        router = self._router
        direct = router.direct(start, target)
        found: list[tuple[float, float, list[Leg]]] = []
        if direct is not None:
            found.append((*self._times(direct), direct))
        endings = [(node, *self._times(legs), legs) for node, legs in router.entries(target)]
        for first_node, first_legs in router.exits(start):
            first_low_s, first_high_s = self._times(first_legs)
            for last_node, last_low_s, last_high_s, last_legs in endings:
                known = self._between_nodes(first_node, last_node)
                if known is None:
                    return None
                low_s, high_s = first_low_s + known.low_s + last_low_s, first_high_s + known.high_s + last_high_s
                found.append((low_s, high_s, [*first_legs, *known.way.legs, *last_legs]))
        best = min(found, key=itemgetter(0))
        return KnownWay(Way(best[2]), *best[:2]) if best is min(found, key=itemgetter(1)) else None

    def _known(self, legs: Sequence[Leg]) -> KnownWay:
        return KnownWay(Way(legs), *self._times(legs))

    def _times(self, legs: Sequence[Leg]) -> tuple[float, float]:
        return self._router.time_of_s(legs, self._low_s), self._router.time_of_s(legs, self._high_s)
