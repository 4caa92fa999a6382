"""Travel times that grow with traffic, and the traffic of everybody else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.interface import Floats
from cosim.scenario.schema import CapacityShareFlow, CongestionSection, TntpFlow
from cosim.seeding import EVERY_EPISODE, stream
from cosim.traffic import tntp
from cosim.traffic.road_network import RoadNetwork


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

    def of_all_s(self, flow_vph: Floats) -> Floats:
        """Travel times of all roads [s] at their flows [vehicles/h], both of shape [..., E]."""
        load = flow_vph / self._capacity_vph
        if self._fourth:
            square = load * load
            return self._free_s * (1.0 + self._b * (square * square))
        times_s: Floats = self._free_s * (1.0 + self._b * load**self._power)
        return times_s


def base_time_range(
    travel_time: TravelTime, expected_vph: Floats, factor_range: tuple[float, float]
) -> tuple[Floats, Floats] | None:
    """Travel times at the least and at the greatest base flow.

    Args:
        travel_time: Of the roads.
        expected_vph: Base flow without noise [vehicles/h], shape [T, E].
        factor_range: Least and greatest factor on it.

    Returns:
        Two times of each road [s], shape [E], if those at any base flow lie on the straight line between them;
        else None. They do if flows are one pattern at different strengths, and all roads have one exponent.
    """
    total_vph = expected_vph.sum(axis=1)
    pattern = expected_vph[total_vph.argmax()]
    strength = total_vph / total_vph.max() if total_vph.max() > 0.0 else total_vph
    one_pattern = np.allclose(expected_vph, strength[:, None] * pattern, rtol=1e-12, atol=0.0)
    if not (one_pattern and travel_time.one_power):
        return None
    low, high = strength.min() * factor_range[0], strength.max() * factor_range[1]
    return travel_time.of_all_s(low * pattern), travel_time.of_all_s(high * pattern)


def expected_base_flow(
    section: CongestionSection,
    roads: RoadNetwork,
    profiles: Mapping[str, Floats],
    slots: int,
    resolve: Callable[[str], Path],
) -> Floats:
    """Flow of other vehicles without noise.

    Args:
        section: The scenario's `congestion`.
        roads: The road network.
        profiles: Values per slot by name, each of shape [T].
        slots: Slots of an episode, T.
        resolve: Turns a path in the scenario into one that can be opened.

    Returns:
        Flow [vehicles/h], shape [T, E].

    Raises:
        ScenarioError: If a flow file is wrong or does not fit the roads.
    """
    base = section.base_flow
    if base is None:
        return np.zeros((slots, roads.roads))
    if isinstance(base, CapacityShareFlow):
        return profiles[base.profile][:, None] * (roads.capacity_vph * _road_factors(base, roads.roads))
    share = np.ones(slots) if base.profile is None else profiles[base.profile]
    return share[:, None] * _volumes(base, roads, resolve)


def _road_factors(base: CapacityShareFlow, roads: int) -> Floats:
    if base.road_factor is None:
        return np.ones(roads)
    generator = stream(base.road_factor.seed, EVERY_EPISODE, "congestion.road_factor")
    return generator.uniform(base.road_factor.low, base.road_factor.high, roads)


def _volumes(base: TntpFlow, roads: RoadNetwork, resolve: Callable[[str], Path]) -> Floats:
    path = "congestion.base_flow.file"
    volume_of = {link: volume for link, (volume, _) in tntp.read_flow(resolve(base.file), path).items()}
    links = list(zip(roads.node_number[roads.tail].tolist(), roads.node_number[roads.head].tolist(), strict=True))
    missing = [link for link in links if link not in volume_of]
    unknown = sorted(set(volume_of) - set(links))
    issues = [ScenarioIssue(path, f"{base.file} has no volume for road {tail}-{head}") for tail, head in missing[:5]]
    issues += [
        ScenarioIssue(path, f"{base.file} has road {tail}-{head}, which the road network lacks")
        for tail, head in unknown[:5]
    ]
    if issues:
        raise ScenarioError(issues)
    return np.array([volume_of[link] for link in links])
