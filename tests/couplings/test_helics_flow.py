"""The grid by a HELICS federate in a process of its own: our records, and what happens when it misbehaves."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from coupled import COMMON, HERE, SCENARIO, SCENARIOS, kill_a_run, listening, nearly_equal, nothing_left, run

import cosim
from cosim.cli import main
from cosim.couplings.simulator import open_simulator
from cosim.errors import CouplingError, PowerFlowError, ScenarioError
from cosim.grid.power_flow import open_engine

pytest.importorskip("helics")
OURS = [sys.executable, "-m", "cosim.couplings.helics_grid", "power-grid-model", "%(addr)s"]


def federate(command: list[str] | None, timeout_s: float = 30.0, **more: object) -> str:
    """The override that has a federate solve the power flow."""
    section = {"command": command, **more} if command else more
    return f"grid={json.dumps({'simulator': {'helics': section}, 'timeout_s': timeout_s})}"


def misbehaving(what: str, timeout_s: float = 20.0, **more: object) -> str:
    words = [sys.executable, str(HERE / "misbehaving_federate.py"), what, "%(addr)s"]
    return federate(words, timeout_s, **more)


@pytest.fixture(scope="module")
def ours() -> cosim.Results:
    return run("network.engine=power-grid-model")


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path) -> Iterator[None]:
    with nothing_left(tmp_path):
        yield


def test_the_shipped_federate_gives_the_same_records() -> None:
    scenario = SCENARIOS / "outage_33bus.yaml"
    coupled = run(federate(OURS), scenario=scenario, allow_code=True, episodes=2, replicas=2)
    nearly_equal(coupled, run(scenario=scenario, episodes=2, replicas=2))
    assert coupled.summary["ledger_max_error_kwh"] < 1e-6
    assert coupled.summary["engine"] == f"HELICS federate grid by {' '.join(OURS)}"


@pytest.mark.parametrize(
    "what", ["waits for news", "steps by period", "steps twice", "steps between", "has other units", "does not stop"]
)
def test_each_way_to_keep_time_gives_the_same_records(what: str, ours: cosim.Results) -> None:
    nearly_equal(run(misbehaving(what), allow_code=True), ours)


@pytest.mark.parametrize("core", ["zmq", "zmq_ss", "tcp", "tcp_ss"])
def test_each_core_listens_on_this_machine_only(core: str) -> None:
    grid = federate([*OURS, "--core", core], core=core, period_s=1.0 / 3.0)
    system = cosim.load(SCENARIO, [grid])
    feeder, section = system.network.stages[0].feeder, system.scenario.grid.simulator
    assert section is not None
    flow = open_simulator(section, feeder, system.file.folder, 30.0)
    try:
        found, expected = (
            who.solve(np.full((10, feeder.buses), 0.01), np.full((10, feeder.buses), 0.002))
            for who in (flow, open_engine("power-grid-model", feeder))
        )
        np.testing.assert_allclose(found.vm_pu, expected.vm_pu, atol=1e-12)
        addresses = listening()
        assert addresses
        assert {address.split(":")[0] for address in addresses} == {"0100007F"}
    finally:
        flow.close()  # type: ignore[attr-defined]


def test_a_broker_that_runs_already_is_joined(ours: cosim.Results) -> None:
    port = free_port()
    program = (
        "import helics as h, sys; "
        f"b = h.helicsCreateBroker('zmq', '', '--federates=2 --localport={port} --loglevel=no_print'); "
        "h.helicsBrokerWaitForDisconnect(b, 60000)"
    )
    address = f"127.0.0.1:{port}"
    other = [sys.executable, str(HERE / "misbehaving_federate.py"), "waits for news", address]
    with subprocess.Popen([sys.executable, "-c", program]) as broker, subprocess.Popen(other) as process:
        try:
            nearly_equal(run(federate(None, broker=address)), ours)
            assert process.wait(10) == 0
            assert broker.wait(10) == 0
        finally:
            process.kill()
            broker.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def test_a_broker_is_not_there() -> None:
    begun_s = time.monotonic()
    with pytest.raises(CouplingError, match=r"'grid' cannot be reached: the broker at 127.0.0.1:1 gave"):
        run(federate(None, 2.0, broker="127.0.0.1:1"))
    assert time.monotonic() - begun_s < 10.0


def test_workers_start_one_each(ours: cosim.Results) -> None:
    both = run(federate(OURS), episodes=2, replicas=1, workers=2, allow_code=True)
    assert both.metrics["load_restoration_ratio"].mean == pytest.approx(
        ours.metrics["load_restoration_ratio"].mean, abs=1e-6
    )


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("ends at once", r"has ended \(exit code 7; it last said: no licence found\)"),
        ("has another name", "is not in the federation; in it are net"),
        ("lacks a port", "publishes no grid/slack_p_mw"),
        ("has wrong units", "publishes slack_q_mvar in another unit: must be in one of Mvar, .*, got 'kW'"),
        ("reads otherwise", "MW is not convertible to kV"),
        ("raises", "it last said: ValueError: bus 7 is on fire"),
        ("is killed", r"has ended \(killed by SIGKILL; it last said: about to do it\)"),
        ("leaves", r"has left the federation \(it last said: about to do it\)"),
        ("ends it for all", "failed: .*bus 7 is on fire"),
        ("gives nothing", "published no converged until time 7 s; it must answer each case within a period, 1 s"),
        ("forgets one", "published no vm_pu until time 7 s"),
        ("is too slow", "slot 0 .*published no converged until time 1 s"),
        ("waits too", "Multiple federates declaring wait_for_current_time flag will result in deadlock"),
        ("wrong shape", r"gave vm_pu of shape \[32\], it must be \[33\]"),
        ("not a number", "gave slack_p_mw that are not finite; say `converged: false` instead"),
        ("text", r"gave vm_pu of shape \[1\], it must be \[33\]"),
    ],
)
def test_misbehaviour_is_named(what: str, problem: str) -> None:
    with pytest.raises(CouplingError, match=problem) as caught:
        run(misbehaving(what), allow_code=True, replicas=1)
    # Each slot is asked for twice, with and without EVs: the seventh question is of the fourth slot.
    later = ("ends at", "name", "port", "units", "otherwise", "slow", "too")
    assert ("episode 0, slot 3 (11:30): " in str(caught.value)) != any(word in what for word in later)
    assert "HELICS federate 'grid'" in str(caught.value)


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("starts slowly", "did not join the federation within"),
        ("hangs", "gave no answer within"),
        ("is stopped", "gave no answer within"),
    ],
)
def test_time_limits_hold(what: str, problem: str) -> None:
    begun_s = time.monotonic()
    timeout_s = 4.0
    with pytest.raises(CouplingError, match=f"{problem} {timeout_s:g} s"):
        run(misbehaving(what, timeout_s), allow_code=True)
    assert time.monotonic() - begun_s < 2 * timeout_s + 10.0


def test_no_solution_is_no_misbehaviour() -> None:
    with pytest.raises(PowerFlowError, match="episode 0, slot 3"):
        run(misbehaving("does not converge"), allow_code=True, replicas=1)


def test_episodes_that_have_ended_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    # 24 questions an episode and replica: the one that it is killed at is of the second episode.
    with pytest.raises(CouplingError, match=r"episode 1, slot 3 .*killed by SIGKILL"):
        run(misbehaving("is killed later"), allow_code=True, episodes=3, replicas=1, out=folder)
    assert set(cosim.read_records(folder)["microgrid_slots"].columns["episode"]) == {0}


def test_nothing_outlives_a_run_that_is_killed() -> None:
    kill_a_run(federate(OURS), "spawn_main", "helics_grid")


@pytest.mark.parametrize(
    ("section", "more", "problem"),
    [
        ("{command: [x, '%(addr)s']}", {}, "grid.simulator.helics.command starts 'x'; allow it with --allow-code"),
        (
            "{command: [no-such-program, '%(addr)s']}",
            {"allow_code": True},
            "'no-such-program' cannot be started in .*: No such file",
        ),
        ("{broker: 'example.org:80'}", {}, "helics.broker leads to 'example.org', beyond this machine; allow it with"),
    ],
)
def test_what_cannot_be_reached(section: str, more: dict[str, bool], problem: str) -> None:
    with pytest.raises(CouplingError, match=problem):
        run(f"grid={{simulator: {{helics: {section}}}}}", **more)


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("{}", "grid.simulator.helics: must have either command or broker"),
        ("{command: ['%(addr)s'], broker: 'a:1'}", "grid.simulator.helics: must have either command or broker"),
        ("{command: [x]}", r"grid.simulator.helics.command: must have %\(addr\)s in one of its words"),
        ("{broker: 'here:99999'}", "grid.simulator.helics.broker: has a port beyond 65535"),
        ("{broker: 'here:1', federate: ev-cosim}", "helics.federate: must be another name than ours, ev-cosim"),
        ("{broker: here}", "grid.simulator.helics.broker: must match"),
        ("{broker: 'here:1', core: mpi}", "grid.simulator.helics.core: must be one of"),
        ("{broker: 'here:1', period_s: 0}", "grid.simulator.helics.period_s: must be at least"),
    ],
)
def test_what_is_no_federate(section: str, problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem):
        cosim.load(SCENARIO, [f"grid={{simulator: {{helics: {section}}}}}"])


def test_the_library_stays_out_of_this_process() -> None:
    program = "import sys, cosim.couplings.simulator; print('helics' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "False"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosim.couplings.simulator.find_spec", lambda name: None)
    with pytest.raises(ScenarioError, match=r"grid.simulator.helics: needs .* pip install 'ev-cosim\[helics\]'"):
        cosim.load(SCENARIO, [federate(OURS)])


def test_the_command_line_says_it_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", str(SCENARIO), "--episodes", "1", "--json", "--allow-code", "--set", misbehaving("wrong shape")]
    assert main([*words, *(word for setting in COMMON for word in ("--set", setting))]) == 3
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "gave vm_pu of shape [32], it must be [33]" in line
