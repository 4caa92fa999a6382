"""Parquet files: units and meanings with every column, row groups of one size, checksums."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet
import pytest
from small_records import small_records

from cosim.errors import RecordError
from cosim.records import parquet
from cosim.records.parquet import open_table, write_table
from cosim.records.schema import columns_of, table_kind


def test_each_column_carries_its_unit_and_meaning(tmp_path: Path) -> None:
    kind = table_kind("microgrid_slots")
    write_table(tmp_path / "x.parquet", kind, [small_records((0,))[kind.name]], {"fact": "1e-9"})
    schema = pyarrow.parquet.read_schema(tmp_path / "x.parquet")
    assert schema.names == [column.name for column in columns_of(kind)]
    assert schema.metadata[b"fact"] == b"1e-9"
    for column in columns_of(kind):
        metadata = schema.field(column.name).metadata
        assert (metadata[b"unit"], metadata[b"about"]) == (column.unit.encode(), column.about.encode())
    assert str(schema.field("voltage_violated").type) == "bool"


def test_row_groups_do_not_depend_on_how_rows_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 5)
    kind = table_kind("trips")
    write_table(tmp_path / "one", kind, [small_records(range(12))["trips"]], {})
    write_table(tmp_path / "many", kind, [small_records((k,))["trips"] for k in range(12)], {})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "many").read_bytes()
    metadata = open_table(tmp_path / "one", kind).metadata
    assert [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)] == [5, 5, 2]


def test_a_failed_write_raises_what_failed(tmp_path: Path) -> None:
    kind = table_kind("trips")
    if not Path("/dev/full").exists():
        pytest.skip("no full device here")
    with pytest.raises(OSError, match="No space left"):
        write_table(Path("/dev/full"), kind, [small_records(range(12))["trips"]], {})
    with pytest.raises(RecordError, match="is missing"):
        open_table(tmp_path / "none", kind)
