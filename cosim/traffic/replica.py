"""One copy of an episode on the roads and at the stations: SimPy's events, from slot to slot.

Within a slot nothing departs, so an episode is: orders at the slot's start, then events until its end. Events
at exactly a slot's end belong to the next slot: SimPy stops before them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import simpy

from cosim.charging.station import ChargingStation, StationTally
from cosim.charging.timing import call_after
from cosim.charging.visit import Visit
from cosim.interface import SMALLEST_POWER_SHARE
from cosim.traffic.congestion import TravelTime
from cosim.traffic.move import Move, MoveFinder
from cosim.traffic.road_traffic import RoadTraffic
from cosim.traffic.routing import Place, Router
from cosim.traffic.target import ActionOutcome
from cosim.traffic.trip import Trip
from cosim.traffic.vehicle import Vehicle


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all replicas share.

    Attributes:
        router: Knows the roads.
        finder: Finds the drive to a target.
        travel_time: Travel time of a road at a flow.
        ev_flow_vph: Flow that an EV on a road counts as [vehicles/h].
        station_of: Station at each node that has one.
        chargers: Chargers of each station.
        charge_kw: Charging power at share 1 [kW].
        discharge_kw: Discharging power at share -1 [kW].
        consumption_kwh_per_km: Energy for driving [kWh/km].
        slot_s: Length of a slot [s].
    """

    router: Router
    finder: MoveFinder
    travel_time: TravelTime
    ev_flow_vph: float
    station_of: Mapping[int, int]
    chargers: Sequence[int]
    charge_kw: float
    discharge_kw: float
    consumption_kwh_per_km: float
    slot_s: int


class Orders(NamedTuple):
    """What the EVs of a replica shall do in a slot.

    Attributes:
        targets: EV and target of each EV that has one, by EV.
        power_share: Share of the power of each EV, > 0 charges.
    """

    targets: list[tuple[int, Place]]
    power_share: Sequence[float]


class TrafficReplica:
    """Vehicles, roads and stations of one episode.

    Args:
        surroundings: What all replicas share.
        vehicles: The fleet at the episode's beginning.
    """

    def __init__(self, surroundings: Surroundings, vehicles: list[Vehicle]) -> None:
        self._around = surroundings
        self._env = simpy.Environment(0.0)
        self.vehicles = vehicles
        self.stations = [ChargingStation(self._env, chargers) for chargers in surroundings.chargers]
        self.traffic = RoadTraffic(surroundings.travel_time, surroundings.router.length_km, surroundings.ev_flow_vph)
        self.trips: list[Trip] = []
        """Trips of the episode, in order of departure."""
        self.visits: list[Visit] = []
        """Stays at stations, in order of arrival."""
        self._slot_start_s = 0.0
        for vehicle in vehicles:
            self._stop_at(vehicle, vehicle.place, 0.0)

    def run_slot(
        self,
        orders: Orders,
        limits_kw: Sequence[tuple[float, float]],
        base_flow_vph: Sequence[float],
        base_time_s: Sequence[float],
    ) -> tuple[dict[int, ActionOutcome], list[StationTally]]:
        """Go through one slot.

        Args:
            orders: What the EVs shall do.
            limits_kw: Charging and discharging limit of each station [kW].
            base_flow_vph: Flow of other vehicles on each road [vehicles/h].
            base_time_s: Travel time of each road at that flow [s].

        Returns:
            What became of each EV that had a target, and each station's sums.
        """
        self._slot_start_s = float(self._env.now)
        end_s = self._slot_start_s + self._around.slot_s
        self.traffic.begin_slot(base_flow_vph, base_time_s)
        for station, (charge_kw, discharge_kw) in zip(self.stations, limits_kw, strict=True):
            station.begin_slot(charge_kw, discharge_kw, end_s)
        for vehicle, power_share in zip(self.vehicles, orders.power_share, strict=True):
            battery = vehicle.battery
            vehicle.driven_km = vehicle.driven_s = battery.drawn_kwh = battery.fed_kwh = 0.0
            if vehicle.trip is None:
                vehicle.power_share = power_share
        outcomes = self._send(orders.targets)
        self._ask_for_chargers()
        for trip in self.traffic.run(end_s):
            self._arrive(trip)
        # Settled in an event behind those of this very instant, so that who arrives now takes its turn by number.
        call_after(self._env, 0.0, self._settle)
        self._env.run(until=end_s)
        for vehicle in self.vehicles:
            if vehicle.trip is not None:
                self._look_at(vehicle, vehicle.trip)
        return outcomes, [station.end_slot() for station in self.stations]

    def _send(self, targets: Sequence[tuple[int, Place]]) -> dict[int, ActionOutcome]:
        """Find all ways at the travel times of this instant, then let EVs depart in the order of their numbers."""
        outcomes = {}
        departing: list[tuple[Vehicle, Move]] = []
        for ev, target in targets:
            vehicle = self.vehicles[ev]
            if vehicle.trip is not None:
                outcomes[ev] = ActionOutcome.IGNORED
                continue
            battery = vehicle.battery
            spare_kwh = battery.energy_kwh - battery.kind.energy_min_kwh
            move = self._around.finder.find(vehicle.place, target, spare_kwh, self.traffic)
            outcomes[ev] = move.outcome
            if move.legs:
                departing.append((vehicle, move))
        for vehicle, move in departing:
            self._depart(vehicle, move)
        return outcomes

    def _ask_for_chargers(self) -> None:
        """Free chargers first, then ask for them, settle last: so nobody gets a charger for no time."""
        asking = []
        for vehicle in self.vehicles:
            visit = vehicle.visit
            if visit is None:
                continue
            station, request = self.stations[visit.station], visit.open_request
            wanted_kw = self._wanted_kw(vehicle)
            serves = wanted_kw != 0.0 and station.serves(vehicle.battery, wanted_kw)
            if request is None:
                if serves:
                    asking.append((vehicle, visit, station, wanted_kw))
            elif serves:
                request.wanted_kw = wanted_kw
            else:
                station.withdraw(request)
        for vehicle, visit, station, wanted_kw in asking:
            visit.requests.append(station.request(vehicle.number, vehicle.battery, wanted_kw))

    def _settle(self, event: simpy.Event) -> None:
        for station in self.stations:
            station.settle()

    def _wanted_kw(self, vehicle: Vehicle) -> float:
        share = vehicle.power_share
        if share > SMALLEST_POWER_SHARE:
            return share * self._around.charge_kw
        return share * self._around.discharge_kw if share < -SMALLEST_POWER_SHARE else 0.0

    def _depart(self, vehicle: Vehicle, move: Move) -> None:
        now, visit = self._env.now, vehicle.visit
        if visit is not None:
            request = visit.open_request
            if request is not None:
                self.stations[visit.station].withdraw(request)
            visit.depart_s = now
        road, _, to_km = move.legs[-1]
        end = self._around.router.place_on(road, to_km)
        trip = Trip(
            ev=vehicle.number,
            legs=move.legs,
            length_km=move.length_km,
            end=end,
            depart_s=now,
            planned_s=move.planned_s,
            from_station=visit.station if visit is not None else -1,
            destination=self._station_at(end),
        )
        vehicle.visit, vehicle.trip = None, trip
        self.trips.append(trip)
        self.traffic.depart(trip)

    def _arrive(self, trip: Trip) -> None:
        """End a trip; who wants a charger asks for it at the time of arrival, not now."""
        vehicle, arrive_s = self.vehicles[trip.ev], cast(float, trip.arrive_s)
        self._book(vehicle, trip, trip.length_km, arrive_s)
        vehicle.trip = None
        self._stop_at(vehicle, trip.end, arrive_s)

    def _look_at(self, vehicle: Vehicle, trip: Trip) -> None:
        """Find the place, and book the drive so far, of an EV that still drives at the slot's end."""
        now_s = float(self._env.now)
        road, from_km, to_km = trip.leg
        # The event that ends a leg at this very instant belongs to the next slot.
        share = min((now_s - trip.enter_s[-1]) / trip.leg_s, 1.0)
        on_leg_km = (to_km - from_km) * share
        self._book(vehicle, trip, trip.done_km + on_leg_km, now_s)
        vehicle.place = self._around.router.place_on(road, from_km + on_leg_km)

    def _book(self, vehicle: Vehicle, trip: Trip, trip_km: float, until_s: float) -> None:
        """Book kilometres, time and energy of a trip, up to some kilometres of it and a time."""
        new_km = trip_km - trip.booked_km
        trip.booked_km = trip_km
        vehicle.driven_km += new_km
        vehicle.driven_s += until_s - max(trip.depart_s, self._slot_start_s)
        vehicle.battery.energy_kwh -= new_km * self._around.consumption_kwh_per_km

    def _station_at(self, place: Place) -> int:
        return self._around.station_of.get(place.node, -1) if place.road < 0 else -1

    def _stop_at(self, vehicle: Vehicle, place: Place, time_s: float) -> None:
        vehicle.place = place
        station = self._station_at(place)
        if station < 0:
            return
        vehicle.visit = visit = Visit(vehicle.number, station, time_s)
        self.visits.append(visit)
        wanted_kw = self._wanted_kw(vehicle)
        if wanted_kw != 0.0 and self.stations[station].serves(vehicle.battery, wanted_kw):
            call_after(self._env, time_s - self._env.now, self._ask_for_charger, (vehicle, visit, wanted_kw))

    def _ask_for_charger(self, event: simpy.Event) -> None:
        vehicle, visit, wanted_kw = cast(tuple[Vehicle, Visit, float], event.value)
        visit.requests.append(self.stations[visit.station].request(vehicle.number, vehicle.battery, wanted_kw))
