"""mosaik's side of who decides: makes observations, checks actions."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np

from cosim.errors import ControllerError, CosimError
from cosim.grid.accounts import GridSlot
from cosim.interface import Action, Controller, FleetSpec, Floats, LearningController, Observation
from cosim.outcome import Outcomes
from cosim.reward import RewardModel
from cosim.schedule import Schedule
from cosim.seeding import stream
from cosim.simulators.base import Ports, SlotSimulator, episode_text
from cosim.traffic.accounts import TrafficSlot

#: The fleet and its surroundings as a slot begins, and what the microgrids publish.
INPUTS = ("state", "outlook")
#: What happened in the last slot, for a controller that learns.
OUTCOME_INPUTS = ("traffic", "grid")
#: An action may miss its range by this much, for rounding.
ROUNDING = 1e-9


class ControllerSimulator(SlotSimulator):
    """Asks a controller for the actions of each slot.

    Args:
        controller: Who decides.
        spec: What it knows before the first slot.
        seed: The scenario's seed.
        schedule: Which episodes run when.
        reward: Rewards for a controller that learns.
    """

    def __init__(
        self, controller: Controller, spec: FleetSpec, seed: int, schedule: Schedule, reward: RewardModel
    ) -> None:
        self.learns = isinstance(controller, LearningController)
        """Whether the controller is told what each slot brought."""
        super().__init__("Controller", INPUTS + OUTCOME_INPUTS * self.learns, ("action",), {}, schedule)
        self._controller = controller
        self._outcomes = Outcomes(reward)
        self._spec = spec
        self._seed = seed
        self._generators: dict[int, np.random.Generator] = {}

    def run_slot(self, tick: int, received: Ports) -> dict[str, Any]:
        """Tell the controller of the last slot if it learns, make the observation, ask it, check its answer."""
        episodes, slot = self.schedule.batch_at(tick), self.schedule.slot(tick)
        if self.learns and tick > 0:
            self.learn(tick - 1, received["traffic"][-1], received["grid"][-1])
        if slot == 0:
            self._generators = {}
        observation = self.observe(tick, received)
        with self._errors("act", tick):
            action = self._controller.act(observation)
        return {"action": check_action(action, self._spec, episodes, slot)}

    def learn(self, tick: int, traffic: TrafficSlot, grid: GridSlot) -> None:
        """Tell a controller that learns what a slot brought.

        Args:
            tick: Number of the slot, over all batches.
            traffic: What happened on the roads and at the stations.
            grid: What happened in the grid.
        """
        outcome = self._outcomes.of_slot(self.schedule.batch_at(tick), self.schedule.slot(tick), traffic, grid)
        with self._errors("learn", tick):
            cast(LearningController, self._controller).learn(outcome)

    @contextmanager
    def _errors(self, what: str, tick: int) -> Iterator[None]:
        """Turn whatever a controller raises into an error that says where."""
        try:
            yield
        except CosimError:
            raise
        except (Exception, SystemExit) as error:
            # A controller that exits would end the run as if it were good.
            who = type(self._controller).__name__
            where = f"{episode_text(self.schedule, tick)}, slot {self.schedule.slot(tick)}"
            frame = traceback.extract_tb(error.__traceback__)[-1]
            line = f"{Path(frame.filename).name}:{frame.lineno}"
            raise ControllerError(
                f"{where}: {who}.{what} raised {type(error).__name__}: {error} ({line}; more with --debug)"
            ) from error

    def observe(self, tick: int, received: Ports) -> Observation:
        """What the controller sees when a slot begins.

        Args:
            tick: Number of the slot, over all batches.
            received: Value of each input port.
        """
        episodes, slot = self.schedule.batch_at(tick), self.schedule.slot(tick)
        seen: dict[str, Any] = {**vars(received["state"]), **vars(received["outlook"])}
        # Ports are shared by reference; a controller may work on its observation, but never on them.
        own: dict[str, Any] = {name: None if values is None else values.copy() for name, values in seen.items()}
        return Observation(
            slot=slot,
            episode=np.array(episodes, dtype=np.int64),
            **own,
            random=lambda replica: self._generator(episodes[replica]),
        )

    def _generator(self, episode: int) -> np.random.Generator:
        if episode not in self._generators:
            self._generators[episode] = stream(self._seed, episode, "controller")
        return self._generators[episode]


def check_action(action: Action, spec: FleetSpec, episodes: tuple[int, ...], slot: int) -> Floats:
    """Check what a controller returned.

    Args:
        action: Its answer.
        spec: The fleet.
        episodes: Episode of each replica, R of them.
        slot: Number of the slot.

    Returns:
        Heading, distance and power share, shape [R, I, 3].

    Raises:
        ControllerError: If it is no action, or a value is missing, not finite or out of range; names slot and EV.
    """
    if not isinstance(action, Action):
        raise ControllerError(f"slot {slot}: act must return an Action, got {type(action).__name__}")
    names = ("heading_rad", "distance_km", "power_share")
    lowest, highest = (0.0, 0.0, -spec.max_discharge_share), (2.0 * math.pi, spec.max_move_km, 1.0)
    low, high = np.array(lowest), np.array(highest)
    shape = (len(episodes), spec.fleet_size)
    given = np.empty((*shape, len(names)))
    for k, name in enumerate(names):
        try:
            values = np.asarray(getattr(action, name), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ControllerError(f"slot {slot}: {name} must be an array of numbers ({error})") from error
        if values.shape != shape:
            raise ControllerError(f"slot {slot}: {name} must have shape {shape} [R, I], got {values.shape}")
        given[..., k] = values
    # Written so that a NaN is out of range too.
    right = (given >= low - ROUNDING) & (given <= high + ROUNDING)
    if not right.all():
        k, replica, ev = (int(n) for n in np.argwhere(~right.transpose(2, 0, 1))[0])
        raise ControllerError(
            f"episode {episodes[replica]}, slot {slot}, EV {ev}: {names[k]} must be in "
            f"[{lowest[k]:.10g}, {highest[k]:.10g}], got {float(given[replica, ev, k])}"
        )
    checked: Floats = np.minimum(np.maximum(given, low), high)
    return checked
