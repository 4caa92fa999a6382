"""Power flow by a HELICS federate: each case is published, a time later its solution is read."""

from __future__ import annotations

import json
import weakref
from pathlib import Path

from cosim.couplings.answer import gathered
from cosim.couplings.federation import Federation, solve_by_helics
from cosim.couplings.grid_interface import feeder_parameters
from cosim.couplings.process import GRACE_S, SimulatorProcess
from cosim.couplings.solver_process import SolverProcess
from cosim.errors import CouplingError
from cosim.grid.feeder import Feeder
from cosim.grid.power_flow import PowerFlowResult
from cosim.interface import Floats
from cosim.scenario.schema import HelicsSection, on_this_machine


class HelicsFlow:
    """Solves case by case with another federate.

    Args:
        section: Who it is, and how it is reached.
        folder: Where a command runs.
        timeout_s: Time that it may take to start, and for each answer [s].
    """

    def __init__(self, section: HelicsSection, folder: Path, timeout_s: float) -> None:
        self._section = section
        self._folder = folder
        self._timeout_s = timeout_s
        self._name = f"HELICS federate {section.federate!r}"

    def open(self, feeder: Feeder) -> None:
        """Join the federation, and wait until the other federate has.

        Raises:
            CouplingError: If it cannot be started or reached, or lacks what is read.
        """
        section = self._section
        federation = Federation(
            federate=section.federate,
            core=section.core,
            broker=section.broker or "",
            near=section.broker is None or on_this_machine(section.broker),
            period_s=section.period_s,
            feeder=json.dumps(feeder_parameters(feeder)),
        )
        self._feeder = feeder
        self._process: SimulatorProcess | None = None
        self._solver = SolverProcess(solve_by_helics, federation, "HELICS federate", self._name, self._timeout_s)
        try:
            address = self._solver.hear()
            if section.command is not None:
                self._process = SimulatorProcess(section.command, self._folder, address)
                self._solver.watch = _Watch(self._process, self._name)
            self._hear()
        except BaseException:
            self._solver.end(at_once=True)
            if self._process is not None:
                self._process.end()
            raise
        # Also when nobody says that the run is over.
        self.close = weakref.finalize(self, _leave, self._solver, self._process)

    def solve(self, p_mw: Floats, q_mvar: Floats) -> PowerFlowResult:
        """Solve N cases one after the other.

        Raises:
            NotConvergedError: If the federate says so of a case.
            CouplingError: If it misbehaves.
        """
        self._solver.ask((p_mw, q_mvar), "gave no answer")
        return gathered(self._name, self._feeder, len(p_mw), lambda _: self._hear())

    def _hear(self) -> dict[str, Floats] | None:
        try:
            values: dict[str, Floats] | None = self._solver.hear()
        except CouplingError as error:
            raise CouplingError(f"{error}{self._last_words()}") from error
        return values

    def _last_words(self) -> str:
        """What HELICS and the federate's process have last said; that one is ended with it."""
        words = f" (HELICS: {self._solver.last_line})" if self._solver.last_line else ""
        if self._process is not None:
            words += self._process.last_words()
            self._process.end()
        return words


class _Watch:
    """Notices that a federate's process has ended, which HELICS does not.

    Args:
        process: The process.
        name: What it is called in messages.
    """

    def __init__(self, process: SimulatorProcess, name: str) -> None:
        self._process = process
        self._name = name

    def __call__(self) -> None:
        if self._process.ended:
            raise CouplingError(f"{self._name} has ended")


def _leave(solver: SolverProcess, process: SimulatorProcess | None) -> None:
    solver.end()
    if process is not None:
        process.end(GRACE_S)
