"""The controllers that ship, by name, and how any controller is loaded."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from cosim.errors import ControllerError
from cosim.interface import Controller, ControllerFactory, FleetSpec


@dataclass(frozen=True)
class Entry:
    """A controller that ships.

    Attributes:
        name: Name in a scenario.
        target: Where it is, as `module:Class`.
        about: One line for `cosim controllers`.
        extra: Extra that must be installed, empty for none.
        package: Import name of a package of that extra.
        commutes: Whether it has learned to guide EVs that commute.
    """

    name: str
    target: str
    about: str
    extra: str = ""
    package: str = ""
    commutes: bool = False


CONTROLLERS = (
    Entry("idle", "agents.baselines.idle:IdleController", "no EV ever moves or charges"),
    Entry("random", "agents.baselines.random:RandomController", "uniform over all actions"),
    Entry(
        "on_arrival",
        "agents.baselines.on_arrival:OnArrivalController",
        "no EV ever moves; who is at a station charges until it is full",
    ),
    Entry(
        "greedy",
        "agents.baselines.greedy:GreedyController",
        "to the nearest deficit, then to the nearest surplus; every EV for itself",
    ),
    Entry(
        "coordinated",
        "agents.baselines.coordinated:CoordinatedController",
        "one EV after the other, each on what the intentions before it leave",
    ),
    Entry("maddqn", "agents.trained:MaddqnFleet", "trained: double deep Q-network", "learn", "torch"),
    Entry("admaddpg", "agents.trained:AdmaddpgFleet", "trained: AD-MADDPG, attention, CNN, LSTM", "learn", "torch"),
    Entry(
        "admaddpg-no-lstm", "agents.trained:AdmaddpgNoLstmFleet", "trained: AD-MADDPG without LSTM", "learn", "torch"
    ),
    Entry(
        "team-ppo", "agents.trained:TeamPpoFleet", "trained: MADDQN fine-tuned by the team's reward", "learn", "torch"
    ),
    Entry(
        "admaddpg-literal",
        "agents.trained:AdmaddpgLiteralFleet",
        "trained: AD-MADDPG with the paper's head",
        "learn",
        "torch",
    ),
    Entry("maddpg", "agents.trained:MaddpgFleet", "trained: MADDPG with the paper's head", "learn", "torch"),
    Entry(
        "maddpg-pointer", "agents.trained:MaddpgPointerFleet", "trained: MADDPG that chooses stations", "learn", "torch"
    ),
    Entry(
        "maddpg-messages", "agents.trained:MaddpgMessagesFleet", "trained: MADDPG on sums of messages", "learn", "torch"
    ),
    Entry(
        "dt-maddpg", "agents.trained:DtMaddpgFleet", "trained: digital twins that share predictions", "learn", "torch"
    ),
    Entry("independent", "agents.trained:IndependentFleet", "trained: a network of its own per EV", "learn", "torch"),
    Entry("v2g-il", "agents.trained:V2gIlFleet", "trained: commuters, each by itself", "learn", "torch", commutes=True),
    Entry(
        "v2g-maddpg", "agents.trained:V2gMaddpgFleet", "trained: commuters by MADDPG", "learn", "torch", commutes=True
    ),
    Entry(
        "v2g-dt-maddpg",
        "agents.trained:V2gDtMaddpgFleet",
        "trained: commuters whose digital twins share predictions",
        "learn",
        "torch",
        commutes=True,
    ),
    Entry(
        "mpc",
        "agents.baselines.mpc:MpcController",
        "the fleet's linear program to the episode's end, in each slot anew, rounded to whole EVs",
    ),
    Entry(
        "best_response",
        "agents.baselines.best_response:BestResponseController",
        "each EV's best plan to the episode's end on what the others' leave, in turns",
    ),
)


def is_own(name: str) -> bool:
    """Whether a controller's code belongs to this distribution."""
    module = name.partition(":")[0]
    return ":" not in name or module == "agents" or module.startswith("agents.")


def guides_commuters(name: str) -> bool:
    """Whether a controller that ships guides EVs that commute, with networks that have learned it."""
    return any(entry.commutes for entry in CONTROLLERS if entry.name == name)


def problem_with(name: str, options: Mapping[str, Any]) -> tuple[str, str] | None:
    """What is wrong with a scenario's controller, as far as it can be told without making it.

    Args:
        name: Name of a controller that ships, or `module:Class`, which is not looked at.
        options: Its options.

    Returns:
        The field of the scenario, `name` or `options`, and the problem; None if there is none.
    """
    if ":" in name:
        return None
    entry = next((entry for entry in CONTROLLERS if entry.name == name), None)
    if entry is None:
        names = ", ".join(repr(entry.name) for entry in CONTROLLERS)
        return "name", f"there is no controller {name!r}; there are {names}, or name your own as module:Class"
    missing = _missing_extra(entry)
    if missing:
        return "name", missing
    wrong = _wrong_options(_load(entry.target, name), options)
    return ("options", wrong) if wrong else None


def make_controller(name: str, spec: FleetSpec, options: Mapping[str, Any]) -> Controller:
    """Load a controller and make it for a fleet.

    Args:
        name: Name of a controller that ships, or `module:Class`.
        spec: The fleet.
        options: Keyword arguments beside the fleet.

    Raises:
        ControllerError: If there is none of that name, it cannot be loaded, or it does not take the options.
    """
    problem = problem_with(name, options)
    if problem is not None:
        raise ControllerError(problem[1])
    entry = next((entry for entry in CONTROLLERS if entry.name == name), None)
    cls = _load(entry.target if entry else name, name)
    wrong = _wrong_options(cls, options)
    if wrong:
        raise ControllerError(f"controller {name!r} {wrong}")
    try:
        controller: Controller = cls(spec, **options)
    except ControllerError:
        raise
    except Exception as error:
        raise ControllerError(f"controller {name!r} cannot be made: {type(error).__name__}: {error}") from error
    if not callable(getattr(controller, "act", None)):
        raise ControllerError(f"controller {name!r} has no method act(observation)")
    return controller


def _missing_extra(entry: Entry) -> str:
    """How to install what a controller needs; empty if all is there."""
    if not entry.package or importlib.util.find_spec(entry.package) is not None:
        return ""
    return f"controller {entry.name!r} needs {entry.package!r}: pip install 'ev-cosim[{entry.extra}]'"


def _wrong_options(cls: ControllerFactory, options: Mapping[str, Any]) -> str:
    """Why a controller's class does not take options; empty if it does."""
    try:
        signature = inspect.signature(cls)
        signature.bind_partial(None)
    except (TypeError, ValueError):
        return "must take the fleet (spec) as its first argument"
    try:
        signature.bind(None, **options)
    except TypeError as error:
        known = ", ".join(list(signature.parameters)[1:]) or "none"
        return f"does not take these options: {error} (known: {known})"
    return ""


def _load(target: str, name: str) -> ControllerFactory:
    module_name, _, class_name = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        # Whatever a module of somebody else does when it is imported: a syntax error, a failing line, an exit.
        problem = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise ControllerError(f"controller {name!r}: module {module_name!r} cannot be imported ({problem})") from error
    cls = getattr(module, class_name, None)
    if not inspect.isclass(cls):
        raise ControllerError(f"controller {name!r}: module {module_name!r} has no class {class_name!r}")
    return cast(ControllerFactory, cls)
