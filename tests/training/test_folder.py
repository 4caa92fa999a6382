"""The folder of a training keeps others out, refuses other trainings, and holds a whole checkpoint at every instant."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import safetensors
from small_training import result_of, short, small_system

from cosim.errors import ControllerError, CosimError, RecordError
from cosim.records.files import locked
from cosim.system import System
from cosim.training import train
from cosim.training.folder import TrainingFolder


@pytest.fixture(scope="module")
def system() -> System:
    return small_system()


@pytest.fixture(scope="module")
def stored(system: System, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored") / "run"
    train(system, short("maddqn"), folder)
    return folder


@pytest.fixture
def copied(stored: Path, tmp_path: Path) -> Path:
    shutil.copytree(stored, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"seed": 1}, "seed is 0 there and 1 here"),
        ({"order": "simultaneous"}, "order is 'sequential' there and 'simultaneous' here"),
        ({"replicas": 3}, "replicas is 2 there and 3 here"),
        ({"settings": {"updates": 2, "rows": 64}}, "algorithm.replay_episodes is 8 there and 1500 here"),
        ({"algorithm": "admaddpg", "settings": {}}, "algorithm is 'maddqn' there and 'admaddpg' here"),
    ],
)
def test_another_training_is_refused_and_says_what_differs(
    changes: Mapping[str, Any], problem: str, system: System, stored: Path
) -> None:
    with pytest.raises(RecordError) as caught:
        train(system, short(**{"algorithm": "maddqn", **changes}), stored, resume=True)
    end = "train it as it was, or name a new folder with --out"
    assert str(caught.value) == f"{stored} holds another training: {problem}; {end}"


def test_another_scenario_is_refused(stored: Path) -> None:
    with pytest.raises(RecordError, match=r"holds another training: scenario.fleet.size is 5 there and 6 here"):
        train(small_system("fleet.size=6"), short("maddqn"), stored, resume=True)


def test_fewer_episodes_are_refused(system: System, stored: Path) -> None:
    with pytest.raises(RecordError, match="a training of 6 episodes, got 4; a training can be extended, not shortened"):
        train(system, short("maddqn", episodes=4), stored, resume=True)


def test_a_folder_that_another_process_uses_is_refused(system: System, stored: Path, tmp_path: Path) -> None:
    with locked(stored), pytest.raises(RecordError, match="is being written by another run"):
        train(system, short("maddqn"), stored, resume=True)
    (tmp_path / "new").mkdir()
    with locked(tmp_path / "new"), pytest.raises(RecordError, match="is being written by another run"):
        train(system, short("maddqn"), tmp_path / "new")


def test_a_folder_without_a_training_is_refused(system: System, stored: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"holds no training: there is no training.json in it; begin one with --out"):
        train(system, short("maddqn"), tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()
    with pytest.raises(RecordError, match=rf"is not empty.*, or go on with the one in it: --resume {stored}"):
        train(system, short("maddqn"), stored)


def truncate(checkpoint: Path) -> None:
    content = (checkpoint / "learner.safetensors").read_bytes()
    (checkpoint / "learner.safetensors").write_bytes(content[:-100])


def flip(checkpoint: Path) -> None:
    content = bytearray((checkpoint / "learner.safetensors").read_bytes())
    content[-1] ^= 1
    (checkpoint / "learner.safetensors").write_bytes(content)


def no_json(checkpoint: Path) -> None:
    (checkpoint / "learner.json").write_text("{")


def no_numbers(checkpoint: Path) -> None:
    read = json.loads((checkpoint / "learner.json").read_text())
    del read["numbers"]["learner"]["generator"]
    (checkpoint / "learner.json").write_text(json.dumps(read))


def no_position(checkpoint: Path) -> None:
    (checkpoint / "position.json").write_text("{}")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (truncate, "checkpoint-000001 is damaged: SafetensorError"),
        (flip, "checkpoint-000001 is damaged: learner.safetensors is not the file that learner.json describes"),
        (no_json, "checkpoint-000001 is damaged: JSONDecodeError"),
        (no_numbers, "checkpoint-000001 is damaged: 'generator' is missing"),
        (no_position, "checkpoint-000001 is damaged: position.json lacks 'spent'"),
        (lambda checkpoint: (checkpoint / "learner.json").unlink(), "learner.json: cannot be read (No such file"),
        (lambda checkpoint: (checkpoint / "position.json").unlink(), "checkpoint-000001: No such file or directory"),
        (shutil.rmtree, "holds a training that has ended, but no checkpoint to go on from"),
    ],
)
def test_damage_is_said_in_one_line(damage: Callable[[Path], None], problem: str, system: System, copied: Path) -> None:
    damage(copied / "checkpoint-000001")
    with pytest.raises(CosimError) as caught:
        train(system, short("maddqn", episodes=8), copied, resume=True)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(
    system: System, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in (copied / "checkpoint-000001").iterdir()}

    def full(arrays: Mapping[str, Any], path: Path) -> None:
        path.write_bytes(b"half of it")
        raise safetensors.SafetensorError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("safetensors.numpy.save_file", full)
        with pytest.raises(RecordError, match=r"learner.safetensors cannot be written: No space"):
            train(system, short("maddqn", episodes=8), copied, resume=True)
    assert {path.name: path.read_bytes() for path in (copied / "checkpoint-000001").iterdir()} == before
    assert [path.name for path in copied.glob("checkpoint-*")] == ["checkpoint-000001"]
    assert train(system, short("maddqn", episodes=8), copied, resume=True).resumed_from == 6


def test_whatever_a_kill_leaves_the_last_whole_checkpoint_counts(system: System, copied: Path, tmp_path: Path) -> None:
    shutil.copytree(copied, tmp_path / "other")
    # Killed while a checkpoint is written, and while the one before is removed.
    shutil.copytree(copied / "checkpoint-000001", copied / "checkpoint-000003.partial")
    truncate(copied / "checkpoint-000003.partial")
    (copied / "checkpoint-000001").rename(copied / "checkpoint-000002")
    (copied / "checkpoint-000001").mkdir()
    with TrainingFolder(copied, resume=True) as folder:
        assert folder.checkpoint == copied / "checkpoint-000002"
    for path in (copied, tmp_path / "other"):
        train(system, short("maddqn", episodes=8), path, resume=True)
    assert result_of(copied) == result_of(tmp_path / "other")
    assert [path.name for path in copied.glob("checkpoint*")] == ["checkpoint-000003"]


def test_what_came_after_the_checkpoint_is_forgotten(system: System, copied: Path, tmp_path: Path) -> None:
    shutil.copytree(copied, tmp_path / "other")
    with (copied / "curve.csv").open("a") as file:
        file.write("8,1.0,training,0.5")
    (copied / "best.safetensors").write_bytes(b"a later one")
    for path in (copied, tmp_path / "other"):
        train(system, short("maddqn", episodes=8), path, resume=True)
    assert result_of(copied) == result_of(tmp_path / "other")


def test_a_checkpoint_of_another_version_is_refused(
    system: System, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.algorithms.maddqn.Maddqn.load_state", refuse)
    with pytest.raises(ControllerError, match="'network' is not as it was written"):
        train(system, short("maddqn", episodes=8), copied, resume=True)


def refuse(*_: Any) -> None:
    from agents.learner_state import _other

    raise _other("network")
