"""One copy of an episode on the roads and at the stations: SimPy's events, from slot to slot.

Within a slot nothing departs, so an episode is: orders at the slot's start, then events until its end. Events
at exactly a slot's end belong to the next slot: SimPy stops before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import simpy

from cosim.charging.station import ChargingStation, StationTally
from cosim.charging.timing import call_after
from cosim.charging.visit import Visit
from cosim.interface import SMALLEST_POWER_SHARE
from cosim.traffic.congestion import TravelTime
from cosim.traffic.move import ActionOutcome, Move, MoveFinder
from cosim.traffic.routing import Place, Router
from cosim.traffic.vehicle import Trip, Vehicle


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all replicas share.

    Attributes:
        router: Finds ways.
        finder: Finds the drive that an action means.
        travel_time: Travel time of a road at a flow.
        ev_flow_vph: Flow that an EV on a road counts as [vehicles/h].
        chargers: Chargers of each station.
        charge_kw: Charging power at share 1 [kW].
        discharge_kw: Discharging power at share -1 [kW].
        consumption_kwh_per_km: Energy for driving [kWh/km].
        slot_s: Length of a slot [s].
        roads: Number of directed roads.
    """

    router: Router
    finder: MoveFinder
    travel_time: TravelTime
    ev_flow_vph: float
    chargers: Sequence[int]
    charge_kw: float
    discharge_kw: float
    consumption_kwh_per_km: float
    slot_s: int
    roads: int


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
        self.on_road = [0] * surroundings.roads
        """EVs that drive on each directed road."""
        self.trips: list[Trip] = []
        """Trips of the episode, in order of departure."""
        self.visits: list[Visit] = []
        """Stays at stations, in order of arrival."""
        self._base_flow_vph: Sequence[float] = ()
        self._slot_start_s = 0.0
        for vehicle in vehicles:
            self._stop_at(vehicle, vehicle.place)

    def run_slot(
        self,
        actions: Sequence[tuple[float, float, float]],
        limits_kw: Sequence[tuple[float, float]],
        base_flow_vph: Sequence[float],
        time_s: Sequence[float],
    ) -> tuple[list[ActionOutcome], list[StationTally]]:
        """Go through one slot.

        Args:
            actions: Heading [rad], distance [km] and power share of each EV.
            limits_kw: Charging and discharging limit of each station [kW].
            base_flow_vph: Flow of other vehicles on each road [vehicles/h].
            time_s: Travel time of each road now, for routing [s].

        Returns:
            What became of each EV's action, and each station's sums.
        """
        self._slot_start_s = float(self._env.now)
        end_s = self._slot_start_s + self._around.slot_s
        self._base_flow_vph = base_flow_vph
        for vehicle in self.vehicles:
            vehicle.driven_km = vehicle.driven_s = 0.0
            vehicle.battery.drawn_kwh = vehicle.battery.fed_kwh = 0.0
        for station, (charge_kw, discharge_kw) in zip(self.stations, limits_kw, strict=True):
            station.begin_slot(charge_kw, discharge_kw, end_s)
        outcomes = self._give_orders(actions, time_s)
        self._ask_for_chargers()
        self._env.run(until=end_s)
        for vehicle in self.vehicles:
            trip = vehicle.trip
            if trip is not None:
                # The event that ends a leg at this very instant belongs to the next slot.
                self._account_leg(vehicle, trip, min((end_s - trip.enter_s[-1]) / trip.leg_s, 1.0))
        return outcomes, [station.end_slot() for station in self.stations]

    def whereabouts(self, vehicle: Vehicle) -> Place:
        """Where a vehicle is now, also on the road."""
        if vehicle.trip is None:
            return vehicle.place
        leg = vehicle.trip.leg
        return self._around.router.place_on(leg.road, leg.from_km + vehicle.leg_done_km)

    def _give_orders(
        self, actions: Sequence[tuple[float, float, float]], time_s: Sequence[float]
    ) -> list[ActionOutcome]:
        """Take all actions at the travel times of this instant, then let EVs depart in the order of their numbers."""
        outcomes = []
        departing: list[tuple[Vehicle, Move]] = []
        for vehicle, (heading_rad, distance_km, power_share) in zip(self.vehicles, actions, strict=True):
            if vehicle.trip is not None:
                outcomes.append(ActionOutcome.IGNORED)
                continue
            battery = vehicle.battery
            spare_kwh = battery.energy_kwh - battery.kind.energy_min_kwh
            move = self._around.finder.find(vehicle.place, heading_rad, distance_km, spare_kwh, time_s)
            vehicle.power_share = power_share
            outcomes.append(move.outcome)
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
        # Settled in an event behind those of this very instant, so that who arrives now takes its turn by number.
        call_after(self._env, 0.0, self._settle)

    def _settle(self, event: simpy.Event) -> None:
        for station in self.stations:
            station.settle()

    def _wanted_kw(self, vehicle: Vehicle) -> float:
        share = vehicle.power_share
        if abs(share) <= SMALLEST_POWER_SHARE:
            return 0.0
        return share * (self._around.charge_kw if share > 0.0 else self._around.discharge_kw)

    def _depart(self, vehicle: Vehicle, move: Move) -> None:
        now, visit = self._env.now, vehicle.visit
        if visit is not None:
            request = visit.open_request
            if request is not None:
                self.stations[visit.station].withdraw(request)
            visit.depart_s = now
        trip = Trip(vehicle.number, move.legs, now, move.planned_s, visit.station if visit else -1, move.station)
        vehicle.visit, vehicle.trip = None, trip
        self.trips.append(trip)
        self._enter_road(vehicle, trip)

    def _enter_road(self, vehicle: Vehicle, trip: Trip) -> None:
        """Enter the next road: its traffic now, this EV included, decides how long the drive on it takes."""
        trip.enter_s.append(self._env.now)
        leg = trip.leg
        self.on_road[leg.road] += 1
        flow_vph = self._base_flow_vph[leg.road] + self._around.ev_flow_vph * self.on_road[leg.road]
        whole_s = self._around.travel_time.of_road_s(leg.road, flow_vph)
        trip.leg_s = whole_s * (leg.length_km / self._around.router.length_km[leg.road])
        vehicle.leg_done_km = 0.0
        call_after(self._env, trip.leg_s, self._leave_road, (vehicle, trip))

    def _leave_road(self, event: simpy.Event) -> None:
        vehicle, trip = cast(tuple[Vehicle, Trip], event.value)
        leg = trip.leg
        self.on_road[leg.road] -= 1
        self._account_leg(vehicle, trip, 1.0)
        if len(trip.enter_s) < len(trip.legs):
            self._enter_road(vehicle, trip)
            return
        trip.arrive_s = self._env.now
        vehicle.trip = None
        self._stop_at(vehicle, self._around.router.place_on(leg.road, leg.to_km))

    def _account_leg(self, vehicle: Vehicle, trip: Trip, share: float) -> None:
        """Book the kilometres, the time and the energy of the present leg, up to a share of it."""
        done_km = trip.leg.length_km * share
        new_km = done_km - vehicle.leg_done_km
        vehicle.leg_done_km = done_km
        vehicle.driven_km += new_km
        vehicle.driven_s += self._env.now - max(trip.enter_s[-1], self._slot_start_s)
        vehicle.battery.energy_kwh -= new_km * self._around.consumption_kwh_per_km

    def _stop_at(self, vehicle: Vehicle, place: Place) -> None:
        vehicle.place = place
        station = self._around.finder.station_at(place)
        if station < 0:
            return
        visit = Visit(vehicle.number, station, self._env.now)
        vehicle.visit = visit
        self.visits.append(visit)
        wanted_kw = self._wanted_kw(vehicle)
        if wanted_kw != 0.0 and self.stations[station].serves(vehicle.battery, wanted_kw):
            visit.requests.append(self.stations[station].request(vehicle.number, vehicle.battery, wanted_kw))
