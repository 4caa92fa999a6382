"""From an action (heading, distance) to a drive along roads, or to the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from cosim.interface import SMALLEST_MOVE_KM
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.routing import Leg, Place, Router, SnapIndex, cut_to_budget

#: A target farther than this from any road is off road [km].
SNAP_KM = 1.0
#: A target this near to a station means that station [km]; but never more than half of a slot's kilometres, or
#: an EV at a station could not leave it.
STATION_KM = 1.1


class ActionOutcome(IntEnum):
    """What became of an EV's action."""

    STAYED = 0
    """It asked to stay, or was at its target."""
    DEPARTED = 1
    """It left for its target."""
    IGNORED = 2
    """It was still driving when the slot began."""
    OUTSIDE = 3
    """The target is outside the area; penalised, the EV stays."""
    OFF_ROAD = 4
    """The target is too far from any road; penalised, the EV stays."""
    NO_WAY = 5
    """No road leads to the target; penalised, the EV stays."""
    LOW_ENERGY = 6
    """Its energy would fall below its minimum on the way; the EV stays."""


PENALISED = (ActionOutcome.OUTSIDE, ActionOutcome.OFF_ROAD, ActionOutcome.NO_WAY)


@dataclass(frozen=True, slots=True)
class Move:
    """What an action means on the roads.

    Attributes:
        outcome: What became of it.
        legs: The drive of this slot; empty if there is none.
        planned_s: Travel time expected [s].
        station: Station that it ends at, -1 elsewhere.
    """

    outcome: ActionOutcome
    legs: list[Leg]
    planned_s: float = 0.0
    station: int = -1


class MoveFinder:
    """Finds the drive that an action means.

    Args:
        roads: The road network.
        router: Finds ways on it.
        station_node: Road node of each station.
        budget_km: Kilometres that an EV may drive per slot [km].
        consumption_kwh_per_km: Energy for driving [kWh/km].
    """

    def __init__(
        self,
        roads: RoadNetwork,
        router: Router,
        station_node: Sequence[int],
        budget_km: float,
        consumption_kwh_per_km: float,
    ) -> None:
        self._router = router
        self._snap = SnapIndex(roads, SNAP_KM)
        self._area_km = roads.area_km
        self._station_of = {node: station for station, node in enumerate(station_node)}
        self._stations = [(station, *roads.node_km[node].tolist()) for station, node in enumerate(station_node)]
        self._station_node = list(station_node)
        self._budget_km = budget_km
        self._station_km = min(STATION_KM, budget_km / 2.0)
        self._consumption_kwh_per_km = consumption_kwh_per_km

    def station_at(self, place: Place) -> int:
        """The station at a place, -1 if there is none."""
        return self._station_of.get(place.node, -1) if place.road < 0 else -1

    def find(
        self,
        place: Place,
        heading_rad: float,
        distance_km: float,
        spare_kwh: float,
        time_s: Sequence[float],
    ) -> Move:
        """Find the drive of one slot.

        Args:
            place: Where the EV is.
            heading_rad: Direction, counter-clockwise from east [rad].
            distance_km: Straight distance of the target [km].
            spare_kwh: Energy above the battery's minimum [kWh].
            time_s: Travel time of each road now [s].

        Returns:
            The drive along the quickest way, as far as the slot's kilometres reach.
        """
        if distance_km <= SMALLEST_MOVE_KM:
            return Move(ActionOutcome.STAYED, [])
        x_km, y_km = self._router.position_km(place)
        target = self._target(x_km + distance_km * math.cos(heading_rad), y_km + distance_km * math.sin(heading_rad))
        if isinstance(target, ActionOutcome):
            return Move(target, [])
        way = self._router.route(place, target, time_s)
        if way is None:
            return Move(ActionOutcome.NO_WAY, [])
        legs = cut_to_budget(way, self._budget_km)
        length_km = sum(leg.length_km for leg in legs)
        if not legs or length_km <= SMALLEST_MOVE_KM:
            return Move(ActionOutcome.STAYED, [])
        # A battery exactly sufficient must do, whatever the rounding of the sum of legs.
        if length_km * self._consumption_kwh_per_km > spare_kwh + 1e-9:
            return Move(ActionOutcome.LOW_ENERGY, [])
        end = self._router.place_on(legs[-1].road, legs[-1].to_km)
        return Move(ActionOutcome.DEPARTED, legs, self._router.time_of_s(legs, time_s), self.station_at(end))

    def _target(self, x_km: float, y_km: float) -> Place | ActionOutcome:
        width_km, height_km = self._area_km
        slack = SMALLEST_MOVE_KM
        if not (-slack <= x_km <= width_km + slack and -slack <= y_km <= height_km + slack):
            return ActionOutcome.OUTSIDE
        station = self._station_near(x_km, y_km)
        if station >= 0:
            return Place(self._station_node[station])
        snapped = self._snap.nearest(x_km, y_km)
        if snapped is None:
            return ActionOutcome.OFF_ROAD
        return self._router.place_on(*snapped)

    def _station_near(self, x_km: float, y_km: float) -> int:
        best_km, best = self._station_km, -1
        for station, station_x_km, station_y_km in self._stations:
            if abs(station_x_km - x_km) <= best_km and abs(station_y_km - y_km) <= best_km:
                distance_km = math.hypot(station_x_km - x_km, station_y_km - y_km)
                if distance_km < best_km or (best < 0 and distance_km <= best_km):
                    best_km, best = distance_km, station
        return best
