"""Processes that work for this one talk, die and end as they should."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from cosim.errors import ControllerError, ScenarioError, ScenarioIssue, SimulationError
from cosim.processes import Child, DeadProcessError, portable, stop_if_let_go


def echo(connection: Connection, given: Any, let_go: threading.Event) -> None:
    while True:
        said = connection.recv()
        if said == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if said == "exit":
            os._exit(7)
        connection.send((given, said, os.getpid()))


@pytest.fixture
def child() -> Any:
    child = Child(echo, pickle.dumps("given"))
    assert child.take() is None
    yield child
    child.let_go()
    child.end()


def test_a_child_answers_and_ends_when_it_is_let_go() -> None:
    child = Child(echo, pickle.dumps("given"))
    assert not child.ready
    assert child.take() is None
    assert child.ready
    child.send("hello")
    given, said, number = child.take()
    assert (given, said) == ("given", "hello")
    assert number != os.getpid()
    child.let_go()
    begun_s = time.monotonic()
    child.end()
    assert time.monotonic() - begun_s < 5.0
    assert not Path(f"/proc/{number}").exists()


@pytest.mark.parametrize(
    ("word", "how", "signalled"), [("die", "was killed by signal 9", True), ("exit", "ended with code 7", False)]
)
def test_how_a_child_died_is_told(child: Child, word: str, how: str, signalled: bool) -> None:
    child.send(word)
    with pytest.raises(DeadProcessError) as caught:
        child.take()
    assert (str(caught.value), caught.value.signalled) == (how, signalled)
    # Who does not know yet may still speak to it.
    child.send("hello")


def test_who_is_let_go_stops() -> None:
    let_go = threading.Event()
    stop_if_let_go(let_go)
    let_go.set()
    with pytest.raises(SimulationError, match="the process that this one works for has ended"):
        stop_if_let_go(let_go)


class _OddError(ControllerError):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def test_errors_of_others_become_ours() -> None:
    assert type(portable(_OddError("a", "b"))) is ControllerError
    assert str(portable(_OddError("a", "b"))) == "ab"
    assert str(portable(ZeroDivisionError("oh"))) == "ZeroDivisionError: oh"
    issues = [ScenarioIssue("a", "wrong")]
    error = portable(ScenarioError(issues))
    assert isinstance(error, ScenarioError)
    assert list(error.issues) == issues
