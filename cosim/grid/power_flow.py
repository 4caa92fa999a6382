"""The power flow protocol: what an engine must do, and the list of engines that do it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from cosim.errors import CouplingError, ScenarioError, ScenarioIssue
from cosim.foreign_code import foreign_class, is_foreign
from cosim.grid.feeder import Feeder
from cosim.interface import Floats

HERE: Final = Path()


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
        exact: Whether it solves the AC equations (else something near them).
        extra: Extra of ev-cosim that brings the package; empty if it is always there.
    """

    name: str
    module: str
    cls: str
    package: str
    about: str
    exact: bool
    extra: str = ""

    @property
    def installed(self) -> bool:
        """Whether the package that it needs is there."""
        return find_spec(self.package) is not None


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
        "lindistflow-losses",
        "cosim.grid.engines.lindistflow_losses",
        "LossyDistFlow",
        "numpy",
        "linearised DistFlow corrected for losses, for all cases at once",
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
    Engine(
        "opendss",
        "cosim.grid.engines.opendss",
        "OpenDssFlow",
        "dss",
        "AC power flow by OpenDSS, case by case",
        exact=True,
        extra="opendss",
    ),
)


def find_engine(name: str) -> Engine:
    """Look an engine up by name.

    Args:
        name: Name of an engine, or `module:Class` of one from outside.

    Raises:
        ScenarioError: If there is no engine of that name, or a package that it needs is missing.
    """
    if is_foreign(name):
        module, _, cls = name.partition(":")
        return Engine(name, module, cls, module.partition(".")[0], "your own", exact=True)
    for engine in ENGINES:
        if engine.name == name:
            if not engine.installed:
                problem = f"{name!r} needs the package {engine.package!r}: pip install 'ev-cosim[{engine.extra}]'"
                raise ScenarioError([ScenarioIssue("network.engine", problem)])
            return engine
    names = ", ".join(repr(engine.name) for engine in ENGINES)
    problem = f"must be one of {names}, or module:Class, got {name!r}"
    raise ScenarioError([ScenarioIssue("network.engine", problem)])


def open_engine(name: str, feeder: Feeder, folder: Path = HERE) -> PowerFlow:
    """Load an engine and open it on a feeder.

    Args:
        name: Name of the engine, or `module:Class` of one from outside, which must have been allowed.
        feeder: The feeder to solve.
        folder: Where a module from outside may lie, besides where modules are.

    Raises:
        ScenarioError: If there is no engine of that name.
        CouplingError: If one from outside cannot be loaded or opened.
    """
    engine = find_engine(name)
    if is_foreign(name):
        return _open_foreign(name, feeder, folder)
    flow: PowerFlow = getattr(importlib.import_module(engine.module), engine.cls)()
    flow.open(feeder)
    return flow


def _open_foreign(name: str, feeder: Feeder, folder: Path) -> PowerFlow:
    cls = foreign_class(name, "engine", folder)
    for method in ("open", "solve"):
        if not callable(getattr(cls, method, None)):
            raise CouplingError(f"engine {name!r} has no method {method}; see docs/guides/coupling.md")
    try:
        flow: PowerFlow = cls()
        flow.open(feeder)
    except (Exception, SystemExit) as error:
        raise CouplingError(f"engine {name!r} cannot be opened: {type(error).__name__}: {error}") from error
    return CheckedFlow(name, flow, len(feeder.slack))


class CheckedFlow:
    """An engine from outside, its answers looked at.

    Args:
        name: Its name.
        flow: The engine.
        slacks: Number of slack buses.
    """

    def __init__(self, name: str, flow: PowerFlow, slacks: int) -> None:
        self._name = name
        self._flow = flow
        self._slacks = slacks

    def open(self, feeder: Feeder) -> None:
        """Prepare for another feeder."""
        self._flow.open(feeder)

    def solve(self, p_mw: Floats, q_mvar: Floats) -> PowerFlowResult:
        """Solve N cases.

        Raises:
            NotConvergedError: If a case has no solution.
            CouplingError: If the engine raises anything else, or its answer is of another shape or not finite.
        """
        try:
            found = self._flow.solve(p_mw, q_mvar)
        except NotConvergedError as error:
            if not (isinstance(error.case, int | np.integer) and 0 <= error.case < len(p_mw)):
                problem = f"says that case {error.case!r} has no solution; there are cases 0 to {len(p_mw) - 1}"
                raise CouplingError(f"engine {self._name!r} {problem}") from error
            raise
        except (Exception, SystemExit) as error:
            raise CouplingError(f"engine {self._name!r} raised {type(error).__name__}: {error}") from error
        shapes = {
            "vm_pu": p_mw.shape,
            "slack_p_mw": (len(p_mw), self._slacks),
            "slack_q_mvar": (len(p_mw), self._slacks),
        }
        values = {}
        for field, shape in shapes.items():
            try:
                given = np.asarray(getattr(found, field))
                if np.iscomplexobj(given):
                    raise TypeError("they are complex; magnitudes and active and reactive powers are wanted")
                values[field] = given.astype(np.float64)
            except (AttributeError, TypeError, ValueError) as error:
                raise CouplingError(f"engine {self._name!r} gave no numbers for {field}: {error}") from error
            if values[field].shape != shape:
                raise CouplingError(
                    f"engine {self._name!r} gave {field} of shape {values[field].shape}, it must be of {shape}"
                )
            if not np.isfinite(values[field]).all():
                raise CouplingError(f"engine {self._name!r} gave {field} that is not finite; see NotConvergedError")
        if (values["vm_pu"] < 0.0).any():
            raise CouplingError(f"engine {self._name!r} gave a voltage magnitude below 0")
        return PowerFlowResult(**values)
