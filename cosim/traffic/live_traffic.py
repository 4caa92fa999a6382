"""Roads whose traffic drives by itself, and EVs that choose again on the way.

What `road_traffic.py` does, and more: other vehicles are no flow that is given, but trips that are made; travel times
of all roads are kept up to date, so that whoever is at a node may take another way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush, heapreplace
from typing import Final

import numpy as np

from cosim.interface import Floats
from cosim.traffic.demand import Demand, Departure
from cosim.traffic.next_roads import NextRoads
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.road_traffic import RoadTraffic
from cosim.traffic.routing import Drive, Router
from cosim.traffic.travel_time import TravelTime
from cosim.traffic.trip import Trip
from cosim.units import hours

#: Stands behind all EVs where times are equal; new signposts stand before them.
FIRST_VEHICLE: Final = 10**9
SIGNPOSTS: Final = -1
#: Kilometres that rounding may add to a way.
ROUNDING_KM: Final = 1e-9


class OtherVehicles:
    """What all replicas know of other vehicles.

    Args:
        demand: The trips to be made.
        roads: The road network.
        travel_time: Travel time of a road at a flow.
    """

    def __init__(self, demand: Demand, roads: RoadNetwork, travel_time: TravelTime) -> None:
        self.demand = demand
        self.roads = roads
        self.head: list[int] = roads.head.tolist()
        self._travel_time = travel_time
        self._flow_vph: list[dict[int, float]] = [{} for _ in self.head]

    def flow_vph(self, road: int, vehicles: int) -> float:
        """Flow at which so many simulated vehicles are on a road [vehicles/h]; worked out once for each number."""
        known = self._flow_vph[road]
        if vehicles not in known:
            known[vehicles] = self._travel_time.flow_with_vph(road, self.demand.section.weight * vehicles)
        return known[vehicles]


class Guide:
    """Tells the other vehicles of a replica where to go.

    Args:
        others: What is known of them.
    """

    def __init__(self, others: OtherVehicles) -> None:
        self._head = others.head
        self._signposts = NextRoads(others.roads, others.demand.destination)
        self._at_nodes = others.demand.section.routing == "nodes"
        self.update_s = others.demand.section.update_s
        """Time after which it learns new travel times [s]."""

    def learn(self, time_s: Floats | Sequence[float]) -> None:
        """Learn travel times.

        Args:
            time_s: Of each road [s], shape [E].
        """
        self._signposts.look(time_s)

    def next_road(self, vehicle: Vehicle) -> int:
        """The next road of a vehicle; -1 at its destination."""
        if self._at_nodes:
            node = vehicle.origin if vehicle.road < 0 else self._head[vehicle.road]
            return self._signposts.road(node, vehicle.destination)
        if vehicle.way is None:
            vehicle.way = self._signposts.way(vehicle.origin, vehicle.destination)[::-1]
        return vehicle.way.pop() if vehicle.way else -1


class Vehicle:
    """One of the others.

    Args:
        departure: Where it begins and ends.
        guide: Tells it where to go.

    Attributes:
        road: The road that it is on, -1 before it begins.
        way: Roads that it will take, the last one first; None if it asks at every node.
    """

    __slots__ = ("destination", "guide", "origin", "road", "way")

    def __init__(self, departure: Departure, guide: Guide) -> None:
        self.origin = departure.origin
        self.destination = departure.destination
        self.guide = guide
        self.road = -1
        self.way: list[int] | None = None


class LiveTraffic(RoadTraffic):
    """Trips, and other vehicles, on roads that take longer the more are on them.

    With n vehicles on it, a road carries the flow q at which n are on it in the long run: q t(q) = n, t by the BPR
    function. So where as many come as go, flows and travel times are those of the BPR function; and where many come,
    the road is slow from then on.

    Args:
        travel_time: Travel time of a road at a flow.
        router: Knows the roads.
        ev_flow_vph: Flow that an EV on a road counts as [vehicles/h].
        others: Other vehicles, if they are simulated.
        departures: Their departures in this episode.
        chooses_again: Whether EVs look for a quicker way at every node.
    """

    __slots__ = (
        "_chooses_again",
        "_departures",
        "_others",
        "_router",
        "_vehicle_flow_vph",
        "entered",
        "now_s",
        "vehicles",
    )

    def __init__(
        self,
        travel_time: TravelTime,
        router: Router,
        ev_flow_vph: float,
        others: OtherVehicles | None = None,
        departures: Sequence[Departure] = (),
        *,
        chooses_again: bool = False,
    ) -> None:
        super().__init__(travel_time, router.length_km, ev_flow_vph)
        self._router = router
        self._others = others
        self._departures: Iterator[tuple[float, int, Vehicle]] = iter(())
        self._chooses_again = chooses_again
        roads = len(router.length_km)
        self.vehicles = [0] * roads
        """Other vehicles on each directed road."""
        self.entered = [0] * roads
        """Other vehicles that have entered it since the slot began."""
        self._vehicle_flow_vph = [0.0] * roads
        self.now_s: list[float] = []
        """Travel time of each road [s]."""
        if others is not None:
            self._fill(others, departures)

    def _fill(self, others: OtherVehicles, departures: Sequence[Departure]) -> None:
        """Let others drive until the episode begins."""
        roads = len(self.vehicles)
        self.begin_slot([0.0] * roads, self._travel_time.of_all_s(np.zeros(roads)))
        section, guide = others.demand.section, Guide(others)
        guide.learn(self.now_s)
        if section.routing != "fixed":
            heappush(self._heap, (guide.update_s - section.warm_up_s, SIGNPOSTS, guide))
        self._departures = (
            (departure.time_s, number, Vehicle(departure, guide))
            for number, departure in enumerate(departures, start=FIRST_VEHICLE)
        )
        self._next_departure()
        self.run(0.0)

    def begin_slot(self, base_flow_vph: Sequence[float], base_time_s: Floats) -> None:
        """Set the flow of those that are not simulated, and count from 0 what a slot counts."""
        super().begin_slot(base_flow_vph, base_time_s)
        self.now_s = base_time_s.tolist()
        self.entered = [0] * len(self.entered)
        for road, vehicles in enumerate(self.vehicles):
            if vehicles or self.on_road[road]:
                self._look_at(road)

    def start_time_s(self) -> Sequence[float]:
        """Travel time of each road when the slot begins [s], for routing; to be asked before anybody departs."""
        return self.now_s

    def under_way(self) -> list[Trip]:
        """The trips of EVs that are on a road."""
        return [who for _, _, who in self._heap if isinstance(who, Trip)]

    def vehicle_flow_vph(self) -> list[float]:
        """Flow of other vehicles on each road now [vehicles/h]."""
        return self._vehicle_flow_vph

    def entered_vph(self, slot_s: int) -> list[float]:
        """Other vehicles that have entered each road in a slot that ends [vehicles/h].

        Args:
            slot_s: Its length [s].
        """
        weight = self._others.demand.section.weight if self._others is not None else 0.0
        return [weight * entered / hours(slot_s) for entered in self.entered]

    def run(self, until_s: float) -> list[Trip]:
        """Let everybody drive up to a time; what happens at that very time happens later.

        Args:
            until_s: The time [s].

        Returns:
            The trips that have arrived, in order of their times.
        """
        heap = self._heap
        arrived = []
        while heap and heap[0][0] < until_s:
            now_s, number, who = heap[0]
            if isinstance(who, Trip):
                if self._drive_on(who, now_s):
                    arrived.append(who)
            elif isinstance(who, Vehicle):
                self._drive_vehicle_on(who, now_s, number)
            else:
                who.learn(self.now_s)
                heapreplace(heap, (now_s + who.update_s, number, who))
        return arrived

    def _drive_on(self, trip: Trip, now_s: float) -> bool:
        """An EV leaves its road; says whether it has arrived."""
        road, from_km, to_km = trip.leg
        self.on_road[road] -= 1
        self._look_at(road)
        if len(trip.enter_s) == len(trip.drive.legs):
            heappop(self._heap)
            trip.arrive_s = now_s
            return True
        trip.done_km += to_km - from_km
        if self._chooses_again:
            self._choose_again(trip)
        heapreplace(self._heap, (self._enter(trip, now_s), trip.ev, trip))
        return False

    def _choose_again(self, trip: Trip) -> None:
        """Take the way that is the quickest from here, if it ends where the drive ends and is not too long."""
        done = trip.drive.legs[: len(trip.enter_s)]
        here = self._router.place_on(trip.leg.road, trip.leg.to_km)
        legs = self._router.route(here, trip.drive.end, self.now_s)
        if not legs:
            return
        length_km = trip.done_km + sum(leg.length_km for leg in legs)
        if length_km <= trip.most_km + ROUNDING_KM:
            trip.drive = Drive([*done, *legs], length_km, trip.drive.end)

    def _drive_vehicle_on(self, vehicle: Vehicle, now_s: float, number: int) -> None:
        """Another vehicle sets out, or leaves its road."""
        sets_out = vehicle.road < 0
        if not sets_out:
            self.vehicles[vehicle.road] -= 1
            self._look_at(vehicle.road)
        road = vehicle.guide.next_road(vehicle)
        if road < 0:
            heappop(self._heap)
        else:
            vehicle.road = road
            self.vehicles[road] += 1
            self.entered[road] += 1
            self._look_at(road)
            heapreplace(self._heap, (now_s + self.now_s[road], number, vehicle))
        if sets_out:
            self._next_departure()

    def _next_departure(self) -> None:
        """Let the next vehicle set out in time."""
        following = next(self._departures, None)
        if following is not None:
            heappush(self._heap, following)

    def _look_at(self, road: int) -> None:
        """Work out the travel time of a road whose traffic has changed."""
        flow_vph = self._base_flow_vph[road] + self._ev_flow_vph * self.on_road[road]
        if self._others is not None:
            vehicle_flow_vph = self._others.flow_vph(road, self.vehicles[road])
            self._vehicle_flow_vph[road] = vehicle_flow_vph
            flow_vph += vehicle_flow_vph
        self.now_s[road] = self._travel_time.of_road_s(road, flow_vph)

    def _enter(self, trip: Trip, now_s: float) -> float:
        road, from_km, to_km = leg = trip.drive.legs[len(trip.enter_s)]
        self.on_road[road] += 1
        self._look_at(road)
        trip.leg = leg
        trip.enter_s.append(now_s)
        trip.leg_s = self.now_s[road] * ((to_km - from_km) / self._length_km[road])
        return now_s + trip.leg_s
