"""The federate `ev-cosim`, and its broker if it needs one, in a process of their own: HELICS may wait for ever.

What it publishes and reads stands in docs/guides/coupling.md.
"""

from __future__ import annotations

import secrets
import socket
import time
from multiprocessing.connection import Connection
from typing import Any, Final

import helics
import numpy as np

from cosim.couplings.federation import Federation
from cosim.couplings.solver_process import DOING, FAILED, GIVES, answer_cases, say
from cosim.couplings.unit import unit_factor
from cosim.errors import CouplingError
from cosim.interface import Floats

#: Name of our federate.
OURS: Final = "ev-cosim"
#: What we publish, with units by which HELICS refuses who reads them as something else.
PUBLISHED: Final = {"p_mw": "MW", "q_mvar": "Mvar"}
#: What we read.
READ: Final = ("vm_pu", "slack_p_mw", "slack_q_mvar")
#: Nobody but this machine can reach what listens here.
LOCAL: Final = "--local_interface=127.0.0.1"
QUIET: Final = "--loglevel=no_print"
NS_PER_S: Final = 1e9
#: Ports for a broker: as many in a row, in blocks from the lowest on, and how many blocks are tried.
PORTS: Final = 16
LOWEST_PORT: Final = 20_000
BLOCKS: Final = 768
TRIES: Final = 5
#: Time that a broker is given to end by itself [ms].
GRACE_MS: Final = 2000
#: Time in which the federation learns that somebody has left, and between two questions [s].
LEAVING_S: Final = 1.0
LOOK_S: Final = 0.05


def serve(connection: Connection, federation: Federation) -> None:
    """Join a federation and solve what is asked for, until None is; what goes wrong is told."""
    broker = None
    try:
        broker, address, fed = _joined(federation, connection)
        say(connection, GIVES, address)
        with _Federate(federation, fed, connection) as federate:
            answer_cases(connection, federate.solve)
    except helics.HelicsException as error:
        say(connection, FAILED, f"failed: {' '.join(str(error).split())}")
    except CouplingError as error:
        say(connection, FAILED, str(error))
    finally:
        if broker is not None:
            helics.helicsBrokerWaitForDisconnect(broker, GRACE_MS)
            helics.helicsBrokerDestroy(broker)


class _Federate:
    """Publishes what each bus draws, and reads what the other federate makes of it.

    Args:
        federation: What it must know.
        fed: The federate, created.
        connection: Who is told what is waited for.
    """

    def __init__(self, federation: Federation, fed: Any, connection: Connection) -> None:
        self._federation = federation
        self._period_ns = _period_ns(federation)
        self._case = 0
        self._fed = fed
        self._published = [
            helics.helicsFederateRegisterGlobalPublication(
                self._fed, f"{OURS}/{name}", helics.HELICS_DATA_TYPE_VECTOR, unit
            )
            for name, unit in PUBLISHED.items()
        ]
        feeder = helics.helicsFederateRegisterGlobalPublication(
            self._fed, f"{OURS}/feeder", helics.HELICS_DATA_TYPE_STRING, ""
        )
        # Units are looked at here: HELICS does not convert vectors, and says nothing.
        self._read = {name: self._subscription(name) for name in READ}
        self._converged = self._subscription("converged")
        waits = ", or the broker waits for somebody else, too," if federation.broker else ""
        say(connection, DOING, f"did not join the federation{waits}")
        helics.helicsFederateEnterInitializingMode(self._fed)
        self._check_names()
        helics.helicsPublicationPublishString(feeder, federation.feeder)
        helics.helicsFederateEnterExecutingMode(self._fed)
        self._factor = {name: self._factor_of(name, port) for name, port in self._read.items()}
        say(connection, GIVES, None)

    def __enter__(self) -> _Federate:
        return self

    def __exit__(self, *error: object) -> None:
        helics.helicsFederateDisconnect(self._fed)

    def solve(self, p_mw: Floats, q_mvar: Floats) -> dict[str, Any] | None:
        """Publish a case and go to the next time.

        Returns:
            What the other federate has published since; None if it says that there is no solution.
        """
        for publication, drawn in zip(self._published, (p_mw, q_mvar), strict=True):
            helics.helicsPublicationPublishVector(publication, drawn.tolist())
        self._case += 1
        wanted_s = self._case * self._period_ns / NS_PER_S
        granted_s = helics.helicsFederateRequestTime(self._fed, wanted_s)
        state = helics.helicsFederateGetState(self._fed)
        if state != helics.HELICS_STATE_EXECUTION or abs(granted_s - wanted_s) > 0.5 * self._federation.period_s:
            raise CouplingError(f"was granted time {granted_s:g} s instead of {wanted_s:g} s: the federation has ended")
        if not self._updated(self._converged, "converged", wanted_s):
            return None
        values: dict[str, Any] = {}
        for name, port in self._read.items():
            self._updated(port, name, wanted_s)
            values[name] = self._factor[name] * np.array(helics.helicsInputGetVector(port), dtype=np.float64)
        return values

    def _updated(self, port: Any, name: str, now_s: float) -> bool:
        """Whether it is true; of values only that they are new."""
        if not helics.helicsInputIsUpdated(port):
            if self._has_left():
                raise CouplingError("has left the federation")
            raise CouplingError(
                f"published no {name} until time {now_s:g} s; it must answer each case within a period, "
                f"{self._federation.period_s:g} s"
            )
        return name != "converged" or bool(helics.helicsInputGetBoolean(port))

    def _has_left(self) -> bool:
        """Whether it is gone; we may be granted the time before those whom we ask know of it."""
        until_s = time.monotonic() + LEAVING_S
        while True:
            if self._asked("exists") is not True or self._asked("state") == "disconnected":
                return True
            if time.monotonic() > until_s:
                return False
            time.sleep(LOOK_S)

    def _subscription(self, name: str) -> Any:
        return helics.helicsFederateRegisterSubscription(self._fed, f"{self._federation.federate}/{name}", "")

    def _factor_of(self, name: str, port: Any) -> float:
        try:
            return unit_factor(name, helics.helicsInputGetInjectionUnits(port))
        except ValueError as error:
            raise CouplingError(f"publishes {name} in another unit: {error}") from error

    def _check_names(self) -> None:
        if self._asked("exists") is not True:
            names = self._asked("federates", "root")
            others = [name for name in names if name != OURS] if isinstance(names, list) else []
            raise CouplingError(f"is not in the federation; in it are {', '.join(map(str, others)) or 'none'}")
        published = self._asked("publications")
        prefix = f"{self._federation.federate}/"
        missing = [name for name in (*READ, "converged") if prefix + name not in (published or ())]
        if missing:
            raise CouplingError(f"publishes no {', '.join(prefix + name for name in missing)}")

    def _asked(self, question: str, of: str | None = None) -> Any:
        query = helics.helicsCreateQuery(of or self._federation.federate, question)
        try:
            return helics.helicsQueryExecute(query, self._fed)
        finally:
            helics.helicsQueryFree(query)


def _joined(federation: Federation, connection: Connection) -> tuple[Any, str, Any]:
    """A broker if one must be run, its address, and our federate, known to it."""
    if federation.broker:
        say(connection, DOING, f"cannot be reached: the broker at {federation.broker} gave no answer")
        return None, federation.broker, _created(federation, federation.broker)
    say(connection, DOING, "cannot be started: its broker did not begin")
    problem: Exception = CouplingError("needs a broker, for which no free port was found")
    for _ in range(TRIES):
        port = _free_port()
        broker = helics.helicsCreateBroker(federation.core, "", f"--federates=2 {QUIET} --localport={port} {LOCAL}")
        if helics.helicsBrokerIsConnected(broker):
            address = f"127.0.0.1:{port}"
            # Somebody else may have taken a port between two looks: then another one is tried.
            try:
                return broker, address, _created(federation, address)
            except helics.HelicsException as error:
                problem = error
        helics.helicsBrokerDestroy(broker)
    raise problem


def _created(federation: Federation, address: str) -> Any:
    """Our federate, its core connected to the broker."""
    info = helics.helicsCreateFederateInfo()
    helics.helicsFederateInfoSetCoreTypeFromString(info, federation.core)
    local = LOCAL if federation.near else ""
    helics.helicsFederateInfoSetCoreInitString(info, f"--broker={_spelled(federation.core, address)} {QUIET} {local}")
    period_s = _period_ns(federation) / NS_PER_S
    helics.helicsFederateInfoSetTimeProperty(info, helics.HELICS_PROPERTY_TIME_PERIOD, period_s)
    for level in (helics.HELICS_PROPERTY_INT_CONSOLE_LOG_LEVEL, helics.HELICS_PROPERTY_INT_LOG_LEVEL):
        helics.helicsFederateInfoSetIntegerProperty(info, level, helics.HELICS_LOG_LEVEL_ERROR)
    helics.helicsFederateInfoSetFlagOption(info, helics.HELICS_FLAG_UNINTERRUPTIBLE, True)
    # We are granted a time after all who are granted the same one: what they publish then is the answer.
    helics.helicsFederateInfoSetFlagOption(info, helics.HELICS_FLAG_WAIT_FOR_CURRENT_TIME_UPDATE, True)
    return helics.helicsCreateValueFederate(OURS, info)


def _period_ns(federation: Federation) -> int:
    """HELICS counts in ns; a time that is not a multiple of the period would be granted one later."""
    return round(federation.period_s * NS_PER_S)


def _free_port() -> int:
    """The first of some ports in a row that are free, as cores use several; none that a system gives to clients."""
    while True:
        first = LOWEST_PORT + PORTS * secrets.randbelow(BLOCKS)
        try:
            for port in range(first, first + PORTS):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first


def _spelled(core: str, address: str) -> str:
    """An address as a core type wants it."""
    return f"tcp://{address}" if core.startswith("zmq") else address
