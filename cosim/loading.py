"""From a scenario to the system and the controller that a run needs: the only room that imports `agents`, late."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import ControllerError, ScenarioError, ScenarioIssue
from cosim.foreign_code import foreign_file, importable, is_foreign
from cosim.inputs import sha256_of
from cosim.interface import Controller
from cosim.scenario.loader import parse_document
from cosim.scenario.source import Document, as_typed, override_source
from cosim.scenario.wording import one_line
from cosim.system import System, build_system, load_system

if TYPE_CHECKING:
    # Named anew: others may speak of them without importing `agents`.
    from agents.explorer import Explorer as Explorer
    from agents.students import Student as Student
    from agents.track import Track as Track
    from agents.training import Trainer as Trainer
    from agents.twins.accountant import Guarantee as Guarantee
    from agents.twins.attack import Attacker as Attacker
    from agents.twins.attack import Reconstruction as Reconstruction
    from agents.twins.eavesdropper import Eavesdropper as Eavesdropper
    from agents.twins.eavesdropper import Overheard as Overheard


@dataclass(frozen=True)
class Listening:
    """A fleet with somebody who listens to it.

    Attributes:
        listener: Lets the fleet decide, and writes down what its EVs say.
        attacker: Attacks with what is heard.
        count: Counts what is heard, as `agents.twins.bus.MessageBus.report` gives it.
        guarantee: What the noise on messages guarantees; None without noise.
    """

    listener: Eavesdropper
    attacker: Attacker
    count: Callable[[Overheard], dict[str, Any]]
    guarantee: Guarantee | None


def choices(*, seed: int | None = None, controller: str | None = None, engine: str | None = None) -> list[str]:
    """The overrides that stand for the choices that everybody makes.

    Args:
        seed: Seed of all random streams, or None to keep the scenario's.
        controller: Who decides, or None.
        engine: Power flow engine, or None.
    """
    assignments = []
    if seed is not None:
        assignments.append(f"seed={seed}")
    if engine is not None:
        assignments.append(f"network.engine={json.dumps(engine)}")
    if controller is not None:
        # Options in the file are meant for the controller in the file.
        assignments += ["controller.options={}", f"controller.name={json.dumps(controller)}"]
    return assignments


def load(scenario: str | Path, overrides: Sequence[str] = ()) -> System:
    """Read a scenario file and everything that it refers to, and check all of it.

    Args:
        scenario: The scenario file.
        overrides: Assignments such as `fleet.size=40`.

    Returns:
        The system, ready to run.

    Raises:
        ScenarioError: If anything is wrong; holds every mistake that can be found.
    """
    _check_owner_of_agents()
    from agents.registry import problem_with

    return load_system(scenario, overrides, problem_with)


def load_as_typed(scenario: str | Path, typed: Sequence[tuple[str, str]]) -> System:
    """Load a scenario with overrides that were typed in other words, which is how their mistakes are shown.

    Args:
        scenario: The scenario file.
        typed: Overrides, each with the words that stand for it, e.g. `("seed=-1", "--seed -1")`; the last has the
            last word.

    Returns:
        The system, ready to run.

    Raises:
        ScenarioError: If anything is wrong; holds every mistake that can be found.
    """
    words = {override_source(override): one_line(as_typed) for override, as_typed in typed}
    try:
        return load(scenario, [override for override, _ in typed])
    except ScenarioError as error:
        raise as_typed(error, words) from error


def typed_choices(**chosen: Any) -> list[tuple[str, str]]:
    """The overrides that `choices` gives, each with the option of the command line that stands for it.

    Args:
        chosen: What `choices` takes.
    """
    return [(override, f"--{name} {value}") for name, value in chosen.items() for override in choices(**{name: value})]


def with_controller(system: System, name: str, *, called: str = "", weights: str = "") -> System:
    """The same system with another controller; options that the system's controller has are meant for this one too.

    Args:
        system: The scenario, built.
        name: Name of the other controller.
        called: What it is called on the command line; default: by its name.
        weights: The weights file that it decides with; default: as its options have it.

    Raises:
        ScenarioError: If there is none of that name, or it does not take the options or weights.
    """
    _check_owner_of_agents()
    from agents.registry import problem_with

    called = called or name
    options = system.scenario.controller.options
    problem = problem_with(name, options)
    if problem is not None:
        typed = one_line(f"--controllers {name if called == name else f'{called}={name}'}")
        raise ScenarioError([ScenarioIssue(f"controller.{problem[0]}", problem[1], typed)])
    if weights:
        options = {**options, "weights": weights}
        if problem_with(name, options) is not None:
            typed = one_line(f"--weights {called}={weights}")
            raise ScenarioError([ScenarioIssue("", f"controller {name!r} takes no weights", typed)])
    section = system.scenario.controller.model_copy(update={"name": name, "options": options})
    scenario = system.scenario.model_copy(update={"controller": section})
    return replace(system, file=replace(system.file, scenario=scenario))


def load_document(document: Document) -> System:
    """Build what a scenario describes that is not read from its file.

    Args:
        document: The scenario's values, and where its file was.

    Returns:
        The system, ready to run.

    Raises:
        ScenarioError: If anything is wrong; holds every mistake that can be found.
    """
    _check_owner_of_agents()
    from agents.registry import problem_with

    return build_system(parse_document(document), problem_with)


def load_controller(system: System, *, allow_code: bool) -> Controller:
    """Make the controller that a scenario names.

    Args:
        system: The scenario, built.
        allow_code: Whether code of other distributions may be loaded.

    Raises:
        ControllerError: If it may not be loaded, or cannot be.
    """
    _check_owner_of_agents()
    from agents.registry import is_own, make_controller

    section = system.scenario.controller
    if not is_own(section.name) and not allow_code:
        raise ControllerError(
            f"controller {section.name!r} is code from outside ev-cosim; allow it with --allow-code (allow_code=True)"
        )
    # Only who may run code may take modules from beside the scenario: there could be a `torch.py`.
    with nullcontext() if is_own(section.name) else importable(system.file.folder):
        return make_controller(section.name, system.spec, section.options)


def permit(system: System, *, allow_code: bool, allow_remote: bool = False) -> System:
    """The same system, which may use a power flow from outside where that is allowed.

    Args:
        system: The scenario, built.
        allow_code: Whether code of other distributions may be loaded, and simulators be started.
        allow_remote: Whether other machines may be connected to.

    Raises:
        CouplingError: If it needs what is not allowed.
    """
    permitted = replace(system, allow_code=allow_code, allow_remote=allow_remote)
    permitted.check_outside()
    return permitted


def make_trainer(systems: Sequence[System], **asked: Any) -> Trainer:
    """Make what trains a fleet on one scenario or on several variants; see `agents.training.Trainer`.

    Raises:
        ControllerError: If what is asked cannot be trained, or a package is missing.
    """
    _check_owner_of_agents()
    with _needs("training needs", "torch", "safetensors"):
        from agents.training import Trainer
    return Trainer([system.spec for system in systems], **asked)


def eavesdrop(system: System, *, allow_code: bool) -> Listening:
    """Make a scenario's controller with somebody who listens, who attacks with what is heard, and who counts it.

    Args:
        system: The scenario, built.
        allow_code: Whether code of other distributions may be loaded.

    Raises:
        ControllerError: If its EVs share nothing, it cannot be loaded, or a package is missing.
    """
    fleet = load_controller(system, allow_code=allow_code)
    with _needs("attacks need", "torch", "msgpack"):
        from agents.twins.accountant import guarantee_of
        from agents.twins.attack import Attacker

        listener, count = _listener(system, fleet)
    if count.keywords["alone"]:
        name = system.scenario.controller.name
        raise ControllerError(f"controller {name!r} shares nothing: each of its EVs decides by itself")
    guarantee = None if listener.noise is None else guarantee_of(listener.noise)
    return Listening(listener, Attacker(system.spec), count, guarantee)


def overhear(system: System, *, allow_code: bool) -> tuple[Controller, Callable[[], dict[str, Any]] | None]:
    """Make a scenario's controller with somebody who listens and counts, where there is something to hear.

    Args:
        system: The scenario, built.
        allow_code: Whether code of other distributions may be loaded.

    Returns:
        Who decides, and what counts all that was said so far, as `agents.twins.bus.MessageBus.report` gives it; None
        if its EVs tell each other nothing.

    Raises:
        ControllerError: If the controller cannot be loaded, or a package is missing.
    """
    fleet = load_controller(system, allow_code=allow_code)
    from agents.twins.eavesdropper import board_of

    if is_trained_commuters(system):
        with _needs("counting messages needs", "torch", "msgpack"):
            from agents.commuters.flows import CommuterListener
        commuters = CommuterListener(system.spec, fleet, system.scenario.controller.name)
        return commuters, commuters.report
    if board_of(fleet) is None:
        return fleet, None
    with _needs("counting messages needs", "torch", "msgpack"):
        listener, count = _listener(system, fleet)
    return listener, lambda: count(listener.overheard())


def is_trained(system: System) -> bool:
    """Whether a scenario's controller is one that `cosim train` trains; needs the packages of a training."""
    from agents.catalogue import LINES

    return any(line.name == system.scenario.controller.name for line in LINES)


def is_trained_commuters(system: System) -> bool:
    """Whether a scenario's controller guides EVs that commute with networks."""
    from agents.registry import guides_commuters

    return guides_commuters(system.scenario.controller.name)


def _listener(system: System, fleet: Controller) -> tuple[Eavesdropper, partial[dict[str, Any]]]:
    """Who listens to a fleet, and who counts what is heard."""
    from agents.catalogue import LINES, Shares
    from agents.trained import TrainedFleet
    from agents.twins.eavesdropper import Eavesdropper
    from agents.twins.flows import flows_of

    name = system.scenario.controller.name
    line = next((line for line in LINES if line.name == name), None)
    shares: Shares = "nothing" if line is None else line.shares
    listener = Eavesdropper(system.spec, fleet, name)
    weights = fleet.weights if isinstance(fleet, TrainedFleet) else 0
    alone = line is not None and shares == "nothing"
    counted = partial(flows_of, system.spec, shares=shares, weights=weights, used=listener.bus, alone=alone)
    return listener, counted


def make_explorer(systems: Sequence[System], **asked: Any) -> Explorer:
    """Make what explores in a process of its own; see `agents.explorer.Explorer`."""
    _check_owner_of_agents()
    from agents.explorer import Explorer

    return Explorer([system.spec for system in systems], **asked)


def check_track() -> None:
    """Make sure that TensorBoard files can be written.

    Raises:
        ControllerError: If the package is missing.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise ControllerError("--track needs 'tensorboard': pip install 'ev-cosim[track]'")


def make_track(folder: Path, episodes: int) -> Track:
    """Make what writes TensorBoard files; see `agents.track.Track`."""
    from agents.track import Track

    return Track(folder, episodes)


@contextmanager
def _needs(what: str, *packages: str) -> Iterator[None]:
    """Say how to install a package of the extra `learn` that an import lacks."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in packages:
            raise
        raise ControllerError(f"{what} {error.name!r}: pip install 'ev-cosim[learn]'") from error


def _check_owner_of_agents() -> None:
    """Make sure that `agents` is ours: another distribution's would take its place without a word."""
    import agents

    # A mere folder `agents` on the path, without an __init__.py, hides the name of ours but not its modules.
    folder = agents.__file__ is None and importlib.util.find_spec("agents.registry") is not None
    if not folder and getattr(agents, "DISTRIBUTION", None) != "ev-cosim":
        owners = importlib.metadata.packages_distributions().get("agents", ["another distribution"])
        raise ControllerError(
            f"package 'agents' belongs to {', '.join(owners)}; install ev-cosim in an environment of its own"
        )


def code_of(controller: Controller, system: System) -> dict[str, str]:
    """Fingerprint by file of a controller and an engine from outside ev-cosim; of the files with their classes only.

    Args:
        controller: Who decides.
        system: The scenario that names it.
    """
    from agents.registry import is_own

    paths: set[Path] = set()
    if not is_own(system.scenario.controller.name):
        # The module may be forgotten already; functions know their file all the same.
        functions = (member for member in vars(type(controller)).values() if inspect.isfunction(member))
        paths |= {Path(function.__code__.co_filename) for function in functions}
    engine = system.scenario.network.engine
    if is_foreign(engine):
        paths.add(foreign_file(engine, system.file.folder))
    simulator = system.scenario.grid.simulator
    if simulator is not None:
        # Of what a command names, what lies there as a file: its program in a script, most often.
        paths |= {system.file.folder / word for word in simulator.command or ()}
    return {path.name: sha256_of(path) for path in sorted(paths) if path.is_file()}
