"""From an action to a drive, step by step as the traffic does it, for the tests of this folder."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cosim.traffic.move import MoveFinder
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.road_traffic import RoadTraffic
from cosim.traffic.route_table import RouteTable, TimeRange
from cosim.traffic.routing import Leg, Place, Router
from cosim.traffic.target import ActionOutcome, TargetFinder
from cosim.traffic.travel_time import TravelTime


class Found(NamedTuple):
    """What became of an action."""

    outcome: ActionOutcome
    legs: Sequence[Leg] = ()
    planned_s: float = 0.0
    station: int = -1


class ActionFinder:
    """Finds targets and drives on empty roads, without and with the route table; both must be the same."""

    def __init__(
        self, roads: RoadNetwork, stations: Sequence[int], budget_km: float, consumption_kwh_per_km: float
    ) -> None:
        self.roads, self.router, self.stations = roads, Router(roads), list(stations)
        self._targets = TargetFinder(roads, np.array(self.stations, dtype=np.int64), budget_km)
        self._limits = (budget_km, consumption_kwh_per_km)

    def target(self, place: Place, heading_rad: float, distance_km: float) -> Place | ActionOutcome:
        position_km = np.array([[self.router.position_km(place)]])
        found = self._targets.find(position_km, np.array([[heading_rad]]), np.array([[distance_km]]))
        outcome = ActionOutcome(int(found.outcome[0, 0]))
        if outcome is not ActionOutcome.DEPARTED:
            return outcome
        ((_, target),) = found.places[0]
        return target

    def find(
        self, place: Place, heading_rad: float, distance_km: float, spare_kwh: float, time_s: list[float]
    ) -> Found:
        target = self.target(place, heading_rad, distance_km)
        if isinstance(target, ActionOutcome):
            return Found(target)
        traffic = RoadTraffic(TravelTime(self.roads), self.router.length_km, ev_flow_vph=0.0)
        traffic.begin_slot([0.0] * self.roads.roads, np.array(time_s))
        searched, looked_up = (
            MoveFinder(self.router, RouteTable(self.router, times), *self._limits).find(
                place, target, spare_kwh, traffic
            )
            for times in (None, TimeRange(time_s, time_s))
        )
        assert searched == looked_up
        if isinstance(searched, ActionOutcome):
            return Found(searched)
        planned_s = self.router.time_of_s(searched.legs, time_s)
        return Found(ActionOutcome.DEPARTED, searched.legs, planned_s, self.station_at(searched.end))

    def station_at(self, place: Place) -> int:
        return self.stations.index(place.node) if place.road < 0 and place.node in self.stations else -1
