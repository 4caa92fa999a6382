"""One policy trained on several variants of a scenario: in turn, padded to the largest fleet, judged by the mean."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_training import COMMUTING, DAY, FEW, SCENARIO, SMALL, curve_of, result_of, short

from agents.training import Trainer
from cosim.cli import main
from cosim.errors import ControllerError, ScenarioError
from cosim.interface import Episodes, TrainingRound
from cosim.schedule import Schedule
from cosim.system import System
from cosim.training import load_variants, train
from cosim.world import make_simulators, run_world

VARY = "fleet.size=3,6,4"


@pytest.fixture(scope="module")
def variants() -> dict[str, System]:
    return load_variants(SCENARIO, SMALL, VARY)


def test_all_variants_are_loaded(variants: dict[str, System]) -> None:
    assert {name: system.spec.fleet_size for name, system in variants.items()} == {
        "fleet.size=3": 3,
        "fleet.size=6": 6,
        "fleet.size=4": 4,
    }
    with pytest.raises(ScenarioError, match=r"--vary fleet.size=3,x: .x. is no number"):
        load_variants(SCENARIO, SMALL, "fleet.size=3,x")
    with pytest.raises(ScenarioError, match=r"--vary fleet.sice=3: fleet.sice: unknown key"):
        load_variants(SCENARIO, SMALL, "fleet.sice=3")


def test_rounds_take_turns_and_the_mean_is_kept(variants: dict[str, System], tmp_path: Path) -> None:
    trained = train(variants, short("maddqn", episodes=8, vary=VARY), tmp_path / "run")
    rows = curve_of(tmp_path / "run")
    assert [(row["kind"], row["variant"]) for row in rows] == [
        ("training", "fleet.size=3"),
        ("training", "fleet.size=6"),
        ("training", "fleet.size=4"),
        ("training", "fleet.size=3"),
        ("validation", "fleet.size=3"),
        ("validation", "fleet.size=6"),
        ("validation", "fleet.size=4"),
        ("validation", "all"),
    ]
    validation = [float(row["restoration"]) for row in rows[4:]]
    assert validation[3] == pytest.approx(np.mean(validation[:3]))
    assert trained.best == trained.last == validation[3]
    card = json.loads((tmp_path / "run" / "best.json").read_text())
    assert (card["vary"], card["fleet_size"], card["validation"]) == (VARY, 6, trained.best)


def test_a_validation_is_what_the_weights_reach_alone(variants: dict[str, System], tmp_path: Path) -> None:
    # The same weights, on one variant as on several: no fleet decides with older ones than the others.
    train(variants, short("maddqn", episodes=8, vary=VARY), tmp_path / "several")
    start = str(tmp_path / "several" / "last.safetensors")
    several = {row["variant"]: row["restoration"] for row in curve_of(tmp_path / "several") if not row["loss"]}
    frozen = {"actor_rate": 0.0, "critic_rate": 0.0, "rows": 64, "sharpness": 1.0}
    for name, system in variants.items():
        out = tmp_path / name
        train(system, short("team-ppo", episodes=2, settings=frozen, start=start), out)
        assert curve_of(out)[-1]["restoration"] == several[name]


def test_networks_of_single_evs_cannot_be_those_of_fleets_of_several_sizes(
    variants: dict[str, System], tmp_path: Path
) -> None:
    problem = "--vary fleet.size=3,6,4: independent has a network for each EV, so its fleets must be of one size"
    with pytest.raises(ControllerError, match=problem):
        train(variants, short("independent", vary=VARY), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("algorithm", sorted(set(FEW) - {"independent", "v2g-il"}))
def test_variants_repeat_to_the_last_bit_also_when_stopped(
    algorithm: str, variants: dict[str, System], tmp_path: Path
) -> None:
    if algorithm in COMMUTING:
        variants = load_variants(DAY, SMALL, VARY)
    training = short(algorithm, episodes=52, vary=VARY)
    train(variants, training, tmp_path / "whole")
    stops = [(22, False, "fleet.size=6"), (48, True, "fleet.size=3")]

    def on_round(of_round: TrainingRound, best: float | None) -> None:
        if stops and (of_round.episodes, of_round.validates, of_round.variant) == stops[0]:
            stops.pop(0)
            os.kill(os.getpid(), signal.SIGINT)

    for resume in (False, True):
        with pytest.raises(KeyboardInterrupt):
            train(variants, training, tmp_path / "stopped", on_round, resume=resume)
    train(variants, training, tmp_path / "stopped", on_round, resume=True)
    assert result_of(tmp_path / "stopped") == result_of(tmp_path / "whole")


def test_what_cannot_vary_is_said(tmp_path: Path) -> None:
    slots = load_variants(SCENARIO, SMALL, "clock.slots=6,12")
    with pytest.raises(ControllerError, match=r"--vary clock.slots=6,12: slots and stations must be the same for one"):
        train(slots, short("maddqn", vary="clock.slots=6,12"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = [word for assignment in SMALL for word in ("--set", assignment)]
    words = ["train", str(SCENARIO), "--algorithm", "maddqn", "--episodes", "4", "--replicas", "2", *overrides]
    words += ["--set", "algorithm.updates=1", "--set", "algorithm.rows=32", "--vary", "fleet.size=2:3:1"]
    assert main([*words, "--out", str(tmp_path / "run"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["episodes"] == 4
    assert main([*words, "--resume", str(tmp_path / "run"), "--vary", "seed=1,2"]) == 1
    assert capsys.readouterr().err == "cosim train: --vary can be given once\n"
    words[-1] = "fleet.size=2,4"
    assert main([*words, "--resume", str(tmp_path / "run")]) == 3
    assert (
        "holds another training: vary is 'fleet.size=2:3:1' there and 'fleet.size=2,4' here" in capsys.readouterr().err
    )


# -------------------------------------------------------------------------------- who is not there does not count


def episodes_of(system: System, trainer: Trainer, variant: int) -> Episodes:
    brought: list[Episodes] = []
    schedule = Schedule((0, 1, 2, 3), 4, system.clock.slots)
    fleet = trainer.fleet(variant, 1_000_000, brought.append)
    simulators = make_simulators(
        system, fleet, schedule, complete=False, on_slot=lambda _: None, on_batch=lambda *_: None
    )
    run_world(simulators, schedule, system.clock.slot_s)
    return brought[0]


def trainer_of(algorithm: str, systems: list[System], **settings: Any) -> Trainer:
    return Trainer(
        [system.spec for system in systems],
        algorithm=algorithm,
        settings={**FEW[algorithm], **settings},
        order="sequential",
        episodes=100,
        seed=0,
        command="",
    )


#: With these, networks stay as they are, and the mean gradients that Adam keeps can be compared.
FROZEN = {
    "admaddpg": {"actor_rate": 0.0, "critic_rate": 0.0, "actor_every": 1},
    "admaddpg-no-lstm": {"actor_rate": 0.0, "critic_rate": 0.0},
    "team-ppo": {"actor_rate": 0.0, "critic_rate": 0.0, "rows": 4096, "epochs": 1},
}


@pytest.mark.parametrize("algorithm", sorted(FROZEN))
def test_gradients_are_the_same_with_evs_that_are_not_there(algorithm: str, variants: dict[str, System]) -> None:
    small, large = variants["fleet.size=3"], variants["fleet.size=6"]
    settings = {**FROZEN[algorithm], "updates": 1}
    alone, padded = trainer_of(algorithm, [small], **settings), trainer_of(algorithm, [small, large], **settings)
    brought = episodes_of(small, trainer_of(algorithm, [small]), 0)
    # In the first round of team-ppo only the critic learns.
    rounds = 2 if algorithm == "team-ppo" else 1
    logged = [[trainer.learner.learn(brought).logged for _ in range(rounds)][-1] for trainer in (alone, padded)]
    assert padded.learner._replay is not None
    choice = padded.learner._replay.arrays["choice"][:4]
    assert choice.shape[2] == 6
    assert (choice[..., 3:] == -1).all()
    gradients = {name: value for name, value in alone._algorithm.state().items() if name.endswith("exp_avg")}
    assert {name.partition(".")[0] for name, value in gradients.items() if value.any()} == {
        "actor_optimiser",
        "critic_optimiser",
    }
    for name, value in gradients.items():
        found = padded._algorithm.state()[name]
        largest = float(value.abs().max())
        np.testing.assert_allclose(found, value, rtol=1e-3, atol=1e-4 * largest, err_msg=name)
    losses = [name for name in logged[0] if "loss" in name]
    assert losses
    for name in losses:
        assert logged[1][name] == pytest.approx(logged[0][name], abs=1e-6)


def test_rows_are_of_evs_that_are_there(variants: dict[str, System]) -> None:
    small, large = variants["fleet.size=3"], variants["fleet.size=6"]
    trainer = trainer_of("maddqn", [small, large])
    trainer.learner.learn(episodes_of(small, trainer, 0))
    replay = trainer.learner._replay
    assert replay is not None
    generator = np.random.default_rng(0)
    for _ in range(20):
        _, _, ev = trainer._algorithm._rows(replay, generator)  # type: ignore[attr-defined]
        assert set(ev) == {0, 1, 2}
