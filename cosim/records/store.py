"""What is in a run folder, and how it is read.

A run that has ended has one Parquet file per table. While it goes on, or where it was interrupted, finished episodes
are in parts: `parts/000032/ev_slots.parquet` begins with episode 32. A run that is extended has both. `merged/` is
there only while parts become one: then what it holds takes the place of all else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from cosim.errors import RecordError
from cosim.records.metadata import METADATA, read_metadata
from cosim.records.parquet import ARROW_ERRORS, GROUP_ROWS, from_rows, one_line, open_table, schema_of
from cosim.records.schema import TABLES, TableKind, table_kind
from cosim.records.table import Records, Table, slot_keys

SUMMARY = "summary.json"
PARTS = "parts"
MERGED = "merged"
#: What a file's metadata say of its episodes.
LEDGER_FACT = "ledger_max_error_kwh"

#: Tables with rows per episode, and tables that hold for the whole run.
EPISODE_TABLES = tuple(kind for kind in TABLES if kind.keys)
STATIC_TABLES = tuple(kind for kind in TABLES if not kind.keys)
#: Has rows for every episode and slot, whatever the scenario.
_MAIN = table_kind("microgrid_slots")


def read_records(
    path: str | Path, episodes: Sequence[int] | None = None, tables: Sequence[str] | None = None
) -> Records:
    """Read the tables of a run folder, also of a run that goes on or was interrupted.

    Args:
        path: The run folder.
        episodes: Numbers of the episodes to read; default: all that are finished.
        tables: Names of the tables to read; default: all.

    Returns:
        The tables, rows in the order of episodes, the same arrays that the run had in memory.

    Raises:
        RecordError: If the folder is no run folder or is damaged, or has no such episode or table.
    """
    return StoredRun(path).read(episodes, tables)


class StoredRun:
    """A run folder as it is found.

    Args:
        path: The run folder.

    Attributes:
        metadata: What the run is.
        episodes: Episodes that are finished: those from 0 to one below this number.
        ledger_max_error_kwh: Most that an energy balance of theirs was off [kWh].

    Raises:
        RecordError: If it is no run folder, or is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.metadata = read_metadata(self.path)
        self.episodes = 0
        self.ledger_max_error_kwh = 0.0
        self._slots = 0
        with reading(self.path):
            self._places = _places(self.path)
        for file in self.files(_MAIN):
            self._count(file)
        if self.episodes > self.metadata["episodes"]:
            raise RecordError(
                f"{self.path} is damaged: {METADATA} tells of {self.metadata['episodes']} episodes, "
                f"the tables hold {self.episodes}"
            )
        if self.summary is not None and self.summary.get("episodes") != self.episodes:
            raise RecordError(
                f"{self.path} is damaged: {SUMMARY} tells of {self.summary.get('episodes')} episodes, "
                f"the tables hold {self.episodes}"
            )

    @property
    def summary(self) -> Mapping[str, Any] | None:
        """The summary; None if the run has not ended.

        Raises:
            RecordError: If it is damaged.
        """
        path = self.path / SUMMARY
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RecordError(f"{path} cannot be read: {one_line(error)}") from error
        if not isinstance(summary, dict):
            raise RecordError(f"{path} is damaged: it must be one JSON object")
        return summary

    @property
    def ended(self) -> bool:
        """Whether all episodes that were asked for are there, and the summary."""
        return self.summary is not None and self.metadata["episodes"] == self.episodes

    def files(self, kind: TableKind) -> list[Path]:
        """The files of a table, in the order of episodes."""
        name = f"{kind.name}.parquet"
        if not kind.keys:
            return [self.path / name]
        merged = self.path / MERGED / name
        # Merged tables move to their place one by one.
        return [merged if place == self.path and merged.exists() else place / name for place in self._places]

    def read(self, episodes: Sequence[int] | None = None, tables: Sequence[str] | None = None) -> Records:
        """Read tables; see `read_records`."""
        wanted = list(range(self.episodes)) if episodes is None else sorted(set(episodes))
        for episode in wanted:
            if not 0 <= episode < self.episodes:
                there = f"there are 0 to {self.episodes - 1}" if self.episodes else "none is finished"
                raise RecordError(f"{self.path} has no episode {episode}; {there}")
        return Records([self._read(kind, wanted) for kind in _kinds(tables)])

    def batches(self, size: int, tables: Sequence[str] | None = None) -> Iterator[tuple[tuple[int, ...], Records]]:
        """Read all episodes in order, some at a time.

        Args:
            size: Episodes at a time.
            tables: Names of the tables to read; default: all that have rows per episode.

        Yields:
            The numbers of some episodes, and their records.

        Raises:
            RecordError: If the folder is damaged.
        """
        kinds = [kind for kind in _kinds(tables) if kind.keys]
        streams = [_RowStream(kind, self.files(kind)) for kind in kinds]
        for first in range(0, self.episodes, size):
            numbers = tuple(range(first, min(first + size, self.episodes)))
            yield numbers, Records([self._table(stream.kind, stream.until(numbers[-1]), numbers) for stream in streams])
        for stream in streams:
            stream.expect_end()

    def _count(self, path: Path) -> None:
        """Add the episodes of a file, which must follow those before it."""
        file = open_table(path, _MAIN)
        with reading(path):
            first, last, self._slots = _span(file)
            facts = file.schema_arrow.metadata or {}
            error_kwh = float(facts.get(LEDGER_FACT.encode(), b"nan"))
        if first != self.episodes:
            raise RecordError(f"{path} should begin with episode {self.episodes}, it begins with {first}")
        self.episodes = last + 1
        self.ledger_max_error_kwh = max(self.ledger_max_error_kwh, error_kwh)

    def _read(self, kind: TableKind, wanted: Sequence[int]) -> Table:
        pieces = []
        for path in self.files(kind):
            file = open_table(path, kind)
            with reading(path):
                pieces.append(_rows_of(file, wanted) if kind.keys else file.read())
        rows = pyarrow.concat_tables(pieces) if pieces else schema_of(kind).empty_table()
        return self._table(kind, rows, wanted) if kind.keys else from_rows(kind, rows)

    def _table(self, kind: TableKind, rows: pyarrow.Table, episodes: Sequence[int]) -> Table:
        """Turn rows into a table, and check that all of them are there."""
        if len(kind.keys) == 1:
            return from_rows(kind, rows)
        count = len(episodes) * self._slots
        units = rows.num_rows // count if count else 0
        table = from_rows(kind, rows, (len(episodes), self._slots, units))
        expected = slot_keys(kind, episodes, self._slots, units)
        if any(not np.array_equal(table.columns[name], keys) for name, keys in expected.items()):
            between = f"{episodes[0]} to {episodes[-1]}"
            raise RecordError(
                f"{self.path}: table {kind.name!r} lacks rows of episodes {between}, or has too many; "
                "the run folder is damaged"
            )
        return table


def is_run_folder(path: Path) -> bool:
    """Whether there is a run in a folder, be it damaged."""
    return (path / METADATA).is_file()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what pyarrow and the file system raise while something is read into one line.

    Raises:
        RecordError: If it cannot be read.
    """
    try:
        yield
    except ARROW_ERRORS as error:
        raise RecordError(f"{path} cannot be read: {one_line(error)}") from error


def row_chunks(kind: TableKind, path: Path) -> Iterator[pyarrow.Table]:
    """The rows of a file, some at a time.

    Raises:
        RecordError: If it cannot be read.
    """
    file = open_table(path, kind)
    with reading(path):
        for batch in file.iter_batches(batch_size=GROUP_ROWS):
            yield pyarrow.Table.from_batches([batch])


class _RowStream:
    """The rows of one table, in the order of episodes.

    Args:
        kind: What a row is.
        paths: Its files.
    """

    def __init__(self, kind: TableKind, paths: Sequence[Path]) -> None:
        self.kind = kind
        self._chunks = chain.from_iterable(row_chunks(kind, path) for path in paths)
        self._held = schema_of(kind).empty_table()

    def until(self, episode: int) -> pyarrow.Table:
        """The next rows, up to and with those of an episode."""
        pieces = [self._held]
        while not pieces[-1].num_rows or _episodes(pieces[-1])[-1] <= episode:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            pieces.append(chunk)
        rows = pyarrow.concat_tables(pieces)
        end = int(np.searchsorted(_episodes(rows), episode, side="right"))
        self._held = rows.slice(end)
        return rows.slice(0, end)

    def expect_end(self) -> None:
        """Check that no row is left.

        Raises:
            RecordError: If there is one.
        """
        if self._held.num_rows or next(self._chunks, None) is not None:
            raise RecordError(f"table {self.kind.name!r} has rows of more episodes than 'microgrid_slots'")


def _places(path: Path) -> list[Path]:
    """Folders that hold tables of episodes, in order."""
    names = [f"{kind.name}.parquet" for kind in EPISODE_TABLES]
    merged = (path / MERGED).exists()
    whole = [path] if merged or any((path / name).exists() for name in names) else []
    if merged or not (path / PARTS).exists():
        return whole
    parts = [part for part in (path / PARTS).iterdir() if part.name.isdigit()]
    return whole + sorted(parts, key=lambda part: int(part.name))


def _kinds(names: Sequence[str] | None) -> list[TableKind]:
    unknown = sorted(set(names or ()) - {kind.name for kind in TABLES})
    if unknown:
        raise RecordError(f"there is no table {unknown[0]!r}; there are {', '.join(kind.name for kind in TABLES)}")
    return [kind for kind in TABLES if names is None or kind.name in names]


def _span(file: pyarrow.parquet.ParquetFile) -> tuple[int, int, int]:
    """First and last episode of a file of the main table, and slots of an episode."""
    metadata = file.metadata
    groups = [metadata.row_group(k) for k in range(metadata.num_row_groups)]
    episode, slot = ([group.column(column).statistics for group in groups] for column in (0, 1))
    if not groups or any(column is None or not column.has_min_max for column in (*episode, *slot)):
        raise ValueError("there are no rows in it, or it was not written by ev-cosim")
    return (
        min(column.min for column in episode),
        max(column.max for column in episode),
        max(column.max for column in slot) + 1,
    )


def _rows_of(file: pyarrow.parquet.ParquetFile, wanted: Sequence[int]) -> pyarrow.Table:
    """The rows of some episodes."""
    numbers = np.asarray(wanted, dtype=np.int64)
    groups = []
    for k in range(file.metadata.num_row_groups):
        span = file.metadata.row_group(k).column(0).statistics
        if span is None or not span.has_min_max or np.any((numbers >= span.min) & (numbers <= span.max)):
            groups.append(k)
    rows = file.read_row_groups(groups)
    return rows.filter(pyarrow.array(np.isin(_episodes(rows), numbers)))


def _episodes(rows: pyarrow.Table) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    episodes: np.ndarray[tuple[int, ...], np.dtype[np.int64]] = rows.column("episode").to_numpy()
    return episodes
