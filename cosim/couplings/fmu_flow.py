"""Power flow by a co-simulation FMU: a case is a step of it."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path

import numpy as np

from cosim.couplings.answer import checked_numbers
from cosim.couplings.fmu_process import solve_by_fmu
from cosim.couplings.solver_process import SolverProcess
from cosim.errors import CouplingError
from cosim.grid.feeder import Feeder
from cosim.grid.power_flow import NotConvergedError, PowerFlowResult
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
        self._widths = {"vm_pu": feeder.buses, "slack_p_mw": len(feeder.slack), "slack_q_mvar": len(feeder.slack)}
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
        found = {name: np.empty((len(p_mw), width)) for name, width in self._widths.items()}
        self._solver.ask((p_mw, q_mvar), "gave no answer")
        for case in range(len(p_mw)):
            values = self._hear()
            if values is None:
                raise NotConvergedError(case)
            for name, rows in found.items():
                rows[case] = checked_numbers(self._name, name, values[name], rows.shape[1])
        return PowerFlowResult(**found)

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
