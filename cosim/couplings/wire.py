"""mosaik's protocol over a socket: requests and answers as JSON, each behind its length, within a time limit.

Source:
    mosaik 3 documentation, "The mosaik API", low-level API.
"""

from __future__ import annotations

import json
import socket
import time
from typing import Any, Final

from cosim.errors import CouplingError

REQUEST, SUCCESS, FAILURE = 0, 1, 2
LENGTH_BYTES: Final = 4
#: A message that says it is longer is no message [bytes].
LONGEST: Final = 2**28
#: Of what the other side said, as much is shown [characters].
SHOWN: Final = 200


class Wire:
    """Asks a simulator at the other end of a socket.

    Args:
        connection: The socket.
        name: What the simulator is called in messages.
        timeout_s: Time that an answer may take [s].
    """

    def __init__(self, connection: socket.socket, name: str, timeout_s: float) -> None:
        self._socket = connection
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._name = name
        self._timeout_s = timeout_s
        self._number = 0

    def ask(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function of the simulator.

        Args:
            function: Its name in the mosaik API.
            args: What it is given; plain values.
            kwargs: Likewise.

        Returns:
            What it gives back.

        Raises:
            CouplingError: If no answer comes in time, the connection is closed, or the answer is none.
        """
        self._number += 1
        self._until = time.monotonic() + self._timeout_s
        self._send([REQUEST, self._number, [function, list(args), kwargs]], function)
        while True:
            if time.monotonic() > self._until:
                raise self._late(function)
            kind, number, content = self._receive(function)
            if kind == REQUEST:
                # Some simulators ask for progress or data of others; there are none here.
                self._send([FAILURE, number, ["NotImplementedError", "requests to mosaik are not answered"]], function)
            elif number != self._number:
                raise CouplingError(f"{self._name} answered message {number} when asked message {self._number}")
            elif kind == SUCCESS:
                return content
            else:
                raise CouplingError(f"{self._name} failed in {function}: {_said(content)}")

    def say(self, function: str) -> None:
        """Call a function whose answer does not matter."""
        self._number += 1
        self._until = time.monotonic() + 1.0
        self._send([REQUEST, self._number, [function, [], {}]], function)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _send(self, message: list[Any], function: str) -> None:
        data = json.dumps(message).encode()
        self._socket.settimeout(self._left_s())
        try:
            self._socket.sendall(len(data).to_bytes(LENGTH_BYTES, "big") + data)
        except TimeoutError as error:
            raise self._late(function) from error
        except OSError as error:
            raise CouplingError(f"{self._name} has closed the connection ({error.strerror or error})") from error

    def _receive(self, function: str) -> tuple[int, int, Any]:
        length = int.from_bytes(self._read(LENGTH_BYTES, function), "big")
        if length > LONGEST:
            raise CouplingError(f"{self._name} does not speak mosaik's protocol: a message of {length:,} bytes")
        data = self._read(length, function)
        try:
            kind, number, content = json.loads(data)
        except (ValueError, TypeError, RecursionError) as error:
            text = data[:SHOWN].decode(errors="replace")
            raise CouplingError(f"{self._name} does not speak mosaik's protocol: it said {text!r}") from error
        if kind not in (REQUEST, SUCCESS, FAILURE):
            raise CouplingError(f"{self._name} does not speak mosaik's protocol: a message of kind {kind!r}")
        return kind, number, content

    def _read(self, count: int, function: str) -> bytes:
        parts = []
        while count:
            self._socket.settimeout(self._left_s())
            try:
                part = self._socket.recv(count)
            except TimeoutError as error:
                raise self._late(function) from error
            except OSError as error:
                raise CouplingError(f"{self._name} has closed the connection ({error.strerror or error})") from error
            if not part:
                raise CouplingError(f"{self._name} has closed the connection when asked for {function}")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _left_s(self) -> float:
        return max(self._until - time.monotonic(), 1e-3)

    def _late(self, function: str) -> CouplingError:
        return CouplingError(f"{self._name} gave no answer to {function} within {self._timeout_s:g} s")


def _said(content: Any) -> str:
    """What a failure says in one line: its type and message, if it has them."""
    if isinstance(content, list):
        content = ": ".join(str(part) for part in content[:2])
    text = " ".join(str(content).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
