"""Files of real arrivals, and what is wrong with them, by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosim.errors import ScenarioError
from cosim.sampling.arrivals_file import hours_since, read_arrivals

HEAD = "id,arrival,energy_kwh,stay_h\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cars.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_customers_in_order(tmp_path: Path) -> None:
    rows = "a,2026-11-25T07:30,20,1.5\n\nb,2026-11-26T00:15:30,8.5,2\n"
    found = read_arrivals(written(tmp_path, HEAD + rows))
    assert [(arrival.energy_kwh, arrival.stay_h) for arrival in found] == [(20.0, 1.5), (8.5, 2.0)]
    # The study begins at six on the first arrival's day.
    assert hours_since(found, 6.0) == pytest.approx([1.5, 18.0 + 15.5 / 60.0])


@pytest.mark.parametrize(
    ("rows", "line", "problem"),
    [
        ("a,2026-11-25T08:00,1,1\nb,2026-11-25T07:00,1,1\n", 3, "is before the one above; sort the file by arrival"),
        ("a,2026-11-25T08:00,1,-1\n", 2, "stay_h must be a number above 0, got '-1'"),
        ("a,2026-11-25T08:00,x,1\n", 2, "energy_kwh must be a number above 0, got 'x'"),
        ("a,2026-11-25T08:00,nan,1\n", 2, "energy_kwh must be a number above 0, got 'nan'"),
        ("a,2026-11-25T08:00,1,1\na,2026-11-25T09:00,1,1\n", 3, "id 'a' is taken already, in line 2"),
        ("a,2026-11-25T08:00,1,1\nb,2026-11-25T09:00+01:00,1,1\n", 3, "time zones are mixed"),
        ("a,noon,1,1\n", 2, "arrival must be a time such as 2026-11-25T17:30, got 'noon'"),
        ("a,2026-11-25T08:00,1\n", 2, "has 3 cells, not 4"),
    ],
)
def test_mistakes_have_file_and_line(tmp_path: Path, rows: str, line: int, problem: str) -> None:
    path = written(tmp_path, HEAD + rows)
    with pytest.raises(ScenarioError) as caught:
        read_arrivals(path)
    assert [(issue.source, issue.line) for issue in caught.value.issues] == [(str(path), line)]
    assert problem in caught.value.issues[0].problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no column id, arrival, energy_kwh, stay_h"),
        ("id,arrival\n", "has no column energy_kwh, stay_h; it must have id, arrival, energy_kwh, stay_h"),
        (HEAD, "has no customers"),
    ],
)
def test_files_without_customers(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem):
        read_arrivals(written(tmp_path, text))


def test_all_mistakes_in_one_go_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_arrivals(written(tmp_path, HEAD + "a,noon,x,-1\n"))
    assert len(caught.value.issues) == 3
    with pytest.raises(ScenarioError, match=r"none\.csv: cannot be read"):
        read_arrivals(tmp_path / "none.csv")
    (tmp_path / "cars.csv").write_bytes(b"id\xff")
    with pytest.raises(ScenarioError, match="is no CSV file in UTF-8"):
        read_arrivals(tmp_path / "cars.csv")
