"""Power flow by a mosaik simulator at the other end of a socket, with one entity `Grid`.

The interface is described in docs/guides/coupling.md.
"""

from __future__ import annotations

import socket
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from cosim.couplings.answer import gathered
from cosim.couplings.grid_interface import INPUTS, MODEL, OUTPUTS, feeder_parameters
from cosim.couplings.process import GRACE_S, ConnectingProcess
from cosim.couplings.wire import Wire
from cosim.errors import CouplingError
from cosim.grid.feeder import Feeder
from cosim.grid.power_flow import PowerFlowResult
from cosim.interface import Floats
from cosim.scenario.schema import SimulatorSection

#: Versions of the mosaik API that are spoken: those that begin so.
API: Final = "3."
#: What is seen as who sends.
SENDER: Final = "ev-cosim.Microgrids"


class TcpFlow:
    """Solves case by case with a simulator elsewhere.

    Args:
        section: How it is reached: a command to start it, or its address.
        folder: Where a command runs.
        timeout_s: Time that it may take to start, and for each answer [s].
    """

    def __init__(self, section: SimulatorSection, folder: Path, timeout_s: float) -> None:
        self._section = section
        self._folder = folder
        self._timeout_s = timeout_s

    def open(self, feeder: Feeder) -> None:
        """Reach the simulator, and have it make its grid.

        Raises:
            CouplingError: If it cannot be reached, speaks another version, or has no such model.
        """
        self._process: ConnectingProcess | None = None
        if self._section.command is not None:
            self._process = ConnectingProcess(self._section.command, self._folder, self._timeout_s)
            self._name, connection = self._process.name, self._process.connection
        else:
            self._name = f"simulator at {self._section.connect}"
            connection = self._connected()
        self._wire = Wire(connection, self._name, self._timeout_s)
        # Also when nobody says that the run is over.
        self.close = weakref.finalize(self, _hang_up, self._wire, self._process)
        self._time = 0
        self._feeder = feeder
        try:
            meta = self._ask("init", "Grid-0", time_resolution=1.0)
            self._check(meta)
            (entity,) = self._ask("create", 1, MODEL, **feeder_parameters(feeder))
            self._eid = entity["eid"]
            if not isinstance(self._eid, str):
                raise TypeError(f"its eid is {self._eid!r}")
            self._ask("setup_done")
        except (KeyError, TypeError, ValueError) as error:
            self.close()
            raise CouplingError(f"{self._name} created something else than one {MODEL}: {error}") from error
        except CouplingError:
            self.close()
            raise

    def solve(self, p_mw: Floats, q_mvar: Floats) -> PowerFlowResult:
        """Solve N cases one after the other.

        Raises:
            NotConvergedError: If the simulator says so of a case.
            CouplingError: If it misbehaves.
        """
        return gathered(self._name, self._feeder, len(p_mw), lambda case: self._answer(p_mw[case], q_mvar[case]))

    def _answer(self, p_mw: Floats, q_mvar: Floats) -> dict[str, Any] | None:
        """What it gives in the step that is next, by port; None if it says that there is no solution."""
        given = {"p_mw": {SENDER: p_mw.tolist()}, "q_mvar": {SENDER: q_mvar.tolist()}}
        self._ask("step", self._time, {self._eid: given}, self._time + 1)
        self._time += 1
        said = self._ask("get_data", {self._eid: list(OUTPUTS)})
        values = said.get(self._eid) if isinstance(said, dict) else None
        if not isinstance(values, dict):
            raise CouplingError(f"{self._name} gave no data of {self._eid!r}")
        converged = values.get("converged")
        if not isinstance(converged, bool):
            raise CouplingError(f"{self._name} gave converged {converged!r}; it must be true or false")
        return values if converged else None

    def _ask(self, function: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return self._wire.ask(function, *args, **kwargs)
        except CouplingError as error:
            raise CouplingError(f"{error}{self._process.last_words() if self._process else ''}") from error

    def _check(self, meta: Any) -> None:
        if not (isinstance(meta, dict) and isinstance(meta.get("models"), dict)):
            raise CouplingError(f"{self._name} did not describe itself when asked for init: {str(meta)[:100]}")
        version = str(meta.get("api_version"))
        if not version.startswith(API):
            raise CouplingError(f"{self._name} speaks version {version} of mosaik's API; it must be {API}x")
        model = meta["models"].get(MODEL)
        if not isinstance(model, dict):
            raise CouplingError(
                f"{self._name} has no model {MODEL!r}; it has {', '.join(meta.get('models', {})) or 'none'}"
            )
        missing = [name for name in (*INPUTS, *OUTPUTS) if name not in model.get("attrs", ())]
        if missing:
            raise CouplingError(f"model {MODEL!r} of {self._name} lacks {', '.join(missing)}")

    def _connected(self) -> socket.socket:
        host, _, port = (self._section.connect or "").rpartition(":")
        try:
            return socket.create_connection((host, int(port)), timeout=self._timeout_s)
        except (OSError, UnicodeError, OverflowError) as error:
            problem = getattr(error, "strerror", None) or error
            raise CouplingError(f"{self._name} cannot be reached: {problem}; it serves one run at a time") from error


def _hang_up(wire: Wire, process: ConnectingProcess | None) -> None:
    with suppress(CouplingError):  # whoever has gone already need not be told
        wire.say("stop")
    wire.close()
    if process is not None:
        process.end(GRACE_S)
