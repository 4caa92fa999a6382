"""A training whose episodes come from processes of their own, while this one learns.

Jobs are given and taken in one order that does not depend on who is quicker: round k + N is given, with the weights of
that moment, as the learner begins with round k. So the same seed and number of actors N give the same bits, whatever
processes do, or die of. Actors that are quicker wait; so does a learner.
"""

from __future__ import annotations

import pickle
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait

from cosim.errors import CosimError, SimulationError
from cosim.processes import Child, DeadProcessError, could_not_start
from cosim.training.actor import Brought, Job, Work, run_rounds
from cosim.training.rounds import Round
from cosim.training.session import Session
from cosim.training.spent import Spent

#: Called with a line that somebody should read.
OnNotice = Callable[[str], None]

#: Time that the learner waits at once, before it looks whether somebody wants it to end [s].
PATIENCE_S = 0.2
#: Actors that may die one after another before any of them has brought something.
DEATHS = 3


def train_with_actors(session: Session, work: Work, count: int, on_notice: OnNotice) -> int:
    """Run the rounds that are left of a training.

    Args:
        session: The training.
        work: What all rounds have in common.
        count: Number of actors.
        on_notice: Called when an actor has died.

    Returns:
        Number of actors that have died and were replaced.

    Raises:
        CosimError: If the run cannot go on; what an actor raises, too.
        KeyboardInterrupt: If somebody wants it to end; then all is kept.
    """
    if not session.left:
        return 0
    with _crew(work, count, on_notice) as crew:
        Pipeline(session, crew, count).run()
        return crew.replaced


class Pipeline:
    """Which jobs are given, and what becomes of what they bring.

    Args:
        session: The training.
        crew: Who runs the jobs.
        ahead: Rounds of training that are given beyond the one that is learned from.
    """

    def __init__(self, session: Session, crew: Crew, ahead: int) -> None:
        self._session, self._crew, self._ahead = session, crew, ahead
        self._transported_s = 0.0
        self._validating: list[Job] = []

    def run(self) -> None:
        """Give and take until nothing is left."""
        session, crew = self._session, self._crew
        for of_round, weights in session.under_way_before(self._ahead):
            crew.give(Job(of_round, weights))
        session.under_way = lambda: (self._ahead, [*self._validating, *crew.jobs])
        session.trainer.learner.on_update = self._on_update
        session.finish_round()
        if not any(job.of_round.validates and job.of_round.number == session.done for job in crew.jobs):
            self._give_validation()
        self._give_training(session.done)
        while crew.jobs:
            job, brought = self._take()
            if job.of_round.validates:
                self._validate(job, brought)
            else:
                self._give_training(session.done + 1)
                session.learn(job.of_round, brought.episodes)
                self._give_validation()

    def _take(self) -> tuple[Job, Brought]:
        begun_s = time.monotonic()
        job, brought = self._crew.take(self._session.stop_if_asked)
        waited_s, transport_s = time.monotonic() - begun_s, self._crew.cpu_s - self._transported_s
        self._transported_s += transport_s
        mine = Spent(learner_waited_s=waited_s, transport_s=transport_s)
        self._session.add_spent(brought.spent.plus(mine))
        return job, brought

    def _validate(self, job: Job, brought: Brought) -> None:
        self._validating.append(job)
        if len(self._validating) == self._session.plan.variants:
            # Not under way any more: what it found is noted as a whole.
            self._validating = []
        self._session.validate(job.of_round, brought.episodes, job.weights)

    def _give_training(self, begun: int) -> None:
        """Give rounds of training until there are enough beyond those that were begun to be learned from."""
        plan = self._session.plan
        given = {job.of_round.number for job in self._crew.jobs if not job.of_round.validates}
        for number in range(begun, min(begun + self._ahead, plan.rounds)):
            if number not in given:
                self._give(plan.training(number))

    def _give_validation(self) -> None:
        """Give the validation of the weights of now, if one is due."""
        if not self._session.validated:
            for of_round in self._session.plan.validation(self._session.done):
                self._give(of_round)

    def _give(self, of_round: Round) -> None:
        self._crew.give(Job(of_round, self._session.trainer.weights()))

    def _on_update(self) -> None:
        self._crew.look()
        self._session.stop_if_asked()


@dataclass
class _Task:
    """A job, and what became of it.

    Attributes:
        job: The job.
        taken: Whether an actor runs it, or has run it.
        result: What it brought, or the error that it ended with; None before.
    """

    job: Job
    taken: bool = False
    result: Brought | CosimError | None = None


@dataclass
class _Member:
    """An actor, and what it runs."""

    child: Child
    task: _Task | None = None


class Crew:
    """Actors that run jobs in the order in which these are given.

    Args:
        work: What all rounds have in common, pickled.
        count: Number of actors.
        on_notice: Called when an actor has died.
    """

    def __init__(self, work: bytes, count: int, on_notice: OnNotice) -> None:
        self._work, self._on_notice = work, on_notice
        self._tasks: deque[_Task] = deque()
        self._deaths = 0
        self.cpu_s = 0.0
        """CPU time of hearing them and of talking to them [s]."""
        self.replaced = 0
        """Actors that have died and were replaced."""
        self._members: list[_Member] = []
        for _ in range(count):
            self._members.append(_Member(self._start()))

    @property
    def jobs(self) -> list[Job]:
        """Jobs that were given and not yet taken, in order."""
        return [task.job for task in self._tasks]

    def give(self, job: Job) -> None:
        """Have a job run as soon as an actor is free."""
        self._tasks.append(_Task(job))
        self._hand_out()

    def take(self, check: Callable[[], None]) -> tuple[Job, Brought]:
        """The oldest job that was given, and what it brought; waits for it.

        Args:
            check: Called while it waits.

        Raises:
            CosimError: What the job ended with, or that actors die one after another.
        """
        while (result := self._tasks[0].result) is None:
            check()
            self.look(PATIENCE_S)
        if isinstance(result, CosimError):
            raise result
        return self._tasks.popleft().job, result

    def look(self, patience_s: float = 0.0) -> None:
        """Hear what actors have to say, and let those that are free go on.

        Args:
            patience_s: Time to wait for the first of them [s].

        Raises:
            SimulationError: If actors die one after another.
        """
        speaking = wait([member.child.connection for member in self._members], patience_s)
        begun_s = time.process_time()
        for number, member in enumerate(self._members):
            if member.child.connection in speaking:
                try:
                    said = member.child.take()
                except DeadProcessError as error:
                    self._replace(number, error)
                    continue
                if member.task is not None and said is not None:
                    member.task.result, member.task, self._deaths = said, None, 0
        self._hand_out()
        self.cpu_s += time.process_time() - begun_s

    def end(self) -> None:
        """End all of them."""
        for member in self._members:
            member.child.let_go()
        for member in self._members:
            member.child.end()

    def _hand_out(self) -> None:
        waiting = iter([task for task in self._tasks if not task.taken])
        for member in self._members:
            if member.child.ready and member.task is None:
                member.task = next(waiting, None)
                if member.task is not None:
                    member.task.taken = True
                    member.child.send(member.task.job)

    def _replace(self, number: int, error: DeadProcessError) -> None:
        """Start another actor in the place of one that has died; its job is run anew."""
        member = self._members[number]
        if not member.child.ready and not error.signalled:
            raise could_not_start("actor") from error
        self._deaths += 1
        if self._deaths == DEATHS:
            raise SimulationError(
                f"{DEATHS} actor processes have died one after another, the last one {error}; out of memory perhaps: "
                "fewer actors need less memory"
            ) from error
        if member.task is not None:
            member.task.taken = False
        member.child.let_go()
        member.child.end()
        self._members[number] = _Member(self._start())
        self.replaced += 1
        self._on_notice(f"actor {number + 1} {error}; another one takes its place")

    def _start(self) -> Child:
        return Child(run_rounds, self._work)


@contextmanager
def _crew(work: Work, count: int, on_notice: OnNotice) -> Iterator[Crew]:
    """Actors that end with this block."""
    crew = Crew(pickle.dumps(work), count, on_notice)
    try:
        yield crew
    finally:
        crew.end()
