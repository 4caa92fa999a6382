"""Power flow by a co-simulation FMU: a case is a step of it."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path

from cosim.couplings.answer import gathered
from cosim.couplings.fmu_process import solve_by_fmu
from cosim.couplings.solver_process import SolverProcess
from cosim.errors import CouplingError
from cosim.grid.feeder import Feeder
from cosim.grid.power_flow import PowerFlowResult
from cosim.interface import Floats
from cosim.scenario.schema import FmuSection


class FmuFlow:
    """Solves case by case with an FMU.

    Args:
        section: Names of its variables.
        file: The FMU.
        timeout_s: Time that it may take to be loaded and initialised, and for each case [s].
    """

    def __init__(self, section: FmuSection, file: Path, timeout_s: float) -> None:
        self._section = section
        self._file = file
        self._timeout_s = timeout_s
        self._name = f"FMU {section.file!r}"

    def open(self, feeder: Feeder) -> None:
        """Load it, and have it initialised.

        Raises:
            ScenarioError: If it is not what the scenario says.
            CouplingError: If it fails in that.
        """
        # fmpy is there only with the extra.
        from cosim.couplings.fmu_description import read_interface

        interface = read_interface(self._section, feeder, self._file)
        self._feeder = feeder
        folder = tempfile.TemporaryDirectory(prefix="ev-cosim-", ignore_cleanup_errors=True)
        job = interface, Path(folder.name)
        self._solver = SolverProcess(solve_by_fmu, job, "FMU", self._name, self._timeout_s)
        # Also when nobody says that the run is over.
        self.close = weakref.finalize(self, _unload, self._solver, folder)
        try:
            self._hear()
        except BaseException:
            self.close()
            raise

    def solve(self, p_mw: Floats, q_mvar: Floats) -> PowerFlowResult:
        """Solve N cases one after the other.

        Raises:
            NotConvergedError: If it says so of a case.
            CouplingError: If it misbehaves.
        """
        self._solver.ask((p_mw, q_mvar), "gave no answer")
        return gathered(self._name, self._feeder, len(p_mw), lambda _: self._hear())

    def _hear(self) -> dict[str, Floats] | None:
        try:
            values: dict[str, Floats] | None = self._solver.hear()
        except CouplingError as error:
            words = f" (it last said: {self._solver.last_line})" if self._solver.last_line else ""
            raise CouplingError(f"{error}{words}") from error
        return values


def _unload(solver: SolverProcess, folder: tempfile.TemporaryDirectory[str]) -> None:
    solver.end()
    folder.cleanup()
