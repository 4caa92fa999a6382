"""Trainings of a few episodes: they repeat to the last bit, keep what they should, and refuse what they cannot do."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from small_training import COMMUTING, DAY, FEW, SCENARIO, short, small_system

import cosim
from agents.catalogue import LINES
from cosim.cli import main
from cosim.errors import ControllerError, RecordError
from cosim.system import System
from cosim.training import Training, train


@pytest.fixture(scope="module")
def system() -> System:
    return small_system()


def test_every_line_is_tried() -> None:
    assert set(FEW) == {line.name for line in LINES}


@pytest.mark.parametrize(
    ("algorithm", "order"), [(line.name, order) for line in LINES for order in line.orders], ids="-".join
)
def test_a_training_repeats_to_the_last_bit_and_its_weights_decide(algorithm: str, order: str, tmp_path: Path) -> None:
    system = small_system(algorithm=algorithm)
    trained = [train(system, short(algorithm, order=order), tmp_path / name) for name in ("a", "b")]
    other = train(system, short(algorithm, order=order, seed=1), tmp_path / "c")
    a, b, c = ((tmp_path / name / "last.safetensors").read_bytes() for name in "abc")
    assert a == b != c
    assert trained[0].last == trained[1].last
    assert other.episodes == 6
    card = json.loads((tmp_path / "a" / "last.json").read_text())
    assert (card["algorithm"], card["order"], card["episodes"], card["fleet_size"]) == (algorithm, order, 6, 5)
    # The trained fleet is a controller like any other, and does not depend on how many episodes run side by side.
    options = {"weights": str(tmp_path / "a" / "best.safetensors")}
    runs = [run_with(algorithm, options, replicas) for replicas in (1, 3)]
    assert runs[0] == runs[1]


def run_with(controller: str, options: Mapping[str, str], replicas: int) -> list[float]:
    overrides = [f"controller.name={controller}", f"controller.options={json.dumps(options)}", "fleet.size=5"]
    scenario = DAY if controller in COMMUTING else SCENARIO
    results = cosim.run(cosim.load(scenario, [*overrides, "network.engine=lindistflow"]), episodes=3, replicas=replicas)
    found: list[float] = results.ev_slots["energy_end_kwh"].tolist()
    return found


def test_the_curve_has_a_row_per_round(system: System, tmp_path: Path) -> None:
    rounds = []
    trained = train(system, short("maddqn"), tmp_path / "run", lambda of_round, best: rounds.append((of_round, best)))
    with (tmp_path / "run" / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == ["training"] * 3 + ["validation"]
    assert [int(row["episodes"]) for row in rows] == [2, 4, 6, 6]
    assert all(float(row["loss"]) >= 0.0 for row in rows[:3])
    assert rows[3]["loss"] == ""
    assert float(rows[3]["restoration"]) == trained.last == trained.best == rounds[-1][1]
    assert sum(trained.spent.shares().values()) == pytest.approx(1.0)
    assert trained.spent.shares()["simulation"] > 0.0


def test_a_fine_tuning_begins_with_the_weights_of_its_line(system: System, tmp_path: Path) -> None:
    train(system, short("maddqn"), tmp_path / "q")
    start = str(tmp_path / "q" / "best.safetensors")
    # The critic alone learns in the first round, so the actor still decides as it began.
    tuned = train(system, short("team-ppo", start=start, episodes=2), tmp_path / "p")
    begun = json.loads((tmp_path / "q" / "best.json").read_text())["validation"]
    assert tuned.last == pytest.approx(begun)
    with pytest.raises(ControllerError, match="maddqn begins with untrained networks; leave --start out"):
        train(system, short("maddqn", start=start), tmp_path / "r")
    # Its own weights it takes as they are.
    last = str(tmp_path / "p" / "last.safetensors")
    assert train(system, short("team-ppo", start=last, episodes=2), tmp_path / "s").last == pytest.approx(begun)
    card = json.loads((tmp_path / "q" / "best.json").read_text())
    (tmp_path / "q" / "best.json").write_text(json.dumps({**card, "algorithm": "admaddpg"}))
    with pytest.raises(ControllerError, match=r"holds weights of 'admaddpg', not of 'maddqn' or 'team-ppo'"):
        train(system, short("team-ppo", start=start), tmp_path / "r")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"algorithm": "maddpgg"}, "there is no algorithm 'maddpgg'; there are 'maddqn', 'admaddpg'"),
        ({"order": "any"}, "order must be one of sequential, rounds, simultaneous, got 'any'"),
        (
            {"algorithm": "independent", "settings": {}, "order": "sequential"},
            "order of independent must be simultaneous, got 'sequential'",
        ),
        ({"settings": {"hiden": 3}}, "algorithm.hiden: maddqn has no such setting; it has hidden, steps"),
        ({"settings": {"hidden": 2.5}}, "algorithm.hidden: must be a whole number of at least 1, got 2.5"),
        ({"settings": {"gamma": 2}}, "algorithm.gamma: must be at most 1, got 2"),
        ({"settings": {"gamma": "x"}}, "algorithm.gamma: must be a number of at least 0, got 'x'"),
        ({"settings": {"updates": 0}}, "algorithm.updates: must be a whole number of at least 1, got 0"),
        (
            {"settings": {"replay_episodes": 10**9}},
            "a replay of 1,000,000,000 episodes takes 26,220.0 GB of memory; set algorithm.replay_episodes to less",
        ),
        ({"algorithm": "admaddpg-no-lstm", "settings": {"memory": 3}}, "algorithm.memory: is 1 in admaddpg-no-lstm"),
        ({"start": "none.safetensors", "algorithm": "team-ppo", "settings": {}}, "none.json: cannot be read"),
    ],
)
def test_what_cannot_be_trained_is_said_before_anything_runs(
    changes: Mapping[str, Any], problem: str, system: System, tmp_path: Path
) -> None:
    asked = short("maddqn")
    with pytest.raises(ControllerError) as caught:
        train(system, Training(**{**vars(asked), **changes}), tmp_path / "run")
    assert problem in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_folder_in_use_is_refused(system: System, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("mine")
    with pytest.raises(RecordError, match="is not empty; a training needs a folder of its own"):
        train(system, short("maddqn"), tmp_path)


def test_a_fleet_of_none_cannot_learn(tmp_path: Path) -> None:
    nobody = cosim.load(SCENARIO, ["fleet.size=0"])
    with pytest.raises(ControllerError, match=r"a fleet of no EV cannot learn"):
        train(nobody, short("maddqn"), tmp_path / "run")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "train",
        str(SCENARIO),
        "--algorithm",
        "maddqn",
        "--episodes",
        "2",
        "--replicas",
        "2",
        "--set",
        "fleet.size=3",
    ]
    words += ["--set", "algorithm.updates=1", "--set", "algorithm.rows=32"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert "2 episodes in" in out
    assert "--controller maddqn --set controller.options.weights=" in out
    assert main([*words, "--json", "--out", str(tmp_path / "again")]) == 0
    assert json.loads(capsys.readouterr().out)["episodes"] == 2
    assert main([*words, "--out", str(tmp_path / "run")]) == 3
    assert "is not empty" in capsys.readouterr().err


def test_an_interrupted_training_keeps_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("agents.algorithms.maddqn.Maddqn.update", interrupted)
    words = ["train", str(SCENARIO), "--algorithm", "maddqn", "--episodes", "2", "--replicas", "2"]
    assert main([*words, "--set", "fleet.size=3", "--out", str(tmp_path / "run")]) == 1
    again = f"the same command with --resume {tmp_path / 'run'}"
    said = f"there was no validation yet, so there is no best.safetensors; the weights as they are are in {tmp_path}"
    assert f"interrupted; there is no checkpoint yet, and {again} begins anew; {said}" in capsys.readouterr().err
    # They are whole.
    assert len(run_with("maddqn", {"weights": str(tmp_path / "run" / "last.safetensors")}, 3)) == 3 * 12 * 5


def test_a_learner_that_sees_nan_stops_and_names_it(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.algorithms.maddqn.Maddqn.update", lambda *_: {"loss": float("nan")})
    with pytest.raises(ControllerError, match=r"loss is nan after 2 episodes of training; it cannot go on"):
        train(system, short("maddqn"), tmp_path / "run")


def test_tracking_without_its_package_is_said_before_anything_runs(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ControllerError, match=r"--track needs 'tensorboard': pip install 'ev-cosim\[track\]'"):
        train(system, short("maddqn"), tmp_path / "run", track=True)
    assert not (tmp_path / "run").exists()


def test_a_training_can_be_tracked(system: System, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    train(system, short("maddqn"), tmp_path / "run", track=True)
    assert len(list((tmp_path / "run" / "tensorboard").glob("events.out.tfevents.*"))) == 1
    assert train(system, short("maddqn"), tmp_path / "run", track=True, resume=True).resumed_from == 6


def test_commuters_learn_from_a_days_reward_only(tmp_path: Path) -> None:
    system = small_system("reward.form=avoided", algorithm="v2g-il")
    with pytest.raises(ControllerError, match=r"set reward\.form=v2g, got 'avoided'"):
        train(system, short("v2g-il"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
