"""From a place and a target to a drive along roads, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence

from cosim.interface import SMALLEST_MOVE_KM
from cosim.traffic.road_traffic import RoadTraffic
from cosim.traffic.route_table import RouteTable
from cosim.traffic.routing import Drive, Place, Router, Way
from cosim.traffic.target import ActionOutcome


class MoveFinder:
    """Finds the drive to a target.

    Args:
        router: Searches ways.
        table: Knows some of them.
        budget_km: Kilometres that an EV may drive per slot [km].
        consumption_kwh_per_km: Energy for driving [kWh/km].
        usual_time_s: Travel times by which ways are chosen whatever the traffic is [s], shape [E]; None: those of now.
    """

    def __init__(
        self,
        router: Router,
        table: RouteTable,
        budget_km: float,
        consumption_kwh_per_km: float,
        usual_time_s: Sequence[float] | None = None,
    ) -> None:
        self._usual_time_s = usual_time_s
        self._router = router
        self._table = table
        self._budget_km = budget_km
        self._consumption_kwh_per_km = consumption_kwh_per_km

    def find(self, place: Place, target: Place, spare_kwh: float, traffic: RoadTraffic) -> Drive | ActionOutcome:
        """Find the drive of one slot.

        Args:
            place: Where the EV is.
            target: Where it is to go.
            spare_kwh: Energy above the battery's minimum [kWh].
            traffic: The traffic on all roads now.

        Returns:
            The drive along the quickest way, as far as the slot's kilometres reach; or why there is none.
        """
        usual_time_s = self._usual_time_s
        way = self._table.route(place, target, traffic if usual_time_s is None else None)
        if way is None:
            time_s = traffic.start_time_s() if usual_time_s is None else usual_time_s
            searched = self._router.route(place, target, time_s)
            if searched is None:
                return ActionOutcome.NO_WAY
            way = Way(searched)
        if not way.legs:
            return ActionOutcome.STAYED
        drive = way.drive
        if drive is None:
            drive = way.drive = self._router.drive(way, self._budget_km)
        length_km = drive.length_km
        if length_km <= SMALLEST_MOVE_KM:
            return ActionOutcome.STAYED
        # A battery exactly sufficient must do, whatever the rounding of the sum of legs.
        if length_km * self._consumption_kwh_per_km > spare_kwh + 1e-9:
            return ActionOutcome.LOW_ENERGY
        return drive
