"""Mean flow and travel time of each road in each slot, from what was booked and the trips that were driven."""

from __future__ import annotations

import numpy as np

from cosim.interface import Floats
from cosim.records.schema import RoadSlots
from cosim.traffic.accounts import TrafficSlot
from cosim.traffic.travel_time import TravelTime
from cosim.traffic.trip import Trip


class RoadFlow:
    """Adds EVs to the flow of other vehicles, by the time that they spent on each road.

    Args:
        travel_time: Travel times at a flow.
        ev_flow_vph: Flow that an EV on a road stands for [vehicles/h].
    """

    def __init__(self, travel_time: TravelTime, ev_flow_vph: float) -> None:
        self._travel_time = travel_time
        self._ev_flow_vph = ev_flow_vph

    def of(self, traffic: TrafficSlot) -> RoadSlots:
        """What the records tell of roads.

        Args:
            traffic: The first T slots of some episodes, with their trips.

        Returns:
            Flow [vehicles/h] and travel time [s], shape [T, R, E].
        """
        slot_s = traffic.accounts.slot_s
        base_flow_vph = np.array(traffic.base_flow_vph)
        on_road_s = np.zeros_like(base_flow_vph)
        for replica, of_episode in enumerate(traffic.trips):
            for trip in of_episode:
                _add_road_time(on_road_s[:, replica], trip, slot_s)
        flow_vph = base_flow_vph + self._ev_flow_vph * on_road_s / slot_s
        return RoadSlots(flow_vph=flow_vph, travel_time_s=self._travel_time.of_all_s(flow_vph))


def _add_road_time(on_road_s: Floats, trip: Trip, slot_s: int) -> None:
    """Add the time that a trip spends on each road in each slot, shape [T, E], in place."""
    slots = len(on_road_s)
    # A trip that has not ended yet is on its road until now.
    end_s = trip.arrive_s if trip.arrive_s is not None else float(slots * slot_s)
    for leg, enter_s, leave_s in zip(trip.legs, trip.enter_s, [*trip.enter_s[1:], end_s], strict=False):
        for slot in range(int(enter_s // slot_s), min(int(leave_s // slot_s), slots - 1) + 1):
            on_road_s[slot, leg.road] += min(leave_s, (slot + 1) * slot_s) - max(enter_s, slot * slot_s)
