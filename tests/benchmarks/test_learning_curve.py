"""Curves of training are read as `cosim train` writes them, and say when a fleet had converged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from learning_curve import Curve, InputError, read_curve, together


def curve(episodes: list[float], restoration: list[float]) -> Curve:
    return Curve(np.array(episodes), np.array(episodes) / 10.0, np.array(restoration))


def test_only_validations_count(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text(
        "episodes,cpu_s,kind,restoration,reward,loss\n"
        "64,1.5,training,0.1,2,3\n"
        "64,2.5,validation,0.7,2,\n"
        "128,3.5,training,0.9,2,3\n"
        "128,4.5,validation,0.8,2,\n"
    )
    found = read_curve(str(tmp_path / "curve.csv"))
    assert found.episodes.tolist() == [64.0, 128.0]
    assert found.cpu_s.tolist() == [2.5, 4.5]
    assert found.restoration.tolist() == [0.7, 0.8]


@pytest.mark.parametrize(
    ("restoration", "at"),
    [
        ([0.5, 0.791, 0.792, 0.8], 2),  # 0.792 is 1 % below the last
        ([0.5, 0.9, 0.7, 0.8], 1),  # above it counts
        ([0.1, 0.2, 0.3, 0.4], 3),
    ],
)
def test_converged_is_the_first_validation_as_good_as_the_last(restoration: list[float], at: int) -> None:
    assert curve([64, 128, 192, 256], restoration).converged() == at


def test_seeds_are_put_together_where_all_of_them_were_validated() -> None:
    x, y = together([curve([10, 20, 40], [0.0, 0.2, 0.4]), curve([20, 30], [0.5, 0.7])])
    assert x.tolist() == [20.0, 30.0]
    assert y == pytest.approx(np.array([[0.2, 0.3], [0.5, 0.7]]))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "has no row of validation"),
        ("episodes,kind\n1,validation\n", "is no learning curve of cosim train, it has no column 'cpu_s'"),
        ("episodes,kind,cpu_s,restoration\n1,validation,x,1\n", "is no learning curve of cosim train (could not"),
        ("episodes,kind,cpu_s,restoration\n1,training,1,1\n", "has no row of validation"),
    ],
)
def test_a_file_that_is_no_curve_is_named(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "curve.csv").write_text(content)
    with pytest.raises(InputError) as caught:
        read_curve(str(tmp_path / "curve.csv"))
    assert str(caught.value).startswith(f"{tmp_path / 'curve.csv'}: {problem}")
