"""The conformance command: which engines pass, and what it says of one that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from grid_cases import outage

from cosim.cli import main
from cosim.errors import CouplingError, ScenarioError
from cosim.grid.conformance import check_engine
from cosim.grid.power_flow import ENGINES, NotConvergedError, find_engine, open_engine

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus_deterministic.yaml"
#: An engine that asks another one, and one thing to do differently.
MINE = """
import numpy as np
from cosim.grid.power_flow import NotConvergedError, PowerFlowResult, open_engine

class Mine:
    def open(self, feeder):
        self.flow = open_engine("power-grid-model", feeder)
        self.asked = 0

    def solve(self, p_mw, q_mvar):
        self.asked += 1
        {first}
        found = self.flow.solve(p_mw, q_mvar)
        vm_pu, p, q = found.vm_pu, found.slack_p_mw, found.slack_q_mvar
        {then}
        return PowerFlowResult(vm_pu, p, q)
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes an engine and gives its name."""
    monkeypatch.chdir(tmp_path)
    # Written anew within a second: Python would take what it has compiled.
    monkeypatch.setattr("sys.dont_write_bytecode", True)

    def write(first: str = "pass", then: str = "pass") -> str:
        (tmp_path / "mine.py").write_text(MINE.format(first=first, then=then))
        return "mine:Mine"

    return write


@pytest.mark.parametrize("name", [engine.name for engine in ENGINES])
def test_engines_that_ship_pass(name: str) -> None:
    found = check_engine(name)
    assert found.passed, found.problems
    assert found.alone_is_same
    if find_engine(name).exact:
        assert max(found.islands_error, found.intact_error) < 1e-6
        assert found.says_no_solution


@pytest.mark.parametrize(
    ("first", "then", "problem"),
    [
        ("pass", "vm_pu = vm_pu + 2e-6", "islands: vm_pu is off by 2e-06, more than 1e-06"),
        ("pass", "p = p + 1e-3", "intact: slack_p_mw is off by 0.001, more than 1e-06"),
        ("pass", "q = q + 1e-9 * self.asked", "a case alone gives other bits than among others"),
        (
            "self.broken = getattr(self, 'broken', 0) + 1e-3 * (p_mw.max() > 100)",
            "vm_pu = vm_pu + self.broken",
            "after a case without a solution it answers otherwise than before",
        ),
        ("p_mw = np.minimum(p_mw, 0.5)", "pass", "does not raise NotConvergedError where there is no solution"),
    ],
)
def test_what_is_wrong_is_said(mine, tmp_path: Path, first: str, then: str, problem: str) -> None:
    found = check_engine(mine(first, then), tmp_path)
    assert problem in found.problems


@pytest.mark.parametrize(
    ("first", "then", "problem"),
    [
        ("raise RuntimeError('no licence')", "pass", "'mine:Mine' raised RuntimeError: no licence"),
        ("raise NotConvergedError(0)", "pass", "finds no solution in case 0, where there is one"),
        ("pass", "vm_pu = vm_pu[:, :3]", r"gave vm_pu of shape \(20, 3\), it must be of \(20, 33\)"),
        ("pass", "p = p * np.nan", "gave slack_p_mw that is not finite; see NotConvergedError"),
        ("pass", "q = 'much'", "gave no numbers for slack_q_mvar"),
        ("pass", "vm_pu = vm_pu * (1 + 0j)", "gave no numbers for vm_pu: they are complex"),
        ("pass", "vm_pu = -vm_pu", "gave a voltage magnitude below 0"),
        ("raise SystemExit", "pass", "raised SystemExit"),
        ("raise NotConvergedError(999)", "pass", "says that case 999 has no solution; there are cases 0 to 19"),
        ("raise NotConvergedError('bad')", "pass", "says that case 'bad' has no solution"),
    ],
)
def test_what_is_no_answer_is_refused(mine, tmp_path: Path, first: str, then: str, problem: str) -> None:
    with pytest.raises(CouplingError, match=problem):
        check_engine(mine(first, then), tmp_path)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere:Mine", "module 'nowhere' cannot be imported"),
        ("mine:Other", "module 'mine' has no class 'Other'"),
        ("json:JSONDecoder", "has no method open; see docs/guides/coupling.md"),
    ],
)
def test_what_is_no_engine_is_refused(mine, tmp_path: Path, name: str, problem: str) -> None:
    mine()
    with pytest.raises(CouplingError, match=problem):
        check_engine(name, tmp_path)


def test_the_command(mine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines"]) == 0
    assert "opendss" in capsys.readouterr().out
    assert main(["engines", "--check", "lindistflow", "opendss", "--json"]) == 0
    assert [one["engine"] for one in json.loads(capsys.readouterr().out)] == ["lindistflow", "opendss"]
    assert main(["engines", "--check", mine()]) != 0
    assert "is code from outside ev-cosim; allow it with --allow-code" in capsys.readouterr().err
    assert main(["engines", "--check", mine(), "--allow-code"]) == 0
    assert "good" in capsys.readouterr().out
    assert main(["engines", "--check", mine(then="vm_pu = vm_pu * 1.01"), "--allow-code"]) != 0
    assert "vm_pu is off by" in capsys.readouterr().out.replace("\n", " ")


def test_a_run_with_an_engine_of_ones_own(mine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["run", str(SCENARIO), "--episodes", "1", "--json", "--set", f"network.engine={mine()}"]
    assert main(run) != 0
    assert "engine 'mine:Mine' is code from outside ev-cosim; allow it with --allow-code" in capsys.readouterr().err
    # A module lies beside the scenario, or where modules are.
    scenario = tmp_path / "outage.yaml"
    scenario.write_text(SCENARIO.read_text())
    run[1] = str(scenario)
    assert main([*run, "--allow-code"]) == 0
    own = json.loads(capsys.readouterr().out)
    assert main([*run[:-2], "--engine", "power-grid-model"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"] == own["metrics"]
    assert main(["bound", str(scenario), "--episodes", "1", *run[-2:]]) != 0
    mine(first="self.asked > 3 and 1 / 0")
    assert main([*run, "--allow-code"]) != 0
    assert "engine 'mine:Mine' raised ZeroDivisionError: division by zero" in capsys.readouterr().err


def test_a_run_goes_on_with_the_same_engine_only(mine, tmp_path: Path) -> None:
    scenario = tmp_path / "outage.yaml"
    scenario.write_text(SCENARIO.read_text())
    run = ["run", str(scenario), "--set", f"network.engine={mine()}", "--allow-code", "--json"]
    assert main([*run, "--episodes", "1", "--out", "kept"]) == 0
    assert main([*run, "--episodes", "2", "--resume", "kept"]) == 0
    mine(then="vm_pu = vm_pu * 1.0001")
    assert main([*run, "--episodes", "3", "--resume", "kept"]) != 0


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosim.grid.power_flow.find_spec", lambda name: None)
    with pytest.raises(ScenarioError, match=r"'opendss' needs the package 'dss': pip install 'ev-cosim\[opendss\]'"):
        find_engine("opendss")


def test_opendss_says_which_case_has_no_solution() -> None:
    feeder = outage().network.stages[0].feeder
    drawn = np.zeros((3, feeder.buses))
    drawn[1] = 500.0
    with pytest.raises(NotConvergedError) as caught:
        open_engine("opendss", feeder).solve(drawn, np.zeros_like(drawn))
    assert caught.value.case == 1
