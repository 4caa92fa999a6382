"""Designs of a study run one after another, or shared among processes; the results are the same."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

from cosim.errors import CosimError, QueueError, SimulationError
from cosim.processes import Child, DeadProcessError, could_not_start, portable, stop_if_let_go
from cosim.queueing.plan import make_plan
from cosim.queueing.study import Request, Study, run_study
from cosim.scenario.study_loader import load_study


def _study_one(path: str | Path, overrides: Sequence[str], request: Request) -> Study | str:
    """Run one design; the reason if it has no steady state."""
    plan = make_plan(load_study(path, overrides))
    try:
        return run_study(plan, request)
    except QueueError as error:
        return str(error)


def run_all(
    path: str | Path, texts: Sequence[Sequence[str]], request: Request, workers: int
) -> Iterator[tuple[int, Study | str]]:
    """Run all designs of a study.

    Args:
        path: The study's file.
        texts: Overrides of each design.
        request: How each is run.
        workers: Processes; 1 for this one.

    Yields:
        Number of a design and its study, or why it has no steady state, as they are done.

    Raises:
        CosimError: If a design cannot be run, or a process has died.
    """
    if workers < 2:
        for number, overrides in enumerate(texts):
            yield number, _study_one(path, overrides, request)
        return
    given = pickle.dumps((str(path), request))
    children = [Child(_work, given) for _ in range(workers)]
    waiting = list(enumerate(texts))[::-1]
    try:
        left = len(texts)
        while left:
            for connection in wait([child.connection for child in children]):
                child = next(one for one in children if one.connection is connection)
                try:
                    started, said = child.ready, child.take()
                except DeadProcessError as error:
                    if not child.ready:
                        raise could_not_start("worker") from error
                    raise SimulationError(f"a worker {error}") from error
                if started:
                    number, found = said
                    if isinstance(found, CosimError):
                        raise found
                    left -= 1
                    yield number, found
                if waiting:
                    child.send(waiting.pop())
    finally:
        for child in children:
            child.let_go()
        for child in children:
            child.end()


def _work(connection: Connection, given: tuple[str, Request], let_go: threading.Event) -> None:
    """What a worker does: designs, one after another."""
    path, request = given
    while True:
        number, overrides = connection.recv()
        stop_if_let_go(let_go)
        try:
            found: Study | str | CosimError = _study_one(path, overrides, request)
        except Exception as error:  # noqa: BLE001 - it is raised again in the parent
            found = portable(error)
        connection.send((number, found))
