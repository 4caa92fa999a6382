"""Runs a stored run again, and compares every record of every table to the last bit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cosim.experiment import Progress, slot_counter
from cosim.inputs import sha256_of
from cosim.loading import code_of, load_controller, permit
from cosim.processes import refuse_unguarded_script
from cosim.records.comparison import Difference
from cosim.records.metadata import Change, first_change
from cosim.records.store import SUMMARY, StoredRun
from cosim.repetition import TableCheck, run_again, system_of
from cosim.summary import machine, summarise, versions
from cosim.system import System

MISSING = "missing"


@dataclass(frozen=True)
class Dependency:
    """Something that results may depend on.

    Attributes:
        name: A package, a part of the machine, or a file.
        stored: Its version or fingerprint when the run was stored.
        now: The same now.
    """

    name: str
    stored: str
    now: str


@dataclass(frozen=True)
class Verification:
    """How a stored run compares with the same run now.

    Attributes:
        folder: The run folder.
        episodes: Episodes that were compared.
        episodes_planned: Episodes that the run was to have.
        dependencies: What the results may depend on.
        tables: Each table.
        first_difference: The first value that differs, in the order of episodes; None if there is none.
        summary_change: The first value of the summary that differs; None if there is none, or no summary.
        interrupted: Whether the run has no summary.
    """

    folder: str
    episodes: int
    episodes_planned: int
    dependencies: tuple[Dependency, ...]
    tables: tuple[TableCheck, ...]
    first_difference: Difference | None
    summary_change: Change | None
    interrupted: bool

    @property
    def same(self) -> bool:
        """Whether all that is stored is what the run gives now, to the last bit."""
        return not any(table.differing_rows for table in self.tables) and self.summary_change is None

    def summary(self) -> dict[str, Any]:
        """Everything that `cosim verify --json` prints."""
        change = self.summary_change
        return {
            "folder": self.folder,
            "same": self.same,
            "episodes": self.episodes,
            "episodes_planned": self.episodes_planned,
            "interrupted": self.interrupted,
            "dependencies": [asdict(dependency) for dependency in self.dependencies],
            "tables": [asdict(table) for table in self.tables],
            "first_difference": asdict(self.first_difference) if self.first_difference else None,
            "summary_difference": change._asdict() if change else None,
        }


def verify(
    folder: str | Path,
    *,
    workers: int = 1,
    allow_code: bool = False,
    allow_remote: bool = False,
    progress: Progress | None = None,
) -> Verification:
    """Run a stored run again, and compare.

    Args:
        folder: The run folder; of an interrupted run the episodes that are finished.
        workers: Processes that share the episodes.
        allow_code: Whether a controller that is not part of this distribution may be loaded, and a simulator started.
        allow_remote: Whether a simulator on another machine may be connected to.
        progress: Called while the run goes on.

    Returns:
        What is the same and what differs.

    Raises:
        RecordError: If the folder is damaged, or a file that the run was made from is missing.
        ControllerError: If the controller cannot be loaded.
        SimulationError: If the run cannot go on.
    """
    if workers > 1:
        refuse_unguarded_script()
    stored = StoredRun(folder)
    system = permit(system_of(stored), allow_code=allow_code, allow_remote=allow_remote)
    controller = load_controller(system, allow_code=allow_code)
    again = run_again(
        stored,
        system,
        controller,
        workers=workers,
        allow_code=allow_code,
        on_slots=slot_counter(0, stored.episodes * system.clock.slots, progress),
    )
    change = None
    if stored.summary is not None:
        estimates = again.totals.estimates(system.scenario.seed)
        summary = summarise(system, again.totals, estimates, again.effort.ledger_max_error_kwh, again.effort, 0.0)
        change = _summary_change(stored.summary, summary)
    return Verification(
        folder=str(folder),
        episodes=stored.episodes,
        episodes_planned=stored.metadata["episodes"],
        dependencies=tuple(_dependencies(stored, system, code_of(controller, system))),
        tables=again.tables,
        first_difference=again.first_difference,
        summary_change=change,
        interrupted=stored.summary is None,
    )


def _dependencies(stored: StoredRun, system: System, code: Mapping[str, str]) -> Iterator[Dependency]:
    metadata = stored.metadata
    scenario_file = Path(metadata["scenario_file"])
    yield from _pairs(metadata["versions"], versions())
    yield from _pairs(metadata["machine"], machine())
    now = sha256_of(scenario_file) if scenario_file.is_file() else MISSING
    yield Dependency(scenario_file.name, metadata["scenario_sha256"], now)
    yield from _pairs(metadata["inputs"], {entry.file: entry.sha256 for entry in system.inputs})
    yield from _pairs(metadata["controller_code"], code)


def _pairs(stored: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[Dependency]:
    names = [*stored, *(name for name in now if name not in stored)]
    return (Dependency(name, str(stored.get(name, MISSING)), str(now.get(name, MISSING))) for name in names)


def _summary_change(stored: Mapping[str, Any], now: Mapping[str, Any]) -> Change | None:
    """The first value that differs between two summaries, but for their timing."""
    as_stored = json.loads(json.dumps(now))
    one, other = ({key: value for key, value in summary.items() if key != "timing"} for summary in (stored, as_stored))
    return first_change(SUMMARY, one, other)
