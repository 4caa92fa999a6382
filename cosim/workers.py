"""Runs episodes, in this process or shared among several; the results are the same bits.

With several processes each takes one batch of episodes at a time and runs a World of its own. The parent hands the
records on in the order of episodes, so whoever receives them need not know. A worker never outlives its parent.
"""

from __future__ import annotations

import gc
import pickle
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from cosim.effort import Effort
from cosim.errors import CosimError, SimulationError
from cosim.interface import Controller
from cosim.processes import Child, DeadProcessError, could_not_start, portable, stop_if_let_go
from cosim.records.table import Records, Table
from cosim.schedule import Schedule
from cosim.system import System
from cosim.world import make_simulators, run_world

#: Called while a run goes on with the number of slots that were done.
OnSlots = Callable[[int], None]
#: Called with the episodes of a batch that has ended, their records, and the ledger's largest error so far [kWh].
OnBatch = Callable[[tuple[int, ...], Records, float], None]
#: Makes who decides; must be something that can be sent to another process.
MakeController = Callable[[], Controller]

#: Batches that a worker is given at a time: while one is handed on, the next is run.
GIVEN = 2
#: Batches per worker that may be ahead of what has been handed on: they are held in memory.
AHEAD = 4
#: New objects between two rounds of the garbage collector while episodes run.
OBJECTS_PER_COLLECTION = 100_000
#: Objects that were frozen before this was imported: Python 3.12 begins with some hundred.
FROZEN_BEFORE = gc.get_freeze_count()


@dataclass(frozen=True)
class Work:
    """What all episodes of a run have in common.

    Attributes:
        system: The scenario, built.
        make_controller: Makes who decides.
        complete: Whether trips and roads are recorded too.
    """

    system: System
    make_controller: MakeController
    complete: bool


def run_here(work: Work, controller: Controller, schedule: Schedule, on_slots: OnSlots, on_batch: OnBatch) -> Effort:
    """Run episodes in this process.

    Args:
        work: What they have in common.
        controller: Who decides.
        schedule: Which episodes run when.
        on_slots: Called after each slot of a batch.
        on_batch: Called after each batch.

    Returns:
        What it took.

    Raises:
        CosimError: If the run cannot go on.
    """
    simulators = make_simulators(
        work.system,
        controller,
        schedule,
        complete=work.complete,
        on_slot=on_slots,
        on_batch=lambda numbers, records: on_batch(numbers, records, simulators.ledger.max_error_kwh),
    )
    begun_s = time.process_time()
    try:
        run_world(simulators, schedule, work.system.clock.slot_s)
    finally:
        simulators.grid.close()
    cpu_s = time.process_time() - begun_s
    by_component = {name.lower(): simulator.cpu_s for name, simulator in simulators.by_name().items()}
    by_component["mosaik"] = max(cpu_s - sum(by_component.values()), 0.0)
    return Effort(len(schedule.episodes) * schedule.slots, cpu_s, by_component, simulators.ledger.max_error_kwh)


def run_shared(work: Work, schedule: Schedule, workers: int, on_slots: OnSlots, on_batch: OnBatch) -> Effort:
    """Run episodes in several processes.

    Args:
        work: What they have in common.
        schedule: Which episodes make a batch.
        workers: Number of processes.
        on_slots: Called after each batch.
        on_batch: Called after each batch, in the order of episodes, in this process.

    Returns:
        What it took, all processes together.

    Raises:
        CosimError: If the run cannot go on: what a worker raises, or that one has died.
    """
    effort, given, handed_on = Effort(), 0, 0
    waiting: dict[int, _Done | CosimError] = {}
    with _crew(work, min(workers, schedule.batches)) as crew:
        while handed_on < schedule.batches:
            for worker in _with_time(crew):
                if given < min(schedule.batches, handed_on + AHEAD * workers):
                    worker.give(given, schedule.batch(given))
                    given += 1
            for worker in _with_news(crew):
                waiting |= worker.take()
            while handed_on in waiting:
                done = waiting.pop(handed_on)
                if isinstance(done, CosimError):
                    # In its turn: what one process would have finished before is finished.
                    raise done
                effort = effort.plus(done.effort)
                on_batch(schedule.batch(handed_on), done.records, effort.ledger_max_error_kwh)
                on_slots(done.effort.slots)
                handed_on += 1
    return effort


def settle_heap(freeze: bool = True) -> None:
    """Spare the garbage collector what is there to stay, and most of its rounds: little in a run is a cycle.

    Args:
        freeze: Whether what is there is to stay.
    """
    gc.collect()
    if freeze:
        gc.freeze()
    gc.set_threshold(OBJECTS_PER_COLLECTION, *gc.get_threshold()[1:])


@dataclass(frozen=True)
class _Done:
    """A batch that a worker has run."""

    records: Records
    effort: Effort


class _Worker:
    """A process that runs batches, seen from its parent.

    Args:
        work: What all batches have in common, pickled.
    """

    def __init__(self, work: bytes) -> None:
        self._given: deque[int] = deque()
        self._child = Child(_run_batches, work)
        self.connection = self._child.connection

    @property
    def load(self) -> int:
        """Number of batches that it has to run."""
        return len(self._given)

    @property
    def ready(self) -> bool:
        """Whether it has started."""
        return self._child.ready

    def give(self, number: int, episodes: tuple[int, ...]) -> None:
        """Let it run a batch."""
        self._given.append(number)
        self._child.send(episodes)

    def take(self) -> dict[int, _Done | CosimError]:
        """What it has to say: nothing but that it is ready, or by its number what became of a batch.

        Raises:
            SimulationError: If it has died.
        """
        try:
            said = self._child.take()
        except DeadProcessError as error:
            if not self.ready:
                raise could_not_start("worker") from error
            advice = "out of memory perhaps; fewer workers need less memory"
            raise SimulationError(f"a worker process {error}, {advice}") from error
        return {} if said is None else {self._given.popleft(): said}

    def let_go(self) -> None:
        """Tell it to end."""
        self._child.let_go()

    def end(self) -> None:
        """Wait until it has ended, but not for long."""
        self._child.end()


@contextmanager
def _crew(work: Work, workers: int) -> Iterator[list[_Worker]]:
    """Workers that end with this block."""
    # Pickled once, and now: what happens to the scenario's files from here on does not matter.
    pickled = pickle.dumps(work)
    crew: list[_Worker] = []
    try:
        for _ in range(workers):
            crew.append(_Worker(pickled))  # noqa: PERF401 - those that have started must be ended
        yield crew
    finally:
        for worker in crew:
            worker.let_go()
        for worker in crew:
            worker.end()


def _with_time(crew: Sequence[_Worker]) -> list[_Worker]:
    """Workers to give a batch to, once for each that they can take; those that have none first."""
    return [worker for load in range(GIVEN) for worker in crew if worker.ready and worker.load <= load]


def _with_news(crew: Sequence[_Worker]) -> list[_Worker]:
    """Workers that have something to say; waits until there is one."""
    speaking = wait([worker.connection for worker in crew])
    return [worker for worker in crew if worker.connection in speaking]


def _run_batches(connection: Connection, work: Work, let_go: threading.Event) -> None:
    """Run batches until the connection closes."""

    def on_slots(slots: int) -> None:
        stop_if_let_go(let_go)

    controller: Controller | None = None
    while True:
        episodes = connection.recv()
        try:
            if controller is None:
                controller = work.make_controller()
                settle_heap()
            said: _Done | CosimError = _run_batch(work, controller, episodes, on_slots)
        except Exception as error:  # noqa: BLE001 - the parent raises it
            said = portable(error)
        sys.stdout.flush()
        connection.send(said)


def _run_batch(work: Work, controller: Controller, episodes: tuple[int, ...], on_slots: OnSlots) -> _Done:
    kept: list[Records] = []
    schedule = Schedule(episodes, len(episodes), work.system.clock.slots)
    effort = run_here(work, controller, schedule, on_slots, lambda numbers, records, error_kwh: kept.append(records))
    return _Done(_complete(kept[0]), effort)


def _complete(records: Records) -> Records:
    """Records with all their columns put together: only arrays travel between processes."""
    return Records([Table(table.kind, dict(table.columns), table.shape) for table in records.values()])
