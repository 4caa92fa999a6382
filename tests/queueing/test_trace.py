"""Traces: every event in order, in both forms, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pytest
from small_study import plan

from cosim.errors import QueueError
from cosim.queueing.plan import Plan
from cosim.queueing.trace import COLUMNS, check_trace, trace, write_trace


def two_cars(tmp_path: Path) -> Plan:
    return plan(
        tmp_path,
        station={
            "chargers": 1,
            "faults": {"kind": "listed", "faults": [{"charger": 0, "from_h": 0.25, "until_h": 0.5}]},
        },
        arrivals={"kind": "listed", "at_h": [0.0, 0.125]},
        service_h={"kind": "constant", "value": 0.5},
        patience_h={"kind": "listed", "values": [9.0, 0.25]},
    )


def test_what_happens_one_by_one(tmp_path: Path) -> None:
    rows = trace(two_cars(tmp_path))
    assert list(rows) == list(COLUMNS)
    assert [(r.time_h, r.event, r.customer, r.charger) for r in rows.itertuples()] == [
        (0.0, "arrive", 0, -1),
        (0.0, "start", 0, 0),
        (0.0, "power", 0, 0),
        (0.125, "arrive", 1, -1),
        (0.125, "queue", 1, -1),
        (0.25, "fault", -1, 0),
        (0.25, "displaced", 0, 0),
        (0.25, "queue", 0, -1),
        (0.375, "leave", 1, -1),
        (0.5, "repair", -1, 0),
        (0.5, "start", 0, 0),
        (0.5, "power", 0, 0),
        (0.75, "end", 0, 0),
        (0.75, "leave", 0, -1),
    ]
    assert rows.outcome[8] == "reneged"
    assert rows.outcome[13] == "served"
    assert rows.power_kw[2] == 50.0
    assert rows.energy_kwh[7] == pytest.approx(12.0 + 12.5)


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_files_hold_what_happened(tmp_path: Path, suffix: str) -> None:
    rows, path = trace(two_cars(tmp_path)), tmp_path / f"trace{suffix}"
    check_trace(path)
    write_trace(path, rows)
    if suffix == ".parquet":
        pandas.testing.assert_frame_equal(pandas.read_parquet(path), rows)
    else:
        assert [json.loads(line) for line in path.read_text().splitlines()] == rows.to_dict("records")
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(QueueError, match="must be a new file"):
        check_trace(path)


def test_names_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(QueueError, match=r"must end in \.parquet or \.jsonl"):
        check_trace(tmp_path / "trace.csv")
    with pytest.raises(QueueError, match="there is no folder"):
        check_trace(tmp_path / "none" / "trace.jsonl")
