"""The grid by a simulator in a process of its own: the same records as ours, and what happens when it misbehaves."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from coupled import COMMON, HERE, SCENARIO, kill_a_run, nearly_equal, nothing_left, run

import cosim
from cosim.cli import main
from cosim.errors import CouplingError, PowerFlowError, ScenarioError

OPENDSS = [sys.executable, "-m", "cosim.couplings.opendss", "%(addr)s"]


def started(command: list[str], timeout_s: float = 60.0) -> str:
    """The override that has a command solve the power flow."""
    return f"grid={json.dumps({'simulator': {'command': command}, 'timeout_s': timeout_s})}"


def misbehaving(what: str, timeout_s: float = 20.0) -> str:
    return started([sys.executable, str(HERE / "misbehaving.py"), what, "%(addr)s"], timeout_s)


@pytest.fixture(scope="module")
def ours() -> cosim.Results:
    return run("network.engine=power-grid-model")


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path) -> Iterator[None]:
    with nothing_left(tmp_path):
        yield


def test_opendss_in_this_process_and_over_tcp_give_the_same_records(ours: cosim.Results) -> None:
    nearly_equal(run("network.engine=opendss"), ours)
    over_tcp = run(started(OPENDSS), allow_code=True)
    nearly_equal(over_tcp, ours)
    assert over_tcp.summary["ledger_max_error_kwh"] < 1e-6


def test_a_simulator_that_waits_is_connected_to(ours: cosim.Results) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "cosim.couplings.opendss", "--remote", address]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(100):
                time.sleep(0.1)
                if listens(port):
                    break
            nearly_equal(run(f"grid={{simulator: {{connect: '{address}'}}}}"), ours)
            process.wait(10)
        finally:
            process.kill()


def listens(port: int) -> bool:
    """Whether somebody waits at a port, without taking the one connection that is waited for."""
    found = subprocess.run(["sh", "-c", f"grep -q ':{port:04X} 00000000:0000 0A' /proc/net/tcp"], check=False)
    return found.returncode == 0


def test_workers_start_one_each(ours: cosim.Results) -> None:
    both = cosim.run(
        SCENARIO, episodes=2, replicas=1, workers=2, overrides=[*COMMON, started(OPENDSS)], allow_code=True
    )
    assert both.metrics["load_restoration_ratio"].mean == pytest.approx(
        ours.metrics["load_restoration_ratio"].mean, abs=1e-6
    )


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_a_simulator_in_another_language() -> None:
    """The linearised DistFlow in 60 lines of JavaScript that know nothing of Python."""
    program = HERE.parents[1] / "docs" / "examples" / "grid_simulator.js"
    other = run(started(["node", str(program), "%(addr)s"]), allow_code=True)
    nearly_equal(other, run("network.engine=lindistflow"))


@pytest.mark.parametrize("what", ["nothing", "asks us", "does not stop"])
def test_a_simulator_by_hand_is_understood(what: str, ours: cosim.Results) -> None:
    nearly_equal(run(misbehaving(what), allow_code=True), ours)


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("ends at once", r"ended before it connected \(exit code 7; it last said: no licence found\)"),
        ("wrong version", r"speaks version 2\.5 of mosaik's API; it must be 3\.x"),
        ("no such model", "has no model 'Grid'; it has Net"),
        ("lacks a port", "model 'Grid' of simulator .* lacks slack_p_mw, slack_q_mvar"),
        ("creates nothing", "created something else than one Grid"),
        ("raises", r"failed in step: ValueError: bus 7 is on fire \(it last said: about to do it\)"),
        ("is killed", r"closed the connection when asked for step \(killed by SIGKILL; it last said: about to do it\)"),
        ("hangs up", r"closed the connection when asked for step \(exit code 0; it last said: about to do it\)"),
        ("talks nonsense", "does not speak mosaik's protocol: it said 'hello\\?'"),
        ("is no simulator", "does not speak mosaik's protocol: a message of [0-9,]+ bytes"),
        ("answers another", "answered message [0-9]+ when asked message [0-9]+"),
        ("wrong shape", r"gave vm_pu of shape \[32\], it must be \[33\]"),
        ("not a number", "gave slack_p_mw that are not finite; say `converged: false` instead"),
        ("text", "gave slack_q_mvar that are no numbers: a lot"),
        ("gives nothing", "gave no data of 'Grid'"),
        ("forgets one", "gave no vm_pu"),
    ],
)
def test_misbehaviour_is_named(what: str, problem: str) -> None:
    with pytest.raises(CouplingError, match=problem) as caught:
        run(misbehaving(what), allow_code=True, replicas=1)
    # Each slot is asked for twice, with and without EVs: the seventh question is of the fourth slot.
    in_a_slot = not any(word in what for word in ("ends", "version", "model", "port", "creates"))
    assert ("episode 0, slot 3 (11:30): " in str(caught.value)) == in_a_slot
    assert f"simulator '{sys.executable}'" in str(caught.value)


@pytest.mark.parametrize(
    ("what", "problem"),
    [("starts slowly", "did not connect within"), ("hangs", "gave no answer to step within")],
)
def test_time_limits_hold(what: str, problem: str) -> None:
    begun_s = time.monotonic()
    timeout_s = 2.0
    with pytest.raises(CouplingError, match=f"{problem} {timeout_s:g} s"):
        run(misbehaving(what, timeout_s), allow_code=True)
    assert time.monotonic() - begun_s < 2 * timeout_s + 20.0


def test_no_solution_is_no_misbehaviour() -> None:
    with pytest.raises(PowerFlowError, match="episode 0, slot 3"):
        run(misbehaving("does not converge"), allow_code=True, replicas=1)


def test_episodes_that_have_ended_are_kept(tmp_path: Path) -> None:
    # 24 questions an episode: the fault comes in the first one; the run before it has ended.
    folder = tmp_path / "run"
    run("network.engine=power-grid-model", out=folder)
    with pytest.raises(cosim.errors.RecordError):
        run(misbehaving("raises"), allow_code=True, out=folder, resume=True)
    assert len(cosim.read_records(folder)["microgrid_slots"]) == 60


@pytest.mark.parametrize(
    ("simulator", "more", "problem"),
    [
        ("command: [x, '%(addr)s']", {}, "grid.simulator.command starts 'x'; allow it with --allow-code"),
        ("command: [no-such-program, '%(addr)s']", {"allow_code": True}, "cannot be started in .*: No such file"),
        ("connect: 'example.org:80'", {}, "leads to 'example.org', beyond this machine"),
        ("connect: 'localhost:1'", {}, "cannot be reached: Connection refused; it serves one run at a time"),
    ],
)
def test_what_cannot_be_reached(simulator: str, more: dict[str, bool], problem: str) -> None:
    with pytest.raises(CouplingError, match=problem):
        run(f"grid={{simulator: {{{simulator}}}}}", **more)


@pytest.mark.parametrize(
    ("grid", "problem"),
    [
        ("{simulator: {command: [x]}}", r"grid.simulator.command: must have %\(addr\)s in one of its words"),
        ("{simulator: {connect: 'here:99999'}}", "has a port beyond 65535: here:99999"),
        ("{simulator: {}}", "grid.simulator: must have one of command, connect, helics, fmu"),
        (
            "{simulator: {command: [a], connect: 'b:1'}}",
            "grid.simulator: must have one of command, connect, helics, fmu",
        ),
        ("{simulator: {connect: here}}", "grid.simulator.connect: must match"),
        ("{timeout_s: 0}", "grid.timeout_s: must be at least 0.1"),
    ],
)
def test_what_is_no_simulator(grid: str, problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem):
        cosim.load(SCENARIO, [f"grid={grid}"])


def test_nothing_from_outside_runs_unasked(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    grid = f"grid={json.dumps({'simulator': {'command': ['touch', str(touched), '%(addr)s']}})}"
    common = [str(SCENARIO), "--set", grid]
    train = [
        "train",
        *common,
        "--algorithm",
        "maddqn",
        "--episodes",
        "1",
        "--replicas",
        "1",
        "--out",
        str(tmp_path / "fleet"),
    ]
    for words in (["run", *common], ["bound", *common], train, ["compare", *common, "--controllers", "idle"]):
        assert main(words) != 0, words
    with pytest.raises(CouplingError, match="allow it with --allow-code"):
        cosim.load(SCENARIO, [grid]).grid_model()
    assert not touched.exists()


def test_the_summary_says_who_solved_it() -> None:
    words = [sys.executable, str(HERE / "misbehaving.py"), "nothing", "%(addr)s"]
    results = run(started(words), allow_code=True)
    assert results.summary["engine"] == " ".join(words)


def test_the_command_line_says_it_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", str(SCENARIO), "--episodes", "1", "--json", "--allow-code", "--set", misbehaving("raises")]
    assert main(words) == 3
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "failed in step: ValueError: bus 7 is on fire" in line


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_killed_leaves_no_simulator(number: int, workers: int) -> None:
    kill_a_run(started(OPENDSS), "cosim.couplings.opendss", number=number, workers=workers)


def test_a_run_that_is_killed_leaves_no_simulator_that_hangs() -> None:
    kill_a_run(misbehaving("hangs", 60.0), "misbehaving.py", workers=2)
