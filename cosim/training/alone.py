"""A training in one process, which the same seed repeats to the last bit: all episodes in one World."""

from __future__ import annotations

from cosim.interface import Episodes, TrainingRound
from cosim.schedule import Schedule
from cosim.system import System
from cosim.training.session import Session
from cosim.world import make_simulators, run_world


def train_alone(session: Session, system: System) -> None:
    """Run the rounds that are left of a training.

    Args:
        session: The training.
        system: The scenario, built.

    Raises:
        CosimError: If the run cannot go on.
        KeyboardInterrupt: If somebody wants it to end; then all is kept.
    """
    session.finish_round()
    rounds = list(session.plan.rest(session.done, session.validated))
    if not rounds:
        return
    learner = session.trainer.learner

    def on_episodes(episodes: Episodes) -> None:
        if episodes.validates:
            session.validated_with(TrainingRound(learner.episodes, True, episodes.restoration, episodes.reward))
        else:
            session.trained(learner.learn(episodes))

    numbers = tuple(number for of_round in rounds for number in of_round.episodes)
    schedule = Schedule(numbers, session.plan.replicas, system.clock.slots)
    simulators = make_simulators(
        system,
        session.fleet(on_episodes),
        schedule,
        complete=False,
        on_slot=lambda _: None,
        on_batch=lambda _numbers, _records: None,
    )
    run_world(simulators, schedule, system.clock.slot_s)
