"""A training that was stopped, wherever and however, goes on to the same bits as one that never was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from small_training import FEW, SCENARIO, SMALL, result_of, short, small_system

from agents.learner import Learner
from cosim.interface import TrainingRound
from cosim.system import System
from cosim.training import Training, train, what_is_kept
from cosim.training.folder import TrainingFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def system() -> System:
    return small_system()


def hundred(algorithm: str, **changes: Any) -> Training:
    return short(algorithm, **{"episodes": 100, "replicas": 10, "checkpoint_every": 30, **changes})


def stopping_at(episodes: int, validates: bool = False) -> Callable[[TrainingRound, float | None], None]:
    """As Ctrl-C after a round."""

    def on_round(of_round: TrainingRound, best: float | None) -> None:
        if (of_round.episodes, of_round.validates) == (episodes, validates):
            os.kill(os.getpid(), signal.SIGINT)

    return on_round


@pytest.mark.parametrize("algorithm", sorted(FEW))
def test_stopped_anywhere_it_ends_at_the_same_bits(
    algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = small_system(algorithm=algorithm)
    train(system, hundred(algorithm), tmp_path / "whole")
    out = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        train(system, hundred(algorithm), out, stopping_at(50))
    assert "50 of 100 episodes are kept" in what_is_kept(out)
    assert "there was no validation yet, so there is no best.safetensors" in what_is_kept(out)
    # After the first update of a round, others may follow.
    with monkeypatch.context() as patch:
        check = Learner._check

        def stop(learner: Learner, update: Mapping[str, float]) -> None:
            check(learner, update)
            if learner.episodes == 80 and len(learner._round["updates"]) == 0:  # type: ignore[index]
                os.kill(os.getpid(), signal.SIGINT)

        patch.setattr(Learner, "_check", stop)
        with pytest.raises(KeyboardInterrupt):
            train(system, hundred(algorithm), out, resume=True)
    assert "80 of 100 episodes are kept" in what_is_kept(out)
    with pytest.raises(KeyboardInterrupt):
        train(system, hundred(algorithm), out, stopping_at(80, validates=True), resume=True)
    assert f"the best weights so far are in {out / 'best.safetensors'}" in what_is_kept(out)
    trained = train(system, hundred(algorithm), out, resume=True)
    assert (trained.episodes, trained.resumed_from) == (100, 80)
    assert result_of(out) == result_of(tmp_path / "whole")


def command(out: Path, how: str) -> list[str]:
    given = ["train", str(SCENARIO), "--algorithm", "admaddpg", "--episodes", "100", "--replicas", "10"]
    settings = [f"algorithm.{name}={value}" for name, value in FEW["admaddpg"].items()]
    overrides = [word for assignment in (*SMALL, *settings) for word in ("--set", assignment)]
    return [sys.executable, "-m", "cosim", *given, *overrides, "--checkpoint-every", "20", how, str(out)]


def test_killed_in_mid_training_it_goes_on_from_its_last_checkpoint(system: System, tmp_path: Path) -> None:
    train(system, hundred("admaddpg"), tmp_path / "whole")
    out = tmp_path / "killed"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command(out, "--out"), env=environment, stdout=subprocess.DEVNULL)
    for _ in range(1200):
        if (out / "checkpoint-000002").exists():
            break
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not (out / "checkpoint-000005").exists()
    done = subprocess.run(command(out, "--resume"), env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "100 episodes in" in done.stdout
    assert result_of(out) == result_of(tmp_path / "whole")


def test_stopped_before_its_first_checkpoint_it_begins_anew(system: System, tmp_path: Path) -> None:
    train(system, short("maddqn"), tmp_path / "whole")
    out = tmp_path / "stopped"

    def lose_power(of_round: TrainingRound, best: float | None) -> None:
        raise MemoryError

    with pytest.raises(Exception, match="MemoryError"):
        train(system, short("maddqn"), out, lose_power)
    assert sorted(path.name for path in out.iterdir()) == ["curve.csv", "training.json"]
    trained = train(system, short("maddqn"), out, resume=True)
    assert trained.resumed_from == 0
    assert result_of(out) == result_of(tmp_path / "whole")


def test_a_training_that_has_ended_says_so_or_goes_on_with_more_episodes(system: System, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(system, short("maddqn"), out)
    before = result_of(out)
    trained = train(system, short("maddqn"), out, resume=True)
    assert trained.lines()[0].startswith("6 episodes, all of them from before: nothing was left to train; best")
    assert result_of(out) == before
    trained = train(system, short("maddqn", episodes=10), out, resume=True)
    assert (trained.episodes, trained.resumed_from) == (10, 6)
    after = result_of(out)["curve"]
    assert after[:4] == before["curve"]
    assert [(row["kind"], row["episodes"]) for row in after[4:]] == [
        ("training", "8"),
        ("training", "10"),
        ("validation", "10"),
    ]


def test_checkpoints_cost_little_unless_they_are_asked_for(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    made: list[float] = []

    def keep(folder: TrainingFolder, position: Mapping[str, Any], save: Callable[[Path], None]) -> None:
        made.append(seconds[0])
        seconds[0] += 2.0

    def on_round(of_round: TrainingRound, best: float | None) -> None:
        seconds[0] += 10.0

    monkeypatch.setattr(TrainingFolder, "keep", keep)
    monkeypatch.setattr("cosim.training.session.time.monotonic", lambda: seconds[0])
    train(system, short("maddqn", episodes=32), tmp_path / "run", on_round)
    # After half a minute, and then when fifty times as long has passed as it took: 2 s of a hundred; and at the end.
    assert made == [30.0, 132.0, 184.0]


def test_time_from_before_counts(system: System, tmp_path: Path) -> None:
    first = train(system, short("maddqn"), tmp_path / "run").spent
    again = train(system, short("maddqn"), tmp_path / "run", resume=True).spent
    assert first.cpu_s - first.checkpoints_s < again.cpu_s
    assert again.updates_s == pytest.approx(first.updates_s)
