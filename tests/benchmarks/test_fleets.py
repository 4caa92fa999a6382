"""The script that makes the tables of results: its judgements, and a small run of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleets import cell, flattens, main, rises, spread

from cosim.metrics import Estimate

FILE = Path(__file__).parents[2] / "agents" / "fleets" / "maddqn.safetensors"


def steps(*ends: tuple[float, float]) -> list[Estimate]:
    return [Estimate((low + high) / 2.0, low, high, "1") for low, high in ends]


def test_a_sweep_rises_if_no_step_falls_beyond_doubt_and_one_rises() -> None:
    assert rises(steps((0.05, 0.07), (0.01, 0.02), (-0.01, 0.005)))
    assert not rises(steps((0.05, 0.07), (-0.02, -0.01)))
    assert not rises(steps((-0.01, 0.01), (-0.01, 0.02)))


def test_a_sweep_flattens_if_its_last_step_is_small() -> None:
    assert flattens(steps((0.07, 0.09), (0.0, 0.03), (0.0, 0.02)))
    assert not flattens(steps((0.07, 0.09), (0.0, 0.03), (0.02, 0.04)))


def test_cells_hold_mean_and_interval() -> None:
    assert cell(Estimate(0.5, 0.4, 0.6, "1")) == "0.500 [0.400, 0.600]"
    assert cell(Estimate(0.5, 0.4, 0.6, "1"), "+") == "+0.500 [+0.400, +0.600]"
    assert cell(Estimate(0.5, None, None, "1")) == "0.500"
    assert cell(Estimate(None, None, None, "1")) == "none"
    assert (spread([1024.0]), spread([512.0, 1536.0])) == ("1,024", "1,024 (512 to 1,536)")


def test_a_small_run_prints_tables_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--controllers", "coordinated,maddqn", "--policy", "maddqn", "--episodes", "2"]
    picture = tmp_path / "new" / "curves.svg"
    assert main(["sizes", "curves", *words, "--picture", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert "| EVs | `coordinated` | `maddqn` |\n|---|---|---|\n| 20 | 0." in printed
    assert printed.count("\n| 60 | ") == 4
    assert "restoration of `maddqn` over that of others, mean over the sizes: `coordinated` +" in printed
    assert ">maddqn</text>" in picture.read_text()
    assert [path.name for path in picture.parent.iterdir()] == ["curves.svg"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["speed"], "there is no part 'speed'; there are sizes, power,"),
        (["--policy", "nobody"], "--policy nobody: is none of the controllers"),
        (["--weights", "maddqn"], "'maddqn': must have the form NAME=FILE,FILE,..."),
        (["--weights", "mine=a.safetensors"], "weights are for 'mine', which is none of the controllers"),
        (
            ["--weights", f"maddqn={FILE}"],
            "maddqn: has weights but no learning curves; name them with --curves maddqn=",
        ),
        (["--curves", "mine=a.csv"], "--curves are for 'mine', which is none of the controllers"),
        (["curves", "--curves", "maddqn=none.csv"], "none.csv: cannot be read (No such file or directory)"),
    ],
)
def test_what_cannot_be_meant_is_one_line(words: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 1
    said = capsys.readouterr().err
    assert said.startswith(problem)
    assert said.count("\n") == 1
