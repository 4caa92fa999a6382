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
    """

    name: str
    target: str
    about: str
    extra: str = ""
    package: str = ""


CONTROLLERS = (
    Entry("idle", "agents.baselines.idle:IdleController", "no EV ever moves or charges"),
    Entry("random", "agents.baselines.random:RandomController", "uniform over all actions"),
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
)


def is_own(name: str) -> bool:
    """Whether a controller's code belongs to this distribution."""
    module = name.partition(":")[0]
    return ":" not in name or module == "agents" or module.startswith("agents.")


def make_controller(name: str, spec: FleetSpec, options: Mapping[str, Any]) -> Controller:
    """Load a controller and make it for a fleet.

    Args:
        name: Name of a controller that ships, or `module:Class`.
        spec: The fleet.
        options: Keyword arguments beside the fleet.

    Raises:
        ControllerError: If there is none of that name, it cannot be loaded, or it does not take the options.
    """
    cls = _load(_target(name), name)
    try:
        inspect.signature(cls).bind(spec, **options)
    except TypeError as error:
        known = ", ".join(list(inspect.signature(cls).parameters)[1:]) or "none"
        raise ControllerError(f"controller {name!r} does not take these options: {error} (known: {known})") from error
    try:
        controller: Controller = cls(spec, **options)
    except ControllerError:
        raise
    except Exception as error:
        raise ControllerError(f"controller {name!r} cannot be made: {type(error).__name__}: {error}") from error
    if not callable(getattr(controller, "act", None)):
        raise ControllerError(f"controller {name!r} has no method act(observation)")
    return controller


def _target(name: str) -> str:
    if ":" in name:
        return name
    for entry in CONTROLLERS:
        if entry.name == name:
            _check_extra(entry)
            return entry.target
    names = ", ".join(repr(entry.name) for entry in CONTROLLERS)
    raise ControllerError(f"there is no controller {name!r}; there are {names}, or name your own as module:Class")


def _check_extra(entry: Entry) -> None:
    if entry.package and importlib.util.find_spec(entry.package) is None:
        raise ControllerError(
            f"controller {entry.name!r} needs {entry.package!r}: pip install 'ev-cosim[{entry.extra}]'"
        )


def _load(target: str, name: str) -> ControllerFactory:
    module_name, _, class_name = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ControllerError(f"controller {name!r}: module {module_name!r} cannot be imported ({error})") from error
    cls = getattr(module, class_name, None)
    if not inspect.isclass(cls):
        raise ControllerError(f"controller {name!r}: module {module_name!r} has no class {class_name!r}")
    return cast(ControllerFactory, cls)
