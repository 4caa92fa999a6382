"""Tables to and from Parquet: the only place that knows how a column is stored."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from cosim.errors import RecordError
from cosim.records.schema import Column, TableKind, columns_of
from cosim.records.table import Table

#: Rows of a row group. The same for every file of a table, so that its bytes tell nothing of how it came about.
GROUP_ROWS = 1 << 16

#: What pyarrow raises for a file that is damaged, or cannot be read or written.
ARROW_ERRORS = (OSError, pyarrow.ArrowException, ValueError, KeyError)

Facts = Mapping[str, str]

_TYPES = {
    "float": pyarrow.float64(),
    "int": pyarrow.int64(),
    "bool": pyarrow.bool_(),
    "str": pyarrow.string(),
    "list of int": pyarrow.list_(pyarrow.int64()),
    "list of float": pyarrow.list_(pyarrow.float64()),
}


def schema_of(kind: TableKind) -> pyarrow.Schema:
    """The columns of a table as Parquet has them, with their units and meanings."""
    return pyarrow.schema([_field(column) for column in columns_of(kind)])


def to_rows(table: Table) -> pyarrow.Table:
    """A table as rows of Parquet."""
    arrays = [_array(column, table) for column in columns_of(table.kind)]
    return pyarrow.Table.from_arrays(arrays, schema=schema_of(table.kind))


def from_rows(kind: TableKind, rows: pyarrow.Table, shape: tuple[int, int, int] | None = None) -> Table:
    """A table from rows of Parquet, the same arrays that were written.

    Args:
        kind: What a row is.
        rows: The rows.
        shape: Episodes, slots and units, where every combination has a row.
    """
    return Table(kind, {column.name: _values(column, rows.column(column.name)) for column in columns_of(kind)}, shape)


class TableWriter:
    """Writes rows into one file, in row groups that do not depend on how the rows are handed over; a context manager.

    Args:
        path: The file.
        kind: What a row is.
        facts: Remarks in the file's metadata.
    """

    def __init__(self, path: Path, kind: TableKind, facts: Facts) -> None:
        schema = schema_of(kind).with_metadata(dict(facts))
        self._writer = pyarrow.parquet.ParquetWriter(path, schema, write_page_checksum=True)
        self._held: list[pyarrow.Table] = []
        self._held_rows = 0

    def write(self, rows: pyarrow.Table) -> None:
        """Add rows."""
        self._held.append(rows)
        self._held_rows += rows.num_rows
        while self._held_rows >= GROUP_ROWS:
            self._write_group(GROUP_ROWS)

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            # A writer that has failed fails once more when it is closed.
            with suppress(*ARROW_ERRORS):
                self._writer.close()
            return
        if self._held_rows:
            self._write_group(self._held_rows)
        self._writer.close()

    def _write_group(self, rows: int) -> None:
        held = pyarrow.concat_tables(self._held)
        # Pages are cut where chunks end, so a group is one chunk.
        group = held.slice(0, rows).combine_chunks().replace_schema_metadata(self._writer.schema.metadata)
        self._writer.write_table(group, row_group_size=rows)
        self._held, self._held_rows = [held.slice(rows)], held.num_rows - rows


def write_table(path: Path, kind: TableKind, tables: list[Table], facts: Facts) -> None:
    """Write tables into one file, one after the other.

    Args:
        path: The file.
        kind: What a row is.
        tables: The tables.
        facts: Remarks in the file's metadata.

    Raises:
        OSError: If it cannot be written.
    """
    with TableWriter(path, kind, facts) as writer:
        for table in tables:
            writer.write(to_rows(table))


def open_table(path: Path, kind: TableKind) -> pyarrow.parquet.ParquetFile:
    """Open a file and check that it has the columns of a table.

    Args:
        path: The file.
        kind: What a row should be.

    Raises:
        RecordError: If it cannot be read, or its columns are others.
    """
    try:
        file = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)
    except FileNotFoundError as error:
        raise RecordError(f"{path} is missing; the run folder is damaged") from error
    except ARROW_ERRORS as error:
        raise RecordError(f"{path} cannot be read: {one_line(error)}") from error
    found = {field.name: field.type for field in file.schema_arrow}
    for field in schema_of(kind):
        if field.name not in found:
            raise RecordError(f"{path} has no column {field.name!r}; the run folder is damaged, or of another version")
        if found[field.name] != field.type:
            raise RecordError(f"{path}: column {field.name!r} must be {field.type}, got {found[field.name]}")
    return file


def one_line(error: Exception) -> str:
    """What an error says, without the lines that pyarrow adds to it."""
    code = getattr(error, "errno", None)
    text = os.strerror(code) if code else str(error)
    return " ".join(text.split())[:200]


def _field(column: Column) -> pyarrow.Field:
    metadata = {"unit": column.unit, "about": column.about}
    return pyarrow.field(column.name, _TYPES[column.kind], metadata=metadata)


def _array(column: Column, table: Table) -> pyarrow.Array:
    values = table.columns[column.name]
    if column.kind == "bool":
        values = values.astype(bool)
    # A time that never came is NaN in an array and empty in a file.
    return pyarrow.array(values, type=_TYPES[column.kind], from_pandas=True)


def _values(column: Column, cells: pyarrow.ChunkedArray) -> Any:
    if column.kind == "float":
        return cells.to_numpy().astype(np.float64, copy=True)
    if cells.null_count:
        raise RecordError(f"column {column.name!r} has empty cells; the run folder is damaged")
    if column.kind in ("int", "bool"):
        return cells.to_numpy().astype(np.int64, copy=True)
    return cells.to_pylist()
