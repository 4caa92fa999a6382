"""Trains a fleet inside the co-simulation: all episodes, those of validation too, in one World."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from cosim.episodes import VALIDATION
from cosim.errors import RecordError
from cosim.interface import TrainingRound
from cosim.loading import make_trainer
from cosim.schedule import Schedule
from cosim.system import System
from cosim.world import make_simulators, run_world

#: Rounds of training between two validations.
ROUNDS_PER_VALIDATION = 8


@dataclass(frozen=True)
class Training:
    """What is to be trained, and how.

    Attributes:
        algorithm: Name of the line.
        episodes: Episodes of training; rounded up to whole rounds.
        seed: Seed of first weights, exploration and draws from the replay.
        order: `sequential` or `simultaneous`.
        settings: Settings of the algorithm by name.
        replicas: Episodes of a round, side by side.
        command: How it was asked for, for the card of the weights.
        start: Weights that it begins with; empty for untrained networks.
    """

    algorithm: str
    episodes: int
    seed: int = 0
    order: str = "sequential"
    settings: Mapping[str, Any] | None = None
    replicas: int = 64
    command: str = ""
    start: str = ""


@dataclass(frozen=True)
class Trained:
    """What a training brought.

    Attributes:
        episodes: Episodes of training.
        best: Best mean restoration ratio on the episodes of validation; None before the first.
        last: The last one.
        cpu_s: CPU time [s].
        by_component: CPU time of each simulator [s]; the controller's holds decisions and updates.
        folder: Where weights and curve are.
    """

    episodes: int
    best: float | None
    last: float | None
    cpu_s: float
    by_component: Mapping[str, float]
    folder: Path


#: Called after each round with the round and the best validation so far.
OnRound = Callable[[TrainingRound, float | None], None]


def train(system: System, training: Training, out: Path | str, on_round: OnRound | None = None) -> Trained:
    """Train a fleet; the best weights on the episodes of validation are kept.

    Args:
        system: The scenario, built.
        training: What is to be trained.
        out: A new folder, or an empty one.
        on_round: Called after each round with the round and the best validation so far.

    Raises:
        ControllerError: If there is no such algorithm or setting.
        RecordError: If the folder is not empty.
        CosimError: If the run cannot go on.
    """
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RecordError(f"{folder}: is not empty; a training needs a folder of its own")
    schedule = _schedule(training, system.clock.slots)
    trainer = make_trainer(
        system,
        algorithm=training.algorithm,
        settings=training.settings or {},
        order=training.order,
        episodes=training.episodes,
        seed=training.seed,
        command=training.command,
        start=training.start,
    )
    folder.mkdir(parents=True, exist_ok=True)
    about = {**vars(training), "settings": trainer.settings, "scenario_sha256": system.scenario_sha256}
    (folder / "training.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    begun_s = time.process_time()
    with (folder / "curve.csv").open("w", newline="", encoding="utf-8") as file:
        curve = Curve(file)

        def on_each(of_round: TrainingRound) -> None:
            curve.add(of_round, time.process_time() - begun_s)
            if of_round.validates:
                trainer.keep_best(folder, of_round)
            if on_round is not None:
                on_round(of_round, trainer.best)

        fleet = trainer.fleet(VALIDATION.start, on_each)
        simulators = make_simulators(
            system,
            fleet,
            schedule,
            complete=False,
            on_slot=lambda _: None,
            on_batch=lambda _numbers, _records: None,
        )
        try:
            run_world(simulators, schedule, system.clock.slot_s)
        finally:
            trainer.keep_last(folder)
    by_component = {name.lower(): simulator.cpu_s for name, simulator in simulators.by_name().items()}
    return Trained(fleet.episodes, trainer.best, trainer.last, time.process_time() - begun_s, by_component, folder)


class Curve:
    """Writes a row per round; the first is of training, so it has all columns.

    Args:
        file: Where to.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._writer: csv.DictWriter[str] | None = None

    def add(self, of_round: TrainingRound, cpu_s: float) -> None:
        """Write a round's row, so that it is there whatever comes next."""
        row = {
            "episodes": of_round.episodes,
            "cpu_s": round(cpu_s, 3),
            "kind": "validation" if of_round.validates else "training",
            "restoration": of_round.restoration,
            "reward": of_round.reward,
            **of_round.logged,
        }
        if self._writer is None:
            self._writer = csv.DictWriter(self._file, list(row), restval="", lineterminator="\n")
            self._writer.writeheader()
        self._writer.writerow(row)
        self._file.flush()


def _schedule(training: Training, slots: int) -> Schedule:
    """Rounds of training with rounds of validation between them, and one at the end."""
    replicas = training.replicas
    rounds = -(-training.episodes // replicas)
    validation = tuple(VALIDATION[:replicas])
    episodes: list[int] = []
    for number in range(rounds):
        if number and number % ROUNDS_PER_VALIDATION == 0:
            episodes += validation
        episodes += range(number * replicas, (number + 1) * replicas)
    return Schedule((*episodes, *validation), replicas, slots)
