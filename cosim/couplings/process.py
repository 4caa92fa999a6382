"""A simulator's process: started, watched, ended; it finds us, or what is to connect us, on this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from cosim.couplings.output import last_line
from cosim.errors import CouplingError

#: Stands in a command where the address is to be.
ADDRESS = "%(addr)s"
#: Time between two looks at a process that starts [s].
LOOK_S = 0.1
#: Time that a process is given to end by itself [s].
GRACE_S = 2.0
#: Waits until nobody holds the other end of its input, however that came about, and ends a group of processes then.
GUARD = "read -r nothing; kill -KILL -$0"


class SimulatorProcess:
    """A command, told an address.

    Args:
        command: The command and its arguments; `%(addr)s` becomes the address.
        folder: Where it runs.
        address: HOST:PORT.

    Raises:
        CouplingError: If it cannot be started.
    """

    def __init__(self, command: Sequence[str], folder: Path, address: str) -> None:
        self.name = f"simulator {command[0]!r}"
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        words = [word.replace(ADDRESS, address) for word in command]
        try:
            self._process = subprocess.Popen(
                words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._errors,
                start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            self._errors.close()
            problem = getattr(error, "strerror", None) or error
            raise CouplingError(f"{self.name} cannot be started in {folder}: {problem}") from error
        # Also when we are killed, or a worker of ours is: then nobody is left to end it.
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def last_words(self) -> str:
        """How it ended, if it has, and the last line that it wrote to its standard error, for messages."""
        code = self._process.poll()
        if code is None:
            # A process whose connection is closed is about to end.
            try:
                code = self._process.wait(1.0)
            except subprocess.TimeoutExpired:
                code = None
        words = []
        if code is not None:
            words.append(f"killed by {_signal_name(-code)}" if code < 0 else f"exit code {code}")
        said = last_line(self._errors)
        if said:
            words.append(f"it last said: {said}")
        return f" ({'; '.join(words)})" if words else ""

    def end(self, grace_s: float = 0.0) -> None:
        """End it, with all that it has started.

        Args:
            grace_s: Time in which it may end by itself [s].
        """
        if self._errors.closed:
            return
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait()
        # Whoever it has started and left behind.
        self._signal(signal.SIGKILL)
        self._errors.close()
        # Before its input is closed: it must not end a group that has this one's number later.
        self._guard.kill()
        self._guard.communicate()

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return


class ConnectingProcess(SimulatorProcess):
    """A command that connects to us by TCP.

    Args:
        command: The command and its arguments; `%(addr)s` becomes the address, HOST:PORT.
        folder: Where it runs.
        timeout_s: Time until it must have connected [s].

    Raises:
        CouplingError: If it cannot be started, ends, or does not connect in time.
    """

    def __init__(self, command: Sequence[str], folder: Path, timeout_s: float) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            host, port = server.getsockname()
            super().__init__(command, folder, f"{host}:{port}")
            try:
                self.connection = self._accept(server, timeout_s)
            except BaseException:
                self.end()
                raise

    def _accept(self, server: socket.socket, timeout_s: float) -> socket.socket:
        until = time.monotonic() + timeout_s
        server.settimeout(LOOK_S)
        while time.monotonic() < until:
            try:
                return server.accept()[0]
            except TimeoutError:
                if self.ended:
                    raise CouplingError(f"{self.name} ended before it connected{self.last_words()}") from None
        raise CouplingError(f"{self.name} did not connect within {timeout_s:g} s{self.last_words()}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
