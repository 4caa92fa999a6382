"""Runs a scenario and gives its results: what the command line and `cosim.run` share."""

from __future__ import annotations

import gc
import importlib.metadata
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import ControllerError
from cosim.interface import Controller
from cosim.metrics import EpisodeTotals, Estimate, MetricContext
from cosim.records.store import RunFolder
from cosim.records.table import Records, joined
from cosim.schedule import Schedule
from cosim.summary import metadata, static_tables, summarise
from cosim.system import System, load_system
from cosim.world import make_simulators, run_world

if TYPE_CHECKING:
    import pandas

DEFAULT_EPISODES = 16
DEFAULT_REPLICAS = 16


#: Called while a run goes on with the slots done and the slots in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Results:
    """What a run gives.

    Attributes:
        summary: Everything that `cosim run --json` prints.
        metrics: Mean and interval of each metric.
        totals: Values of each episode.
        records: The tables, if they were kept.
    """

    summary: Mapping[str, Any]
    metrics: Mapping[str, Estimate]
    totals: EpisodeTotals
    records: Records | None

    @property
    def episodes(self) -> pandas.DataFrame:
        """Metrics of each episode."""
        import pandas

        return pandas.DataFrame({"episode": self.totals.episode, **self.totals.metric})

    def __getattr__(self, name: str) -> pandas.DataFrame:
        """A table as a data frame, e.g. `results.visits`."""
        if name.startswith("_"):
            raise AttributeError(name)
        if self.records is None:
            raise AttributeError(f"{name!r}: the tables of this run were not kept (records=False)")
        if name not in self.records:
            raise AttributeError(f"{name!r} is no table of this run; there are {', '.join(self.records)}")
        return self.records[name].frame()

    def __repr__(self) -> str:
        ratio = self.metrics["load_restoration_ratio"].mean
        tables = ", ".join(self.records) if self.records is not None else "not kept"
        run = self.summary
        shown = "none" if ratio is None else f"{ratio:.4f}"
        return (
            f"<Results of {run['scenario']}, {run['controller']}, {run['episodes']} episodes: "
            f"load_restoration_ratio {shown}; tables: {tables}>"
        )

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(self.records or ())]


def run(
    scenario: str | Path | System,
    *,
    episodes: int = DEFAULT_EPISODES,
    replicas: int | None = None,
    seed: int | None = None,
    controller: str | None = None,
    engine: str | None = None,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    records: bool = True,
    allow_code: bool = False,
    progress: Progress | None = None,
) -> Results:
    """Run a scenario.

    Args:
        scenario: The scenario file, or a system that was built from one.
        episodes: Number of episodes.
        replicas: Episodes side by side; default: at most 16. Does not change any result.
        seed: Seed of all random streams; default: the scenario's.
        controller: Who decides; default: the scenario's.
        engine: Power flow engine; default: the scenario's.
        overrides: Assignments such as `fleet.size=40`; they have the last word. This and the three choices above are
            for a scenario file only.
        out: Folder to write the records to; must be empty or new.
        records: Whether to keep the tables in memory.
        allow_code: Whether a controller that is not part of this distribution may be loaded.
        progress: Called while the run goes on.

    Returns:
        Metrics, and the tables if they are kept.

    Raises:
        ScenarioError: If the scenario is wrong.
        ControllerError: If the controller cannot be loaded, or returns something that is no action.
        SimulationError: If the run cannot go on.
        RecordError: If the records cannot be written.
        ValueError: If `episodes` or `replicas` is below 1, or overrides come with a built system.
    """
    if episodes < 1 or (replicas is not None and replicas < 1):
        raise ValueError(f"episodes and replicas must be at least 1, got {episodes} and {replicas}")
    assignments = [*choices(seed=seed, controller=controller, engine=engine), *overrides]
    if isinstance(scenario, System) and assignments:
        raise ValueError("choices and overrides are for a scenario file; give them to cosim.load")
    system = scenario if isinstance(scenario, System) else load(scenario, assignments)
    who = load_controller(system, allow_code=allow_code)
    schedule = Schedule(tuple(range(episodes)), min(replicas or DEFAULT_REPLICAS, episodes), system.clock.slots)
    totals = EpisodeTotals()
    context = metric_context(system)
    kept: list[Records] = []
    fixed = Records(list(static_tables(system)))
    with ExitStack() as stack:
        folder = stack.enter_context(RunFolder(out, metadata(system, schedule))) if out is not None else None
        if folder is not None:
            folder.append(fixed)

        def on_batch(numbers: tuple[int, ...], of_batch: Records) -> None:
            totals.add(numbers, of_batch, context)
            if records:
                kept.append(of_batch)
            if folder is not None:
                folder.append(of_batch)

        complete = records or out is not None
        simulators = make_simulators(
            system, who, schedule, complete=complete, on_slot=_counter(schedule, progress), on_batch=on_batch
        )
        with _settled_heap():
            begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
            run_world(simulators, schedule, system.clock.slot_s)
            wall_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - begun_cpu_s
        estimates = totals.estimates(system.scenario.seed)
        summary = summarise(system, schedule, totals, estimates, simulators, wall_s, cpu_s)
        if folder is not None:
            folder.finish(summary)
    return Results(summary, estimates, totals, joined([fixed, *kept]) if records else None)


def choices(*, seed: int | None = None, controller: str | None = None, engine: str | None = None) -> list[str]:
    """The overrides that stand for the choices that everybody makes.

    Args:
        seed: Seed of all random streams, or None to keep the scenario's.
        controller: Who decides, or None.
        engine: Power flow engine, or None.
    """
    assignments = []
    if seed is not None:
        assignments.append(f"seed={seed}")
    if engine is not None:
        assignments.append(f"network.engine={json.dumps(engine)}")
    if controller is not None:
        # Options in the file are meant for the controller in the file.
        assignments += ["controller.options={}", f"controller.name={json.dumps(controller)}"]
    return assignments


def load(scenario: str | Path, overrides: Sequence[str] = ()) -> System:
    """Read a scenario file and everything that it refers to, and check all of it.

    Args:
        scenario: The scenario file.
        overrides: Assignments such as `fleet.size=40`.

    Returns:
        The system, ready to run.

    Raises:
        ScenarioError: If anything is wrong; holds every mistake that can be found.
    """
    _check_owner_of_agents()
    from agents.registry import problem_with

    return load_system(scenario, overrides, problem_with)


def load_controller(system: System, *, allow_code: bool) -> Controller:
    """Make the controller that a scenario names.

    Args:
        system: The scenario, built.
        allow_code: Whether code of other distributions may be loaded.

    Raises:
        ControllerError: If it may not be loaded, or cannot be.
    """
    _check_owner_of_agents()
    from agents.registry import is_own, make_controller

    section = system.scenario.controller
    if not is_own(section.name) and not allow_code:
        raise ControllerError(
            f"controller {section.name!r} is code from outside ev-cosim; allow it with --allow-code (allow_code=True)"
        )
    # Only who may run code may take modules from beside the scenario: there could be a `torch.py`.
    with nullcontext() if is_own(section.name) else _importable(system.file.folder):
        return make_controller(section.name, system.spec, section.options)


def _check_owner_of_agents() -> None:
    """Make sure that `agents` is ours: another distribution's would take its place without a word."""
    import agents

    # A mere folder `agents` on the path, without an __init__.py, hides the name of ours but not its modules.
    folder = agents.__file__ is None and importlib.util.find_spec("agents.registry") is not None
    if not folder and getattr(agents, "DISTRIBUTION", None) != "ev-cosim":
        owners = importlib.metadata.packages_distributions().get("agents", ["another distribution"])
        raise ControllerError(
            f"package 'agents' belongs to {', '.join(owners)}; install ev-cosim in an environment of its own"
        )


def metric_context(system: System) -> MetricContext:
    """What metrics need of a system beside the records."""
    return MetricContext(
        slot_h=system.clock.slot_h,
        slots=system.clock.slots,
        chargers=system.spec.station_chargers.tolist(),
        consumption_kwh_per_km=system.spec.consumption_kwh_per_km,
    )


def _counter(schedule: Schedule, progress: Progress | None) -> Callable[[int], None]:
    done, total = 0, len(schedule.episodes) * schedule.slots

    def on_slot(replicas: int) -> None:
        nonlocal done
        done += replicas
        if progress is not None:
            progress(done, total)

    return on_slot


@contextmanager
def _settled_heap() -> Iterator[None]:
    """Spare the garbage collector the objects that outlive the run: it would look at all of them again and again."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let modules beside the scenario file be imported."""
    entry = str(folder.resolve())
    known = set(sys.modules)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)
        # Another scenario's folder may hold a module of the same name.
        for name in set(sys.modules) - known:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(entry):
                del sys.modules[name]
