"""The trips of other vehicles, and when they begin in an episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cosim.clock import Clock
from cosim.errors import ScenarioError, ScenarioIssue
from cosim.interface import Floats, Ints
from cosim.scenario.schema import CongestionSection, SimulatedFlow
from cosim.seeding import stream
from cosim.traffic import tntp
from cosim.traffic.road_network import RoadNetwork
from cosim.units import hours

#: Vehicles of an episode, at most.
MOST_VEHICLES = 5_000_000


class Departure(NamedTuple):
    """A vehicle sets out.

    Attributes:
        time_s: When, since the episode's start; below 0 while roads fill [s].
        origin: Node where it begins.
        destination: Node where it ends.
    """

    time_s: float
    origin: int
    destination: int


@dataclass(frozen=True)
class Demand:
    """Trips that are to be made.

    Attributes:
        section: How they are made.
        origin: Node where each pair's trips begin, shape [P].
        destination: Node where they end, shape [P].
        trips_vph: Trips of each pair [vehicles/h], shape [P].
        share: Share of them by slot, shape [T].
        slot_s: Length of a slot [s].
    """

    section: SimulatedFlow
    origin: Ints
    destination: Ints
    trips_vph: Floats
    share: Floats
    slot_s: int

    def departures(self, seed: int, episode: int, factor: float) -> Sequence[Departure]:
        """Draw the departures of an episode, a Poisson process that changes from slot to slot.

        Args:
            seed: The scenario's seed.
            episode: Number of the episode.
            factor: Factor on all trips.

        Returns:
            The departures, in order of time.
        """
        generator = stream(seed, episode, "congestion.vehicles")
        total_vph = float(self.trips_vph.sum()) * factor / self.section.weight
        bounds_s = [-self.section.warm_up_s, *(slot * self.slot_s for slot in range(len(self.share) + 1))]
        share = [self.share[0], *self.share.tolist()]
        times, pairs = [], []
        chance = self.trips_vph / self.trips_vph.sum()
        for begin_s, end_s, part in zip(bounds_s[:-1], bounds_s[1:], share, strict=True):
            count = generator.poisson(total_vph * part * hours(end_s - begin_s))
            times.append(np.sort(generator.uniform(begin_s, end_s, count)))
            pairs.append(generator.choice(len(chance), count, p=chance))
        pair = np.concatenate(pairs)
        columns = (np.concatenate(times), self.origin[pair], self.destination[pair])
        return list(map(Departure, *(column.tolist() for column in columns)))


def trips_between_nodes(
    file: str, roads: RoadNetwork, resolve: Callable[[str], Path]
) -> Mapping[tuple[int, int], float]:
    """Read a trip table.

    Args:
        file: The file.
        roads: The road network.
        resolve: Turns a path in the scenario into one that can be opened.

    Returns:
        Trips [vehicles/h] by origin and destination, nodes counted from 0; only those above 0.

    Raises:
        ScenarioError: If it is wrong, or does not fit the roads.
    """
    path = "congestion.base_flow.trips"
    trips = tntp.read_trips(resolve(file), path)
    node = {number: k for k, number in enumerate(roads.node_number.tolist())}
    strange = sorted({zone for pair, volume in trips.items() if volume > 0.0 for zone in pair if zone not in node})
    if strange:
        raise ScenarioError(
            [ScenarioIssue(path, f"{file} has zone {zone}, which the road network lacks") for zone in strange[:5]]
        )
    return {(node[a], node[b]): volume for (a, b), volume in trips.items() if volume > 0.0}


def demand_of(
    section: CongestionSection,
    roads: RoadNetwork,
    profiles: Mapping[str, Floats],
    clock: Clock,
    resolve: Callable[[str], Path],
) -> Demand | None:
    """The trips that are simulated; None if other vehicles are a flow only.

    Args:
        section: The scenario's `congestion`.
        roads: The road network.
        profiles: Values per slot by name, each of shape [T].
        clock: The clock.
        resolve: Turns a path in the scenario into one that can be opened.

    Raises:
        ScenarioError: If the trip table is wrong or does not fit the roads, or they are too many.
    """
    flow = section.base_flow
    if not isinstance(flow, SimulatedFlow):
        return None
    table = trips_between_nodes(flow.trips, roads, resolve)
    trips = [(origin, end, volume) for (origin, end), volume in table.items() if origin != end]
    if not trips:
        raise ScenarioError([ScenarioIssue("congestion.base_flow.trips", f"{flow.trips} has no trips")])
    share = np.ones(clock.slots) if flow.profile is None else profiles[flow.profile]
    origin, destination, volume = (np.array(column) for column in zip(*trips, strict=True))
    spent_h = share.sum() * clock.slot_h + share[0] * hours(flow.warm_up_s)
    count = float(volume.sum()) * spent_h / flow.weight
    if count > MOST_VEHICLES:
        problem = f"makes {count:,.0f} vehicles an episode, more than {MOST_VEHICLES:,}; raise it"
        raise ScenarioError([ScenarioIssue("congestion.base_flow.weight", problem)])
    return Demand(flow, origin, destination, volume.astype(np.float64), share, clock.slot_s)
