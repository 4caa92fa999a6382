"""Trains fleets inside the co-simulation, and goes on with trainings that were stopped."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.loading import check_track, make_track, make_trainer
from cosim.summary import versions
from cosim.system import System
from cosim.training.alone import train_alone
from cosim.training.folder import TrainingFolder
from cosim.training.interrupts import noted_interrupts
from cosim.training.request import Trained, Training
from cosim.training.rounds import Plan
from cosim.training.session import OnRound, Session

if TYPE_CHECKING:
    from cosim.loading import Trainer

#: Called when a training begins, with the episodes that are done and all of them.
OnBegin = Callable[[int, int], None]


def train(
    system: System | Mapping[str, System],
    training: Training,
    out: Path | str,
    on_round: OnRound | None = None,
    *,
    resume: bool = False,
    track: bool = False,
    on_begin: OnBegin | None = None,
) -> Trained:
    """Train a fleet; the best weights on the episodes of validation are kept.

    Args:
        system: The scenario, built; or the variants of it that one policy is trained for, by name.
        training: What is to be trained.
        out: A new folder or an empty one; with `resume` that of a training that was stopped, or that has ended and is
            to have more episodes.
        on_round: Called after each round with the round and the best validation so far.
        resume: Whether to go on with the training in the folder.
        track: Whether to write TensorBoard files too.
        on_begin: Called once, with the episodes of training that are done and all of them.

    Raises:
        ControllerError: If there is no such algorithm or setting, or a package is missing.
        RecordError: If the folder holds something else, or is in use.
        CosimError: If the run cannot go on.
        KeyboardInterrupt: After Ctrl-C; where it came first, everything is kept to go on.
    """
    if track:
        check_track()
    systems = {"": system} if isinstance(system, System) else system
    trainer = make_trainer(
        list(systems.values()),
        algorithm=training.algorithm,
        settings=training.settings or {},
        order=training.order,
        episodes=training.episodes,
        seed=training.seed,
        command=training.command,
        start=training.start,
        vary=training.vary,
    )
    plan = Plan(training.episodes, training.replicas, len(systems))
    with ExitStack() as stack:
        folder = stack.enter_context(TrainingFolder(out, resume=resume))
        interrupts = stack.enter_context(noted_interrupts())
        folder.begin(_about(systems, training, trainer))
        session = Session(
            trainer,
            folder,
            plan,
            every=training.checkpoint_every,
            interrupts=interrupts,
            names=list(systems),
        )
        if track:
            tracked = stack.enter_context(closing(make_track(folder.path / "tensorboard", session.resumed_from)))
            session.on_round.append(tracked.add)
        if on_round is not None:
            session.on_round.append(on_round)
        if on_begin is not None:
            on_begin(session.resumed_from, plan.rounds * plan.replicas)
        try:
            train_alone(session, list(systems.values()))
        except KeyboardInterrupt:
            trainer.keep_last(folder.path)
            raise
        session.end()
    return Trained(
        episodes=trainer.learner.episodes,
        resumed_from=session.resumed_from,
        best=trainer.best,
        last=trainer.last,
        spent=session.spent(),
        algorithm=training.algorithm,
        folder=folder.path,
    )


def _about(systems: Mapping[str, System], training: Training, trainer: Trainer) -> dict[str, Any]:
    """What is trained, and all that its bits depend on; plain values."""
    scenarios = {name: system.scenario.model_dump(mode="json") for name, system in systems.items()}
    for scenario in scenarios.values():
        # The fleet that learns takes the place of the scenario's controller.
        del scenario["controller"]
    first = next(iter(systems.values()))
    return {
        **vars(training),
        "settings": trainer.settings,
        "start_sha256": trainer.start_sha256,
        "scenario_file": str(first.file.path),
        "scenario_sha256": first.scenario_sha256,
        "scenario": scenarios if training.vary else scenarios[""],
        "inputs": {entry.file: entry.sha256 for system in systems.values() for entry in system.inputs},
        "versions": {**versions(), "torch": importlib.metadata.version("torch")},
    }
