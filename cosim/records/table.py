"""Tables of records in memory: arrays per column, over episode, slot and unit where rows are that regular."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import RecordError
from cosim.interface import Floats
from cosim.records.schema import TABLES, TableKind, columns_of, table_kind

if TYPE_CHECKING:
    import pandas

Values = Any  # a numpy array, or a list where a cell is itself a list or a text

ALL_ROWS = slice(None)


@dataclass(frozen=True)
class Table:
    """Rows of one kind.

    Attributes:
        kind: What a row is.
        columns: Values by name, keys included, each of one length.
        shape: Episodes, slots and units, where every combination has a row, in that order; else None.
    """

    kind: TableKind
    columns: Mapping[str, Values]
    shape: tuple[int, int, int] | None = None
    _sums: dict[str, Floats] = field(default_factory=dict, init=False, repr=False, compare=False)
    _totals: dict[str, Floats] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def cube(self, column: str) -> np.ndarray[tuple[int, ...], np.dtype[Any]]:
        """A column over episode, slot and unit; shape [episodes, T, X].

        Raises:
            RecordError: If the rows are not that regular.
        """
        if self.shape is None:
            raise RecordError(f"table {self.kind.name!r} has no row for every episode, slot and unit")
        cube: np.ndarray[tuple[int, ...], np.dtype[Any]] = np.asarray(self.columns[column]).reshape(self.shape)
        return cube

    def sum_of_slots(self, column: str) -> Floats:
        """A column's sum over slots, shape [episodes, X]; summed once, however often it is asked for.

        Raises:
            RecordError: If the rows are not that regular.
        """
        if column not in self._sums:
            self._sums[column] = self.cube(column).sum(axis=1)
        return self._sums[column]

    def total(self, column: str) -> Floats:
        """A column's sum over slots and units, shape [episodes]; summed once, however often it is asked for.

        Raises:
            RecordError: If the rows are not that regular.
        """
        if column not in self._totals:
            self._totals[column] = self.cube(column).sum(axis=(1, 2))
        return self._totals[column]

    def frame(self) -> pandas.DataFrame:
        """The table as a data frame."""
        import pandas

        flags = {column.name: bool for column in columns_of(self.kind) if column.kind == "bool"}
        frame = pandas.DataFrame({column.name: self.columns[column.name] for column in columns_of(self.kind)})
        return frame.astype(flags)


class Records(Mapping[str, Table]):
    """The tables of some episodes, by name.

    Args:
        tables: The tables.
    """

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = {table.kind.name: table for table in tables}

    def __getitem__(self, name: str) -> Table:
        return self._tables[name]

    def __iter__(self) -> Any:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def slot_table(name: str, episodes: Sequence[int], slots: Any, rows: slice = ALL_ROWS) -> Table:
    """A table from what slots left behind; a column is put together when it is asked for.

    Args:
        name: Name of the table.
        episodes: Number of each replica's episode, R of them.
        slots: An instance of the table's columns, with arrays of shape [T, N, X].
        rows: Those R of the N rows that are meant.
    """
    kind = table_kind(name)
    first: np.ndarray[Any, Any] = getattr(slots, fields(kind.columns)[0].name)
    shape = (len(episodes), first.shape[0], first.shape[2])
    return Table(kind, _ColumnsOnDemand(kind, episodes, shape, slots, rows), shape)


def slot_keys(kind: TableKind, episodes: Sequence[int], slots: int, units: int) -> dict[str, Values]:
    """The key columns of a table that has a row for every episode, slot and unit.

    Args:
        kind: The table.
        episodes: Numbers of its episodes.
        slots: Slots of an episode.
        units: Microgrids, EVs, or whatever it has rows of.
    """
    shape = (len(episodes), slots, units)
    return {column.name: _key(axis, episodes, shape) for axis, column in enumerate(kind.keys)}


def _key(axis: int, episodes: Sequence[int], shape: tuple[int, int, int]) -> Values:
    """Episode, slot or unit of each row."""
    count, slots, units = shape
    if axis == 0:
        return np.repeat(np.asarray(episodes, dtype=np.int64), slots * units)
    return np.tile(np.repeat(np.arange(slots), units), count) if axis == 1 else np.tile(np.arange(units), count * slots)


def _by_episode(cube: Values, rows: slice) -> Values:
    """Values [T, N, X] of some rows one after the other, in the order of episode, slot and unit."""
    return cube[:, rows].transpose(1, 0, 2).reshape(-1)


class _ColumnsOnDemand(Mapping[str, Values]):
    """Columns that are made when they are asked for: metrics need few of them.

    Args:
        kind: The table.
        episodes: Numbers of its episodes.
        shape: Episodes, slots and units.
        slots: An instance of the table's columns, with arrays of shape [T, N, X].
        rows: Those of the N rows that are meant.
    """

    def __init__(
        self, kind: TableKind, episodes: Sequence[int], shape: tuple[int, int, int], slots: Any, rows: slice
    ) -> None:
        self._kind = kind
        self._episodes = episodes
        self._shape = shape
        self._slots = slots
        self._rows = rows
        self._made: dict[str, Values] = {}

    def __getitem__(self, name: str) -> Values:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return (column.name for column in columns_of(self._kind))

    def __len__(self) -> int:
        return len(columns_of(self._kind))

    def _make(self, name: str) -> Values:
        keys = [column.name for column in self._kind.keys]
        if name in keys:
            return _key(keys.index(name), self._episodes, self._shape)
        cube = getattr(self._slots, name, None)
        if cube is None:
            raise KeyError(name)
        return _by_episode(cube, self._rows)


def row_table(name: str, rows: Sequence[tuple[Any, ...]]) -> Table:
    """A table from its rows.

    Args:
        name: Name of the table.
        rows: Values in the order of the table's columns, keys first; None where there is none.
    """
    kind = table_kind(name)
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns_of(kind))
    columns: dict[str, Values] = {}
    for column, cells in zip(columns_of(kind), values, strict=True):
        if column.kind == "float":
            columns[column.name] = np.array(cells, dtype=np.float64)
        elif column.kind in ("int", "bool"):
            columns[column.name] = np.array(cells, dtype=np.int64)
        else:
            columns[column.name] = list(cells)
    return Table(kind, columns)


def static_table(name: str, columns: Any) -> Table:
    """A table that holds for the whole run, from an instance of its columns."""
    kind = table_kind(name)
    return Table(kind, {f.name: getattr(columns, f.name) for f in fields(kind.columns)})


def joined(parts: Sequence[Records]) -> Records:
    """The records of several batches of episodes as one.

    Args:
        parts: Records with the same tables and units.
    """
    tables = []
    for kind in TABLES:
        pieces = [part[kind.name] for part in parts if kind.name in part]
        if not pieces:
            continue
        columns = {name: _concatenated([piece.columns[name] for piece in pieces]) for name in pieces[0].columns}
        shape = pieces[0].shape
        if shape is not None:
            shape = (sum(piece.shape[0] for piece in pieces if piece.shape), *shape[1:])
        tables.append(Table(kind, columns, shape))
    return Records(tables)


def _concatenated(values: Sequence[Values]) -> Values:
    if isinstance(values[0], list):
        return [cell for part in values for cell in part]
    return np.concatenate(values)
