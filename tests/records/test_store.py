"""The run folder: what is written can be read by anybody, with units."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import yaml

from cosim.errors import RecordError
from cosim.records.schema import TABLES, MicrogridUnits, columns_of
from cosim.records.store import RunFolder
from cosim.records.table import Records, row_table, slot_table, static_table

VISITS = [(0, 1, 2, 0.0, 10.0, None, None, None, 3, 0.1, 0.2), (1, 9, 0, 0.5, None, None, None, 7.0, -1, 0.0, 0.0)]
TRIP = (0, 1, 0.0, 90.0, -1, 2, 3.0, 80.0, [5, 6], [0.0, 40.0], [40.0, 90.0], [1.0, 0.0], [2.0, 2.0])


def test_each_batch_is_appended(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "a" / "run", {"format": 1}) as folder:
        folder.append(Records([static_table("microgrids", MicrogridUnits(["MG1", "é[red]"], *[np.array([1, 5])] * 4))]))
        folder.append(Records([row_table("visits", VISITS[:1])]))
        folder.append(Records([row_table("visits", VISITS[1:]), row_table("trips", [TRIP])]))
        folder.append(Records([row_table("visits", []), row_table("trips", [])]))
    visits = pyarrow.parquet.read_table(tmp_path / "a" / "run" / "visits.parquet")
    assert visits.column("ev").to_pylist() == [1, 9]
    assert visits.column("request_s").to_pylist() == [10.0, None]
    (trip,) = pyarrow.parquet.read_table(tmp_path / "a" / "run" / "trips.parquet").to_pylist()
    assert tuple(trip.values()) == TRIP
    names = pyarrow.parquet.read_table(tmp_path / "a" / "run" / "microgrids.parquet")
    assert names.column("name").to_pylist() == ["MG1", "é[red]"]


def test_each_column_carries_its_unit_and_meaning(tmp_path: Path) -> None:
    kind = next(kind for kind in TABLES if kind.name == "microgrid_slots")
    own = len(columns_of(kind)) - len(kind.keys)
    slot = kind.columns(*(np.ones((1, 2)) for _ in range(own)))
    with RunFolder(tmp_path, {}) as folder:
        folder.append(Records([slot_table(kind.name, (0,), [slot])]))
    schema = pyarrow.parquet.read_schema(tmp_path / "microgrid_slots.parquet")
    assert schema.names == [column.name for column in columns_of(kind)]
    for column in columns_of(kind):
        assert schema.field(column.name).metadata == {b"unit": column.unit.encode(), b"about": column.about.encode()}
    assert str(schema.field("voltage_violated").type) == "bool"


def test_metadata_and_summary_are_text(tmp_path: Path) -> None:
    with RunFolder(tmp_path, {"scenario": {"name": "Sturm é", "clock": {"start": "10:00"}}}) as folder:
        folder.finish({"mean": None, "x": 0.1})
    assert yaml.safe_load((tmp_path / "metadata.yaml").read_text(encoding="utf-8"))["scenario"]["name"] == "Sturm é"
    assert json.loads((tmp_path / "summary.json").read_text()) == {"mean": None, "x": 0.1}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(RecordError, match=f"{tmp_path} is not empty; name a new folder for the run"):
        RunFolder(tmp_path, {})
    with pytest.raises(RecordError, match="mine cannot be written: File exists"):
        RunFolder(tmp_path / "mine", {})
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with RunFolder(tmp_path, {}) as folder:
        (tmp_path / "visits.parquet").mkdir()
        with pytest.raises(RecordError, match=r"visits\.parquet cannot be written"):
            folder.append(Records([row_table("visits", VISITS)]))
        (tmp_path / "summary.json").mkdir()
        with pytest.raises(RecordError, match=r"summary\.json cannot be written: Is a directory"):
            folder.finish({})


def test_what_was_appended_before_a_failure_is_readable(tmp_path: Path) -> None:
    def fail() -> None:
        with RunFolder(tmp_path, {}) as folder:
            folder.append(Records([row_table("visits", VISITS)]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert pyarrow.parquet.read_table(tmp_path / "visits.parquet").num_rows == 2
    assert not (tmp_path / "summary.json").exists()


def test_a_run_that_fails_before_its_first_episode_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with RunFolder(tmp_path / "run", {}) as folder:
            folder.append(Records([static_table("microgrids", MicrogridUnits(["MG1"], *[np.array([1])] * 4))]))
            raise ValueError("boom")

    for _ in range(2):
        with pytest.raises(ValueError, match="boom"):
            fail()
    assert not (tmp_path / "run").exists()
