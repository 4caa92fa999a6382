"""What our federate must know of the federation that it joins, and the process in which it does."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from cosim.couplings.output import divert_output


@dataclass(frozen=True)
class Federation:
    """What the federate must know.

    Attributes:
        federate: Name of the federate that solves.
        core: Core type.
        broker: Address of the broker, HOST:PORT; empty to run one here.
        near: Whether the broker is on this machine.
        period_s: HELICS time from case to case [s].
        feeder: The feeder, as JSON.
    """

    federate: str
    core: str
    broker: str
    near: bool
    period_s: float
    feeder: str


def solve_by_helics(connection: Connection, given: tuple[Path, Federation], let_go: threading.Event) -> None:
    """Join a federation, tell so, and give the answer to each case; None ends it."""
    output, federation = given
    divert_output(output)
    # The library is loaded here, and nowhere else: it keeps threads, prints, and has its own idea of how to exit.
    from cosim.couplings.helics_federate import serve

    serve(connection, federation)
