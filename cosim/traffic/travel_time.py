"""Travel times that grow with traffic."""

from __future__ import annotations

import math
from functools import cached_property

from cosim.interface import Floats
from cosim.traffic.road_network import RoadNetwork
from cosim.units import hours

#: Newton's method doubles its digits with every step.
MOST_STEPS = 30
EXACT = 1e-13


class TravelTime:
    """The BPR function of each road: time = free time x (1 + b (flow / capacity) ^ power).

    An exponent of 4 on all roads, the usual one, is taken by multiplying: the same bits for one road as for an
    array of them.

    Args:
        roads: The road network.

    Source:
        Wu, Cai, Li 2025, eq. (10); the function is that of the Bureau of Public Roads, 1964.
    """

    def __init__(self, roads: RoadNetwork) -> None:
        self._free_s = roads.free_time_s
        self._capacity_vph = roads.capacity_vph
        self._b = roads.bpr_b
        self._power = roads.bpr_power
        self._fourth = bool((roads.bpr_power == 4.0).all())
        self.one_power = bool((roads.bpr_power == roads.bpr_power[:1]).all())
        """Whether all roads have the same exponent."""

    @cached_property
    def _of_road(self) -> list[tuple[float, float, float, float]]:
        """Free time, capacity, factor and exponent of each road."""
        columns = (self._free_s, self._capacity_vph, self._b, self._power)
        return list(zip(*(values.tolist() for values in columns), strict=True))

    def of_road_s(self, road: int, flow_vph: float) -> float:
        """Travel time of one road [s] at a flow [vehicles/h]."""
        free_s, capacity_vph, b, power = self._of_road[road]
        load = flow_vph / capacity_vph
        if self._fourth:
            square = load * load
            return free_s * (1.0 + b * (square * square))
        return free_s * (1.0 + b * math.pow(load, power))

    def flow_with_vph(self, road: int, vehicles: float) -> float:
        """The flow that keeps a number of vehicles on a road in the long run [vehicles/h]: q t(q) = n (Little's law).

        Args:
            road: The road.
            vehicles: How many are on it.
        """
        if vehicles <= 0.0:
            return 0.0
        free_s, capacity_vph, b, power = self._of_road[road]
        free_h = hours(free_s)
        if free_h <= 0.0:
            # Nobody is on it for any time.
            return 0.0
        flow_vph = vehicles / free_h
        if b > 0.0:
            # Without either term of the BPR function the flow is greater: so Newton comes from above, and stays there.
            crowded_vph = capacity_vph * (flow_vph / (capacity_vph * b)) ** (1.0 / (power + 1.0))
            flow_vph = min(flow_vph, crowded_vph)
        for _ in range(MOST_STEPS):
            congestion = b * (flow_vph / capacity_vph) ** power
            excess = flow_vph * free_h * (1.0 + congestion) - vehicles
            step_vph = excess / (free_h * (1.0 + (power + 1.0) * congestion))
            flow_vph -= step_vph
            if step_vph <= EXACT * flow_vph:
                break
        return flow_vph

    def of_all_s(self, flow_vph: Floats) -> Floats:
        """Travel times of all roads [s] at their flows [vehicles/h], both of shape [..., E]."""
        load = flow_vph / self._capacity_vph
        if self._fourth:
            square = load * load
            return self._free_s * (1.0 + self._b * (square * square))
        times_s: Floats = self._free_s * (1.0 + self._b * load**self._power)
        return times_s
