"""What an actor does: runs rounds of episodes with the weights that it is given, in a process of its own."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from numpy.typing import NDArray

from cosim.episodes import VALIDATION
from cosim.errors import CosimError
from cosim.interface import Episodes
from cosim.loading import make_explorer
from cosim.processes import portable, stop_if_let_go
from cosim.schedule import Schedule
from cosim.system import System
from cosim.training.rounds import Round
from cosim.training.spent import Spent
from cosim.workers import settle_heap
from cosim.world import Simulators, make_simulators, run_world

Weights = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Work:
    """What all rounds have in common.

    Attributes:
        systems: The variants of the scenario, built.
        asked: What the explorer is asked for; see `agents.explorer.Explorer`.
    """

    systems: Sequence[System]
    asked: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A round that an actor runs.

    Attributes:
        of_round: The round.
        weights: The weights that decide.
    """

    of_round: Round
    weights: Weights = field(repr=False)


@dataclass(frozen=True)
class Brought:
    """What an actor brings back.

    Attributes:
        episodes: What the episodes brought.
        spent: Time that it took, and that the actor waited before.
    """

    episodes: Episodes
    spent: Spent


class Actor:
    """Runs rounds.

    Args:
        work: What they have in common.
        let_go: Set when nobody waits for them any more.
    """

    def __init__(self, work: Work, let_go: threading.Event) -> None:
        self._systems = work.systems
        self._explorer = make_explorer(work.systems, **work.asked)
        self._let_go = let_go
        self._brought: list[Episodes] = []
        self._fleets = [
            self._explorer.fleet(variant, VALIDATION.start, self._brought.append)
            for variant in range(len(work.systems))
        ]
        self._simulators: dict[int, Simulators] = {}

    def run(self, job: Job, waited_s: float) -> Brought:
        """Run a round in a World of its own.

        Args:
            job: The round, and the weights.
            waited_s: Time without a job before it [s].

        Raises:
            CosimError: If the run cannot go on.
        """
        of_round, fleet = job.of_round, self._fleets[job.of_round.variant]
        begun_s, decided_s = time.process_time(), fleet.cpu_s
        self._explorer.take(of_round.variant, job.weights, of_round.number, of_round.episodes[0])
        schedule = Schedule(of_round.episodes, len(of_round.episodes), self._systems[of_round.variant].clock.slots)
        run_world(self._of(of_round.variant, schedule), schedule, self._systems[of_round.variant].clock.slot_s)
        spent = Spent(
            cpu_s=time.process_time() - begun_s, decisions_s=fleet.cpu_s - decided_s, actors_waited_s=waited_s
        )
        return Brought(self._brought.pop(), spent)

    def _of(self, variant: int, schedule: Schedule) -> Simulators:
        """The simulators of a variant, at the beginning of a schedule."""
        if variant in self._simulators:
            self._simulators[variant].begin(schedule)
        else:
            self._simulators[variant] = make_simulators(
                self._systems[variant],
                self._fleets[variant],
                schedule,
                complete=False,
                on_slot=lambda _: stop_if_let_go(self._let_go),
                on_batch=lambda _numbers, _records: None,
            )
        return self._simulators[variant]


def run_rounds(connection: Connection, work: Work, let_go: threading.Event) -> None:
    """Run rounds until the connection closes.

    Args:
        connection: Jobs come in, what they brought goes out; an error in its place.
        work: What all rounds have in common.
        let_go: Set when nobody waits for them any more.
    """
    actor: Actor | None = None
    while True:
        begun_s = time.monotonic()
        job = connection.recv()
        waited_s = time.monotonic() - begun_s
        try:
            if actor is None:
                actor = Actor(work, let_go)
                settle_heap()
            said: Brought | CosimError = actor.run(job, waited_s)
        except Exception as error:  # noqa: BLE001 - the learner raises it
            said = portable(error)
        sys.stdout.flush()
        connection.send(said)
