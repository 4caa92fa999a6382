"""Holds controllers against each other: the same held-out episodes for all, and differences in pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.episodes import held_out_episodes
from cosim.experiment import Progress, Tally, default_replicas, run_episodes, slot_counter
from cosim.interface import Controller, Floats
from cosim.loading import choices, load_as_typed, load_controller, typed_choices, with_controller
from cosim.metrics import Estimate
from cosim.scenario.source import override_source
from cosim.scenario.variation import parse_variation
from cosim.schedule import Schedule
from cosim.statistics import bootstrap, interquartile_mean, mean, mean_difference, mean_fraction
from cosim.system import System
from cosim.workers import OnSlots, refuse_unguarded_script

if TYPE_CHECKING:
    import pandas

DEFAULT_EPISODES = 256
#: What controllers are compared by; the first one is what a bound is a bound of.
RATIOS = ("load_restoration_ratio", "restoration_fairness", "energy_consumption_ratio")

#: Gives the highest load restoration ratio that any controller could reach in each of some episodes [1], shape [E];
#: NaN where nothing would be shed.
Bound = Callable[[System, Sequence[int]], Floats]


@dataclass(frozen=True)
class Evaluation:
    """How good a controller is.

    Attributes:
        values: Each ratio in each training seed and episode, shape [S, E]; NaN where it is undefined.
        means: Mean of each ratio.
        interquartile_means: Interquartile mean of each ratio.
        differences: Mean of each ratio less that of the controller that it is held against, on the same episodes;
            empty for that controller itself.
        fraction_of_bound: Mean load restoration ratio over the mean bound; None without a bound.
        decision_time_s: CPU time that one slot of one episode takes to decide, observation and checks included [s].
    """

    values: Mapping[str, Floats] = field(repr=False)
    means: Mapping[str, Estimate]
    interquartile_means: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]
    fraction_of_bound: Estimate | None
    decision_time_s: float

    def columns(self, episode: Sequence[int]) -> dict[str, Any]:
        """Training seed, episode and ratios, one row per training seed and episode.

        Args:
            episode: Numbers of the episodes, shape [E].
        """
        seeds = len(self.values[RATIOS[0]])
        return {
            "training_seed": np.repeat(np.arange(seeds), len(episode)),
            "episode": np.tile(episode, seeds),
            **{ratio: values.ravel() for ratio, values in self.values.items()},
        }


@dataclass(frozen=True)
class Point:
    """All controllers in one variant of a scenario.

    Attributes:
        vary: The number of the scenario that varies, by its path; empty if none does.
        seed: The scenario's seed.
        controllers: How good each controller is, by its name.
    """

    vary: Mapping[str, float]
    seed: int
    controllers: Mapping[str, Evaluation]


@dataclass(frozen=True)
class Comparison:
    """What `compare` gives.

    Attributes:
        scenario: Name of the scenario.
        engine: Power flow engine.
        episode: Numbers of the episodes, shape [E].
        against: Name of the controller that the others are held against.
        points: The variants of the scenario, in order.
    """

    scenario: str
    engine: str
    episode: Sequence[int] = field(repr=False)
    against: str
    points: Sequence[Point]

    @property
    def episodes(self) -> pandas.DataFrame:
        """The ratios of every episode: one row per point, controller, training seed and episode."""
        import pandas

        frames = [
            pandas.DataFrame({**point.vary, "controller": name, **evaluation.columns(self.episode)})
            for point in self.points
            for name, evaluation in point.controllers.items()
        ]
        return pandas.concat(frames, ignore_index=True)

    def summary(self) -> dict[str, Any]:
        """Everything that `cosim compare --json` prints."""
        return {
            "scenario": self.scenario,
            "engine": self.engine,
            "episodes": len(self.episode),
            "first_episode": self.episode[0],
            "against": self.against,
            "points": [_summary_of(point) for point in self.points],
        }


def compare(
    scenario: str | Path,
    controllers: Sequence[str],
    *,
    vary: str | None = None,
    against: str | None = None,
    episodes: int = DEFAULT_EPISODES,
    replicas: int | None = None,
    workers: int = 1,
    seed: int | None = None,
    engine: str | None = None,
    overrides: Sequence[str] = (),
    allow_code: bool = False,
    bound: Bound | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare controllers on the same held-out episodes.

    Args:
        scenario: The scenario file.
        controllers: Names of the controllers, each once.
        vary: A number of the scenario and the values that it takes one after the other, `fleet.size=20:60:10` (both
            ends included) or `fleet.size=20,30,60`; has the last word.
        against: Name of the controller that the others are held against; default: the first.
        episodes: Number of episodes, the first of the test range (`cosim.episodes`).
        replicas: Episodes side by side; default: at most 16. Changes the decision time, and no other result.
        workers: Processes that share the episodes, likewise. With more than one, a script must call this below
            `if __name__ == "__main__":`.
        seed: Seed of all random streams; default: the scenario's.
        engine: Power flow engine; default: the scenario's.
        overrides: Assignments such as `fleet.size=40`; options of controllers set here are meant for all of them.
        allow_code: Whether controllers that are not part of this distribution may be loaded.
        bound: Gives the highest load restoration ratio of each episode, shape [E]; default: none is known.
        progress: Called while this goes on, with slots of all points, controllers and episodes.

    Returns:
        Estimates and values of all episodes.

    Raises:
        ScenarioError: If the scenario, a controller's name or what varies is wrong.
        ControllerError: If a controller cannot be loaded, or returns something that is no action.
        SimulationError: If a run cannot go on.
        ValueError: If a number is out of range, or controllers are named twice or not at all.
    """
    against = check_request(controllers, against, episodes, replicas, workers)
    if workers > 1:
        refuse_unguarded_script()
    typed = typed_choices(seed=seed, engine=engine)
    typed += [(override, f"--controllers {controllers[0]}") for override in choices(controller=controllers[0])]
    typed += [(override, override_source(override)) for override in overrides]
    # All of them before the first one runs: what is wrong with the last one should be said now.
    variants = list(_variants(scenario, typed, vary, controllers))
    systems = [by_name[against] for _, by_name in variants]
    conditions = _Conditions(
        episodes=held_out_episodes(episodes),
        replicas=min(replicas or default_replicas(episodes, workers), episodes),
        workers=workers,
        allow_code=allow_code,
        on_slots=slot_counter(0, episodes * len(controllers) * sum(system.clock.slots for system in systems), progress),
    )
    points = []
    for (varied, by_name), system in zip(variants, systems, strict=True):
        runs = conditions.run(by_name)
        bounds = None if bound is None else bound(system, conditions.episodes)[None, :]
        evaluations = {
            name: _evaluate(run, None if name == against else runs[against], bounds, system.scenario.seed)
            for name, run in runs.items()
        }
        points.append(Point(varied, system.scenario.seed, evaluations))
    about = systems[0].scenario
    return Comparison(about.name, about.network.engine, conditions.episodes, against, tuple(points))


def check_request(
    controllers: Sequence[str], against: str | None, episodes: int, replicas: int | None, workers: int
) -> str:
    """Check what can be checked before the scenario is read.

    Args:
        controllers: Names of the controllers.
        against: Name of the one that the others are held against; default: the first.
        episodes: Number of episodes.
        replicas: Episodes side by side, or None.
        workers: Number of processes.

    Returns:
        The name of the controller that the others are held against.

    Raises:
        ValueError: If a number is out of range, or controllers are named twice or not at all.
    """
    held_out_episodes(episodes)
    if min(replicas or 1, workers) < 1 or replicas == 0:
        raise ValueError(f"replicas and workers must be at least 1, got {replicas} and {workers}")
    if not controllers or not all(controllers):
        raise ValueError("name one or more controllers, e.g. idle,greedy")
    twice = next((name for k, name in enumerate(controllers) if name in controllers[:k]), None)
    if twice is not None:
        raise ValueError(f"controller {twice!r} is named twice")
    if against is not None and against not in controllers:
        raise ValueError(f"{against!r} is none of the controllers to compare: {', '.join(controllers)}")
    return against or controllers[0]


@dataclass(frozen=True)
class _Run:
    """What is kept of a controller's episodes.

    Attributes:
        values: Each ratio, shape [S, E].
        decision_time_s: CPU time per slot and episode [s].
    """

    values: Mapping[str, Floats]
    decision_time_s: float


@dataclass(frozen=True)
class _Conditions:
    """What is the same for all controllers.

    Attributes:
        episodes: Numbers of the episodes.
        replicas: Episodes side by side.
        workers: Number of processes.
        allow_code: Whether controllers that are not part of this distribution may be loaded.
        on_slots: Called while they run.
    """

    episodes: tuple[int, ...]
    replicas: int
    workers: int
    allow_code: bool
    on_slots: OnSlots

    def run(self, systems: Mapping[str, System]) -> dict[str, _Run]:
        """Run the episodes with each controller; each is made before the first one runs."""
        makers = {name: load_controller(system, allow_code=self.allow_code) for name, system in systems.items()}
        return {name: self._run(system, makers[name]) for name, system in systems.items()}

    def _run(self, system: System, controller: Controller) -> _Run:
        tally = Tally(system, keep=False)
        effort = run_episodes(
            system,
            controller,
            Schedule(self.episodes, self.replicas, system.clock.slots),
            workers=self.workers,
            complete=False,
            allow_code=self.allow_code,
            on_slots=self.on_slots,
            on_batch=lambda numbers, records, _: tally.add(numbers, records),
        )
        values = {ratio: np.array([tally.totals.metric[ratio]]) for ratio in RATIOS}
        return _Run(values, effort.by_component["controller"] / effort.slots)


def _variants(
    scenario: str | Path, typed: Sequence[tuple[str, str]], vary: str | None, controllers: Sequence[str]
) -> Iterator[tuple[dict[str, float], dict[str, System]]]:
    """The variants of the scenario: the number that makes it one, and a system for each controller."""
    numbers: list[tuple[dict[str, float], list[tuple[str, str]]]] = [({}, [])]
    if vary is not None:
        variation = parse_variation(vary)
        pairs = zip(variation.values, variation.overrides, strict=True)
        numbers = [({variation.path: value}, [(override, variation.source)]) for value, override in pairs]
    for varied, override in numbers:
        system = load_as_typed(scenario, [*typed, *override])
        yield varied, {name: with_controller(system, name) for name in controllers}


def _evaluate(run: _Run, against: _Run | None, bounds: Floats | None, seed: int) -> Evaluation:
    values, restoration = run.values, run.values[RATIOS[0]]
    others = against.values if against is not None else {}
    return Evaluation(
        values=values,
        means={ratio: bootstrap(mean, values[ratio], seed=seed) for ratio in RATIOS},
        interquartile_means={ratio: bootstrap(interquartile_mean, values[ratio], seed=seed) for ratio in RATIOS},
        differences={ratio: bootstrap(mean_difference, values[ratio], others[ratio], seed=seed) for ratio in others},
        fraction_of_bound=None if bounds is None else bootstrap(mean_fraction, restoration, bounds, seed=seed),
        decision_time_s=run.decision_time_s,
    )


def _summary_of(point: Point) -> dict[str, Any]:
    controllers = point.controllers.items()
    return {
        "vary": dict(point.vary),
        "seed": point.seed,
        "controllers": {
            name: {
                **_by_ratio(evaluation.means),
                "fraction_of_bound": _ends(evaluation.fraction_of_bound) if evaluation.fraction_of_bound else None,
            }
            for name, evaluation in controllers
        },
        "interquartile_means": {name: _by_ratio(evaluation.interquartile_means) for name, evaluation in controllers},
        "differences": {
            name: _by_ratio(evaluation.differences) for name, evaluation in controllers if evaluation.differences
        },
        "decision_time_s": {name: evaluation.decision_time_s for name, evaluation in controllers},
    }


def _by_ratio(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float | None]]:
    return {ratio: _ends(estimate) for ratio, estimate in estimates.items()}


def _ends(estimate: Estimate) -> dict[str, float | None]:
    return {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}
