"""Actors bring the same bits whatever becomes of their processes, and none of these outlives the training."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from small_training import FEW, SCENARIO, SMALL, curve_of, result_of, short, small_system

from cosim.cli import main
from cosim.errors import ControllerError, SimulationError
from cosim.interface import TrainingRound
from cosim.system import System
from cosim.training import load_variants, train, what_is_kept

ROOT = Path(__file__).parents[2]
OnRound = Callable[[TrainingRound, float | None], None]


@pytest.fixture(scope="module")
def system() -> System:
    return small_system()


@pytest.fixture(scope="module")
def whole(system: System, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training with one actor that nothing disturbs."""
    folder = tmp_path_factory.mktemp("actors") / "whole"
    trained = train(system, short("admaddpg", episodes=40), folder, actors=1)
    assert (trained.episodes, trained.actors, trained.actors_replaced) == (40, 1, 0)
    assert 0.0 < trained.spent.learner_waited_s < trained.spent.wall_s
    assert trained.spent.decisions_s > 0.0
    assert multiprocessing.active_children() == []
    return folder


def doing(episodes: int, what: Callable[[], None], validates: bool = False) -> OnRound:
    """Does something once, after a round."""
    left = [what]

    def on_round(of_round: TrainingRound, best: float | None) -> None:
        if (of_round.episodes, of_round.validates) == (episodes, validates) and left:
            left.pop()()

    return on_round


def kill_an_actor() -> None:
    process = multiprocessing.active_children()[0]
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_rounds_are_learned_in_order_and_validated_with_weights_of_then(whole: Path) -> None:
    rows = curve_of(whole)
    trained = [int(row["episodes"]) for row in rows if row["kind"] == "training"]
    validated = [int(row["episodes"]) for row in rows if row["kind"] == "validation"]
    assert trained == list(range(2, 42, 2))
    assert validated == [16, 32, 40]
    # The actor was one round ahead when the learner had its sixteen episodes.
    assert [row["episodes"] for row in rows[8:10]] == ["18", "16"]
    card = json.loads((whole / "best.json").read_text())
    best = max(float(row["restoration"]) for row in rows if row["kind"] == "validation")
    assert card["validation"] == best
    assert card["episodes"] == next(int(row["episodes"]) for row in rows if row["restoration"] == str(best))


def test_an_actor_that_is_killed_is_replaced_and_nothing_else_changes(
    system: System, whole: Path, tmp_path: Path
) -> None:
    notices: list[str] = []
    trained = train(
        system,
        short("admaddpg", episodes=40),
        tmp_path / "run",
        doing(10, kill_an_actor),
        actors=1,
        on_notice=notices.append,
    )
    assert notices == ["actor 1 was killed by signal 9; another one takes its place"]
    assert trained.actors_replaced == 1
    assert "actors that died and were replaced: 1" in trained.lines()[0]
    assert result_of(tmp_path / "run") == result_of(whole)


def test_a_training_with_actors_goes_on_to_the_same_bits(system: System, whole: Path, tmp_path: Path) -> None:
    training = short("admaddpg", episodes=40)
    with pytest.raises(KeyboardInterrupt):
        # The validation of sixteen episodes is under way then.
        train(system, training, tmp_path / "run", doing(16, interrupt), actors=1)
    assert multiprocessing.active_children() == []
    assert "16 of 40 episodes are kept" in what_is_kept(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        train(system, training, tmp_path / "run", doing(18, interrupt), actors=1, resume=True)
    train(system, training, tmp_path / "run", actors=1, resume=True)
    assert result_of(tmp_path / "run") == result_of(whole)


def test_a_training_may_go_on_with_another_number_of_actors(system: System, tmp_path: Path) -> None:
    training = short("maddqn", episodes=40)
    for episodes, actors in ((10, 0), (20, 2)):
        with pytest.raises(KeyboardInterrupt):
            train(system, training, tmp_path / "run", doing(episodes, interrupt), actors=actors, resume=episodes > 10)
    assert train(system, training, tmp_path / "run", resume=True).resumed_from == 20
    rows = [(row["episodes"], row["kind"]) for row in curve_of(tmp_path / "run")]
    assert [int(episodes) for episodes, kind in rows if kind == "training"] == list(range(2, 42, 2))
    assert ("40", "validation") in rows


def test_variants_with_several_actors_repeat_to_the_last_bit(tmp_path: Path) -> None:
    vary = "fleet.size=3,5"
    variants = load_variants(SCENARIO, SMALL, vary)
    training = short("maddqn", episodes=40, vary=vary)
    train(variants, training, tmp_path / "whole", actors=2)
    on_round = doing(36, interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(variants, training, tmp_path / "stopped", on_round, actors=2)
    train(variants, training, tmp_path / "stopped", actors=2, resume=True)
    assert result_of(tmp_path / "stopped") == result_of(tmp_path / "whole")
    names = [row["variant"] for row in curve_of(tmp_path / "whole") if row["kind"] == "validation"]
    assert names == ["fleet.size=3", "fleet.size=5", "all"] * 2


def test_a_line_that_learns_from_its_newest_weights_refuses_actors(system: System, tmp_path: Path) -> None:
    with pytest.raises(ControllerError, match="team-ppo learns from the episodes of its newest weights only, and"):
        train(system, short("team-ppo"), tmp_path / "run", actors=1)
    assert not (tmp_path / "run").exists()


def test_a_learner_that_sees_nan_stops_and_leaves_no_process(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.algorithms.maddqn.Maddqn.update", lambda *_: {"loss": float("nan")})
    with pytest.raises(ControllerError, match=r"loss is nan after 2 episodes of training; it cannot go on"):
        train(system, short("maddqn"), tmp_path / "run", actors=1)
    assert multiprocessing.active_children() == []


def fail(connection: Connection, work: Any, let_go: threading.Event) -> None:
    connection.recv()
    connection.send(SimulationError("no road leads there"))
    connection.recv()


def die(connection: Connection, work: Any, let_go: threading.Event) -> None:
    connection.recv()
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_an_actor_ends_with_is_said(system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosim.training.actors.run_rounds", fail)
    with pytest.raises(SimulationError, match="no road leads there"):
        train(system, short("maddqn"), tmp_path / "run", actors=1)
    assert multiprocessing.active_children() == []


def test_actors_that_die_one_after_another_end_it(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cosim.training.actors.run_rounds", die)
    notices: list[str] = []
    problem = "3 actor processes have died one after another, the last one was killed by signal 9; out of memory"
    with pytest.raises(SimulationError, match=problem):
        train(system, short("maddqn"), tmp_path / "run", actors=1, on_notice=notices.append)
    assert len(notices) == 2
    assert multiprocessing.active_children() == []


def test_a_script_without_a_guard_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    load = f"cosim.load({str(SCENARIO)!r}, ['network.engine=lindistflow', 'fleet.size=3'])"
    call = f"train({load}, Training('maddqn', 2), 'run', actors=1)"
    script.write_text(f"import cosim\nfrom cosim.training import Training, train\n{call}\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "cosim.errors.SimulationError: the actor processes could not start; a script that runs with actors must do so "
        "below `if __name__ == '__main__':`"
    )


def words(out: Path, how: str) -> list[str]:
    settings = [f"algorithm.{name}={value}" for name, value in FEW["maddqn"].items()]
    overrides = [word for assignment in (*SMALL, *settings) for word in ("--set", assignment)]
    given = ["train", str(SCENARIO), "--algorithm", "maddqn", "--episodes", "2000", "--replicas", "2", "--actors", "1"]
    return [*given, *overrides, "--checkpoint-every", "10", how, str(out)]


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


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_however_the_training_ends_no_process_stays(how: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cosim", *words(out, "--out")]
    process = subprocess.Popen(
        command, env=environment, text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for _ in range(1200):
        if (out / "checkpoint-000002").exists():
            break
        time.sleep(0.05)
    assert len(processes_of(process.pid)) >= 2
    if how == "SIGINT":
        # As Ctrl-C does: all of them get it.
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.kill()
    _, said = process.communicate(timeout=60)
    for _ in range(100):
        if not processes_of(process.pid):
            break
        time.sleep(0.1)
    assert processes_of(process.pid) == []
    if how == "SIGINT":
        assert process.returncode == 1
        assert said.startswith("interrupted; ")
        assert f"of 2000 episodes are kept: the same command with --resume {out} goes on" in said
        assert said.count("\n") == 1


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = words(tmp_path / "run", "--out")
    command[command.index("2000")] = "4"
    assert main([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["episodes"], printed["actors"], printed["actors_replaced"]) == (4, 1, 0)
    assert sum(printed["time"]["shares"].values()) == pytest.approx(1.0)
    assert printed["time"]["actors_waited_s"] >= 0.0
    with pytest.raises(SystemExit):
        main([*command, "--actors", "-1"])
    assert "argument --actors: must be a whole number of at least 0, got '-1'" in capsys.readouterr().err
