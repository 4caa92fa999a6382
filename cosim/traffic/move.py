"""From a place and a target to a drive along roads, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cosim.interface import SMALLEST_MOVE_KM
from cosim.traffic.road_traffic import RoadTraffic
from cosim.traffic.route_table import RouteTable
from cosim.traffic.routing import Leg, Place, Router, Way
from cosim.traffic.target import ActionOutcome


class Move(NamedTuple):
    """What an action means on the roads.

    Attributes:
        outcome: What became of it.
        legs: The drive of this slot; empty if there is none.
        length_km: Its length [km].
        planned_s: Travel time expected [s].
    """

    outcome: ActionOutcome
    legs: Sequence[Leg] = ()
    length_km: float = 0.0
    planned_s: float = 0.0


class MoveFinder:
    """Finds the drive to a target.

    Args:
        router: Searches ways.
        table: Knows some of them.
        budget_km: Kilometres that an EV may drive per slot [km].
        consumption_kwh_per_km: Energy for driving [kWh/km].
    """

    def __init__(self, router: Router, table: RouteTable, budget_km: float, consumption_kwh_per_km: float) -> None:
        self._router = router
        self._table = table
        self._budget_km = budget_km
        self._consumption_kwh_per_km = consumption_kwh_per_km

    def find(self, place: Place, target: Place, spare_kwh: float, traffic: RoadTraffic) -> Move:
        """Find the drive of one slot.

        Args:
            place: Where the EV is.
            target: Where it is to go.
            spare_kwh: Energy above the battery's minimum [kWh].
            traffic: The traffic on all roads now.

        Returns:
            The drive along the quickest way, as far as the slot's kilometres reach.
        """
        time_s = traffic.base_time_s
        way = self._table.route(place, target, traffic)
        if way is None:
            time_s = traffic.start_time_s()
            searched = self._router.route(place, target, time_s)
            if searched is None:
                return Move(ActionOutcome.NO_WAY)
            way = Way(searched)
        legs, length_km = way.within(self._budget_km)
        if length_km <= SMALLEST_MOVE_KM:
            return Move(ActionOutcome.STAYED)
        # A battery exactly sufficient must do, whatever the rounding of the sum of legs.
        if length_km * self._consumption_kwh_per_km > spare_kwh + 1e-9:
            return Move(ActionOutcome.LOW_ENERGY)
        return Move(ActionOutcome.DEPARTED, legs, length_km, self._router.time_of_s(legs, time_s))
