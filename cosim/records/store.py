"""The run folder: `metadata.yaml`, one Parquet file per table, and `summary.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow
import pyarrow.parquet
import yaml

from cosim.errors import RecordError
from cosim.records.schema import Column, columns_of
from cosim.records.table import Records, Table

METADATA = "metadata.yaml"
SUMMARY = "summary.json"

_TYPES = {
    "float": pyarrow.float64(),
    "int": pyarrow.int64(),
    "bool": pyarrow.bool_(),
    "str": pyarrow.string(),
    "list of int": pyarrow.list_(pyarrow.int64()),
    "list of float": pyarrow.list_(pyarrow.float64()),
}


class RunFolder:
    """Writes a run folder while the run goes on; a context manager that closes its files.

    What has been appended is kept when the run fails; a run that fails before its first episode leaves nothing.

    Args:
        path: The folder; made if it does not exist.
        metadata: What the run is: resolved scenario, seed, versions.

    Raises:
        RecordError: If the folder holds something already, or cannot be written.
    """

    def __init__(self, path: str | Path, metadata: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self._writers: dict[str, pyarrow.parquet.ParquetWriter] = {}
        self._has_episodes = False
        self._made = not self.path.exists()
        try:
            if self.path.is_dir() and any(self.path.iterdir()):
                raise RecordError(f"{self.path} is not empty; name a new folder for the run")
            self.path.mkdir(parents=True, exist_ok=True)
            text = yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True)
            (self.path / METADATA).write_text(text, encoding="utf-8")
        except OSError as error:
            raise RecordError(f"{self.path} cannot be written: {error.strerror}") from error

    def append(self, records: Records) -> None:
        """Add the records of some episodes.

        Raises:
            RecordError: If they cannot be written.
        """
        for name, table in records.items():
            try:
                self._write(name, table)
            except OSError as error:
                raise RecordError(f"{self.path / name}.parquet cannot be written: {error}") from error
            self._has_episodes |= "episode" in table.columns

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Close the tables and write the summary.

        Raises:
            RecordError: If it cannot be written.
        """
        self._close()
        try:
            (self.path / SUMMARY).write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise RecordError(f"{self.path / SUMMARY} cannot be written: {error.strerror}") from error

    def _write(self, name: str, table: Table) -> None:
        if name not in self._writers:
            schema = pyarrow.schema([_field(column) for column in columns_of(table.kind)])
            self._writers[name] = pyarrow.parquet.ParquetWriter(self.path / f"{name}.parquet", schema)
        writer = self._writers[name]
        arrays = [_array(column, table) for column in columns_of(table.kind)]
        writer.write_table(pyarrow.Table.from_arrays(arrays, schema=writer.schema))

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        if error is not None and not self._has_episodes:
            self._remove()

    def _close(self) -> None:
        try:
            for writer in self._writers.values():
                writer.close()
        except OSError as error:
            raise RecordError(f"tables in {self.path} cannot be closed: {error}") from error

    def _remove(self) -> None:
        for name in (METADATA, *(f"{table}.parquet" for table in self._writers)):
            (self.path / name).unlink(missing_ok=True)
        if self._made:
            self.path.rmdir()


def _field(column: Column) -> pyarrow.Field:
    metadata = {"unit": column.unit, "about": column.about}
    return pyarrow.field(column.name, _TYPES[column.kind], metadata=metadata)


def _array(column: Column, table: Table) -> pyarrow.Array:
    values = table.columns[column.name]
    if column.kind == "bool":
        values = values.astype(bool)
    # A time that never came is NaN in an array and empty in a file.
    return pyarrow.array(values, type=_TYPES[column.kind], from_pandas=True)
