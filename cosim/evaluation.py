"""Holds controllers against each other: the same held-out episodes for all, and differences in pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.contenders import Contender, WeightsFiles, contenders_of
from cosim.disclosure import Disclosure, disclosure_of, mean_disclosure
from cosim.effort import Effort
from cosim.episodes import held_out_episodes
from cosim.experiment import DEFAULT_REPLICAS, Progress, Tally, default_replicas, run_episodes, slot_counter
from cosim.interface import Controller, Floats
from cosim.loading import (
    choices,
    is_trained,
    load_as_typed,
    load_controller,
    overhear,
    permit,
    typed_choices,
    with_controller,
)
from cosim.metrics import Estimate
from cosim.processes import refuse_unguarded_script
from cosim.records.files import write_text
from cosim.scenario.source import override_source
from cosim.scenario.variation import parse_variation
from cosim.schedule import Schedule
from cosim.statistics import bootstrap, interquartile_mean, mean, mean_difference, mean_fraction, means_of_seeds
from cosim.system import System
from cosim.workers import OnSlots

if TYPE_CHECKING:
    import pandas

DEFAULT_EPISODES = 256
#: What controllers are compared by; the first one is what a bound is a bound of.
RATIOS = ("load_restoration_ratio", "restoration_fairness", "energy_consumption_ratio")
#: Where EVs commute, nothing is restored, and these take their place.
DAY_RATIOS = (
    "renewable_utilisation",
    "fossil_kwh",
    "net_load_std_kw",
    "net_load_peak_ratio",
    "net_load_ramp_kw",
    "satisfaction",
    "energy_cost_cny",
)
#: And in scenarios with customers, who have the same chargers.
CUSTOMER_RATIOS = ("customer_waiting_time_p90_h", "customers_lost_share")

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
        seed_means: Mean of each ratio with each training seed, shape [S]; NaN where it is undefined.
        decision_time_s: CPU time that one slot of one episode takes to decide, observation and checks included [s].
        privacy: What its EVs disclose and send, each number's mean over the training seeds; None if that was not
            counted, or they tell each other nothing.
    """

    values: Mapping[str, Floats] = field(repr=False)
    means: Mapping[str, Estimate]
    interquartile_means: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]
    fraction_of_bound: Estimate | None
    seed_means: Mapping[str, Floats]
    decision_time_s: float
    privacy: Disclosure | None = None

    @property
    def training_seeds(self) -> int:
        """Number of training seeds S; 1 where nothing was trained."""
        return len(next(iter(self.values.values())))

    def columns(self, episode: Sequence[int]) -> dict[str, Any]:
        """Training seed, episode and ratios, one row per training seed and episode.

        Args:
            episode: Numbers of the episodes, shape [E].
        """
        seeds = self.training_seeds
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
        controllers: How good each controller is, by its name in the results.
        bound: Highest load restoration ratio of each episode, shape [E], NaN where nothing would be shed; None if it is
            not known.
    """

    vary: Mapping[str, float]
    seed: int
    controllers: Mapping[str, Evaluation]
    bound: Floats | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Comparison:
    """What `compare` gives.

    Attributes:
        scenario: Name of the scenario.
        engine: Power flow engine.
        episode: Numbers of the episodes, shape [E].
        contenders: Who is compared.
        against: Name of the controller that the others are held against.
        points: The variants of the scenario, in order.
        privacy: Whether it was counted what EVs disclose and send.
    """

    scenario: str
    engine: str
    episode: Sequence[int] = field(repr=False)
    contenders: Sequence[Contender]
    against: str
    points: Sequence[Point]
    privacy: bool = False

    @property
    def episodes(self) -> pandas.DataFrame:
        """The ratios of every episode: one row per point, controller, training seed and episode.

        With a bound, `bound` is the highest load restoration ratio of the episode.
        """
        import pandas

        frames = []
        for point in self.points:
            for name, evaluation in point.controllers.items():
                columns = {**point.vary, "controller": name, **evaluation.columns(self.episode)}
                if point.bound is not None:
                    columns["bound"] = np.tile(point.bound, evaluation.training_seeds)
                frames.append(pandas.DataFrame(columns))
        return pandas.concat(frames, ignore_index=True)

    def write_csv(self, path: str | Path) -> None:
        """Write the ratios of every episode as CSV, every number to its last bit.

        Raises:
            OSError: If it cannot be written; then there is no file.
        """
        write_text(Path(path), self.episodes.to_csv(index=False, lineterminator="\n"))

    def summary(self) -> dict[str, Any]:
        """Everything that `cosim compare --json` prints."""
        return {
            "scenario": self.scenario,
            "engine": self.engine,
            "episodes": len(self.episode),
            "first_episode": self.episode[0],
            "against": self.against,
            "contenders": [asdict(contender) for contender in self.contenders],
            "privacy": self.privacy,
            "points": [_summary_of(point) for point in self.points],
        }


def compare(
    scenario: str | Path,
    controllers: Sequence[str],
    *,
    weights: Mapping[str, WeightsFiles] | None = None,
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
    privacy: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Compare controllers on the same held-out episodes.

    Args:
        scenario: The scenario file.
        controllers: Names of the controllers, each once; `NAME=CONTROLLER` gives one another name in the results, so
            that a controller can be there twice.
        weights: Files with the weights of controllers that have learned, by name in the results, one file per
            training seed; default: those that they come with.
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
        privacy: Whether to count what EVs disclose and send in these episodes; in one process only.
        progress: Called while this goes on, with slots of all points, controllers, training seeds and episodes; those
            of the bound count too.

    Returns:
        Estimates and values of all episodes.

    Raises:
        ScenarioError: If the scenario, a controller's name or what varies is wrong.
        ControllerError: If a controller, its weights, or a package that counts messages cannot be loaded, or it returns
            something that is no action.
        SimulationError: If a run cannot go on.
        ValueError: If a number is out of range, controllers or weights are named twice or not at all, weights are
            given for somebody else, or messages are to be counted in several processes.
    """
    contenders, against = check_request(controllers, against, episodes, replicas, workers, weights or {})
    check_privacy(privacy, workers)
    if workers > 1:
        refuse_unguarded_script()
    typed = typed_choices(seed=seed, engine=engine)
    first = choices(controller=contenders[0].controller)
    typed += [(override, f"--controllers {controllers[0]}") for override in first]
    typed += [(override, override_source(override)) for override in overrides]
    # All of them before the first one runs: what is wrong with the last one should be said now.
    variants = list(_variants(scenario, typed, vary, contenders, allow_code))
    runs_of_point = sum(len(contender.weights) or 1 for contender in contenders) + (bound is not None)
    slots = sum(by_name[against][0].clock.slots for _, by_name in variants)
    conditions = _Conditions(
        episodes=held_out_episodes(episodes),
        replicas=min(replicas or default_replicas(episodes, workers), episodes),
        workers=workers,
        allow_code=allow_code,
        privacy=privacy,
        on_slots=slot_counter(0, episodes * runs_of_point * slots, progress),
    )
    for _, by_name in variants:
        for system in _each(by_name):
            conditions.controller(system)
    points = []
    for varied, by_name in variants:
        runs = {name: conditions.run(systems) for name, systems in by_name.items()}
        system = by_name[against][0]
        bounds = None if bound is None else conditions.bounds(bound, system)
        evaluations = {
            name: _evaluate(run, None if name == against else runs[against], bounds, system.scenario.seed)
            for name, run in runs.items()
        }
        points.append(Point(varied, system.scenario.seed, evaluations, bounds))
    about = variants[0][1][against][0].scenario
    return Comparison(about.name, about.power_flow, conditions.episodes, contenders, against, tuple(points), privacy)


def check_request(
    controllers: Sequence[str],
    against: str | None,
    episodes: int,
    replicas: int | None,
    workers: int,
    weights: Mapping[str, WeightsFiles],
) -> tuple[tuple[Contender, ...], str]:
    """Check what can be checked before the scenario is read.

    Args:
        controllers: Names of the controllers, `CONTROLLER` or `NAME=CONTROLLER`.
        against: Name of the one that the others are held against; default: the first.
        episodes: Number of episodes.
        replicas: Episodes side by side, or None.
        workers: Number of processes.
        weights: Files with weights by name in the results.

    Returns:
        Who is compared, and the name of the one that the others are held against.

    Raises:
        ControllerError: If a file with weights cannot be read.
        ValueError: If a number is out of range, controllers or weights are named twice or not at all, or weights are
            given for somebody else.
    """
    held_out_episodes(episodes)
    if min(replicas or 1, workers) < 1 or replicas == 0:
        raise ValueError(f"replicas and workers must be at least 1, got {replicas} and {workers}")
    found = contenders_of(controllers, weights)
    names = [contender.name for contender in found]
    if against is not None and against not in names:
        raise ValueError(f"{against!r} is none of the controllers to compare: {', '.join(names)}")
    return found, against or names[0]


def check_privacy(privacy: bool, workers: int) -> None:
    """Refuse to count messages in several processes: they are heard in the one that runs the episodes.

    Args:
        privacy: Whether they are to be counted.
        workers: Number of processes.

    Raises:
        ValueError: If they are.
    """
    if privacy and workers > 1:
        raise ValueError(f"privacy is counted in one process: workers must be 1, got {workers}")


@dataclass(frozen=True)
class _Run:
    """What is kept of a controller's episodes.

    Attributes:
        values: Each ratio, shape [S, E].
        decision_time_s: CPU time per slot and episode [s].
        privacy: What its EVs disclose and send; None if that was not counted, or they tell each other nothing.
    """

    values: Mapping[str, Floats]
    decision_time_s: float
    privacy: Disclosure | None


@dataclass(frozen=True)
class _Conditions:
    """What is the same for all controllers.

    Attributes:
        episodes: Numbers of the episodes.
        replicas: Episodes side by side.
        workers: Number of processes.
        allow_code: Whether controllers that are not part of this distribution may be loaded.
        privacy: Whether to count what EVs disclose and send.
        on_slots: Called while they run.
    """

    episodes: tuple[int, ...]
    replicas: int
    workers: int
    allow_code: bool
    privacy: bool
    on_slots: OnSlots

    def controller(self, system: System) -> tuple[Controller, Callable[[], dict[str, Any]] | None]:
        """Who decides, and what counts all that was said; None if nobody listens, or there is nothing to hear."""
        if self.privacy:
            return overhear(system, allow_code=self.allow_code)
        return load_controller(system, allow_code=self.allow_code), None

    def run(self, systems: Sequence[System]) -> _Run:
        """Run the episodes with each training seed of a controller, one after another."""
        totals, effort, disclosures = [], Effort(), []
        for system in systems:
            controller, count = self.controller(system)
            tally, of_seed = self._run(system, controller)
            totals.append(tally.totals)
            effort = effort.plus(of_seed)
            if count is not None:
                disclosures.append(disclosure_of(count(), trained=is_trained(system)))
        first = DAY_RATIOS if DAY_RATIOS[0] in totals[0].metric else RATIOS
        ratios = [ratio for ratio in (*first, *CUSTOMER_RATIOS) if ratio in totals[0].metric]
        values = {ratio: np.array([total.metric[ratio] for total in totals]) for ratio in ratios}
        return _Run(values, effort.by_component["controller"] / effort.slots, mean_disclosure(disclosures))

    def bounds(self, bound: Bound, system: System) -> Floats:
        """The bound of each episode, shape [E]; some episodes at a time, so that progress is told."""
        parts = []
        for first in range(0, len(self.episodes), DEFAULT_REPLICAS):
            part = self.episodes[first : first + DEFAULT_REPLICAS]
            parts.append(bound(system, part))
            self.on_slots(len(part) * system.clock.slots)
        return np.concatenate(parts)

    def _run(self, system: System, controller: Controller) -> tuple[Tally, Effort]:
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
        return tally, effort


def _variants(
    scenario: str | Path,
    typed: Sequence[tuple[str, str]],
    vary: str | None,
    contenders: Sequence[Contender],
    allow_code: bool,
) -> Iterator[tuple[dict[str, float], dict[str, list[System]]]]:
    """The variants of the scenario: the number that makes it one, and a system for each training seed by name."""
    numbers: list[tuple[dict[str, float], list[tuple[str, str]]]] = [({}, [])]
    if vary is not None:
        variation = parse_variation(vary)
        pairs = zip(variation.values, variation.overrides, strict=True)
        numbers = [({variation.path: value}, [(override, variation.source)]) for value, override in pairs]
    for varied, override in numbers:
        system = permit(load_as_typed(scenario, [*typed, *override]), allow_code=allow_code)
        yield varied, {contender.name: _systems_of(contender, system) for contender in contenders}


def _systems_of(contender: Contender, system: System) -> list[System]:
    """The scenario with a contender, once for each training seed."""
    files = [file.file for file in contender.weights] or [""]
    return [with_controller(system, contender.controller, called=contender.name, weights=file) for file in files]


def _each(by_name: Mapping[str, Sequence[System]]) -> Iterator[System]:
    for systems in by_name.values():
        yield from systems


def _evaluate(run: _Run, against: _Run | None, bounds: Floats | None, seed: int) -> Evaluation:
    values, restoration = run.values, run.values.get(RATIOS[0])
    others = against.values if against is not None else {}
    fraction = None
    if bounds is not None and restoration is not None:
        fraction = bootstrap(mean_fraction, restoration, bounds[None], seed=seed)
    return Evaluation(
        values=values,
        means={ratio: bootstrap(mean, values[ratio], seed=seed) for ratio in values},
        interquartile_means={ratio: bootstrap(interquartile_mean, values[ratio], seed=seed) for ratio in values},
        differences={ratio: bootstrap(mean_difference, values[ratio], others[ratio], seed=seed) for ratio in others},
        fraction_of_bound=fraction,
        seed_means={ratio: means_of_seeds(values[ratio]) for ratio in values},
        decision_time_s=run.decision_time_s,
        privacy=run.privacy,
    )


def _summary_of(point: Point) -> dict[str, Any]:
    controllers = point.controllers.items()
    return {
        "vary": dict(point.vary),
        "seed": point.seed,
        "bound": None if point.bound is None else _ends(bootstrap(mean, point.bound[None], seed=point.seed)),
        "controllers": {
            name: {
                **_by_ratio(evaluation.means),
                "fraction_of_bound": _ends(evaluation.fraction_of_bound) if evaluation.fraction_of_bound else None,
                "privacy": asdict(evaluation.privacy) if evaluation.privacy else None,
            }
            for name, evaluation in controllers
        },
        "interquartile_means": {name: _by_ratio(evaluation.interquartile_means) for name, evaluation in controllers},
        "differences": {
            name: _by_ratio(evaluation.differences) for name, evaluation in controllers if evaluation.differences
        },
        "decision_time_s": {name: evaluation.decision_time_s for name, evaluation in controllers},
        "training_seeds": {name: evaluation.training_seeds for name, evaluation in controllers},
        "seed_means": {name: _of_seeds(evaluation) for name, evaluation in controllers},
    }


def _of_seeds(evaluation: Evaluation) -> dict[str, list[float | None]]:
    """Mean of each ratio with each training seed."""
    return {
        ratio: [None if np.isnan(of_seed) else float(of_seed) for of_seed in means]
        for ratio, means in evaluation.seed_means.items()
    }


def _by_ratio(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float | None]]:
    return {ratio: _ends(estimate) for ratio, estimate in estimates.items()}


def _ends(estimate: Estimate) -> dict[str, float | None]:
    return {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}
