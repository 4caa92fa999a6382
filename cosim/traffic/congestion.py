"""The traffic of everybody else, and the travel times that it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from cosim.errors import ScenarioError, ScenarioIssue, SimulationError
from cosim.interface import Floats
from cosim.scenario.schema import CapacityShareFlow, CongestionSection, EquilibriumFlow, SimulatedFlow, TntpFlow
from cosim.seeding import EVERY_EPISODE, stream
from cosim.traffic import tntp
from cosim.traffic.demand import trips_between_nodes
from cosim.traffic.equilibrium import user_equilibrium
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.travel_time import TravelTime


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
    """Flow of other vehicles without noise; of those that are simulated, the flow of their equilibrium.

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
    if isinstance(base, EquilibriumFlow | SimulatedFlow):
        return _equilibria(base, roads, share, resolve)
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


def _equilibria(
    base: EquilibriumFlow | SimulatedFlow, roads: RoadNetwork, share: Floats, resolve: Callable[[str], Path]
) -> Floats:
    """Flow in each slot if so large a share of the trips is made [vehicles/h], shape [T, E]."""
    path = "congestion.base_flow.trips"
    whole = trips_between_nodes(base.trips, roads, resolve)
    flow_of: dict[float, Floats] = {}
    for part in np.unique(share).tolist():
        try:
            found = user_equilibrium(roads, {pair: part * trips for pair, trips in whole.items()}, gap=base.gap)
        except SimulationError as error:
            raise ScenarioError([ScenarioIssue(path, str(error))]) from error
        flow_of[part] = found.flow_vph
    return np.array([flow_of[part] for part in share.tolist()])
