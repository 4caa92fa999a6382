"""Who solves the power flow from elsewhere: checked while a scenario is loaded, opened by the way that it says."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from cosim.couplings.fmu_flow import FmuFlow
from cosim.couplings.helics_flow import HelicsFlow
from cosim.couplings.tcp_flow import TcpFlow
from cosim.errors import ScenarioError, ScenarioIssue
from cosim.grid.feeder import Feeder
from cosim.grid.power_flow import PowerFlow
from cosim.scenario.schema import SimulatorSection

#: Packages of the ways that need one, and the extra that brings it.
PACKAGES = {"helics": "helics", "fmu": "fmpy"}


def check_simulator(section: SimulatorSection | None, feeder: Feeder, resolve: Callable[[str], Path]) -> None:
    """Find what is wrong with a simulator before anything of it runs.

    Args:
        section: How it is reached; None if there is none.
        feeder: The feeder that it will solve.
        resolve: Turns a path in the scenario into one that can be opened.

    Raises:
        ScenarioError: If a package is missing, or an FMU is not what the scenario says.
    """
    if section is None:
        return
    for way, package in PACKAGES.items():
        if getattr(section, way) is not None and find_spec(package) is None:
            problem = f"needs the package {package!r}: pip install 'ev-cosim[{way}]'"
            raise ScenarioError([ScenarioIssue(f"grid.simulator.{way}", problem)])
    if section.fmu is not None:
        from cosim.couplings.fmu_description import read_interface

        read_interface(section.fmu, feeder, resolve(section.fmu.file))


def open_simulator(section: SimulatorSection, feeder: Feeder, folder: Path, timeout_s: float) -> PowerFlow:
    """Reach a simulator, and open it on a feeder.

    Args:
        section: How it is reached.
        feeder: The feeder to solve.
        folder: The scenario's; a command runs there, and an FMU is found from there.
        timeout_s: Time that it may take to start, and for each answer [s].

    Raises:
        CouplingError: If it cannot be reached, or lacks something.
    """
    flow: HelicsFlow | FmuFlow | TcpFlow
    if section.helics is not None:
        flow = HelicsFlow(section.helics, folder, timeout_s)
    elif section.fmu is not None:
        flow = FmuFlow(section.fmu, folder / section.fmu.file, timeout_s)
    else:
        flow = TcpFlow(section, folder, timeout_s)
    flow.open(feeder)
    return flow
