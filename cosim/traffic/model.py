"""The traffic of R replicas, slot by slot: what stations draw, and where every EV is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.charging.station import StationTally
from cosim.charging.visit import Visit
from cosim.clock import Clock
from cosim.interface import Action, EvState, Floats, Ints
from cosim.records.schema import EvSlots, StationSlots
from cosim.scenario.schema import Scenario
from cosim.scenario.uncertainty import draw_factors, factor_range
from cosim.traffic.congestion import TravelTime, base_time_range
from cosim.traffic.move import MoveFinder
from cosim.traffic.replica import Orders, Surroundings, TrafficReplica
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.route_table import RouteTable, TimeRange
from cosim.traffic.routing import Place, Router
from cosim.traffic.start import start_fleet
from cosim.traffic.target import ActionOutcome, TargetFinder, Targets
from cosim.traffic.trip import Trip
from cosim.units import hours


@dataclass(frozen=True)
class FleetState:
    """Where every EV is when a slot begins, and what goes on at stations and on roads.

    Attributes:
        position_km: Position on the map [km], shape [R, I, 2].
        edge: Directed road that the EV is on, -1 at a node, shape [R, I].
        node: Node, or the end of the road, shape [R, I].
        offset_km: Driven on that road [km], shape [R, I].
        energy_kwh: Energy in the battery [kWh], shape [R, I].
        station: Station that the EV is at, -1 elsewhere, shape [R, I].
        destination: Station that a driving EV goes to, -1 for none, shape [R, I].
        state: What the EV is doing, shape [R, I].
        queue_length: EVs waiting, shape [R, H].
        chargers_busy: Chargers in use, shape [R, H].
        road_flow_vph: Flow on each directed road [vehicles/h], shape [R, E].
    """

    position_km: Floats
    edge: Ints
    node: Ints
    offset_km: Floats
    energy_kwh: Floats
    station: Ints
    destination: Ints
    state: Ints
    queue_length: Ints
    chargers_busy: Ints
    road_flow_vph: Floats


@dataclass(frozen=True)
class TrafficSlot:
    """What happened on the roads and at the stations in a slot.

    Attributes:
        evs: Per EV, shape [R, I].
        stations: Per station, shape [R, H].
        base_flow_vph: Flow of other vehicles [vehicles/h], shape [R, E].
        trips: Trips of each replica's episode so far, if they are kept.
        visits: Stays at stations of each replica's episode so far.
    """

    evs: EvSlots
    stations: StationSlots
    base_flow_vph: Floats
    trips: Sequence[Sequence[Trip]]
    visits: Sequence[Sequence[Visit]]


class TrafficModel:
    """Vehicles, roads and stations for R replicas.

    Args:
        scenario: The scenario.
        clock: Its clock.
        roads: Its road network.
        router: Finds ways on it.
        station_node: Road node of each station, shape [H].
        base_flow_vph: Flow of other vehicles without noise [vehicles/h], shape [T, E].
        keep_trips: Whether trips are kept until their episode ends.
    """

    def __init__(
        self,
        scenario: Scenario,
        clock: Clock,
        roads: RoadNetwork,
        router: Router,
        station_node: Ints,
        base_flow_vph: Floats,
        *,
        keep_trips: bool = True,
    ) -> None:
        fleet = scenario.fleet
        self._scenario = scenario
        self._clock = clock
        self._roads = roads
        self._station_node = station_node
        self._expected_flow_vph = base_flow_vph
        self._travel_time = TravelTime(roads)
        self._target_finder = TargetFinder(roads, station_node, fleet.max_move_km)
        times = base_time_range(self._travel_time, base_flow_vph, factor_range(scenario.uncertainty.traffic))
        table = RouteTable(router, TimeRange(*times) if times else None)
        self._surroundings = Surroundings(
            router=router,
            finder=MoveFinder(router, table, fleet.max_move_km, fleet.consumption_kwh_per_km),
            travel_time=self._travel_time,
            ev_flow_vph=scenario.congestion.ev_flow_vph,
            station_of={node: station for station, node in enumerate(station_node.tolist())},
            chargers=[station.chargers for station in scenario.stations],
            charge_kw=fleet.charge_kw,
            discharge_kw=fleet.discharge_kw,
            consumption_kwh_per_km=fleet.consumption_kwh_per_km,
            slot_s=clock.slot_s,
            keep_trips=keep_trips,
        )

    def begin(self, episodes: Sequence[int]) -> None:
        """Start new episodes.

        Args:
            episodes: Number of each replica's episode, R of them.
        """
        scenario = self._scenario
        self._slot = 0
        self._state: FleetState | None = None
        self._replicas = [
            TrafficReplica(
                self._surroundings,
                start_fleet(scenario.fleet, self._station_node, self._roads.nodes, scenario.seed, episode),
            )
            for episode in episodes
        ]
        noise = scenario.uncertainty.traffic
        factors = [draw_factors(noise, scenario.seed, e, "uncertainty.traffic", 1) for e in episodes]
        self._flow_factor = np.array(factors)

    def state(self) -> FleetState:
        """Where every EV is when the slot begins that comes next."""
        if self._state is None:
            self._state = self._look()
        return self._state

    def _look(self) -> FleetState:
        fleets = [replica.fleet for replica in self._replicas]
        shape = (len(fleets), self._scenario.fleet.size)

        def ints(rows: Sequence[Sequence[int]]) -> Ints:
            return np.array(rows, dtype=np.int64).reshape(len(fleets), -1)

        places = [tuple(zip(*fleet.place, strict=True)) or ((), (), ()) for fleet in fleets]
        node, road = ints([place[0] for place in places]), ints([place[1] for place in places])
        offset_km = np.array([place[2] for place in places], dtype=np.float64)
        energy_kwh = np.array([[battery.energy_kwh for battery in fleet.battery] for fleet in fleets])
        return FleetState(
            position_km=self._roads.position_km(road, node, offset_km),
            edge=road,
            node=node,
            offset_km=offset_km,
            energy_kwh=energy_kwh.reshape(shape),
            station=ints([fleet.station for fleet in fleets]),
            destination=ints([fleet.destination for fleet in fleets]),
            state=ints([list(map(int, fleet.states())) for fleet in fleets]),
            queue_length=ints([[len(s.queue) for s in replica.stations] for replica in self._replicas]),
            chargers_busy=ints([[len(s.plugged) for s in replica.stations] for replica in self._replicas]),
            road_flow_vph=self._flow_now_vph(),
        )

    def step(self, action: Action, station_limit_kw: Floats) -> TrafficSlot:
        """Go through one slot.

        Args:
            action: What every EV shall do, arrays of shape [R, I].
            station_limit_kw: Charging and discharging limit of each station [kW], shape [R, H, 2].

        Returns:
            What happened.
        """
        start = self.state()
        targets = self._target_finder.find(start.position_km, action.heading_rad, action.distance_km)
        base_flow_vph = self._base_flow_vph(self._slot)
        ran = [
            replica.run_slot(*given)
            for replica, *given in zip(
                self._replicas,
                _orders(targets, action.power_share),
                station_limit_kw.tolist(),
                base_flow_vph.tolist(),
                self._travel_time.of_all_s(base_flow_vph),
                strict=True,
            )
        ]
        self._slot += 1
        self._state = None
        outcome = np.where(start.state == int(EvState.DRIVING), int(ActionOutcome.IGNORED), targets.outcome)
        for of_replica, (outcomes, _) in zip(outcome, ran, strict=True):
            of_replica[list(outcomes)] = list(map(int, outcomes.values()))
        return TrafficSlot(
            evs=self._ev_slots(action, start.energy_kwh, outcome),
            stations=self._station_slots(station_limit_kw, [tallies for _, tallies in ran]),
            base_flow_vph=base_flow_vph,
            trips=[replica.trips for replica in self._replicas],
            visits=[replica.visits for replica in self._replicas],
        )

    def _base_flow_vph(self, slot: int) -> Floats:
        flow_vph: Floats = self._expected_flow_vph[slot] * self._flow_factor
        return flow_vph

    def _flow_now_vph(self) -> Floats:
        """Flow on each road, EVs at their weight, at the slot's start; after the last slot that of its end."""
        flow_vph = self._base_flow_vph(min(self._slot, self._clock.slots - 1))
        for of_replica, replica in zip(flow_vph, self._replicas, strict=True):
            for road, evs in replica.traffic.occupied().items():
                of_replica[road] += self._scenario.congestion.ev_flow_vph * evs
        return flow_vph

    def _ev_slots(self, action: Action, energy_start_kwh: Floats, outcome: Ints) -> EvSlots:
        costs = self._scenario.fleet.costs
        state = self.state()
        fleets = [replica.fleet for replica in self._replicas]
        charged_kwh = np.array([[battery.drawn_kwh for battery in fleet.battery] for fleet in fleets])
        discharged_kwh = np.array([[battery.fed_kwh for battery in fleet.battery] for fleet in fleets])
        driven_km = np.array([fleet.driven_km for fleet in fleets])
        driven_s = np.array([fleet.driven_s for fleet in fleets])
        return EvSlots(
            heading_rad=action.heading_rad,
            distance_km=action.distance_km,
            power_share=action.power_share,
            outcome=outcome,
            x_km=state.position_km[..., 0],
            y_km=state.position_km[..., 1],
            station=state.station,
            state=state.state,
            energy_start_kwh=energy_start_kwh,
            energy_end_kwh=state.energy_kwh,
            charged_kwh=charged_kwh,
            discharged_kwh=discharged_kwh,
            driven_km=driven_km,
            driven_s=driven_s,
            battery_cny=costs.battery_cny_per_kwh * (charged_kwh + discharged_kwh),
            distance_cny=costs.distance_cny_per_km * driven_km,
            time_cny=costs.time_cny_per_h * hours(1.0) * driven_s,
        )

    def _station_slots(self, station_limit_kw: Floats, tallies: Sequence[Sequence[StationTally]]) -> StationSlots:
        def of(name: str) -> Floats:
            return np.array([[getattr(tally, name) for tally in row] for row in tallies], dtype=np.float64)

        charged_kwh, discharged_kwh = of("charged_kwh"), of("discharged_kwh")
        return StationSlots(
            power_kw=(charged_kwh - discharged_kwh) / self._clock.slot_h,
            charged_kwh=charged_kwh,
            discharged_kwh=discharged_kwh,
            charge_limit_kw=station_limit_kw[..., 0],
            discharge_limit_kw=station_limit_kw[..., 1],
            queue_mean=of("queue_s") / self._clock.slot_s,
            queue_max=of("queue_max").astype(np.int64),
            busy_mean=of("busy_s") / self._clock.slot_s,
            busy_max=of("busy_max").astype(np.int64),
        )


def _orders(targets: Targets, power_share: Floats) -> list[Orders]:
    """The orders of each replica."""
    found = targets.outcome == int(ActionOutcome.DEPARTED)
    orders = [Orders([], share) for share in power_share.tolist()]
    columns = (*np.nonzero(found), targets.node[found], targets.road[found], targets.offset_km[found])
    for replica, ev, node, road, offset_km in zip(*(column.tolist() for column in columns), strict=True):
        orders[replica].targets.append((ev, Place(node, road, offset_km)))
    return orders
