"""Runs a stored run again, and holds what happens against what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cosim.effort import Effort
from cosim.errors import RecordError, ScenarioError
from cosim.experiment import Tally, default_replicas, run_episodes
from cosim.interface import Controller
from cosim.loading import load_document
from cosim.metrics import EpisodeTotals
from cosim.records.comparison import Difference, compare_tables
from cosim.records.schema import TABLES
from cosim.records.store import STATIC_TABLES, StoredRun
from cosim.records.table import Records
from cosim.scenario.source import Document
from cosim.schedule import Schedule
from cosim.summary import static_tables
from cosim.system import System
from cosim.workers import OnSlots


@dataclass
class TableCheck:
    """How a table compares.

    Attributes:
        name: Name of the table.
        rows: Rows that the run has now.
        differing_rows: Rows of them that are not as stored, or missing on one side.
    """

    name: str
    rows: int = 0
    differing_rows: int = 0


@dataclass(frozen=True)
class Repetition:
    """What a stored run was when it was run again.

    Attributes:
        tables: How each table compares.
        first_difference: The first value that differs, in the order of episodes; None if there is none.
        totals: What was kept of each episode.
        effort: What it took.
    """

    tables: tuple[TableCheck, ...]
    first_difference: Difference | None
    totals: EpisodeTotals
    effort: Effort

    @property
    def same(self) -> bool:
        """Whether all tables are what is stored, to the last bit."""
        return not any(table.differing_rows for table in self.tables)


def system_of(stored: StoredRun) -> System:
    """Build the scenario that a run folder holds; files that it names are found from where its file was.

    Args:
        stored: The run folder.

    Raises:
        RecordError: If a file that the run was made from is missing, or the scenario cannot be built now.
    """
    path = Path(stored.metadata["scenario_file"])
    for file in stored.metadata["inputs"]:
        if not (path.parent / file).is_file():
            raise RecordError(f"{stored.path}: the run was made from {file}, and {path.parent / file} is missing")
    try:
        return load_document(Document(path, stored.metadata["scenario"], {"": 0}))
    except ScenarioError as error:
        raise RecordError(f"{stored.path}: its scenario cannot be built now: {error.issues[0]}") from error


def run_again(
    stored: StoredRun, system: System, controller: Controller, *, workers: int, allow_code: bool, on_slots: OnSlots
) -> Repetition:
    """Run the finished episodes of a stored run again, and compare every record.

    Args:
        stored: The run folder.
        system: Its scenario, built.
        controller: Who decides in this process.
        workers: Processes that share the episodes.
        allow_code: Whether a controller that is not part of this distribution may be loaded in a worker.
        on_slots: Called while the run goes on.

    Returns:
        What is the same and what differs.

    Raises:
        RecordError: If the folder is damaged.
        CosimError: If the run cannot go on.
    """
    replicas = default_replicas(max(stored.episodes, 1), workers)
    batches = stored.batches(replicas)
    tally = Tally(system, keep=False)
    checks = _Checks()
    fixed = Records(list(static_tables(system)))
    checks.add(stored.read([], [kind.name for kind in STATIC_TABLES]), fixed)

    def on_batch(numbers: tuple[int, ...], now: Records, ledger_max_error_kwh: float) -> None:
        _, before = next(batches)
        checks.add(before, now)
        tally.add(numbers, now)

    effort = run_episodes(
        system,
        controller,
        Schedule(tuple(range(stored.episodes)), replicas, system.clock.slots),
        workers=workers,
        complete=True,
        allow_code=allow_code,
        on_slots=on_slots,
        on_batch=on_batch,
    )
    # Reads on to the end, where it looks for rows that are too many.
    for _ in batches:
        pass
    return Repetition(tuple(checks.tables.values()), checks.first, tally.totals, effort)


class _Checks:
    """Compares tables, some episodes at a time."""

    def __init__(self) -> None:
        self.tables = {kind.name: TableCheck(kind.name) for kind in TABLES}
        self.first: Difference | None = None

    def add(self, stored: Records, now: Records) -> None:
        for name in now:
            differing, first = compare_tables(stored[name], now[name])
            check = self.tables[name]
            check.rows += len(now[name])
            check.differing_rows += differing
            self.first = self.first or first
