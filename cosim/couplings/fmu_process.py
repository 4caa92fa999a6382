"""An FMU in a process of its own, since it is native code: loaded, initialised, asked case by case."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from cosim.couplings.output import divert_output
from cosim.couplings.solver_process import DOING, FAILED, GIVES, answer_cases, say
from cosim.interface import Floats

#: What FMI 2.0 calls a status; the first is of a step that an FMU could not make.
DISCARD: Final = 2
STATUS: Final = {DISCARD: "discard", 3: "error", 4: "fatal", 5: "pending"}
#: What an FMU is asked to tell, as far as it has these categories.
WANTED_LOGS: Final = ("logStatusError", "logStatusFatal", "logStatusDiscard")


@dataclass(frozen=True)
class FmuPort:
    """Variables of an FMU that are one port of ours.

    Attributes:
        references: Their value references, in the order of buses.
        factor: What one of each variable's unit is in ours.
    """

    references: tuple[int, ...]
    factor: tuple[float, ...]


@dataclass(frozen=True)
class FmuInterface:
    """What an FMU must be asked for.

    Attributes:
        file: The FMU.
        guid: Its identity.
        identifier: Name of its library.
        inputs: What each bus draws, `p_mw` and `q_mvar`.
        outputs: `vm_pu`, `slack_p_mw` and `slack_q_mvar`.
        converged: Value reference of the output that says whether there is a solution; None if there is none.
        start: Kind, value reference and value of what is set before it is initialised.
        step_s: Its step per case [s].
        logs: Categories of what it can tell.
    """

    file: Path
    guid: str
    identifier: str
    inputs: dict[str, FmuPort]
    outputs: dict[str, FmuPort]
    converged: int | None
    start: tuple[tuple[str, int, bool | int | float | str], ...]
    step_s: float
    logs: tuple[str, ...]


def solve_by_fmu(
    connection: Connection, given: tuple[Path, tuple[FmuInterface, Path]], let_go: threading.Event
) -> None:
    """Load an FMU into a folder, tell so, and give its answer to each case; None ends it."""
    output, (interface, folder) = given
    divert_output(output)
    # Its library of C functions is loaded where it is used.
    from fmpy.fmi1 import FMICallException

    try:
        with _instance(interface, folder, connection) as fmu:
            say(connection, GIVES, None)
            answer_cases(connection, fmu.solve)
    except (EOFError, BrokenPipeError):
        return
    except FMICallException as error:
        _give_up(connection, f"failed in {error.function}: {STATUS.get(error.status, error.status)}")
    except Exception as error:  # noqa: BLE001 - what it raises is anything
        _give_up(connection, f"failed: {' '.join(str(error).split())}")
    finally:
        # Nobody else does so if the run has been killed.
        shutil.rmtree(folder, ignore_errors=True)


def _give_up(connection: Connection, problem: str) -> NoReturn:
    """Tell what went wrong, and end without calling anything of an FMU that has failed."""
    say(connection, FAILED, problem)
    sys.stdout.flush()
    os._exit(1)


class _Fmu:
    """An FMU that has been initialised.

    Args:
        slave: The FMU, as fmpy has it.
        interface: What it must be asked for.
    """

    def __init__(self, slave: Any, interface: FmuInterface) -> None:
        self._slave = slave
        self._interface = interface
        ports = interface.inputs["p_mw"], interface.inputs["q_mvar"]
        self._inputs = [reference for port in ports for reference in port.references]
        self._per_ours = 1.0 / np.array([factor for port in ports for factor in port.factor])
        self._outputs = [reference for port in interface.outputs.values() for reference in port.references]
        self._ours = np.array([factor for port in interface.outputs.values() for factor in port.factor])
        self._ends = np.cumsum([len(port.references) for port in interface.outputs.values()])[:-1]
        self._steps = 0

    def solve(self, p_mw: Floats, q_mvar: Floats) -> dict[str, Floats] | None:
        """Solve a case; None if there is no solution."""
        from fmpy.fmi1 import FMICallException

        slave, step_s = self._slave, self._interface.step_s
        slave.setReal(self._inputs, (np.concatenate([p_mw, q_mvar]) * self._per_ours).tolist())
        try:
            slave.doStep(self._steps * step_s, step_s)
        except FMICallException as error:
            if error.status == DISCARD:
                return None
            raise
        self._steps += 1
        if self._interface.converged is not None and not slave.getBoolean([self._interface.converged])[0]:
            return None
        values = np.array(slave.getReal(self._outputs), dtype=np.float64) * self._ours
        return dict(zip(self._interface.outputs, np.split(values, self._ends), strict=True))


@contextmanager
def _instance(interface: FmuInterface, folder: Path, connection: Connection) -> Iterator[_Fmu]:
    import fmpy
    from fmpy.fmi2 import FMU2Slave

    say(connection, DOING, "could not be loaded")
    fmpy.extract(interface.file, unzipdir=folder)
    slave = FMU2Slave(
        instanceName="ev-cosim",
        guid=interface.guid,
        unzipDirectory=str(folder),
        modelIdentifier=interface.identifier,
    )
    slave.instantiate(loggingOn=True)
    # Some can tell of every call; where there is nothing but failures to tell, no choice is needed.
    if any(not name.startswith("logStatus") and name != "logAll" for name in interface.logs):
        wanted = [name for name in WANTED_LOGS if name in interface.logs]
        # Words are for messages only: an FMU that cannot choose them still solves.
        with suppress(Exception):
            slave.setDebugLogging(bool(wanted), wanted)
    say(connection, DOING, "was not initialised")
    for kind, reference, value in interface.start:
        getattr(slave, f"set{kind}")([reference], [value])
    slave.setupExperiment(startTime=0.0)
    slave.enterInitializationMode()
    slave.exitInitializationMode()
    yield _Fmu(slave, interface)
    # It may have something to write; if that goes wrong nothing is lost here.
    with suppress(Exception):
        slave.terminate()
        slave.freeInstance()
