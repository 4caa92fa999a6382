"""A training in one process, which the same seed repeats to the last bit."""

from __future__ import annotations

from collections.abc import Sequence

from cosim.interface import Episodes, LearningController
from cosim.schedule import Schedule
from cosim.system import System
from cosim.training.rounds import Round
from cosim.training.session import Session
from cosim.world import Simulators, make_simulators, run_world


def train_alone(session: Session, systems: Sequence[System]) -> None:
    """Run the rounds that are left of a training.

    Args:
        session: The training.
        systems: The variants of the scenario, built.

    Raises:
        CosimError: If the run cannot go on.
        KeyboardInterrupt: If somebody wants it to end; then all is kept.
    """
    session.finish_round()
    rounds = list(session.plan.rest(session.done, session.validated))
    if not rounds:
        return
    if len(systems) == 1:
        _in_one_world(session, systems[0], rounds)
    else:
        _in_turn(session, systems, rounds)


def _in_one_world(session: Session, system: System, rounds: Sequence[Round]) -> None:
    """All episodes in one World."""
    left = iter(rounds)
    numbers = tuple(number for of_round in rounds for number in of_round.episodes)
    schedule = Schedule(numbers, session.plan.replicas, system.clock.slots)

    def on_episodes(episodes: Episodes) -> None:
        _take(session, next(left), episodes)
        session.trainer.hand_out(0)

    session.trainer.hand_out(0)
    fleet = session.fleet(0, on_episodes)
    run_world(_simulators(system, fleet, schedule), schedule, system.clock.slot_s)


def _in_turn(session: Session, systems: Sequence[System], rounds: Sequence[Round]) -> None:
    """A World for each round, with the simulators of its variant."""
    brought: list[Episodes] = []
    simulators: dict[int, Simulators] = {}
    for of_round in rounds:
        variant, system = of_round.variant, systems[of_round.variant]
        schedule = Schedule(of_round.episodes, session.plan.replicas, system.clock.slots)
        if variant in simulators:
            simulators[variant].begin(schedule)
        else:
            simulators[variant] = _simulators(system, session.fleet(variant, brought.append), schedule)
        session.trainer.hand_out(variant)
        run_world(simulators[variant], schedule, system.clock.slot_s)
        _take(session, of_round, brought.pop())


def _take(session: Session, of_round: Round, episodes: Episodes) -> None:
    if of_round.validates:
        session.validate(of_round, episodes)
    else:
        session.learn(of_round, episodes)


def _simulators(system: System, fleet: LearningController, schedule: Schedule) -> Simulators:
    return make_simulators(
        system,
        fleet,
        schedule,
        complete=False,
        on_slot=lambda _: None,
        on_batch=lambda _numbers, _records: None,
    )
