"""The algorithms that can be trained, by name, and how their settings are read."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args, get_type_hints

from agents.algorithm import Algorithm
from agents.turns import Order
from cosim.errors import ControllerError
from cosim.interface import FleetSpec

#: What a setting's metadata call its least value.
LEAST = "least"
#: What whoever trains is told: all that EVs saw and did, their messages, or nothing, because each learns alone.
Shares = Literal["raw", "messages", "nothing"]
ORDERS: tuple[Order, ...] = ("sequential", "rounds", "simultaneous")


@dataclass(frozen=True)
class Line:
    """An algorithm with what makes it one line of a comparison.

    Attributes:
        name: Its name, that of its controller too.
        module: Where it is.
        cls: Its class; the settings' class stands beside it as `Settings`.
        about: One line.
        presets: Settings that make the line, whatever else is set.
        defaults: Settings that are other in this line unless they are set.
        starts_from: Lines whose weights it can begin with.
        orders: Orders of decision in which it can be trained.
        own_networks: Whether each EV has a network of its own, so that weights fit one size of the fleet.
        shares: What whoever trains is told: all that EVs saw and did (`raw`), their `messages`, or `nothing`.
        commutes: Whether it guides EVs that commute, instead of those that choose where to go.
    """

    name: str
    module: str
    cls: str
    about: str
    presets: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    starts_from: tuple[str, ...] = ()
    orders: tuple[Order, ...] = ORDERS
    own_networks: bool = False
    shares: Shares = "raw"
    commutes: bool = False


LINES = (
    Line("maddqn", "agents.algorithms.maddqn", "Maddqn", "double deep Q-network over stations and modes", {}),
    Line("admaddpg", "agents.algorithms.admaddpg", "Admaddpg", "attention, CNN and LSTM; actor and central critic", {}),
    Line(
        "admaddpg-no-lstm",
        "agents.algorithms.admaddpg",
        "Admaddpg",
        "AD-MADDPG that remembers no earlier slot",
        {"memory": 1},
    ),
    Line(
        "team-ppo",
        "agents.algorithms.team_ppo",
        "TeamPpo",
        "MADDQN's network, fine-tuned by the team's reward",
        {},
        starts_from=("maddqn", "team-ppo"),
    ),
    Line(
        "admaddpg-literal",
        "agents.algorithms.admaddpg_literal",
        "AdmaddpgLiteral",
        "AD-MADDPG with the paper's head: heading, distance, power by sigmoid",
        {},
    ),
    Line("maddpg", "agents.algorithms.maddpg", "Maddpg", "central critic, decentral actors, the paper's head", {}),
    Line(
        "maddpg-pointer",
        "agents.algorithms.maddpg",
        "Maddpg",
        "MADDPG whose actors choose stations and modes",
        {"head": "pointer"},
    ),
    Line(
        "maddpg-messages",
        "agents.algorithms.maddpg",
        "Maddpg",
        "MADDPG whose critic knows the others by the sums of their messages",
        {"head": "pointer", "critic": "messages"},
        shares="messages",
    ),
    Line(
        "dt-maddpg",
        "agents.algorithms.dt_maddpg",
        "DtMaddpg",
        "digital twins: what messages predict, by a model of the islands, and the rest learned",
        {"head": "pointer", "critic": "messages"},
        shares="messages",
    ),
    Line(
        "independent",
        "agents.algorithms.independent",
        "Independent",
        "a double deep Q-network for each EV, which knows nothing of the others",
        {},
        orders=("simultaneous",),
        own_networks=True,
        shares="nothing",
    ),
    Line(
        "v2g-il",
        "agents.algorithms.v2g_ddpg",
        "V2gDdpg",
        "commuters: actor and critic of its own for each EV, which know nothing of the others",
        {"critic": "own", "networks": "own"},
        # Alone they learn best from one critic, and from what was lately so: the others change.
        defaults={"critics": 1, "smoothing": 0.0, "replay_episodes": 1000},
        orders=("simultaneous",),
        own_networks=True,
        shares="nothing",
        commutes=True,
    ),
    Line(
        "v2g-maddpg",
        "agents.algorithms.v2g_ddpg",
        "V2gDdpg",
        "commuters: MADDPG, a central critic that is told all that EVs see and do",
        {"critic": "raw", "networks": "shared"},
        orders=("simultaneous",),
        commutes=True,
    ),
    Line(
        "v2g-dt-maddpg",
        "agents.algorithms.v2g_dt_maddpg",
        "V2gDtMaddpg",
        "commuters: digital twins tell predictions, and a model of the day pays for them",
        {"critic": "messages", "networks": "shared"},
        orders=("simultaneous",),
        shares="messages",
        commutes=True,
    ),
)


def find_line(name: str) -> Line:
    """Look a line up by name.

    Raises:
        ControllerError: If there is none of that name.
    """
    for line in LINES:
        if line.name == name:
            return line
    names = ", ".join(repr(line.name) for line in LINES)
    raise ControllerError(f"there is no algorithm {name!r}; there are {names}")


def check_fleet(line: Line, *, spec_commutes: bool) -> None:
    """Make sure that a line guides such a fleet.

    Args:
        line: Which.
        spec_commutes: Whether the fleet's EVs commute.

    Raises:
        ControllerError: If it guides the other kind.
    """
    if line.commutes and not spec_commutes:
        raise ControllerError(
            f"{line.name} guides EVs that commute; give the scenario fleet.commute, as in v2g_day.yaml"
        )
    if spec_commutes and not line.commutes:
        names = ", ".join(other.name for other in LINES if other.commutes)
        raise ControllerError(
            f"{line.name} guides EVs that choose where to go, but these commute; for them there are {names}"
        )


def make_settings(line: Line, given: Mapping[str, Any]) -> Any:
    """Read settings.

    Args:
        line: Whose.
        given: Values by name; whole numbers may stand for others.

    Raises:
        ControllerError: If there is no setting of a name, or its value is of another kind; names it.
    """
    settings = importlib.import_module(line.module).Settings
    kinds, fields = get_type_hints(settings), {field.name: field for field in dataclasses.fields(settings)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in kinds:
            raise ControllerError(f"algorithm.{name}: {line.name} has no such setting; it has {', '.join(kinds)}")
        if name in line.presets:
            raise ControllerError(f"algorithm.{name}: is {line.presets[name]!r} in {line.name}")
        problem = _problem(value, kinds[name], fields[name].metadata.get(LEAST))
        if problem:
            raise ControllerError(f"algorithm.{name}: must be {problem}, got {value!r}")
        values[name] = float(value) if kinds[name] is float else value
    if values.get("epsilon_until", 1.0) == 0.0:
        raise ControllerError("algorithm.epsilon_until: must be above 0, got 0")
    if values.get("gamma", 1.0) > 1.0:
        raise ControllerError(f"algorithm.gamma: must be at most 1, got {values['gamma']:g}")
    return settings(**{**line.defaults, **values, **line.presets})


def _problem(value: Any, kind: Any, least: int | None) -> str:
    """What a setting must be, if a value is not; else empty. Whole numbers begin at 1 unless the setting says."""
    if kind is bool:
        return "" if isinstance(value, bool) else "true or false"
    if get_args(kind):
        # A text is one of few.
        return "" if isinstance(value, str) and value in get_args(kind) else f"one of {', '.join(get_args(kind))}"
    whole = kind is int
    wanted = "a whole number" if whole else "a number"
    least = int(whole) if least is None else least
    good = not isinstance(value, bool) and isinstance(value, int if whole else (int, float)) and value >= least
    return "" if good else f"{wanted} of at least {least}"


def make_algorithm(line: Line, spec: FleetSpec, settings: Any, seed: int) -> Algorithm:
    """Make an algorithm with untrained networks.

    Args:
        line: Which.
        spec: The fleet.
        settings: Its settings.
        seed: Seed of the networks' first weights.
    """
    cls = getattr(importlib.import_module(line.module), line.cls)
    return cast(Algorithm, cls(spec, settings, seed))
