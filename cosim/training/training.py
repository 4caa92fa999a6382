"""Trains fleets inside the co-simulation, and goes on with trainings that were stopped."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import ControllerError
from cosim.loading import check_track, make_track, make_trainer
from cosim.processes import refuse_unguarded_script
from cosim.summary import versions
from cosim.system import System
from cosim.training.actor import Work
from cosim.training.actors import OnNotice, train_with_actors
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
    actors: int = 0,
    on_begin: OnBegin | None = None,
    on_notice: OnNotice | None = None,
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
        actors: Processes that bring episodes while this one learns; 0 for one process that does both. With actors, a
            script must call this below `if __name__ == "__main__":`.
        on_begin: Called once, with the episodes of training that are done and all of them.
        on_notice: Called with a line when an actor has died and is replaced.

    Raises:
        ControllerError: If there is no such algorithm or setting, or a package is missing.
        RecordError: If the folder holds something else, or is in use.
        CosimError: If the run cannot go on.
        KeyboardInterrupt: After Ctrl-C; where it came first, everything is kept to go on.
    """
    if actors:
        refuse_unguarded_script()
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
        actors=actors,
    )
    training = replace(training, order=trainer.order)
    if trainer.commutes:
        _check_reward(systems)
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
            replaced = _run(session, training, list(systems.values()), actors, on_notice)
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
        actors=actors,
        actors_replaced=replaced,
        algorithm=training.algorithm,
        learned_on=trainer.learns_on,
        judged_by="reward" if trainer.commutes else "restoration",
        folder=folder.path,
    )


def _check_reward(systems: Mapping[str, System]) -> None:
    """EVs that commute learn from a day's reward, which needs a price too."""
    for system in systems.values():
        form = system.scenario.reward.form
        if form != "v2g":
            raise ControllerError(f"EVs that commute learn from a day's reward; set reward.form=v2g, got {form!r}")


def _run(
    session: Session, training: Training, systems: Sequence[System], actors: int, on_notice: OnNotice | None
) -> int:
    """Run the rounds that are left; returns the number of actors that were replaced."""
    if not actors:
        train_alone(session, systems)
        return 0
    asked = {
        "algorithm": training.algorithm,
        "settings": training.settings or {},
        "order": training.order,
        "episodes": training.episodes,
        "seed": training.seed,
    }
    return train_with_actors(session, Work(systems, asked), actors, on_notice or (lambda _: None))


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
