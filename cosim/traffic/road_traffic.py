"""The roads of one replica: other vehicles, and the EVs of the fleet that drive on them.

Within a slot nobody departs but at its start. So the roads are a closed system until its end, and one loop over
a heap of events is all they need; who arrives is told to the stations, which live in SimPy's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush, heapreplace
from typing import Any

import numpy as np

from cosim.interface import Floats
from cosim.traffic.travel_time import TravelTime
from cosim.traffic.trip import Trip


class RoadTraffic:
    """Trips on roads that take longer the more EVs are on them.

    Args:
        travel_time: Travel time of a road at a flow.
        length_km: Length of each directed road [km].
        ev_flow_vph: Flow that an EV on a road counts as [vehicles/h].
    """

    __slots__ = (
        "_base_flow_vph",
        "_base_time_s",
        "_ev_flow_vph",
        "_heap",
        "_length_km",
        "_start_time_s",
        "_travel_time",
        "on_road",
    )

    def __init__(self, travel_time: TravelTime, length_km: Sequence[float], ev_flow_vph: float) -> None:
        self._travel_time = travel_time
        self._length_km = length_km
        self._ev_flow_vph = ev_flow_vph
        self._base_flow_vph: Sequence[float] = ()
        self._base_time_s: Floats = np.empty(0)
        self._start_time_s: list[float] | None = None
        self.on_road = [0] * len(length_km)
        """EVs that drive on each directed road."""
        # When each trip leaves the road that it is on. The EV decides between equal times.
        self._heap: list[tuple[float, int, Any]] = []

    def begin_slot(self, base_flow_vph: Sequence[float], base_time_s: Floats) -> None:
        """Set the traffic of other vehicles.

        Args:
            base_flow_vph: Their flow on each road [vehicles/h].
            base_time_s: Travel time of each road at that flow [s], shape [E].
        """
        self._base_flow_vph = base_flow_vph
        self._base_time_s = base_time_s
        self._start_time_s = None

    def any_on(self, roads: Sequence[int]) -> bool:
        """Whether an EV is on any of some roads."""
        if self._heap:
            on_road = self.on_road
            for road in roads:
                if on_road[road]:
                    return True
        return False

    def occupied(self) -> dict[int, int]:
        """The roads that EVs are on, and how many there are."""
        return {trip.leg.road: self.on_road[trip.leg.road] for trip in self.under_way()}

    def under_way(self) -> list[Trip]:
        """The trips that are on a road."""
        return [trip for _, _, trip in self._heap]

    def start_time_s(self) -> Sequence[float]:
        """Travel time of each road when the slot begins [s], for routing; to be asked before anybody departs."""
        if self._start_time_s is None:
            self._start_time_s = self._base_time_s.tolist()
            for road, evs in self.occupied().items():
                flow_vph = self._base_flow_vph[road] + self._ev_flow_vph * evs
                self._start_time_s[road] = self._travel_time.of_road_s(road, flow_vph)
        return self._start_time_s

    def depart(self, trip: Trip) -> None:
        """Let a trip enter its first road."""
        heappush(self._heap, (self._enter(trip, trip.depart_s), trip.ev, trip))

    def run(self, until_s: float) -> list[Trip]:
        """Let everybody drive up to a time; what happens at that very time happens later.

        Args:
            until_s: The time [s].

        Returns:
            The trips that have arrived, in order of their times.
        """
        heap, on_road = self._heap, self.on_road
        arrived = []
        while heap and heap[0][0] < until_s:
            now_s, ev, trip = heap[0]
            road, from_km, to_km = trip.leg
            on_road[road] -= 1
            if len(trip.enter_s) < len(trip.drive.legs):
                trip.done_km += to_km - from_km
                heapreplace(heap, (self._enter(trip, now_s), ev, trip))
            else:
                heappop(heap)
                trip.arrive_s = now_s
                arrived.append(trip)
        return arrived

    def _enter(self, trip: Trip, now_s: float) -> float:
        """Enter the next road: its traffic now, this EV included, decides when it is left [s]."""
        road, from_km, to_km = leg = trip.drive.legs[len(trip.enter_s)]
        self.on_road[road] += 1
        trip.leg = leg
        trip.enter_s.append(now_s)
        flow_vph = self._base_flow_vph[road] + self._ev_flow_vph * self.on_road[road]
        trip.leg_s = self._travel_time.of_road_s(road, flow_vph) * ((to_km - from_km) / self._length_km[road])
        return now_s + trip.leg_s
