"""Writes a run folder while the run goes on, so that whatever is finished survives its end."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from cosim.errors import RecordError
from cosim.records.files import PARTIAL, locked, partial, remove_partial, whole_folder, write_text
from cosim.records.metadata import METADATA, first_difference_of_runs, write_metadata
from cosim.records.parquet import TableWriter, one_line, write_table
from cosim.records.schema import TableKind
from cosim.records.store import (
    EPISODE_TABLES,
    LEDGER_FACT,
    MERGED,
    PARTS,
    STATIC_TABLES,
    SUMMARY,
    StoredRun,
    is_run_folder,
    row_chunks,
)
from cosim.records.table import Records

#: Time that finished episodes are gathered before they are written [s]: what a kill may cost.
GATHER_S = 3.0


class RunFolder:
    """A run folder to write to; a context manager that keeps others out of it.

    Finished episodes are gathered and written as parts, each of them whole; they become one file per table when the
    run ends. A run that fails before its first episode leaves nothing.

    Args:
        path: The folder; made if it does not exist.
        resume: Whether to go on with a run that is there.

    Attributes:
        stored: The run that is there; None for a new one.

    Raises:
        RecordError: On entering: if the folder holds something already, or cannot be written.
    """

    def __init__(self, path: str | Path, *, resume: bool = False) -> None:
        self.path = Path(path)
        self.stored: StoredRun | None = None
        self._resume = resume
        self._made = False
        self._begun = False
        self._kept = 0
        self._gathered: list[Records] = []
        self._ledger_max_error_kwh = 0.0
        self._flushed_s = 0.0
        self._stack = ExitStack()

    def __enter__(self) -> RunFolder:
        self._made = not self.path.exists()
        with _writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(locked(self.path))
            self._open()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if error is None:
                return
            # What has been said first is what matters: a full disk is not filled again.
            with suppress(RecordError):
                self.flush()
            if not self._kept and self.stored is None:
                self._remove()

    def begin(self, metadata: Mapping[str, Any], fixed: Records) -> None:
        """Write what is known before the first episode.

        Args:
            metadata: What the run is; for a run that is there, the same but for the number of episodes.
            fixed: The tables that hold for the whole run.

        Raises:
            RecordError: If it cannot be written, or the folder holds another run.
        """
        if self.stored is not None:
            check_same_run(self.stored, metadata)
            self._kept = self.stored.episodes
            self._ledger_max_error_kwh = self.stored.ledger_max_error_kwh
        with _writing(self.path):
            self._begun = True
            remove_partial(self.path)
            write_metadata(self.path, metadata)
            (self.path / SUMMARY).unlink(missing_ok=True)
            for kind in STATIC_TABLES:
                write_table(partial(self._file(kind)), kind, [fixed[kind.name]], {})
                partial(self._file(kind)).replace(self._file(kind))
        self._flushed_s = time.monotonic()

    def append(self, records: Records, ledger_max_error_kwh: float) -> None:
        """Add the records of some episodes, those after the last ones.

        Args:
            records: All tables with rows per episode.
            ledger_max_error_kwh: Most that an energy balance of this run was off so far [kWh].

        Raises:
            RecordError: If they cannot be written.
        """
        self._gathered.append(records)
        self._ledger_max_error_kwh = max(self._ledger_max_error_kwh, ledger_max_error_kwh)
        if time.monotonic() - self._flushed_s >= GATHER_S:
            self.flush()

    def flush(self) -> None:
        """Write what is gathered as a part.

        Raises:
            RecordError: If it cannot be written.
        """
        if not self._gathered:
            return
        try:
            self._write_part(self._gathered)
        except RecordError:
            if len(self._gathered) == 1:
                raise
            # What does not fit on a disk as a whole may fit in part: batch by batch, until one does not.
            for batch in tuple(self._gathered):
                self._write_part([batch])
        self._flushed_s = time.monotonic()

    def _write_part(self, batches: Sequence[Records]) -> None:
        """Write the first of the gathered batches as a part."""
        first, last = _episodes(batches[0])[0], _episodes(batches[-1])[-1]
        part = self.path / PARTS / f"{first:06}"
        with _writing(part, self._advice()), whole_folder(part) as folder:
            for kind in EPISODE_TABLES:
                tables = [records[kind.name] for records in batches]
                write_table(folder / f"{kind.name}.parquet", kind, tables, self._facts())
        self._gathered = self._gathered[len(batches) :]
        self._kept = int(last) + 1

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Make the tables of the parts, and write the summary.

        Raises:
            RecordError: If they cannot be written.
        """
        self.flush()
        with _writing(self.path, self._advice()):
            if (self.path / PARTS).exists():
                self._merge()
            settle(self.path)
            write_text(self.path / SUMMARY, json.dumps(summary, indent=2, allow_nan=False) + "\n")

    def _open(self) -> None:
        with _writing(self.path):
            others = [entry for entry in self.path.iterdir() if not entry.name.endswith(PARTIAL)]
        if not others:
            return
        if not self._resume:
            hint = f", or go on with the run in it: --resume {self.path}" if is_run_folder(self.path) else ""
            raise RecordError(f"{self.path} is not empty; name a new folder for the run{hint}")
        if not is_run_folder(self.path):
            raise RecordError(f"{self.path} holds no run: there is no {METADATA} in it; name a new folder for the run")
        with _writing(self.path):
            settle(self.path)
        self.stored = StoredRun(self.path)

    def _merge(self) -> None:
        """Write all parts, and the tables that they continue, as one; nothing changes place before it is complete."""
        stored = StoredRun(self.path)
        with whole_folder(self.path / MERGED) as folder:
            for kind in EPISODE_TABLES:
                with TableWriter(folder / f"{kind.name}.parquet", kind, self._facts()) as writer:
                    for path in stored.files(kind):
                        for rows in row_chunks(kind, path):
                            writer.write(rows)

    def _file(self, kind: TableKind) -> Path:
        return self.path / f"{kind.name}.parquet"

    def _facts(self) -> dict[str, str]:
        return {LEDGER_FACT: repr(self._ledger_max_error_kwh)}

    def _advice(self) -> str:
        return f"; {self._kept} finished episodes are kept: go on with --resume {self.path}" if self._kept else ""

    def _remove(self) -> None:
        """Leave the folder as it was found."""
        with suppress(OSError):
            if self._begun:
                (self.path / METADATA).unlink(missing_ok=True)
                for kind in STATIC_TABLES:
                    self._file(kind).unlink(missing_ok=True)
                remove_partial(self.path)
                with suppress(FileNotFoundError):
                    (self.path / PARTS).rmdir()
            if self._made:
                self.path.rmdir()


def check_same_run(stored: StoredRun, metadata: Mapping[str, Any]) -> None:
    """Check that a run is the continuation of the one in a folder.

    Args:
        stored: The run in the folder.
        metadata: What the other run is.

    Raises:
        RecordError: If they differ; names the first field that does.
    """
    change = first_difference_of_runs(stored.metadata, metadata)
    if change is not None:
        raise RecordError(
            f"{stored.path} holds another run: {change.field} is {_shown(change.stored)} there and "
            f"{_shown(change.given)} here; run it as it was, or name a new folder"
        )
    if metadata["episodes"] < stored.metadata["episodes"]:
        raise RecordError(
            f"{stored.path} holds a run of {stored.metadata['episodes']} episodes, got {metadata['episodes']}; "
            "a run can be extended, not shortened"
        )


def settle(path: Path) -> None:
    """Put merged tables into their place, if there are any; what was begun before goes on.

    Raises:
        OSError: If they cannot be moved.
    """
    merged = path / MERGED
    if not merged.exists():
        return
    if (path / PARTS).exists():
        shutil.rmtree(path / PARTS)
    for file in sorted(merged.iterdir()):
        file.replace(path / file.name)
    merged.rmdir()


def _episodes(records: Records) -> Any:
    return records["microgrid_slots"].columns["episode"]


def _shown(value: Any) -> str:
    text = "missing" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


@contextmanager
def _writing(path: Path, advice: str = "") -> Iterator[None]:
    """Turn what pyarrow and the file system raise while something is written into one line."""
    try:
        yield
    except RecordError:
        raise
    except OSError as error:
        raise RecordError(f"{path} cannot be written: {one_line(error)}{advice}") from error
