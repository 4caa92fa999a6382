"""From names in a scenario to variables of an FMU: each is there, of the right kind, and in a unit that is known."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import fmpy

from cosim.couplings.fmu_process import FmuInterface, FmuPort
from cosim.couplings.unit import unit_factor
from cosim.errors import ScenarioError, ScenarioIssue
from cosim.grid.feeder import Feeder
from cosim.scenario.schema import FmuSection
from cosim.scenario.wording import suggestion

PATH: Final = "grid.simulator.fmu"
DESCRIPTION: Final = "modelDescription.xml"
INPUTS: Final = ("p_mw", "q_mvar")
OUTPUTS: Final = ("vm_pu", "slack_p_mw", "slack_q_mvar")
#: What may be given a value before an FMU is initialised.
SETTABLE: Final = ("parameter", "input")
#: Python's types of the kinds of variables that a start value may have.
TYPES: Final = {"Real": (int, float), "Integer": (int,), "Boolean": (bool,), "String": (str,)}


def read_interface(section: FmuSection, feeder: Feeder, file: Path) -> FmuInterface:
    """Read what an FMU says of itself; none of its code is run.

    Args:
        section: Names of its variables.
        feeder: The feeder that it will solve.
        file: The FMU.

    Returns:
        What it must be asked for.

    Raises:
        ScenarioError: If it cannot be read or used, or a variable is missing, of another kind or in another unit;
            holds all mistakes.
    """
    description = _description(file)
    reader = _Reader(section, {variable.name: variable for variable in description.modelVariables}, feeder)
    interface = FmuInterface(
        file=file.resolve(),
        guid=description.guid,
        identifier=description.coSimulation.modelIdentifier,
        inputs={name: reader.port(name, "input") for name in INPUTS},
        outputs={name: reader.port(name, "output") for name in OUTPUTS},
        converged=reader.converged(),
        start=reader.start(),
        step_s=section.step_s,
        logs=tuple(category.name for category in description.logCategories),
    )
    if reader.issues:
        raise ScenarioError(reader.issues)
    return interface


def _description(file: Path) -> Any:
    try:
        # Before it is read as something else than it is.
        version = _version(file)
        if version != "2.0":
            raise _wrong("file", f"is of FMI {version}; it must be of FMI 2.0, for co-simulation")
        description = fmpy.read_model_description(str(file), validate=False)
        platforms = fmpy.supported_platforms(str(file))
    except OSError as error:
        raise _wrong("file", f"cannot be read: {error.strerror or error}") from error
    except zipfile.BadZipFile as error:
        raise _wrong("file", f"is no FMU: {error}") from error
    except ScenarioError:
        raise
    except Exception as error:  # what a foreign reader raises is anything
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        raise _wrong("file", f"has a modelDescription.xml that cannot be read: {problem}") from error
    if description.coSimulation is None:
        raise _wrong("file", "is for model exchange only; it must be for co-simulation")
    if fmpy.platform not in platforms:
        has = ", ".join(platforms) or "none"
        raise _wrong("file", f"has no library for this machine, {fmpy.platform}; it has {has}")
    return description


def _version(file: Path) -> str | None:
    """The version of FMI that an FMU says it is of."""
    with zipfile.ZipFile(file) as archive:
        if DESCRIPTION not in archive.namelist():
            raise zipfile.BadZipFile(f"it holds no {DESCRIPTION}")
        with archive.open(DESCRIPTION) as stream:
            _, root = next(ElementTree.iterparse(stream, events=("start",)))
            version: str | None = root.get("fmiVersion")
            return version


def _wrong(field: str, problem: str) -> ScenarioError:
    return ScenarioError([ScenarioIssue(f"{PATH}.{field}", problem)])


class _Reader:
    """Finds variables by the names of a scenario, and collects what is wrong.

    Args:
        section: The names.
        variables: Variables of the FMU by name.
        feeder: The feeder.
    """

    def __init__(self, section: FmuSection, variables: dict[str, Any], feeder: Feeder) -> None:
        self._section = section
        self._variables = variables
        self._feeder = feeder
        self._used: dict[str, str] = {}
        self.issues: list[ScenarioIssue] = []

    def port(self, port: str, causality: str) -> FmuPort:
        """The variables of a port."""
        buses = self._feeder.bus[self._feeder.slack] if port.startswith("slack") else self._feeder.bus
        names = list(_names(getattr(self._section, port), buses.tolist()))
        found: list[tuple[int, float]] = []
        wrong: list[str] = []
        for name in names:
            problem = self._problem(name, port, "Real", causality)
            variable = self._variables.get(name)
            if problem is None and variable is not None:
                try:
                    found.append((variable.valueReference, unit_factor(port, _unit(variable))))
                except ValueError as error:
                    problem = f"{name} {error}"
            if problem is not None:
                wrong.append(problem)
        self._tell(port, wrong)
        return FmuPort(tuple(reference for reference, _ in found), tuple(factor for _, factor in found))

    def converged(self) -> int | None:
        """The variable that says whether there is a solution."""
        name = self._section.converged
        if name is None:
            return None
        problem = self._problem(name, "converged", "Boolean", "output")
        self._tell("converged", [] if problem is None else [problem])
        return None if problem is not None else self._variables[name].valueReference

    def start(self) -> tuple[tuple[str, int, bool | int | float | str], ...]:
        """What is set before it is initialised."""
        found = []
        for name, value in self._section.start.items():
            variable = self._variables.get(name)
            if variable is None:
                problem = f"there is no variable {name!r}; {suggestion(name, self._variables)}"
            elif variable.causality not in SETTABLE and variable.initial != "exact":
                problem = f"{name} cannot be given a value: it is {variable.causality or 'local'}"
            elif variable.type not in TYPES or type(value) not in TYPES[variable.type]:
                problem = f"{name} must be {variable.type}, got {value!r}"
            else:
                found.append((variable.type, variable.valueReference, value))
                continue
            self._tell("start", [problem])
        return tuple(found)

    def _problem(self, name: str, port: str, kind: str, causality: str) -> str | None:
        variable = self._variables.get(name)
        if variable is None:
            return f"there is no variable {name!r}; {suggestion(name, self._variables)}"
        if self._used.setdefault(name, port) != port:
            return f"{name} is {self._used[name]} already"
        if variable.type != kind:
            return f"{name} must be {kind}, is {variable.type}"
        if variable.causality != causality:
            return f"{name} must be an {causality}, is {variable.causality or 'local'}"
        return None

    def _tell(self, field: str, wrong: Sequence[str]) -> None:
        if wrong:
            more = f"; and so for {len(wrong) - 1} more" if len(wrong) > 1 else ""
            self.issues.append(ScenarioIssue(f"{PATH}.{field}", wrong[0] + more))


def _names(pattern: str, buses: Sequence[int]) -> Iterator[str]:
    for place, bus in enumerate(buses, start=1):
        yield pattern.replace("{bus}", str(bus)).replace("{n}", str(place))


def _unit(variable: Any) -> str | None:
    unit: str | None = variable.unit
    if unit is None and variable.declaredType is not None:
        unit = variable.declaredType.unit
    return unit
