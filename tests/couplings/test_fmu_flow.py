"""The grid by an FMU that is built here: our records, and what happens when it misbehaves or is something else."""

from __future__ import annotations

import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from coupled import HERE, SCENARIO, SCENARIOS, kill_a_run, nearly_equal, nothing_left, run

import cosim
from cosim.cli import main
from cosim.couplings.grid_interface import feeder_parameters
from cosim.errors import CouplingError, PowerFlowError, ScenarioError

pytest.importorskip("fmpy")
pythonfmu = pytest.importorskip("pythonfmu")


@pytest.fixture(scope="module")
def fmu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The power flow of the 33-bus feeder."""
    folder = tmp_path_factory.mktemp("fmu")
    feeder = folder / "feeder.json"
    feeder.write_text(json.dumps(feeder_parameters(cosim.load(SCENARIO).network.stages[0].feeder)))
    return Path(
        pythonfmu.FmuBuilder.build_FMU(
            HERE / "grid_slave.py", dest=folder, project_files=[feeder, HERE / "fixed_point.py"]
        )
    )


@pytest.fixture(scope="module")
def ours() -> cosim.Results:
    return run("network.engine=power-grid-model")


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path) -> Iterator[None]:
    with nothing_left(tmp_path):
        yield


def by_fmu(file: Path, timeout_s: float = 20.0, **more: object) -> str:
    """The override that has an FMU solve the power flow."""
    section = {"file": str(file), "converged": "converged", **more}
    return f"grid={json.dumps({'simulator': {'fmu': section}, 'timeout_s': timeout_s})}"


def changed(file: Path, to: Path, change: Callable[[str], str], leave_out: str = "nothing") -> Path:
    """An FMU with another description, or without some of its files."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "modelDescription.xml":
                data = change(data.decode()).encode()
            if not name.startswith(leave_out):
                new.writestr(name, data)
    return to


def with_units(text: str, units: dict[str, str]) -> str:
    for port, unit in units.items():
        text = re.sub(rf'(name="{port}\[[^>]*>\s*<Real)', rf'\1 unit="{unit}"', text)
    return text


def test_it_gives_the_same_records(fmu: Path) -> None:
    scenario = SCENARIOS / "outage_33bus.yaml"
    coupled = run(by_fmu(fmu), scenario=scenario, allow_code=True, episodes=2, replicas=2)
    nearly_equal(coupled, run(scenario=scenario, episodes=2, replicas=2))
    assert coupled.summary["ledger_max_error_kwh"] < 1e-6
    assert coupled.summary["engine"] == f"FMU {fmu}"


def test_units_are_converted(fmu: Path, tmp_path: Path, ours: cosim.Results) -> None:
    declared = changed(fmu, tmp_path / "declared.fmu", lambda text: with_units(text, {"p_mw": "MW", "vm_pu": "1"}))
    nearly_equal(run(by_fmu(declared), allow_code=True), ours)
    percent = changed(fmu, tmp_path / "percent.fmu", lambda text: with_units(text, {"vm_pu": "%", "slack_p_mw": "MW"}))
    nearly_equal(run(by_fmu(percent, start={"v_factor": 100.0}), allow_code=True), ours)


def test_variables_are_counted_or_numbered(fmu: Path, tmp_path: Path, ours: cosim.Results) -> None:
    def counted(text: str) -> str:
        return re.sub(r'name="p_mw\[(\d+)\]"', lambda found: f'name="bus{int(found[1]) + 1}.p"', text)

    other = changed(fmu, tmp_path / "counted.fmu", counted)
    nearly_equal(run(by_fmu(other, p_mw="bus{n}.p"), allow_code=True), ours)


@pytest.mark.parametrize("what", ["prints a lot", "does not stop"])
def test_what_does_not_matter(what: str, fmu: Path, ours: cosim.Results, capfd: pytest.CaptureFixture[str]) -> None:
    nearly_equal(run(by_fmu(fmu, start={"what": what}), allow_code=True), ours)
    assert capfd.readouterr() == ("", "")


def test_workers_load_one_each(fmu: Path, ours: cosim.Results) -> None:
    both = run(by_fmu(fmu), episodes=2, replicas=1, workers=2, allow_code=True)
    assert both.metrics["load_restoration_ratio"].mean == pytest.approx(
        ours.metrics["load_restoration_ratio"].mean, abs=1e-6
    )


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("is not initialised", "failed in fmi2ExitInitializationMode: .*no licence found"),
        ("raises", "failed in fmi2DoStep: fatal.*bus 7 is on fire"),
        ("is killed", r"gave no answer: its process was killed by signal 9 \(it last said: about to do it\)"),
        ("crashes", r"gave no answer: its process was killed by signal 11"),
        ("exits", r"gave no answer: its process ended with code 3 \(it last said: about to do it\)"),
        ("not a number", "gave slack_p_mw that are not finite; say `converged: false` instead"),
    ],
)
def test_misbehaviour_is_named(what: str, problem: str, fmu: Path) -> None:
    with pytest.raises(CouplingError, match=problem) as caught:
        run(by_fmu(fmu, start={"what": what}), allow_code=True, replicas=1)
    # Each slot is asked for twice, with and without EVs: the seventh question is of the fourth slot.
    assert ("episode 0, slot 3 (11:30): " in str(caught.value)) == (what != "is not initialised")
    assert f"FMU '{fmu}'" in str(caught.value)


@pytest.mark.parametrize(
    ("what", "problem"), [("starts slowly", "was not initialised within"), ("hangs", "gave no answer within")]
)
def test_time_limits_hold(what: str, problem: str, fmu: Path) -> None:
    begun_s = time.monotonic()
    timeout_s = 3.0
    with pytest.raises(CouplingError, match=f"{problem} {timeout_s:g} s"):
        run(by_fmu(fmu, timeout_s, start={"what": what}), allow_code=True)
    assert time.monotonic() - begun_s < 2 * timeout_s + 5.0


@pytest.mark.parametrize("what", ["does not converge", "discards the step"])
def test_no_solution_is_no_misbehaviour(what: str, fmu: Path) -> None:
    with pytest.raises(PowerFlowError, match="episode 0, slot 3"):
        run(by_fmu(fmu, start={"what": what}), allow_code=True, replicas=1)


def test_episodes_that_have_ended_are_kept(fmu: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    # 24 questions an episode and replica: the seventh of the second episode is at time 30.
    with pytest.raises(CouplingError, match=r"episode 1, slot 3 .*killed by signal 9"):
        run(by_fmu(fmu, start={"what": "is killed later"}), allow_code=True, episodes=3, replicas=1, out=folder)
    assert set(cosim.read_records(folder)["microgrid_slots"].columns["episode"]) == {0}


def test_nothing_outlives_a_run_that_is_killed(fmu: Path) -> None:
    kill_a_run(by_fmu(fmu), "spawn_main")


def test_none_of_its_code_runs_unasked(fmu: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = [str(SCENARIO), "--set", by_fmu(fmu, start={"what": "is not initialised"})]
    assert main(["check", *common]) == 0
    assert main(["run", *common]) == 3
    assert f"grid.simulator.fmu.file starts '{fmu}'; allow it with --allow-code" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text.replace('fmiVersion="2.0"', 'fmiVersion="1.0"'), r"is of FMI 1\.0; it must be of FMI 2\.0"),
        (lambda text: text.replace('fmiVersion="2.0"', 'fmiVersion="3.0"'), r"is of FMI 3\.0; it must be of FMI 2\.0"),
        (lambda text: text.replace('fmiVersion="2.0"', 'fmiVersion="7"'), "is of FMI 7;"),
        (lambda text: text.replace("CoSimulation", "ModelExchange"), "is for model exchange only"),
        (lambda text: text[:-40], "has a modelDescription.xml that cannot be read: XMLSyntaxError"),
        (lambda text: with_units(text, {"p_mw": "hp"}), r"fmu.p_mw: p_mw\[0\] must be in one of MW, kW, W, got 'hp'"),
        (lambda text: with_units(text, {"vm_pu": "kV"}), r"vm_pu: vm_pu\[0\] must be in one of pu, .*; and so for 32"),
    ],
)  # fmt: skip
def test_what_is_no_such_fmu(change: Callable[[str], str], problem: str, fmu: Path, tmp_path: Path) -> None:
    other = changed(fmu, tmp_path / "other.fmu", change)
    with pytest.raises(ScenarioError, match=problem):
        cosim.load(SCENARIO, [by_fmu(other)])


def test_a_machine_without_library_is_named(fmu: Path, tmp_path: Path) -> None:
    other = changed(fmu, tmp_path / "other.fmu", str, leave_out="binaries/linux64")
    with pytest.raises(ScenarioError, match="has no library for this machine, linux64; it has win64"):
        cosim.load(SCENARIO, [by_fmu(other)])


def test_what_is_no_fmu(tmp_path: Path) -> None:
    text, empty, folder = tmp_path / "text.fmu", tmp_path / "empty.fmu", tmp_path / "folder.fmu"
    text.write_text("hello?")
    folder.mkdir()
    with zipfile.ZipFile(empty, "w"):
        pass
    for file, problem in (
        (text, "is no FMU: File is not a zip file"),
        (empty, "is no FMU: it holds no modelDescription.xml"),
        (folder, "grid.simulator.fmu.file: "),
        (tmp_path / "missing.fmu", "grid.simulator.fmu.file: cannot be read: No such file or directory"),
    ):
        with pytest.raises(ScenarioError, match=problem):
            cosim.load(SCENARIO, [by_fmu(file)])


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"p_mw": "p_kw[{bus}]"}, r"fmu.p_mw: there is no variable 'p_kw\[0\]'; did you mean .*; and so for 32 more"),
        ({"p_mw": "p_mw"}, "fmu.p_mw: must have {bus} or {n} in it, since there is one for each bus"),
        ({"q_mvar": "p_mw[{bus}]"}, r"fmu.q_mvar: p_mw\[0\] is p_mw already"),
        ({"vm_pu": "p_mw[{bus}]"}, r"fmu.vm_pu: p_mw\[0\] is p_mw already"),
        ({"slack_p_mw": "q_mvar[{bus}]", "q_mvar": "vm_pu[{bus}]"}, r"vm_pu\[0\] must be an input, is output"),
        ({"converged": "vm_pu[0]"}, r"fmu.converged: vm_pu\[0\] is vm_pu already"),
        ({"converged": "what"}, "fmu.converged: what must be Boolean, is String"),
        ({"converged": "convergd"}, "fmu.converged: there is no variable 'convergd'; did you mean 'converged'"),
        ({"start": {"whut": "x"}}, "fmu.start: there is no variable 'whut'; did you mean 'what'"),
        ({"start": {"what": 3}}, "fmu.start: what must be String, got 3"),
        ({"start": {"vm_pu[0]": 1.0}}, r"fmu.start: vm_pu\[0\] cannot be given a value: it is output"),
        ({"step_s": 0}, "fmu.step_s: must be at least"),
    ],
)
def test_wrong_names_are_named(section: dict[str, object], problem: str, fmu: Path) -> None:
    with pytest.raises(ScenarioError, match=problem):
        cosim.load(SCENARIO, [by_fmu(fmu, **section)])


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, fmu: Path) -> None:
    monkeypatch.setattr("cosim.couplings.simulator.find_spec", lambda name: None)
    with pytest.raises(ScenarioError, match=r"grid.simulator.fmu: needs .* pip install 'ev-cosim\[fmu\]'"):
        cosim.load(SCENARIO, [by_fmu(fmu)])
