"""Runs a scenario and gives its results: what the command line and `cosim.run` share."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.effort import Effort
from cosim.interface import Controller
from cosim.loading import choices, code_of, load, load_controller, permit
from cosim.metrics import EpisodeTotals, Estimate, MetricContext
from cosim.processes import refuse_unguarded_script
from cosim.records.run_folder import RunFolder, check_same_run
from cosim.records.store import StoredRun
from cosim.records.table import Records, joined
from cosim.schedule import Schedule
from cosim.summary import metadata, static_tables, summarise
from cosim.system import System
from cosim.workers import FROZEN_BEFORE, OnBatch, OnSlots, Work, run_here, run_shared, settle_heap

if TYPE_CHECKING:
    import pandas

DEFAULT_EPISODES = 16
DEFAULT_REPLICAS = 16
#: Tables that metrics are made of.
METRIC_TABLES = ("microgrid_slots", "reference_slots", "bus_slots", "ev_slots", "station_slots", "visits", "customers")
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
        episodes_run: Episodes that were run, less those that a run folder held already.
    """

    summary: Mapping[str, Any]
    metrics: Mapping[str, Estimate]
    totals: EpisodeTotals
    records: Records | None
    episodes_run: int

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
    episodes: int | None = None,
    replicas: int | None = None,
    workers: int = 1,
    seed: int | None = None,
    controller: str | None = None,
    engine: str | None = None,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    resume: bool = False,
    records: bool = True,
    allow_code: bool = False,
    allow_remote: bool = False,
    progress: Progress | None = None,
) -> Results:
    """Run a scenario.

    Args:
        scenario: The scenario file, or a system that was built from one.
        episodes: Number of episodes; default: 16, or as many as the run that goes on was to have.
        replicas: Episodes side by side; default: at most 16. Does not change any result.
        workers: Processes that share the episodes. Does not change any result. With more than one, a script must call
            this below `if __name__ == "__main__":`.
        seed: Seed of all random streams; default: the scenario's.
        controller: Who decides; default: the scenario's.
        engine: Power flow engine; default: the scenario's.
        overrides: Assignments such as `fleet.size=40`; they have the last word. This and the three choices above are
            for a scenario file only.
        out: Folder to write the records to; must be empty or new, unless its run goes on.
        resume: Whether to go on with the run in `out`: finished episodes stay, the others are added. It must be the
            same run, but may have more episodes; an empty or new folder begins one.
        records: Whether to keep the tables in memory.
        allow_code: Whether a controller that is not part of this distribution may be loaded, and a simulator started.
        allow_remote: Whether a simulator on another machine may be connected to.
        progress: Called while the run goes on.

    Returns:
        Metrics, and the tables if they are kept.

    Raises:
        ScenarioError: If the scenario is wrong.
        ControllerError: If the controller cannot be loaded, or returns something that is no action.
        SimulationError: If the run cannot go on.
        RecordError: If the records cannot be written, or `out` holds another run.
        ValueError: If a number is below 1, overrides come with a built system, or there is no folder to go on in.
    """
    if min(1 if number is None else number for number in (episodes, replicas, workers)) < 1:
        raise ValueError(f"episodes, replicas and workers must be at least 1, got {episodes}, {replicas} and {workers}")
    if resume and out is None:
        raise ValueError("resume goes on with the run in a folder; name it with out")
    assignments = [*choices(seed=seed, controller=controller, engine=engine), *overrides]
    if isinstance(scenario, System) and assignments:
        raise ValueError("choices and overrides are for a scenario file; give them to cosim.load")
    if workers > 1:
        refuse_unguarded_script()
    system = scenario if isinstance(scenario, System) else load(scenario, assignments)
    system = permit(system, allow_code=allow_code, allow_remote=allow_remote)
    who = load_controller(system, allow_code=allow_code)
    begun_s = time.perf_counter()
    with ExitStack() as stack:
        folder = stack.enter_context(RunFolder(out, resume=resume)) if out is not None else None
        stored = folder.stored if folder is not None else None
        count = episodes or (stored.metadata["episodes"] if stored is not None else DEFAULT_EPISODES)
        side_by_side = min(replicas or default_replicas(count, workers), count)
        fixed = Records(list(static_tables(system)))
        about = metadata(system, count, side_by_side, code_of(who, system))
        tally = Tally(system, keep=records)
        if stored is not None:
            check_same_run(stored, about)
            tally.add_stored(stored)
            if stored.ended and stored.episodes == count:
                return tally.results(stored.summary or {}, tally.totals.estimates(system.scenario.seed), fixed, 0)
        if folder is not None:
            folder.begin(about, fixed)

        def on_batch(numbers: tuple[int, ...], of_batch: Records, ledger_max_error_kwh: float) -> None:
            tally.add(numbers, of_batch)
            if folder is not None:
                folder.append(of_batch, ledger_max_error_kwh)

        first = stored.episodes if stored is not None else 0
        effort = run_episodes(
            system,
            who,
            Schedule(tuple(range(first, count)), side_by_side, system.clock.slots),
            workers=workers,
            complete=records or out is not None,
            allow_code=allow_code,
            on_slots=slot_counter(first * system.clock.slots, count * system.clock.slots, progress),
            on_batch=on_batch,
        )
        error_kwh = max(effort.ledger_max_error_kwh, stored.ledger_max_error_kwh if stored is not None else 0.0)
        estimates = tally.totals.estimates(system.scenario.seed)
        summary = summarise(system, tally.totals, estimates, error_kwh, effort, time.perf_counter() - begun_s)
        if folder is not None:
            folder.finish(summary)
    return tally.results(summary, estimates, fixed, count - first)


class Tally:
    """Adds up the episodes of a run, those that are read and those that are run.

    Args:
        system: The scenario, built.
        keep: Whether to keep the tables.

    Attributes:
        totals: What is kept of each episode.
    """

    def __init__(self, system: System, *, keep: bool) -> None:
        self.totals = EpisodeTotals()
        self._context = metric_context(system)
        self._keep = keep
        self._kept: list[Records] = []

    def add(self, numbers: Sequence[int], records: Records) -> None:
        """Add the episodes of a batch."""
        self.totals.add(numbers, records, self._context)
        if self._keep:
            self._kept.append(records)

    def add_stored(self, stored: StoredRun) -> None:
        """Add all episodes of a run folder."""
        for numbers, records in stored.batches(DEFAULT_REPLICAS, None if self._keep else METRIC_TABLES):
            self.add(numbers, records)

    def results(
        self, summary: Mapping[str, Any], estimates: Mapping[str, Estimate], fixed: Records, episodes_run: int
    ) -> Results:
        """What a run gives, with the tables that hold for all of it."""
        records = joined([fixed, *self._kept]) if self._keep else None
        return Results(summary, estimates, self.totals, records, episodes_run)


def run_episodes(
    system: System,
    controller: Controller,
    schedule: Schedule,
    *,
    workers: int = 1,
    complete: bool = False,
    allow_code: bool = False,
    on_slots: OnSlots = lambda _: None,
    on_batch: OnBatch = lambda *_: None,
) -> Effort:
    """Run episodes, in this process or shared among several.

    Args:
        system: The scenario, built.
        controller: Who decides in this process.
        schedule: Which episodes run when.
        workers: Number of processes.
        complete: Whether trips and roads are recorded too.
        allow_code: Whether a controller that is not part of this distribution may be loaded in a worker.
        on_slots: Called while the run goes on.
        on_batch: Called after each batch, in the order of episodes.

    Returns:
        What it took.

    Raises:
        CosimError: If the run cannot go on.
    """
    work = Work(system, partial(load_controller, system, allow_code=allow_code), complete)
    if not schedule.episodes:
        return Effort()
    if workers > 1 and schedule.batches > 1:
        return run_shared(work, schedule, workers, on_slots, on_batch)
    with _settled_heap():
        return run_here(work, controller, schedule, on_slots, on_batch)


def default_replicas(episodes: int, workers: int) -> int:
    """Episodes side by side such that all workers have about as much to do."""
    rounds = -(-episodes // (DEFAULT_REPLICAS * workers))
    return -(-episodes // (rounds * workers))


def metric_context(system: System) -> MetricContext:
    """What metrics need of a system beside the records."""
    return MetricContext(
        slot_h=system.clock.slot_h,
        slots=system.clock.slots,
        chargers=system.spec.station_chargers.tolist(),
        consumption_kwh_per_km=system.spec.consumption_kwh_per_km,
        customers=bool(system.customers),
        critical=bool((system.microgrids.critical_share > 0.0).any()),
        energy_needed_kwh=None if system.spec.day is None else system.spec.day.energy_needed_kwh,
        tariff=system.scenario.tariff is not None,
    )


def slot_counter(done: int, total: int, progress: Progress | None) -> OnSlots:
    """Tells of progress when it is called with the number of slots that were done.

    Args:
        done: Slots that are done already.
        total: Slots in all.
        progress: Whom to tell.
    """

    def on_slots(slots: int) -> None:
        nonlocal done
        done += slots
        if progress is not None:
            progress(done, total)

    return on_slots


@contextmanager
def _settled_heap() -> Iterator[None]:
    """Settle the heap while episodes run in this process, which has other things to do after them.

    A heap that the caller has frozen stays as it is.
    """
    thresholds, settled = gc.get_threshold(), gc.get_freeze_count() > FROZEN_BEFORE
    settle_heap(freeze=not settled)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        if not settled:
            gc.unfreeze()
