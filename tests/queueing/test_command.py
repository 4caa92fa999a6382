"""`cosim queue` as a user has it: what it prints, where, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_study import tree, written

from cosim.cli import main

WANTED = {
    "waiting_time_mean_h",
    "waiting_time_p90_h",
    "waiting_time_p95_h",
    "waiting_probability",
    "queue_length_mean",
    "utilisation",
    "blocked_share",
    "reneged_share",
    "served",
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(written(tmp_path, tree()))


def object_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    captured = capsys.readouterr()
    assert captured.err == ""
    found: dict[str, Any] = json.loads(captured.out)
    return found


def test_one_object_with_all_that_was_found(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queue", file, "--replications", "3", "--warm-up", "2", "--theory", "--json"]) == 0
    found = object_of(capsys)
    assert (found["replications"], found["warm_up_h"]) == (3, 2.0)
    assert set(found["stations"]) == {"A"}
    for measures in (found["stations"]["A"], found["total"]):
        assert set(measures) >= WANTED
        assert set(measures["waiting_time_mean_h"]) == {"mean", "low", "high", "unit"}
    assert found["theory"]["A"]["model"] == "M/M/4"


def test_designs_and_their_answer(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["queue", file, "--replications", "3", "--vary", "stations.0.chargers=4:6"]
    assert main([*arguments, "--target", "waiting_time_p90_h <= 5", "--json"]) == 0
    found = object_of(capsys)
    assert [point["vary"] for point in found["points"]] == [{"stations.0.chargers": n} for n in (4, 5, 6)]
    assert (found["answer"]["met"], found["answer"]["value"]) == (True, 4)
    assert main([*arguments, "--target", "waiting_time_p90_h <= 0.1667"]) == 0
    assert "waiting_time_p90_h <= 0.1667" in capsys.readouterr().out


def test_what_is_shown_fits_on_a_terminal(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queue", file, "--replications", "3", "--warm-up", "2", "--theory", "--limits", "0.1,0.5"]) == 0
    out = capsys.readouterr().out
    assert "wait, 90 % below" in out
    assert "waited longer than 0.5 h, share" in out
    assert "M/M/4: steady state; Poisson arrivals" in out
    assert max(len(line) for line in out.splitlines()) <= 80
    assert main(["queue", file, "--replications", "1"]) == 0
    assert "1 replication, so no intervals" in capsys.readouterr().out


def test_files_are_written_and_never_over_others(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace, figures = tmp_path / "trace.jsonl", tmp_path / "figures"
    arguments = ["queue", file, "--replications", "2", "--trace", str(trace), "--figures", str(figures)]
    assert main(arguments) == 0
    assert "8 pictures in" in capsys.readouterr().out
    assert json.loads(trace.read_text().splitlines()[0])["event"] == "arrive"
    assert main(arguments) == 3
    assert capsys.readouterr().err.endswith("must be a new file\n")


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["--warm-up", "soon"], 1, "--warm-up must be hours or mser-5, got 'soon'"),
        (["--warm-up", "24"], 3, "the warm-up must be at least 0 and below the 24 h of the study"),
        (["--warm-up", "nan"], 3, "the warm-up must be at least 0"),
        (["--target", "served >= 1"], 1, "--target needs --vary"),
        (["--replications", "0"], 1, "must be a whole number of at least 1, got '0'"),
        (["--limits", "1,x"], 1, "--limits must be hours above 0, got '1,x'"),
        (["--limits", "-1"], 1, "--limits must be hours above 0, got '-1'"),
        (["--set", "stations.0.chargers=3", "--warm-up", "2"], 3, "station 'A' is loaded by 1"),
        (["--set", "stations.0.chargers=x"], 2, "stations.0.chargers: must be a whole number, got 'x'"),
        (["--vary", "stations.0.chargers=4:5", "--trace", "x.jsonl"], 1, "--trace is of one design"),
        (["--trace", "x.csv"], 3, "must end in .parquet or .jsonl"),
    ],
)
def test_bad_input_is_one_line(
    file: str, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, problem: str
) -> None:
    try:
        found = main(["queue", file, *arguments])
    except SystemExit as error:
        found = error.code
    captured = capsys.readouterr()
    assert found == code
    assert problem in captured.err
    assert captured.out == ""


def test_check_knows_studies(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", file]) == 0
    assert capsys.readouterr().out == f"{file}: good (small: 1 groups of customers, 1 stations, 24 h)\n"
    assert main(["check", file, "--set", "customers.0.plug=ccs"]) == 0
    assert main(["check", file, "--set", "customers.0.station=B"]) == 2


def test_the_schema_of_studies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "queue"]) == 0
    schema = object_of(capsys)
    assert schema["title"] == "QueueStudy"
    assert set(schema["required"]) == {"version", "kind", "name", "stations", "customers"}
