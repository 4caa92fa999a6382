"""Where updates are on a GPU, networks of their own decide on the CPU: to the same bits as if there were none."""

from __future__ import annotations

import dataclasses
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from small_training import FEW, result_of, short, small_system

import agents.training
from cosim.interface import TrainingRound
from cosim.system import System
from cosim.training import train


@pytest.fixture(scope="module")
def system() -> System:
    return small_system()


def apart(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(agents.training, "decides_apart", lambda _: True)


@pytest.mark.parametrize("algorithm", sorted(FEW))
def test_fleets_decide_with_what_was_learned(algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = small_system(algorithm=algorithm)
    changes: dict[str, Any] = {}
    if algorithm == "team-ppo":
        train(system, short("maddqn"), tmp_path / "first")
        changes["start"] = str(tmp_path / "first" / "best.safetensors")
    train(system, short(algorithm, **changes), tmp_path / "together")
    apart(monkeypatch)
    train(system, short(algorithm, **changes), tmp_path / "apart")
    assert result_of(tmp_path / "apart") == result_of(tmp_path / "together")


@pytest.mark.parametrize("algorithm", ["admaddpg", "maddpg"])
def test_one_goes_on_where_the_other_was_stopped(
    algorithm: str, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(of_round: TrainingRound, best: float | None) -> None:
        if of_round.episodes in (2, 4) and of_round.episodes not in stopped:
            stopped.append(of_round.episodes)
            os.kill(os.getpid(), signal.SIGINT)

    stopped: list[int] = []
    train(system, short(algorithm), tmp_path / "whole")
    with monkeypatch.context() as patch:
        apart(patch)
        with pytest.raises(KeyboardInterrupt):
            train(system, short(algorithm), tmp_path / "run", stop)
    with pytest.raises(KeyboardInterrupt):
        train(system, short(algorithm), tmp_path / "run", stop, resume=True)
    apart(monkeypatch)
    train(system, short(algorithm), tmp_path / "run", resume=True)
    assert result_of(tmp_path / "run") == result_of(tmp_path / "whole")


def test_a_gpu_is_named(system: System, tmp_path: Path) -> None:
    trained = train(system, short("maddqn", episodes=2), tmp_path / "run")
    assert trained.summary()["learned_on"] == "cpu"
    assert "learning on" not in trained.lines()[0]
    assert ", learning on NVIDIA H100; best" in dataclasses.replace(trained, learned_on="NVIDIA H100").lines()[0]
