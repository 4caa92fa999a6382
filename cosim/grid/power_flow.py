"""The power flow protocol: what an engine must do, and the list of engines that do it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.grid.network import Feeder
from cosim.interface import Floats


@dataclass(frozen=True)
class PowerFlowResult:
    """Voltages and slack powers of N cases.

    Attributes:
        vm_pu: Voltage magnitudes [p.u.], shape [N, B].
        slack_p_mw: Active power that each slack bus's source delivers [MW], shape [N, S].
        slack_q_mvar: Reactive power that it delivers [Mvar], shape [N, S].
    """

    vm_pu: Floats
    slack_p_mw: Floats
    slack_q_mvar: Floats


class NotConvergedError(Exception):
    """An engine found no solution; caught by the grid model, which knows slot and island.

    Args:
        case: Number of the first case without a solution.
    """

    def __init__(self, case: int) -> None:
        self.case = case
        super().__init__(f"no solution in case {case}")


class PowerFlow(Protocol):
    """Solves the power flow of a feeder for many cases at once.

    The result of a case depends on that case alone, to the last bit, not on the others beside it.
    """

    def open(self, feeder: Feeder) -> None:
        """Prepare for a feeder; called once before the first `solve`."""
        ...

    def solve(self, p_mw: Floats, q_mvar: Floats) -> PowerFlowResult:
        """Solve N cases.

        Args:
            p_mw: Active power drawn at each bus, without the slack sources [MW], shape [N, B].
            q_mvar: Reactive power drawn at each bus [Mvar], shape [N, B].

        Raises:
            NotConvergedError: If a case has no solution.
        """
        ...


@dataclass(frozen=True)
class Engine:
    """An entry in the list of engines.

    Attributes:
        name: Name in a scenario.
        module: Module that holds the class.
        cls: Name of the class.
        package: Import name of the package it needs.
        about: One line for `cosim engines`.
        exact: Whether it solves the AC equations (else a linear model of them).
    """

    name: str
    module: str
    cls: str
    package: str
    about: str
    exact: bool


ENGINES = (
    Engine(
        "lindistflow",
        "cosim.grid.engines.lindistflow",
        "LinDistFlow",
        "numpy",
        "linearised DistFlow without losses, for all cases at once",
        exact=False,
    ),
    Engine(
        "power-grid-model",
        "cosim.grid.engines.power_grid_model",
        "PowerGridModelFlow",
        "power_grid_model",
        "AC power flow (Newton-Raphson), batched",
        exact=True,
    ),
    Engine(
        "pandapower",
        "cosim.grid.engines.pandapower",
        "PandapowerFlow",
        "pandapower",
        "AC power flow (Newton-Raphson), case by case: the reference",
        exact=True,
    ),
)


def find_engine(name: str) -> Engine:
    """Look an engine up by name.

    Raises:
        ScenarioError: If there is no engine of that name.
    """
    for engine in ENGINES:
        if engine.name == name:
            return engine
    names = ", ".join(repr(engine.name) for engine in ENGINES)
    raise ScenarioError([ScenarioIssue("network.engine", f"must be one of {names}, got {name!r}")])


def open_engine(name: str, feeder: Feeder) -> PowerFlow:
    """Load an engine and open it on a feeder.

    Args:
        name: Name of the engine.
        feeder: The feeder to solve.

    Raises:
        ScenarioError: If there is no engine of that name.
    """
    engine = find_engine(name)
    flow: PowerFlow = getattr(importlib.import_module(engine.module), engine.cls)()
    flow.open(feeder)
    return flow
