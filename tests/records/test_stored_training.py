"""What a training has left is read, or refused with the line that is wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from cosim.errors import RecordError
from cosim.records.stored_training import read_training

HEAD = "episodes,cpu_s,kind,restoration,reward\n"


def training(folder: Path, curve: str | None) -> Path:
    (folder / "training.json").write_text(json.dumps({"format": 1, "algorithm": "maddqn", "episodes": 128, "seed": 0}))
    if curve is not None:
        (folder / "curve.csv").write_text(curve)
    return folder


def test_rows_are_read(tmp_path: Path) -> None:
    found = read_training(training(tmp_path, f"{HEAD}64,1.5,training,0.5,0.1\n64,1.6,validation,0.75,\n"))
    assert found.about["algorithm"] == "maddqn"
    assert [(point.episodes, point.validates, point.restoration) for point in found.curve] == [
        (64, False, 0.5),
        (64, True, 0.75),
    ]


def test_where_nothing_is_restored_reward_is_what_counts(tmp_path: Path) -> None:
    found = read_training(training(tmp_path, f"{HEAD}64,1.5,validation,,-3.5\n64,1.6,validation,0.75,2.0\n"))
    assert math.isnan(found.curve[0].restoration)
    assert [point.score for point in found.curve] == [-3.5, 0.75]


def test_a_training_that_has_just_begun_has_no_curve(tmp_path: Path) -> None:
    assert list(read_training(training(tmp_path, None)).curve) == []


@pytest.mark.parametrize("row", ["64,x,training,0.5,0.1", "64", "a,1,training,0.5,0.1"])
def test_a_damaged_row_is_named(tmp_path: Path, row: str) -> None:
    with pytest.raises(RecordError, match=r"curve\.csv:3 is damaged"):
        read_training(training(tmp_path, f"{HEAD}64,1.5,training,0.5,0.1\n{row}\n"))


def test_another_version_is_refused(tmp_path: Path) -> None:
    training(tmp_path, None)
    (tmp_path / "training.json").write_text(json.dumps({"format": 9, "episodes": 1}))
    with pytest.raises(RecordError, match="is not of format 1"):
        read_training(tmp_path)
