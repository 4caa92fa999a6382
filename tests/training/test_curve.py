"""The curve is a table that is whole after each row, and goes on where it was left."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosim.errors import RecordError
from cosim.interface import TrainingRound
from cosim.training.curve import Curve


def test_a_curve_goes_on_with_the_columns_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    Curve(path).add(TrainingRound(2, False, 0.5, 1.25, {"loss": 0.1}), 3.00049)
    assert path.read_text() == "episodes,cpu_s,kind,restoration,reward,loss\n2,3.0,training,0.5,1.25,0.1\n"
    again = Curve(path)
    again.add(TrainingRound(2, True, 0.75, 2.0), 4.0)
    again.add(TrainingRound(4, False, 0.5, 1.5, {"loss": 0.05}), 5.0)
    assert path.read_text().splitlines()[2:] == ["2,4.0,validation,0.75,2.0,", "4,5.0,training,0.5,1.5,0.05"]


def test_a_curve_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").mkdir()
    with pytest.raises(RecordError, match=r"curve.csv cannot be read: Is a directory"):
        Curve(tmp_path / "curve.csv")
    with pytest.raises(RecordError, match=r"curve.csv cannot be written: No such file or directory"):
        Curve(tmp_path / "nowhere" / "curve.csv").add(TrainingRound(2, False, 0.5, 1.25), 3.0)
