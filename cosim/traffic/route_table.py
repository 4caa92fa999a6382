"""Ways that need no search: known to be as quick as any whatever the base flow is, as long as no EV is on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from cosim.interface import Floats
from cosim.traffic.road_traffic import RoadTraffic
from cosim.traffic.routing import Leg, Place, Router, Way

#: A network with more nodes than this has too many ways to remember.
MOST_NODES = 450
#: Ways between other places that are remembered at most; more are put together anew each time.
MOST_PLACE_WAYS = 20_000
NO_LEGS: Final[Sequence[Leg]] = ()


class TimeRange(NamedTuple):
    """Travel times of all roads between which those without EVs always lie, on one straight line.

    Attributes:
        low_s: Times at the least base flow [s], shape [E].
        high_s: Times at the greatest base flow [s], shape [E].
    """

    low_s: Floats | Sequence[float]
    high_s: Floats | Sequence[float]


class KnownWay(NamedTuple):
    """A way that is as quick as any all over the range while it is free of EVs.

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

    Among ways that are equally quick it may be another one than a search would find, but always the same one.

    Where the base flow is one pattern times a factor, and the BPR exponent is common to all roads, the time of
    any way without EVs is a + b theta, theta = factor ** exponent. So a way that is the quickest at both ends of
    theta's range is so all over it. EVs only make roads slower: it stays the quickest while no EV is on it.

    Args:
        router: Searches.
        times: Travel times at both ends of the range; None if they lie on no line. Then nothing is known, nor in a
            network that is too large.
    """

    def __init__(self, router: Router, times: TimeRange | None) -> None:
        self._router = router
        self._unused = times is None or router.nodes > MOST_NODES
        self._low_s: list[float] = []
        self._high_s: list[float] = []
        if times is not None and not self._unused:
            self._low_s, self._high_s = (np.asarray(time_s).tolist() for time_s in times)
        self._of_nodes: dict[tuple[int, int], KnownWay | None] = {}
        self._of_places: dict[tuple[Place, Place], KnownWay | None] = {}

    def route(self, start: Place, target: Place, traffic: RoadTraffic | None) -> Way | None:
        """Look the quickest way up.

        Args:
            start: Where it begins.
            target: Where it ends.
            traffic: The traffic now; None if it does not matter.

        Returns:
            The way; None if it must be searched for.
        """
        if self._unused:
            return None
        known = self._between_places(start, target)
        if known is None or (traffic is not None and traffic.any_on(known.way.roads)):
            return None
        return known.way

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
        self._of_nodes[ends] = known
        return known

    def _search(self, start: Place, target: Place) -> KnownWay | None:
        low, high = (self._router.route(start, target, time_s) for time_s in (self._low_s, self._high_s))
        return self._known(low) if low is not None and low == high else None

    def _by_nodes(self, start: Place, target: Place) -> KnownWay | None:
        """By the nodes next to both places: there are at most two on either side."""
        router = self._router
        entries = [(node, legs, *self._times(legs)) for node, legs in router.entries(target)]
        by_low = by_high = None
        least_low_s = least_high_s = math.inf
        direct = router.direct(start, target)
        if direct is not None:
            by_low = by_high = direct, NO_LEGS, NO_LEGS
            least_low_s, least_high_s = self._times(direct)
        for first_node, first_legs in router.exits(start):
            first_low_s, first_high_s = self._times(first_legs)
            for last_node, last_legs, last_low_s, last_high_s in entries:
                if router.is_shut(first_legs, first_node, last_node, last_legs):
                    continue
                known = self._between_nodes(first_node, last_node)
                if known is None:
                    return None
                way, low_s, high_s = known
                legs = (first_legs, way.legs, last_legs)
                low_s += first_low_s + last_low_s
                high_s += first_high_s + last_high_s
                if low_s < least_low_s:
                    least_low_s, by_low = low_s, legs
                if high_s < least_high_s:
                    least_high_s, by_high = high_s, legs
        if by_low is None or by_low is not by_high:
            return None
        first, middle, last = by_low
        return KnownWay(Way([*first, *middle, *last]), least_low_s, least_high_s)

    def _known(self, legs: Sequence[Leg]) -> KnownWay:
        return KnownWay(Way(legs), *self._times(legs))

    def _times(self, legs: Sequence[Leg]) -> tuple[float, float]:
        """Time of a way at both ends of the range [s]."""
        return self._router.time_of_s(legs, self._low_s), self._router.time_of_s(legs, self._high_s)
