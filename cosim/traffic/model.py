"""The traffic of R replicas, slot by slot: what stations draw, and where every EV is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from cosim.clock import Clock
from cosim.interface import Action, EvState, Floats, Ints
from cosim.sampling.group import Group
from cosim.scenario.schema import Scenario
from cosim.scenario.uncertainty import draw_factors, factor_range
from cosim.traffic.accounts import EvBook, StationBook, TrafficAccounts, TrafficSlot
from cosim.traffic.commute import draw_stays
from cosim.traffic.congestion import base_time_range
from cosim.traffic.demand import Demand, Departure
from cosim.traffic.fleet import Fleet, FleetColumns, wanted_kw
from cosim.traffic.fleet_state import FleetState
from cosim.traffic.live_traffic import LiveTraffic, OtherVehicles
from cosim.traffic.move import MoveFinder
from cosim.traffic.replica import Surroundings, TrafficReplica
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.route_table import RouteTable, TimeRange
from cosim.traffic.routing import Router
from cosim.traffic.start import start_fleet
from cosim.traffic.station_set import StationSet, span_of
from cosim.traffic.target import ActionOutcome, TargetFinder
from cosim.traffic.travel_time import TravelTime
from cosim.units import hours


class TrafficModel:
    """Vehicles, roads and stations for R replicas.

    Args:
        scenario: The scenario.
        clock: Its clock.
        roads: Its road network.
        router: Finds ways on it.
        station_node: Road node of each station, shape [H].
        base_flow_vph: Flow of other vehicles without noise [vehicles/h], shape [T, E].
        customers: Who else comes to the stations.
        demand: Trips of other vehicles, if they are simulated.
        price_cny_per_kwh: Price of energy, shape [T]; None without a tariff.
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
        customers: Sequence[Group] = (),
        demand: Demand | None = None,
        price_cny_per_kwh: Floats | None = None,
        keep_trips: bool = True,
    ) -> None:
        fleet = scenario.fleet
        self._scenario = scenario
        self._clock = clock
        self._roads = roads
        self._station_node = station_node
        self._expected_flow_vph = base_flow_vph
        self._price_cny_per_kwh = price_cny_per_kwh
        self._accounts = TrafficAccounts(fleet.costs, clock.slot_s)
        self._travel_time = TravelTime(roads)
        self._target_finder = TargetFinder(roads, station_node, fleet.max_move_km)
        self._others = None if demand is None else OtherVehicles(demand, roads, self._travel_time)
        usual_time_s = None
        if fleet.routing == "fixed":
            usual_time_s = self._travel_time.of_all_s(base_flow_vph.mean(axis=0)).tolist()
        table = RouteTable(router, self._known_times(usual_time_s))
        self._surroundings = Surroundings(
            router=router,
            finder=MoveFinder(router, table, fleet.max_move_km, fleet.consumption_kwh_per_km, usual_time_s),
            travel_time=self._travel_time,
            ev_flow_vph=scenario.congestion.ev_flow_vph,
            station_of={node: station for station, node in enumerate(station_node.tolist())},
            stations=StationSet(scenario.stations, fleet, customers, span_of(clock), scenario.seed),
            consumption_kwh_per_km=fleet.consumption_kwh_per_km,
            slot_s=clock.slot_s,
            keep_trips=keep_trips,
            max_move_km=fleet.max_move_km,
            chooses_again=fleet.routing == "nodes",
            others=self._others,
        )

    def _known_times(self, usual_time_s: Sequence[float] | None) -> TimeRange | None:
        """Travel times between which the quickest ways can be known before, if there are such."""
        if usual_time_s is not None:
            return TimeRange(usual_time_s, usual_time_s)
        if self._others is not None:
            return None
        noise = factor_range(self._scenario.uncertainty.traffic)
        times = base_time_range(self._travel_time, self._expected_flow_vph, noise)
        return TimeRange(*times) if times else None

    def begin(self, episodes: Sequence[int]) -> None:
        """Start new episodes.

        Args:
            episodes: Number of each replica's episode, R of them.
        """
        scenario = self._scenario
        self._slot = 0
        self._state: FleetState | None = None
        fleet, nodes = scenario.fleet, self._roads.nodes
        self._columns = FleetColumns(len(episodes), fleet.size)
        starts = [start_fleet(fleet, self._station_node, nodes, scenario.seed, episode) for episode in episodes]
        noise = scenario.uncertainty.traffic
        factors = [draw_factors(noise, scenario.seed, e, "uncertainty.traffic", 1) for e in episodes]
        self._flow_factor = np.array(factors)
        commute = fleet.commute
        stays = [
            None if commute is None else draw_stays(commute, self._clock, fleet.size, scenario.seed, episode)
            for episode in episodes
        ]
        self._depart_s = None if commute is None else np.array([s.depart_s for s in stays if s is not None])
        self._replicas = [
            TrafficReplica(
                self._surroundings,
                Fleet(*start, self._columns, replica),
                episode,
                self._departures(episode, float(factor[0])),
                stay,
            )
            for replica, (start, episode, factor, stay) in enumerate(zip(starts, episodes, factors, stays, strict=True))
        ]
        self._batteries = [battery for batteries, _ in starts for battery in batteries]

    def state(self) -> FleetState:
        """Where every EV is when the slot begins that comes next."""
        if self._state is None:
            self._state = self._look()
        return self._state

    def _look(self) -> FleetState:
        columns = self._columns
        state = columns.state.copy()
        for of_replica, replica in zip(state, self._replicas, strict=True):
            numbers = of_replica.data
            for ev, doing in replica.states():
                numbers[ev] = doing
        at_stations = [
            ([len(s.queue) for s in replica.stations], [len(s.plugged) for s in replica.stations])
            for replica in self._replicas
        ]
        queue_length, chargers_busy = np.array(at_stations, dtype=np.int64).swapaxes(0, 1)
        return FleetState(
            position_km=self._roads.position_km(columns.road, columns.node, columns.offset_km),
            edge=columns.road.copy(),
            node=columns.node.copy(),
            offset_km=columns.offset_km.copy(),
            energy_kwh=self._of_evs([battery.energy_kwh for battery in self._batteries]),
            station=columns.station.copy(),
            destination=columns.destination.copy(),
            state=state,
            queue_length=queue_length,
            chargers_busy=chargers_busy,
            road_flow_vph=self._flow_now_vph(),
            departure_h=self._departure_h(),
        )

    def _departure_h(self) -> Floats | None:
        """Time until EVs that commute leave [h], 0 once they have, shape [R, I]."""
        if self._depart_s is None:
            return None
        left_s: Floats = np.maximum(self._depart_s - self._slot * self._clock.slot_s, 0.0)
        return hours(1.0) * left_s

    def step(self, action: Action, station_limit_kw: Floats) -> TrafficSlot:
        """Go through one slot.

        Args:
            action: What every EV shall do, arrays of shape [R, I].
            station_limit_kw: Charging and discharging limit of each station [kW], shape [R, H, 2].

        Returns:
            What happened.
        """
        start = self.state()
        commutes = self._scenario.fleet.commute is not None
        drives = start.state == int(EvState.DRIVING)
        if commutes:
            # Who commutes drives to and from elsewhere, and never here.
            drives |= action.distance_km > 0.0
        distance_km = np.where(drives, 0.0, action.distance_km)
        targets = self._target_finder.find(start.position_km, action.heading_rad, distance_km)
        fleet = self._scenario.fleet
        self._columns.begin_slot(wanted_kw(action.power_share, fleet.charge_kw, fleet.discharge_kw))
        base_flow_vph = self._base_flow_vph(self._slot)
        ran = [
            replica.run_slot(*given)
            for replica, *given in zip(
                self._replicas,
                targets.places,
                station_limit_kw.tolist(),
                [flow_vph.data for flow_vph in base_flow_vph],
                self._travel_time.of_all_s(base_flow_vph),
                strict=True,
            )
        ]
        if self._others is not None:
            # What has driven is known now.
            base_flow_vph = np.array(
                [self._live(replica).entered_vph(self._clock.slot_s) for replica in self._replicas]
            )
        self._slot += 1
        self._state = None
        outcome = np.where(drives, int(ActionOutcome.IGNORED), targets.outcome)
        for of_replica, (refused, _) in zip(outcome, ran, strict=True):
            for ev, why in refused.items():
                of_replica[ev] = why
        end = self.state()
        charged_kwh = self._of_evs([battery.drawn_kwh for battery in self._batteries])
        discharged_kwh = self._of_evs([battery.fed_kwh for battery in self._batteries])
        station = end.station
        if commutes:
            # A stay is told where it ends.
            left = (end.state == int(EvState.AWAY)) & (start.station >= 0)
            station = np.where(left, start.station, station)
        return TrafficSlot(
            self._accounts,
            EvBook(
                heading_rad=action.heading_rad,
                distance_km=action.distance_km,
                power_share=action.power_share,
                outcome=outcome,
                energy_start_kwh=start.energy_kwh,
                energy_end_kwh=end.energy_kwh,
                position_km=end.position_km,
                station=station,
                state=end.state,
                charged_kwh=charged_kwh,
                discharged_kwh=discharged_kwh,
                driven_km=self._columns.driven_km.copy(),
                driven_s=self._columns.driven_s.copy(),
                energy_cny=self._energy_cny(self._slot - 1, charged_kwh, discharged_kwh),
            ),
            StationBook(station_limit_kw, np.array([[tally.row() for tally in tallies] for _, tallies in ran])),
            base_flow_vph,
            [replica.trips for replica in self._replicas],
            [replica.visits for replica in self._replicas],
            [replica.guests for replica in self._replicas],
        )

    def _energy_cny(self, slot: int, charged_kwh: Floats, discharged_kwh: Floats) -> Floats:
        """Cost of energy by the tariff [CNY], shape [R, I]."""
        tariff = self._scenario.tariff
        if tariff is None or self._price_cny_per_kwh is None:
            return np.zeros(charged_kwh.shape)
        cost_cny: Floats = self._price_cny_per_kwh[slot] * (charged_kwh - tariff.feed_in_share * discharged_kwh)
        return cost_cny

    def _of_evs(self, values: list[float]) -> Floats:
        """Values of all EVs, replica after replica, as an array of shape [R, I]."""
        return np.array(values, dtype=np.float64).reshape(self._columns.state.shape)

    def _departures(self, episode: int, factor: float) -> Sequence[Departure]:
        """Of other vehicles, if they are simulated."""
        return () if self._others is None else self._others.demand.departures(self._scenario.seed, episode, factor)

    def _base_flow_vph(self, slot: int) -> Floats:
        """Flow of other vehicles that do not drive by themselves [vehicles/h], shape [R, E]."""
        if self._others is not None:
            return np.zeros((len(self._replicas), self._roads.roads))
        flow_vph: Floats = self._expected_flow_vph[slot] * self._flow_factor
        return flow_vph

    def _flow_now_vph(self) -> Floats:
        """Flow on each road, EVs at their weight, at the slot's start; after the last slot that of its end."""
        if self._others is None:
            flow_vph = self._base_flow_vph(min(self._slot, self._clock.slots - 1))
        else:
            flow_vph = np.array([self._live(replica).vehicle_flow_vph() for replica in self._replicas])
        for of_replica, replica in zip(flow_vph, self._replicas, strict=True):
            for road, evs in replica.traffic.occupied().items():
                of_replica[road] += self._scenario.congestion.ev_flow_vph * evs
        return flow_vph

    @staticmethod
    def _live(replica: TrafficReplica) -> LiveTraffic:
        return cast(LiveTraffic, replica.traffic)
