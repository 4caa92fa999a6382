"""The load restoration ratio that no fleet of identical EVs can exceed, episode by episode.

The fleet's linear program (`cosim.planning.program`) is given the whole episode: what the simulated microgrids will
have and lack, slot by slot, and where the EVs start. What it allows and the simulation does not is listed in
`RELAXATIONS`; it forbids nothing that the simulation allows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.interface import Floats, Ints
from cosim.loading import choices, load, permit
from cosim.metrics import Estimate, estimate
from cosim.planning.program import FleetProgram, Groups, Storage, Supply
from cosim.planning.trips import Trips
from cosim.planning.walks import Levels, Starts
from cosim.system import System
from cosim.units import hours

DEFAULT_EPISODES = 16
#: Episodes whose microgrids are simulated side by side.
SIDE_BY_SIDE = 16
#: Energy levels of a battery.
LEVELS = 511
#: How exactly the program is solved, as a share of the deficit of an episode.
TOLERANCE = 5e-4

#: What HiGHS's tolerances may make the bound too low by, as a share of the deficit.
SOLVER_ERROR = 1e-6

#: What the program allows and the simulation does not.
RELAXATIONS: Final = (
    "foresight: load, renewables and all EVs are known for the whole episode, and one mind decides for all",
    "whole EVs: an EV may split, and its parts go different ways",
    "energy levels: what a trip takes is rounded down to a level, what a slot's power allows up",
    "roads: no traffic, every way the shortest and the quickest at once, its last kilometres at the highest speed",
    "chargers: an EV uses one only for the time that its energy takes at full power, and never waits for another",
    "limits: what a station takes and gives in a slot may come at any time of the slot",
    "storage: it knows the future, and may be charged from diesel; by rule it does neither",
    "voltages: no load is shed for them",
)

#: Called after each episode with the episodes done and the episodes in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class EpisodeBound:
    """The bound of one episode.

    Attributes:
        episode: Number of the episode.
        reference_shed_kwh: Load that is shed without EVs [kWh].
        least_shed_kwh: No fleet can bring it below this [kWh].
        load_restoration_ratio: No fleet can bring it above this; None if nothing is shed without EVs.
        load_restoration_ratio_of_walks: What the walks reach that the program has found: how exact the bound is.
    """

    episode: int
    reference_shed_kwh: float
    least_shed_kwh: float
    load_restoration_ratio: float | None
    load_restoration_ratio_of_walks: float | None


@dataclass(frozen=True)
class RestorationBound:
    """The bounds of some episodes.

    Attributes:
        scenario: Name of the scenario.
        seed: Seed of all random streams.
        fleet_size: Number of EVs.
        load_restoration_ratio: Mean and interval over the episodes.
        per_episode: Each episode.
        wall_s: Time that it took [s].
    """

    scenario: str
    seed: int
    fleet_size: int
    load_restoration_ratio: Estimate
    per_episode: Sequence[EpisodeBound]
    wall_s: float

    def summary(self) -> dict[str, Any]:
        """Everything that `cosim bound --json` prints."""
        return {
            "scenario": self.scenario,
            "seed": self.seed,
            "fleet_size": self.fleet_size,
            "episodes": len(self.per_episode),
            "episodes_without_shedding": sum(e.load_restoration_ratio is None for e in self.per_episode),
            "load_restoration_ratio": asdict(self.load_restoration_ratio),
            "per_episode": [asdict(episode) for episode in self.per_episode],
            "relaxations": list(RELAXATIONS),
            "wall_s": self.wall_s,
        }


def restoration_bound(
    scenario: str | Path | System,
    *,
    episodes: int = DEFAULT_EPISODES,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    allow_code: bool = False,
    progress: Progress | None = None,
) -> RestorationBound:
    """Bound the load restoration ratio that any controller can reach.

    Args:
        scenario: The scenario file, or a system that was built from one.
        episodes: Number of episodes; they are those of a run with the same seed.
        seed: Seed of all random streams; default: the scenario's.
        overrides: Assignments such as `fleet.size=40`, for a scenario file only.
        allow_code: Whether an engine or a simulator from outside may be used.
        progress: Called after each episode.

    Raises:
        ScenarioError: If the scenario is wrong.
        SimulationError: If a program has no solution.
        ValueError: If `episodes` is below 1, or choices come with a built system.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}")
    assignments = [*choices(seed=seed), *overrides]
    if isinstance(scenario, System) and assignments:
        raise ValueError("seed and overrides are for a scenario file; give them to cosim.load")
    system = scenario if isinstance(scenario, System) else load(scenario, assignments)
    system = permit(system, allow_code=allow_code)
    begun_s = time.perf_counter()
    bounds = []
    for bound in episode_bounds(system, range(episodes)):
        bounds.append(bound)
        if progress is not None:
            progress(len(bounds), episodes)
    ratios = [b.load_restoration_ratio for b in bounds if b.load_restoration_ratio is not None]
    return RestorationBound(
        scenario=system.scenario.name,
        seed=system.scenario.seed,
        fleet_size=system.spec.fleet_size,
        load_restoration_ratio=estimate(np.array(ratios), "1", system.scenario.seed),
        per_episode=bounds,
        wall_s=time.perf_counter() - begun_s,
    )


def ratio_bounds(system: System, episodes: Sequence[int]) -> Floats:
    """Highest load restoration ratio of episodes, NaN where nothing would be shed; shape [E].

    Args:
        system: The scenario, built.
        episodes: Their numbers.
    """
    ratios = [bound.load_restoration_ratio for bound in episode_bounds(system, episodes)]
    return np.array([np.nan if ratio is None else ratio for ratio in ratios])


def episode_bounds(system: System, episodes: Sequence[int], levels: int = LEVELS) -> Iterator[EpisodeBound]:
    """The bounds of some episodes, one after the other.

    Args:
        system: The scenario, built.
        episodes: Their numbers.
        levels: Energy levels of a battery.
    """
    spec = system.spec
    grades = Levels(spec, levels, favourable=True)
    trips = earliest_trips(system)
    between = trips.from_some(system.station_node)
    numbers = iter(episodes)
    _refuse_shared_islands(system)
    _refuse_commuters(system)
    while batch := list(islice(numbers, SIDE_BY_SIDE)):
        grid = _GridEpisodes.of(system, batch)
        traffic = system.traffic_model(keep_trips=False)
        traffic.begin(batch)
        start = traffic.state()
        for k, episode in enumerate(batch):
            groups = _groups(grades, trips, start.node[k], start.energy_kwh[k], int(system.station_node[0]))
            program = FleetProgram(grades, between, grid.supply(k), groups)
            deficit_kwh = float(grid.deficit_kwh[k].sum())
            program.solve(TOLERANCE * max(deficit_kwh, 1.0))
            shed_kwh = float(grid.reference_shed_kwh[k].sum())
            dark_kwh = float(grid.dark_kwh[k].sum())
            least_kwh = max(deficit_kwh * (1.0 - SOLVER_ERROR) - program.most_kwh, 0.0) + dark_kwh
            walks_kwh = deficit_kwh - program.served_kwh + dark_kwh
            yield EpisodeBound(episode, shed_kwh, least_kwh, _ratio(shed_kwh, least_kwh), _ratio(shed_kwh, walks_kwh))


def _refuse_shared_islands(system: System) -> None:
    """The program does not know that microgrids of an island serve each other from stations and storage."""
    serves = (system.supply.chargers > 0.0) | (system.microgrids.ess_power_kw > 0.0)
    for stage in system.network.stages:
        island = stage.islands.island[serves & stage.islands.live]
        if len(np.unique(island)) < len(island):
            problem = (
                "the bound knows no islands with stations or storage in several microgrids; leave out what joins these"
            )
            raise ScenarioError([ScenarioIssue("network.timetable", problem)])


def _refuse_commuters(system: System) -> None:
    """The program does not know that EVs come and leave."""
    if system.scenario.fleet.commute is not None:
        raise ScenarioError([ScenarioIssue("fleet.commute", "the bound knows no EVs that commute; leave it out")])


def earliest_trips(system: System) -> Trips:
    """Trips from every road node to every station, no slower and no longer than any way that there is, shape [N, H]."""
    roads = system.roads
    speed_kmh = float(np.max(roads.length_km / np.maximum(hours(1.0) * roads.free_time_s, 1e-12)))
    shape = (roads.nodes, roads.nodes)

    def least(of_road: Floats) -> Floats:
        # Turned round, so that one search from each station finds the ways to it; 0 would mean no road.
        turned = csr_array((np.maximum(of_road, 1e-12), (roads.head, roads.tail)), shape=shape)
        of_node: Floats = dijkstra(turned, indices=system.station_node).T
        return of_node

    return Trips.of(system.spec, least(roads.length_km), hours(1.0) * least(roads.free_time_s), speed_kmh)


def _ratio(reference_kwh: float, shed_kwh: float) -> float | None:
    return 1.0 - shed_kwh / reference_kwh if reference_kwh > 0.0 else None


def _groups(levels: Levels, trips: Trips, node: Ints, energy_kwh: Floats, nowhere: int) -> Groups:
    """EVs by node and energy level; one between two levels counts as a share of both.

    Args:
        levels: The energy levels.
        trips: Trips from every node.
        node: Node of each EV, shape [I].
        energy_kwh: Its energy [kWh], shape [I].
        nowhere: Node of the empty group that a program of no EVs has.
    """
    held = levels.held(energy_kwh)
    below = np.minimum(np.floor(held).astype(np.int64), levels.count - 2)
    share = np.concatenate([1.0 - (held - below), held - below, [0.0]])
    places = np.stack([np.concatenate([node, node, [nowhere]]), np.concatenate([below, below + 1, [0]])], axis=1)
    groups, group = np.unique(places, axis=0, return_inverse=True)
    count = np.zeros(len(groups))
    np.add.at(count, group.ravel(), share)
    return Groups(count, Starts(trips.from_some(groups[None, :, 0]), groups[None, :, 1]))


@dataclass(frozen=True)
class _GridEpisodes:
    """What the microgrids of R episodes have and lack, whatever EVs do.

    Attributes:
        system: The scenario, built.
        reference_shed_kwh: Load shed without EVs [kWh], shape [R, M, T].
        deficit_kwh: Load beyond renewables and diesel that EVs could serve [kWh], shape [R, M, T].
        dark_kwh: Load in the dark [kWh], shape [R, M, T].
        spare_kwh: Renewables and diesel beyond the load [kWh], shape [R, M, T].
        limit_kwh: What stations let EVs draw and feed in [kWh], shape [R, 2, H, T].
    """

    system: System
    reference_shed_kwh: Floats
    deficit_kwh: Floats
    dark_kwh: Floats
    spare_kwh: Floats
    limit_kwh: Floats

    @classmethod
    def of(cls, system: System, episodes: Sequence[int]) -> _GridEpisodes:
        """Go through some episodes without EVs."""
        model, slot_h = system.grid_model(), system.clock.slot_h
        model.begin(episodes)
        nobody_kw = np.zeros((len(episodes), len(system.station_node)))
        shed, deficit, dark, spare, limit = [], [], [], [], []
        for _ in range(system.clock.slots):
            limit.append(model.outlook().station_limit_kw.transpose(0, 2, 1))
            slot = model.step(nobody_kw).reference
            shed.append(slot.shed_kw)
            deficit.append(slot.deficit_kw)
            dark.append(slot.load_kw * (slot.island < 0))
            supply_kw = slot.pv_available_kw + slot.wt_available_kw + system.microgrids.dg_p_max_kw
            spare.append(np.maximum(supply_kw - slot.load_kw, 0.0))
        powers = (shed, deficit, dark, spare, limit)
        return cls(system, *(np.stack(power_kw, axis=-1) * slot_h for power_kw in powers))

    def supply(self, replica: int) -> Supply:
        """One episode, as the program sees it."""
        units = self.system.microgrids
        storage = Storage(
            power_kwh=units.ess_power_kw * self.system.clock.slot_h,
            start_kwh=units.ess_start_kwh,
            min_kwh=units.ess_min_kwh,
            max_kwh=units.ess_max_kwh,
            charge_efficiency=units.ess_charge_efficiency,
            discharge_efficiency=units.ess_discharge_efficiency,
            spare_kwh=self.spare_kwh[replica],
        )
        draw_kwh, feed_kwh = self.limit_kwh[replica]
        return Supply(self.deficit_kwh[replica], draw_kwh, feed_kwh, storage)
