"""Processes of our own that work for this one: each has a pipe to talk through, and never outlives its parent."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from cosim.errors import CosimError, ScenarioError, SimulationError

#: What such a process does: talk through its pipe about what it was given at its start, until it is let go.
Run = Callable[[Connection, Any, threading.Event], None]

#: Time for a process to end by itself [s].
GRACE_S = 5.0


class DeadProcessError(Exception):
    """A process has died; says how.

    Args:
        how: How it came to its end.
        signalled: Whether a signal killed it.
    """

    def __init__(self, how: str, signalled: bool) -> None:
        super().__init__(how)
        self.signalled = signalled


class Child:
    """A process that works for this one, seen from here.

    Args:
        run: What it does; a function of a module.
        given: What it gets at its start, pickled.
    """

    def __init__(self, run: Run, given: bytes) -> None:
        context = multiprocessing.get_context("spawn")
        self._given = given
        self.ready = False
        """Whether it has started."""
        self.connection, end = context.Pipe()
        leash_end, self._leash = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(run, end, leash_end))
        with _no_interrupts():
            self._process.start()
        # Nobody but the child holds them open now: they close when it dies.
        end.close()
        leash_end.close()

    def send(self, value: Any) -> None:
        """Tell it something."""
        with suppress(OSError):  # it has died, and tells so when it is heard next
            self.connection.send(value)

    def take(self) -> Any:
        """What it has to say; None when it has started.

        Raises:
            DeadProcessError: If it has died.
        """
        try:
            said = self.connection.recv()
        except (EOFError, OSError) as error:
            raise self._death() from error
        if not self.ready:
            self.ready = True
            with suppress(OSError):  # as above
                self.connection.send_bytes(self._given)
            return None
        return said

    def let_go(self) -> None:
        """Tell it to end."""
        self.connection.close()
        self._leash.close()
        if not self.ready:
            self._process.kill()

    def kill(self) -> None:
        """End it whatever it does."""
        self._process.kill()

    def end(self) -> None:
        """Wait until it has ended, but not for long."""
        self._process.join(GRACE_S)
        self._process.kill()
        self._process.join()
        self._process.close()

    def _death(self) -> DeadProcessError:
        self._process.join()
        code = self._process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return DeadProcessError(how, code < 0)


def could_not_start(what: str) -> SimulationError:
    """The error of processes that die before they have started.

    Args:
        what: What they are, e.g. `worker`.
    """
    return SimulationError(
        f"the {what} processes could not start; a script that runs with {what}s must do so below "
        "`if __name__ == '__main__':`"
    )


def refuse_unguarded_script() -> None:
    """End a process that is about to run its parent's script once more, and so to start processes of its own.

    A script whose code is not below `if __name__ == "__main__":` would do that; its parent says so.
    """
    # This is what multiprocessing itself asks before it starts a process.
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)


def stop_if_let_go(let_go: threading.Event) -> None:
    """End what a process does when its parent has let go of it, or has ended.

    Raises:
        SimulationError: If so; nobody hears it.
    """
    if let_go.is_set():
        raise SimulationError("the process that this one works for has ended")


def portable(error: Exception) -> CosimError:
    """An exception as one of ours, which any process can read, with the traceback as a note."""
    if isinstance(error, ScenarioError):
        ours: CosimError = ScenarioError(error.issues)
    else:
        base = next((cls for cls in type(error).__mro__ if cls.__module__ == CosimError.__module__), None)
        ours = SimulationError(f"{type(error).__name__}: {error}") if base is None else base(str(error))
    ours.add_note("".join(traceback.format_exception(error)))
    return ours


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Let a process that is started here never see Ctrl-C: its parent, which hears of it after this block, ends it."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    # It would lift the block when it is started with the first process.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(run: Run, connection: Connection, leash: Connection) -> None:
    """What a child does until its parent lets go of it, or has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    let_go = threading.Event()
    threading.Thread(target=_watch, args=(leash, let_go), daemon=True).start()
    # Standard output belongs to the parent, which may print one JSON object and nothing else.
    os.dup2(2, 1)
    with suppress(EOFError, OSError):
        connection.send(None)
        run(connection, pickle.loads(connection.recv_bytes()), let_go)


def _watch(leash: Connection, let_go: threading.Event) -> None:
    """End this process when its parent has closed the leash, be it by dying: after the slot, or after some time."""
    wait([leash])
    let_go.set()
    time.sleep(GRACE_S)
    os._exit(1)
