"""One copy of an episode on the roads and at the stations, from slot to slot.

Within a slot nobody departs, so a slot is: orders at its start, then the roads in one loop, then the stations in
SimPy's time. What happens at exactly a slot's end belongs to the next slot, on roads and at stations alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import simpy

from cosim.charging.tally import StationTally
from cosim.charging.timing import call_after
from cosim.charging.visit import Visit
from cosim.interface import EvState, Floats
from cosim.traffic.commute import Stays
from cosim.traffic.demand import Departure
from cosim.traffic.fleet import Fleet
from cosim.traffic.live_traffic import LiveTraffic, OtherVehicles
from cosim.traffic.move import MoveFinder
from cosim.traffic.road_traffic import RoadTraffic
from cosim.traffic.routing import Drive, Place, Router
from cosim.traffic.station_set import StationSet
from cosim.traffic.target import ActionOutcome
from cosim.traffic.travel_time import TravelTime
from cosim.traffic.trip import Trip


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all replicas share.

    Attributes:
        router: Knows the roads.
        finder: Finds the drive to a target.
        travel_time: Travel time of a road at a flow.
        ev_flow_vph: Flow that an EV on a road counts as [vehicles/h].
        station_of: Station at each node that has one.
        stations: Sets the stations up.
        consumption_kwh_per_km: Energy for driving [kWh/km].
        slot_s: Length of a slot [s].
        keep_trips: Whether trips that have ended are kept.
        max_move_km: Kilometres that an EV may drive per slot [km].
        chooses_again: Whether EVs look for a quicker way at every node.
        others: Other vehicles, if they are simulated.
    """

    router: Router
    finder: MoveFinder
    travel_time: TravelTime
    ev_flow_vph: float
    station_of: Mapping[int, int]
    stations: StationSet
    consumption_kwh_per_km: float
    slot_s: int
    keep_trips: bool = True
    max_move_km: float = math.inf
    chooses_again: bool = False
    others: OtherVehicles | None = None

    def roads(self, departures: Sequence[Departure] = ()) -> RoadTraffic:
        """The roads of a replica.

        Args:
            departures: Of other vehicles in this episode.
        """
        if self.others is None and not self.chooses_again:
            return RoadTraffic(self.travel_time, self.router.length_km, self.ev_flow_vph)
        parts = (self.travel_time, self.router, self.ev_flow_vph, self.others, departures)
        return LiveTraffic(*parts, chooses_again=self.chooses_again)


_NOBODY: frozenset[int] = frozenset()


class TrafficReplica:
    """EVs, roads and stations of one episode.

    Args:
        surroundings: What all replicas share.
        fleet: The EVs at the episode's beginning.
        episode: Number of the episode.
        departures: Of other vehicles, if they are simulated.
        stays: When EVs come home and leave, if they commute.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        fleet: Fleet,
        episode: int,
        departures: Sequence[Departure] = (),
        stays: Stays | None = None,
    ) -> None:
        self._around = surroundings
        self._env = simpy.Environment(0.0)
        self.fleet = fleet
        self.stations, self.guests = surroundings.stations.set_up(self._env, episode)
        self.traffic = surroundings.roads(departures)
        self.trips: list[Trip] = []
        """Trips of the episode, in order of departure, if they are kept."""
        self.visits: list[Visit] = []
        """Stays at stations, in order of arrival."""
        self._slot_start_s = 0.0
        self._depart_s = None if stays is None else stays.depart_s
        for ev, place in enumerate(fleet.place):
            if stays is None:
                self._stop(ev, place, self._station_at(place), 0.0)
            else:
                fleet.leave(ev, place)
                call_after(self._env, float(stays.arrive_s[ev]), self._come_home, ev)
                call_after(self._env, float(stays.depart_s[ev]), self._leave_home, ev)

    def run_slot(
        self,
        targets: Sequence[tuple[int, Place]],
        limits_kw: Sequence[tuple[float, float]],
        base_flow_vph: Sequence[float],
        base_time_s: Floats,
    ) -> tuple[dict[int, ActionOutcome], list[StationTally]]:
        """Go through one slot; what EVs want at stations stands in the fleet's columns.

        Args:
            targets: EV and target of each EV that stands and has one, by EV.
            limits_kw: Charging and discharging limit of each station [kW].
            base_flow_vph: Flow of other vehicles on each road [vehicles/h].
            base_time_s: Travel time of each road at that flow [s], shape [E].

        Returns:
            Why EVs with a target did not depart, by EV, and each station's sums.
        """
        self._slot_start_s = float(self._env.now)
        end_s = self._slot_start_s + self._around.slot_s
        self.traffic.begin_slot(base_flow_vph, base_time_s)
        for battery in self.fleet.battery:
            battery.drawn_kwh = battery.fed_kwh = 0.0
        for station, (charge_kw, discharge_kw) in zip(self.stations, limits_kw, strict=True):
            station.begin_slot(charge_kw, discharge_kw, end_s)
        refused = self._send(targets)
        self._ask_for_chargers()
        for trip in self.traffic.run(end_s):
            self._arrive(trip)
        # Settled in an event behind those of this very instant, so that who arrives now takes its turn by number.
        call_after(self._env, 0.0, self._settle)
        self._env.run(until=end_s)
        for trip in self.traffic.under_way():
            self._look_at(trip)
        return refused, [station.end_slot() for station in self.stations]

    def _send(self, targets: Sequence[tuple[int, Place]]) -> dict[int, ActionOutcome]:
        """Find all ways at the travel times of this instant, then let EVs depart in the order of their numbers."""
        fleet, find = self.fleet, self._around.finder.find
        refused: dict[int, ActionOutcome] = {}
        departing: list[tuple[int, Drive]] = []
        for ev, target in targets:
            battery = fleet.battery[ev]
            spare_kwh = battery.energy_kwh - battery.kind.energy_min_kwh
            found = find(fleet.place[ev], target, spare_kwh, self.traffic)
            if isinstance(found, Drive):
                departing.append((ev, found))
            else:
                refused[ev] = found
        planned_s = self._planned_s([drive for _, drive in departing])
        for (ev, drive), time_s in zip(departing, planned_s, strict=True):
            self._depart(ev, drive, time_s)
        return refused

    def _planned_s(self, drives: Sequence[Drive]) -> list[float]:
        """Travel times expected before anybody departs [s]; only a record needs them."""
        if not self._around.keep_trips:
            return [0.0] * len(drives)
        time_s = self.traffic.start_time_s()
        return [self._around.router.time_of_s(drive.legs, time_s) for drive in drives]

    def _ask_for_chargers(self) -> None:
        """Free chargers first, then ask for them, settle last: so nobody gets a charger for no time."""
        fleet = self.fleet
        asking: list[Visit] = []
        leaving = self._leaving_now()
        for visit, battery, wanted_kw in zip(fleet.visit, fleet.battery, fleet.wanted_kw, strict=True):
            if visit is None or visit.ev in leaving:
                continue
            station, request = self.stations[visit.station], visit.open_request
            serves = wanted_kw != 0.0 and station.serves(battery, wanted_kw)
            if request is None:
                if serves:
                    asking.append(visit)
            elif serves:
                request.wanted_kw = wanted_kw
            else:
                station.withdraw(request)
        for visit in asking:
            self._ask(visit)

    def _leaving_now(self) -> frozenset[int]:
        """EVs that leave for the day at this very instant: they ask for nothing any more."""
        if self._depart_s is None:
            return _NOBODY
        return frozenset(np.flatnonzero(self._depart_s == self._slot_start_s).tolist())

    def states(self) -> Iterator[tuple[int, EvState]]:
        """What each EV is doing that is served or waits."""
        for station in self.stations:
            for request in station.requests():
                yield request.ev, request.state

    def _settle(self, event: simpy.Event) -> None:
        for station in self.stations:
            station.settle()

    def _depart(self, ev: int, drive: Drive, planned_s: float) -> None:
        visit, from_station = self.fleet.visit[ev], -1
        if visit is not None:
            self._end_visit(visit, self._slot_start_s)
            from_station = visit.station
        trip = Trip(ev, drive, self._slot_start_s, planned_s, from_station, self._station_at(drive.end))
        if self._around.chooses_again:
            trip.most_km = min(self._around.max_move_km, self._range_km(ev))
        self.fleet.depart(ev, trip)
        if self._around.keep_trips:
            self.trips.append(trip)
        self.traffic.depart(trip)

    def _range_km(self, ev: int) -> float:
        """Kilometres that a battery has above its minimum."""
        battery, per_km = self.fleet.battery[ev], self._around.consumption_kwh_per_km
        spare_kwh = battery.energy_kwh - battery.kind.energy_min_kwh
        return spare_kwh / per_km if per_km > 0.0 else math.inf

    def _arrive(self, trip: Trip) -> None:
        """End a trip; who wants a charger asks for it at the time of arrival, not now."""
        arrive_s = cast(float, trip.arrive_s)
        self._book(trip, trip.drive.length_km, arrive_s)
        self._stop(trip.ev, trip.drive.end, trip.destination, arrive_s)

    def _look_at(self, trip: Trip) -> None:
        """Find the place, and book the drive so far, of an EV that still drives at the slot's end."""
        now_s = float(self._env.now)
        road, from_km, to_km = trip.leg
        # A leg that ends at this very instant ends in the next slot.
        share = min((now_s - trip.enter_s[-1]) / trip.leg_s, 1.0)
        on_leg_km = (to_km - from_km) * share
        self._book(trip, trip.done_km + on_leg_km, now_s)
        self.fleet.put(trip.ev, self._around.router.place_on(road, from_km + on_leg_km))

    def _book(self, trip: Trip, trip_km: float, until_s: float) -> None:
        """Book kilometres, time and energy of a trip, up to some kilometres of it and a time."""
        fleet, ev = self.fleet, trip.ev
        new_km = trip_km - trip.booked_km
        fleet.driven_km[ev] += new_km
        fleet.driven_s[ev] += until_s - trip.booked_s
        trip.booked_km, trip.booked_s = trip_km, until_s
        fleet.battery[ev].energy_kwh -= new_km * self._around.consumption_kwh_per_km

    def _station_at(self, place: Place) -> int:
        return self._around.station_of.get(place.node, -1) if place.road < 0 else -1

    def _stop(self, ev: int, place: Place, station: int, time_s: float) -> None:
        if station < 0:
            self.fleet.stop(ev, place, None)
            return
        visit = Visit(ev, station, time_s)
        self.fleet.stop(ev, place, visit)
        self.visits.append(visit)
        wanted_kw = self.fleet.wanted_kw[ev]
        if wanted_kw != 0.0 and self.stations[station].serves(self.fleet.battery[ev], wanted_kw):
            call_after(self._env, time_s - self._env.now, self._ask_on_arrival, visit)

    def _come_home(self, event: simpy.Event) -> None:
        ev = cast(int, event.value)
        place = self.fleet.place[ev]
        self._stop(ev, place, self._station_at(place), float(self._env.now))

    def _leave_home(self, event: simpy.Event) -> None:
        """Free the charger, or the place in the queue, of an EV that leaves for the day."""
        ev = cast(int, event.value)
        visit = cast(Visit, self.fleet.visit[ev])
        self._end_visit(visit, float(self._env.now))
        self.fleet.leave(ev, self.fleet.place[ev])

    def _end_visit(self, visit: Visit, depart_s: float) -> None:
        request = visit.open_request
        if request is not None:
            self.stations[visit.station].withdraw(request)
        visit.depart_s = depart_s

    def _ask_on_arrival(self, event: simpy.Event) -> None:
        self._ask(cast(Visit, event.value))

    def _ask(self, visit: Visit) -> None:
        fleet, ev = self.fleet, visit.ev
        visit.requests.append(self.stations[visit.station].request(ev, fleet.battery[ev], fleet.wanted_kw[ev]))
