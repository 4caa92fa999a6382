"""Tables of records in memory: arrays per column, over episode, slot and unit where rows are that regular."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import RecordError
from cosim.records.schema import TABLES, TableKind, columns_of, table_kind

if TYPE_CHECKING:
    import pandas

Values = Any  # a numpy array, or a list where a cell is itself a list or a text


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


def slot_table(name: str, episodes: Sequence[int], slots: Sequence[Any]) -> Table:
    """A table from what each slot left behind.

    Args:
        name: Name of the table.
        episodes: Number of each replica's episode, R of them.
        slots: For each slot an instance of the table's columns, with arrays of shape [R, X].
    """
    kind = table_kind(name)
    columns: dict[str, Values] = {}
    shape = (0, 0, 0)
    for field in fields(kind.columns):
        cube = np.stack([getattr(slot, field.name) for slot in slots], axis=1)
        shape = (cube.shape[0], cube.shape[1], cube.shape[2])
        columns[field.name] = cube.reshape(-1)
    count, slot_count, units = shape
    keys = {
        kind.keys[0].name: np.repeat(np.asarray(episodes, dtype=np.int64), slot_count * units),
        kind.keys[1].name: np.tile(np.repeat(np.arange(slot_count), units), count),
        kind.keys[2].name: np.tile(np.arange(units), count * slot_count),
    }
    return Table(kind, {**keys, **columns}, shape)


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
            columns[column.name] = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
        elif column.kind in ("int", "bool"):
            columns[column.name] = np.array(cells, dtype=np.int64)
        else:
            columns[column.name] = list(cells)
    return Table(kind, columns)


def static_table(name: str, columns: Any) -> Table:
    """A table that holds for the whole run, from an instance of its columns."""
    kind = table_kind(name)
    return Table(kind, {field.name: getattr(columns, field.name) for field in fields(kind.columns)})


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
