"""The co-simulation as a PettingZoo environment, for learners of other libraries; needs the extra `env`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from cosim.errors import ControllerError, ScenarioError, ScenarioIssue
from cosim.experiment import metric_context
from cosim.interface import Action, FleetSpec, Floats, Observation, Outcome
from cosim.loading import load, permit
from cosim.metrics import EpisodeTotals
from cosim.outcome import Outcomes
from cosim.plain_loop import PlainLoop
from cosim.records.table import Records
from cosim.schedule import Schedule
from cosim.simulators.controller import check_action
from cosim.state_image import CHANNELS, OWN, SIDE, Images, StateImage
from cosim.system import System
from cosim.world import Simulators, make_simulators

try:
    from gymnasium.spaces import Box, Dict
    from pettingzoo import ParallelEnv
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"cosim.env needs {missing.name!r}: pip install 'ev-cosim[env]'", name=missing.name
    ) from missing

#: What an action is, in order.
ACTION = ("heading_rad", "distance_km", "power_share")
#: What `infos` tell of each EV's slot: fields of `cosim.interface.Outcome`.
TOLD = (
    "shedding_reward",
    "cost_reward",
    "penalty_reward",
    "charged_kwh",
    "discharged_kwh",
    "driven_km",
    "station",
)

Observations = dict[str, dict[str, Images]]
Infos = dict[str, dict[str, Any]]


class OutageParallelEnv(ParallelEnv):  # type: ignore[misc]
    """One outage at a time, a slot per step; every EV is an agent, `ev_0`, `ev_1`, ...

    It steps the same simulators as `cosim run`, in the same order: the same actions give the same bits.

    **Observation**, a dictionary of two arrays (float32); `cosim.state_image.StateImage` has the meaning of every
    channel and entry:

    =====  ===========  =====  ==================================================================================
    key    shape        range  meaning
    =====  ===========  =====  ==================================================================================
    image  (3, 32, 32)  -1, 1  deficit (+) or surplus (-) at stations; road flow (0, 1); energy of EVs (0, 1)
    own    (7,)          0, 1  x, y, energy, time, at a station, driving, at a charger
    =====  ===========  =====  ==================================================================================

    All agents share one image, which cannot be written to; with `radius_km` each has its own.

    **Action**, an array of three numbers:

    =====  ========  =======  ====  =====================================================================
    index  name      range    unit  meaning
    =====  ========  =======  ====  =====================================================================
    0      heading   0, 2 pi  rad   direction, counter-clockwise from east
    1      distance  0, d     km    straight distance, 0 stays; d = `spec.max_move_km`
    2      power     -p, 1    1     share of the power at a station, > 0 charges; p = `spec.max_discharge_share`
    =====  ========  =======  ====  =====================================================================

    **Reward**: what the scenario's `reward` says (form, credit, scale), all terms together; `infos` have each term
    by itself, with the energies and kilometres of the slot.

    **End**: after the last slot every agent is `terminated`, never `truncated`. The outage is over then: there is no
    more load to restore and no more reward, so nothing is cut off that a learner should estimate, and the time is in
    the observation. What agents see then has the final state of the EVs and roads, and no deficit or surplus.

    Args:
        scenario: The scenario file, or a system that was built from one. Its controller takes no part.
        overrides: Assignments such as `fleet.size=40`; for a scenario file only.
        radius_km: How far EVs see on the image [km]; None: all of the map.
        allow_code: Whether an engine from outside may be loaded, and a simulator be started.

    Attributes:
        spec: The fleet, the stations, the roads and the navigator.
        seen: What a controller would see in the slot that begins, with one replica.
        records: Tables of the last episode that has ended, None before.

    Raises:
        ScenarioError: If the scenario is wrong.
        ValueError: If the radius is negative or no number, or overrides come with a built system.
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "outage_v0", "render_modes": [], "is_parallelizable": True}
    render_mode = None

    def __init__(
        self,
        scenario: str | Path | System,
        overrides: Sequence[str] = (),
        *,
        radius_km: float | None = None,
        allow_code: bool = False,
    ) -> None:
        if isinstance(scenario, System) and overrides:
            raise ValueError("overrides are for a scenario file; give them to cosim.load")
        if radius_km is not None and not radius_km >= 0.0:
            raise ValueError(f"radius_km must be at least 0, or None to see all of the map, got {radius_km}")
        loaded = scenario if isinstance(scenario, System) else load(scenario, overrides)
        self._system = permit(loaded, allow_code=allow_code)
        if self._system.spec.day is not None:
            problem = "the environment is of an outage, and knows no EVs that commute; leave it out"
            raise ScenarioError([ScenarioIssue("fleet.commute", problem)])
        self._radius_km = radius_km
        self.spec: FleetSpec = self._system.spec
        self._drawing = StateImage(self.spec)
        self.possible_agents = [f"ev_{number}" for number in range(self.spec.fleet_size)]
        self.agents: list[str] = []
        self.observation_spaces = {agent: _observation_space() for agent in self.possible_agents}
        self.action_spaces = {agent: _action_space(self.spec) for agent in self.possible_agents}
        self.seen: Observation | None = None
        self.records: Records | None = None
        self._episode = -1
        self._fed = _Fed()
        self._outcomes = Outcomes(self._system.reward_model())
        self._simulators: Simulators | None = None
        self._loop: PlainLoop | None = None

    def observation_space(self, agent: str) -> Dict:
        """The observations that an agent may get."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Box:
        """The actions that an agent may take; all of them are valid."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Observations, Infos]:
        """Begin an episode: the one that `cosim run` has under that seed and number.

        Without arguments it is the next one: 0, 1, 2, ... of the scenario's seed.

        Args:
            seed: Seed of all random streams from now on, >= 0; episodes count from 0 again.
            options: `{"episode": k}` begins episode k; other keys mean nothing.

        Returns:
            Observations and infos of all agents; infos have the episode's number.

        Raises:
            ValueError: If seed or episode is no whole number, or negative.
        """
        episode = self._episode + 1
        if seed is not None:
            episode = 0
            if _whole("seed", seed) != self._system.scenario.seed:
                self._system, self._simulators = self._system.with_seed(int(seed)), None
        if options and "episode" in options:
            episode = _whole("episode", options["episode"])
        self._episode = episode
        self.agents = list(self.possible_agents)
        schedule = Schedule((episode,), 1, self.spec.slots)
        if self._simulators is None:
            self._simulators = self._make_simulators(schedule)
        else:
            # The same simulators: they remember ways that were searched for.
            self._simulators.begin(schedule)
        self._loop = PlainLoop(self._simulators)
        self.seen = _seen_in(self._loop)
        return self._observations(), {agent: {"episode": episode} for agent in self.agents}

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Go through one slot.

        Args:
            actions: Heading [rad], distance [km] and power share of every agent.

        Returns:
            Observations, rewards, terminated, truncated and infos of all agents. Infos have the number of episode and
            slot, and of `cosim.interface.Outcome` what each EV earned and did.

        Raises:
            ControllerError: If an action is missing, has another shape, is not finite or out of range; the slot has
                not begun then. Or if no episode is going on.
            SimulationError: If the slot cannot be gone through, or the episode's energies do not balance.
        """
        loop = self._loop
        if loop is None:
            raise ControllerError("no episode is going on: call reset() before step()")
        agents, slot = self.agents, loop.tick
        self._fed.action = self._action(actions)
        check_action(self._fed.action, self.spec, (self._episode,), slot)
        # If the slot fails, it cannot be tried again.
        self._loop = None
        loop.step()
        traffic, grid = (simulator.ports["record"][-1] for simulator in (loop.simulators.traffic, loop.simulators.grid))
        outcome = self._outcomes.of_slot((self._episode,), slot, traffic, grid)
        ended = loop.tick == self.spec.slots
        if ended:
            self.seen, self.agents = self._seen_at_end(loop), []
        else:
            self.seen, self._loop = _seen_in(loop), loop
        rewards = dict(zip(agents, outcome.reward[0].tolist(), strict=True))
        terminated, truncated = dict.fromkeys(agents, ended), dict.fromkeys(agents, False)
        return self._observations(), rewards, terminated, truncated, self._infos(outcome)

    def state(self) -> Images:
        """The image and the own vectors of all EVs one after the other, shape [3 x 32 x 32 + I x 7].

        Raises:
            ControllerError: If no episode has begun.
        """
        seen = self._begun()
        return np.concatenate([self._drawing.image(seen).ravel(), self._drawing.own(seen).ravel()])

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of the last episode that has ended, by name; NaN where it has no value, empty before."""
        if self.records is None:
            return {}
        totals = EpisodeTotals()
        totals.add(self.records["microgrid_slots"].columns["episode"][:1], self.records, metric_context(self._system))
        return {name: values[0] for name, values in totals.metric.items()}

    def _make_simulators(self, schedule: Schedule) -> Simulators:
        return make_simulators(
            self._system, self._fed, schedule, complete=True, on_slot=lambda _: None, on_batch=self._keep
        )

    def _keep(self, _: tuple[int, ...], records: Records) -> None:
        self.records = records

    def _action(self, actions: Mapping[str, Any]) -> Action:
        """The actions of all agents as a controller gives them."""
        if not isinstance(actions, Mapping):
            raise ControllerError(f"actions must be a dictionary by agent, got {type(actions).__name__}")
        if actions.keys() != set(self.agents):
            missing = [agent for agent in self.agents if agent not in actions]
            unknown = [agent for agent in actions if agent not in self.agents]
            problem = f"{missing[0]!r} has no action" if missing else f"there is no agent {unknown[0]!r}"
            raise ControllerError(f"{problem}; actions must be those of the {len(self.agents)} agents in env.agents")
        given = np.array([_numbers(agent, actions[agent]) for agent in self.agents]).reshape(1, -1, len(ACTION))
        return Action(given[..., 0], given[..., 1], given[..., 2])

    def _begun(self) -> Observation:
        if self.seen is None:
            raise ControllerError("no episode has begun: call reset() first")
        return self.seen

    def _observations(self) -> Observations:
        seen = self._begun()
        own = self._drawing.own(seen)[0]
        if self._radius_km is not None:
            images = list(self._drawing.image_within(seen, self._radius_km)[0])
        else:
            (image,) = self._drawing.image(seen)
            image.flags.writeable = False
            images = [image] * len(own)
        return {
            agent: {"image": image, "own": entries}
            for agent, image, entries in zip(self.possible_agents, images, own, strict=True)
        }

    def _infos(self, outcome: Outcome) -> Infos:
        columns = [getattr(outcome, name)[0].tolist() for name in TOLD]
        of_slot = {"episode": self._episode, "slot": outcome.slot}
        return {
            agent: {**of_slot, **dict(zip(TOLD, told, strict=True))}
            for agent, *told in zip(self.possible_agents, *columns, strict=True)
        }

    def _seen_at_end(self, loop: PlainLoop) -> Observation:
        """What is known when the outage is over: where everything is, and that nobody needs energy any more."""
        grid, traffic = loop.simulators.grid, loop.simulators.traffic
        outlook: dict[str, Any] = vars(grid.ports["outlook"])
        nothing: dict[str, Any] = {
            name: None if values is None else np.zeros_like(values) for name, values in outlook.items()
        }
        state = vars(traffic.ports["end"])
        return replace(self._begun(), slot=self.spec.slots, **state, **nothing)


class _Fed:
    """A controller that gives the actions which it was given."""

    def __init__(self) -> None:
        self.action = Action.stay(1, 0)

    def act(self, observation: Observation) -> Action:
        return self.action


def _seen_in(loop: PlainLoop) -> Observation:
    """What is known when the slot begins that comes next."""
    return loop.simulators.controller.observe(loop.tick, loop.received("Controller"))


def _observation_space() -> Dict:
    low = np.zeros((len(CHANNELS), SIDE, SIDE), dtype=np.float32)
    low[CHANNELS.index("need")] = -1.0
    image = Box(low, np.ones_like(low), dtype=np.float32)
    return Dict({"image": image, "own": Box(0.0, 1.0, (len(OWN),), dtype=np.float32)})


def _action_space(spec: FleetSpec) -> Box:
    low = np.array([0.0, 0.0, -spec.max_discharge_share])
    high = np.array([2.0 * math.pi, spec.max_move_km, 1.0])
    return Box(_inward(low, high), _inward(high, low), dtype=np.float32)


def _inward(bound: Floats, inside: Floats) -> Images:
    """Bounds as 32-bit numbers that are not beyond them: what a space allows must be allowed."""
    rounded = bound.astype(np.float32)
    beyond = (rounded - bound) * np.sign(inside - bound) < 0.0
    return np.where(beyond, np.nextafter(rounded, inside.astype(np.float32)), rounded)


def _numbers(agent: str, action: Any) -> Floats:
    """An agent's action as three numbers."""
    try:
        numbers = np.asarray(action, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ControllerError(f"the action of {agent!r} must be an array of numbers ({error})") from error
    if numbers.shape != (len(ACTION),):
        raise ControllerError(f"the action of {agent!r} must have shape (3,): {', '.join(ACTION)}; got {numbers.shape}")
    return numbers


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise ValueError(f"{name} must be a whole number, at least 0, got {value!r}")
    return int(value)
