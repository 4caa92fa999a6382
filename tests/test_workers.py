"""Several processes give the same bits as one, end with their parent, and tell errors as one process does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cosim
from cosim.errors import ControllerError, SimulationError
from cosim.records.store import StoredRun
from cosim.records.table import Records
from cosim.system import System

ROOT = Path(__file__).parents[1]
SCENARIO = ROOT / "scenarios" / "outage_33bus.yaml"
CONTROLLERS = """
import os
import signal
import time

from agents.baselines.random import RandomController
from cosim.errors import ControllerError


class Special(ControllerError):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class Own(RandomController):
    def __init__(self, spec, *, does="nothing", episode=2, wait_s=0.0):
        super().__init__(spec)
        self.does, self.episode, self.wait_s = does, episode, wait_s

    def act(self, observation):
        time.sleep(self.wait_s)
        if observation.episode[0] == self.episode and observation.slot == 3:
            if self.does == "raise":
                raise RuntimeError("no [red]idea")
            if self.does == "raise its own":
                raise Special("this", "that")
            if self.does == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.does == "exit":
                os._exit(7)
            if self.does == "print":
                print("thinking")
        return super().act(observation)
"""
#: Runs the command line such that every batch becomes a part at once.
COMMAND = """
import sys
from cosim.cli import main
from cosim.records import run_folder

if __name__ == "__main__":
    run_folder.GATHER_S = 0.0
    sys.exit(main())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workers")
    shutil.copy(SCENARIO, folder / "scenario.yaml")
    (folder / "workers_controllers.py").write_text(CONTROLLERS)
    (folder / "command.py").write_text(COMMAND)
    return folder


@pytest.fixture(scope="module")
def make(folder: Path) -> Callable[..., System]:
    def make(**options: Any) -> System:
        changes = [f"controller.options.{name}={json.dumps(value)}" for name, value in options.items()]
        name = "controller.name=workers_controllers:Own"
        return cosim.load(folder / "scenario.yaml", [name, "network.engine=lindistflow", *changes])

    return make


def without_timing(results: cosim.Results) -> dict[str, Any]:
    return {name: value for name, value in results.summary.items() if name != "timing"}


def same_bits(one: Records, other: Records) -> bool:
    def bits(values: Any) -> Any:
        return values.tobytes() if isinstance(values, np.ndarray) else repr(values)

    return list(one) == list(other) and all(
        bits(one[name].columns[column]) == bits(cells) for name in one for column, cells in other[name].columns.items()
    )


@pytest.fixture(scope="module")
def alone(make: Callable[..., System]) -> cosim.Results:
    return cosim.run(make(), episodes=9, replicas=4, allow_code=True)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("replicas", [1, 7, 16])
@pytest.mark.parametrize("records", [True, False])
def test_any_number_of_workers_and_replicas_gives_the_same_bits(
    make: Callable[..., System], alone: cosim.Results, workers: int, replicas: int, records: bool
) -> None:
    told: list[tuple[int, int]] = []
    results = cosim.run(
        make(),
        episodes=9,
        replicas=replicas,
        workers=workers,
        records=records,
        allow_code=True,
        progress=lambda *counts: told.append(counts),
    )
    assert without_timing(results) == without_timing(alone)
    assert str(results.totals.metric) == str(alone.totals.metric)
    assert {**results.summary, "timing": None} == {**alone.summary, "timing": None}
    if records:
        assert results.records is not None
        assert alone.records is not None
        assert same_bits(results.records, alone.records)
    assert told == sorted(told)
    assert told[-1] == (108, 108)
    timing = results.summary["timing"]
    assert timing["slots"] == 108
    assert sum(timing["by_component"].values()) == pytest.approx(timing["cpu_s"])


@pytest.mark.parametrize("does", ["raise", "raise its own"])
def test_an_error_in_a_worker_is_the_line_of_one_process(
    make: Callable[..., System], tmp_path: Path, does: str
) -> None:
    lines = []
    for workers in (1, 2):
        out = tmp_path / f"{workers}"
        with pytest.raises(ControllerError) as caught:
            cosim.run(make(does=does), episodes=4, replicas=1, workers=workers, out=out, allow_code=True)
        lines.append(str(caught.value))
        assert StoredRun(out).episodes == 2
    assert lines[0] == lines[1]
    assert "this and that" in lines[0] or "episode 2, slot 3: Own.act raised RuntimeError: no [red]idea" in lines[0]


@pytest.mark.parametrize(("does", "how"), [("die", "was killed by signal 9"), ("exit", "ended with code 7")])
def test_a_worker_that_dies_is_told_and_what_was_finished_is_kept(
    make: Callable[..., System], tmp_path: Path, does: str, how: str
) -> None:
    with pytest.raises(SimulationError, match=f"a worker process {how}, out of memory perhaps; fewer workers need"):
        cosim.run(make(does=does), episodes=4, replicas=1, workers=2, out=tmp_path / "run", allow_code=True)
    # Those whose turn had come when it died.
    assert not (tmp_path / "run").exists() or StoredRun(tmp_path / "run").episodes in (1, 2)


def test_a_controller_that_a_worker_may_not_load_is_refused_before(make: Callable[..., System]) -> None:
    with pytest.raises(ControllerError, match="allow it with --allow-code"):
        cosim.run(make(), episodes=2, workers=2)


def test_a_file_that_changes_meanwhile_does_not_matter(folder: Path, make: Callable[..., System]) -> None:
    system = make()
    (folder / "scenario.yaml").write_text("nonsense")
    try:
        assert cosim.run(system, episodes=2, workers=2, records=False, allow_code=True).summary["episodes"] == 2
    finally:
        shutil.copy(SCENARIO, folder / "scenario.yaml")


def test_a_script_without_a_guard_fails_with_a_clear_line(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    run = f"cosim.run({str(SCENARIO)!r}, episodes=4, workers=2, engine='lindistflow')"
    script.write_text(f"import cosim\nprint('begun')\n{run}\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=ROOT, env=environment())
    assert done.returncode == 1
    # This process and its workers, of which the second may be ended before it has come to that.
    assert done.stdout.count("begun") in (2, 3)
    assert done.stderr.splitlines()[-1] == (
        "cosim.errors.SimulationError: the worker processes could not start; a script that runs with workers must do "
        "so below `if __name__ == '__main__':`"
    )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def command(folder: Path, *words: object) -> list[str]:
    given = ("run", "scenario.yaml", "--controller", "workers_controllers:Own", "--allow-code")
    options = ("--engine", "lindistflow", "--set", "controller.options.wait_s=0.02", "--replicas", 2)
    return [sys.executable, str(folder / "command.py"), *map(str, (*given, *options, *words))]


def test_what_a_controller_prints_in_a_worker_is_not_on_standard_output(folder: Path) -> None:
    words = command(folder, "--workers", 2, "--episodes", 6, "--set", "controller.options.does=print", "--json")
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder, env=environment())
    assert done.returncode == 0
    assert json.loads(done.stdout)["episodes"] == 6
    assert done.stderr == "thinking\n"


def wait_for_parts(out: Path, count: int) -> None:
    for _ in range(600):
        if len([part for part in out.glob("parts/*") if part.name.isdigit()]) >= count:
            return
        time.sleep(0.05)
    pytest.fail("no parts are written")


def processes_of(session: int) -> list[str]:
    """Living processes of a session."""
    states = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            states.append(stat.parent.name)
    return states


def files_of(folder: Path) -> dict[str, Any]:
    summary = json.loads((folder / "summary.json").read_text())
    del summary["timing"]
    names = [*folder.glob("*.parquet"), folder / "metadata.yaml"]
    return {**{file.name: file.read_bytes() for file in names}, "summary": summary}


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, Any]:
    words = command(folder, "--episodes", 24, "--out", "whole")
    subprocess.run(words, check=True, capture_output=True, cwd=folder, env=environment())
    return files_of(folder / "whole")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_a_run_that_is_stopped_goes_on_and_leaves_no_process(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path, how: str, workers: int
) -> None:
    out = tmp_path / "run"
    words = command(folder, "--episodes", 24, "--workers", workers, "--out", out)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(words, cwd=folder, env=environment(), text=True, start_new_session=True, **pipes)  # type: ignore[call-overload]
    wait_for_parts(out, 3)
    if how == "SIGINT":
        # As Ctrl-C does: all of them get it.
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.kill()
    _, said = process.communicate(timeout=60)
    kept = StoredRun(out).episodes
    assert 6 <= kept < 24
    if how == "SIGINT":
        assert process.returncode == 1
        advice = f"the same command with --resume {out} adds the others"
        assert said == f"interrupted; {kept} of 24 episodes are kept: {advice}\n"
    for _ in range(100):
        if not processes_of(process.pid):
            break
        time.sleep(0.1)
    assert processes_of(process.pid) == []
    words = command(folder, "--episodes", 24, "--workers", workers, "--resume", out)
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder, env=environment())
    assert (done.returncode, done.stderr) == (0, "")
    assert files_of(out) == undisturbed
