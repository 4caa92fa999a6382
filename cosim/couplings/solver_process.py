"""A process of ours for somebody else's native code: a hang or a crash ends there, and so does what it prints."""

from __future__ import annotations

import os
import pickle
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from cosim.couplings.output import last_line, shorten_output
from cosim.couplings.process import LOOK_S
from cosim.errors import CouplingError
from cosim.interface import Floats
from cosim.processes import Child, DeadProcessError, Run, could_not_start, refuse_unguarded_script

#: What such a process tells: what it does now, what was asked for, or what went wrong.
DOING, GIVES, FAILED = "doing", "gives", "failed"


class SolverProcess:
    """Runs native code, and answers in time or not at all.

    Args:
        run: What it does, as `cosim.processes.Child` wants it; it is given a tuple of `output` and `job`.
        job: What it needs for that.
        what: What it holds, for messages, e.g. `FMU`.
        name: What the simulator is called in messages.
        timeout_s: Time until it must be ready, and for each answer [s].
    """

    def __init__(self, run: Run, job: Any, what: str, name: str, timeout_s: float) -> None:
        refuse_unguarded_script()
        self._what = what
        self._name = name
        self._timeout_s = timeout_s
        self._doing = "did not start"
        self.watch: Callable[[], None] = _nothing
        """Called now and then while an answer is waited for; raises where none will come."""
        number, path = tempfile.mkstemp(prefix="ev-cosim-")
        self._output: IO[bytes] = os.fdopen(number, "rb")
        self.last_line = ""
        """What it last wrote, when it has ended."""
        self._path = Path(path)
        self._child: Child | None = Child(run, pickle.dumps((self._path, job)))

    def ask(self, request: Any, doing: str) -> None:
        """Ask for something; the answers are heard one by one.

        Args:
            request: What it is asked.
            doing: What it does not do if no answer comes in time.
        """
        self._doing = doing
        if self._child is not None:
            self._child.send(request)

    def hear(self) -> Any:
        """What it gives next.

        Raises:
            CouplingError: If it says that something went wrong, dies, or takes too long; it has been ended then.
            SimulationError: If it cannot start because a script is not guarded.
        """
        try:
            kind, value = self._heard()
        except BaseException:
            self.end(at_once=True)
            raise
        if kind == FAILED:
            self.end()
            raise CouplingError(f"{self._name} {value}")
        return value

    def end(self, *, at_once: bool = False) -> None:
        """End it.

        Args:
            at_once: Whether it is not given time to do so itself.
        """
        if self._child is None:
            return
        child, self._child = self._child, None
        if at_once:
            child.kill()
        else:
            child.send(None)
        child.let_go()
        child.end()
        self.last_line = last_line(self._output)
        self._output.close()
        self._path.unlink(missing_ok=True)

    def _heard(self) -> tuple[str, Any]:
        if self._child is None:
            raise CouplingError(f"{self._name} has been ended")
        until = time.monotonic() + self._timeout_s
        while True:
            left_s = until - time.monotonic()
            if left_s <= 0.0:
                raise CouplingError(f"{self._name} {self._doing} within {self._timeout_s:g} s")
            if not self._child.connection.poll(min(left_s, LOOK_S)):
                self.watch()
                continue
            if not self._child.ready:
                self._start()
                until = time.monotonic() + self._timeout_s
                continue
            try:
                kind, value = self._child.take()
            except DeadProcessError as error:
                raise CouplingError(f"{self._name} {self._doing}: its process {error}") from error
            if kind != DOING:
                return kind, value
            self._doing = value

    def _start(self) -> None:
        if self._child is None:
            return
        try:
            self._child.take()
        except DeadProcessError as error:
            raise could_not_start(self._what) from error


def _nothing() -> None:
    pass


def said_in_one_line(error: Exception) -> str:
    """An exception of a foreign library in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def say(connection: Connection, kind: str, value: Any) -> None:
    """Tell whoever waits, from within such a process."""
    connection.send((kind, value))


def answer_cases(connection: Connection, solve: Callable[[Floats, Floats], dict[str, Any] | None]) -> None:
    """Answer what is asked for, case by case, until None is; the cases after one without a solution are left out."""
    while (cases := connection.recv()) is not None:
        shorten_output()
        for p_mw, q_mvar in zip(*cases, strict=True):
            values = solve(p_mw, q_mvar)
            say(connection, GIVES, values)
            if values is None:
                break
