"""Commuters that learn, or have learned: decide, are told what each slot brought, and keep it for their learner."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from agents.commuters.algorithm import CommuterAlgorithm
from agents.commuters.day_model import DayModel, without_evs
from agents.commuters.view import HERE, look, shapes_of_view
from agents.episode_replay import Arrays, Shapes
from agents.exploration import Exploration
from cosim.errors import ControllerError
from cosim.interface import Action, Episodes, FleetSpec, Floats, Observation, Outcome


def kept_of_commuters(spec: FleetSpec, algorithm: CommuterAlgorithm) -> Shapes:
    """What is kept of an episode: shape and type by name."""
    of_evs = (spec.slots, spec.fleet_size)
    return {
        **shapes_of_view(*of_evs),
        **algorithm.shapes(*of_evs),
        "action": (of_evs, np.float32),
        "reward": (of_evs, np.float32),
    }


def action_of(spec: FleetSpec, seen: Arrays, share: NDArray[np.float32]) -> Action:
    """Stay, and have that share of the power; who is away is told nothing."""
    action = Action.stay(*share.shape)
    exact = np.clip(share.astype(np.float64), -spec.max_discharge_share, 1.0)
    np.copyto(action.power_share, np.where(seen["own"][..., HERE] > 0.0, exact, 0.0))
    return action


class CommutersInTraining:
    """A learning controller: explores and keeps; and only decides in episodes of validation.

    Args:
        spec: The fleet.
        algorithm: Whose networks decide.
        validation_from: Episodes from this number on are of validation.
        exploration: Gives the noise of so many episodes side by side.
        on_episodes: Called when episodes have ended.
    """

    def __init__(
        self,
        spec: FleetSpec,
        algorithm: CommuterAlgorithm,
        *,
        validation_from: int,
        exploration: Callable[[int], Exploration],
        on_episodes: Callable[[Episodes], None],
    ) -> None:
        self._spec, self._algorithm = spec, algorithm
        self._model = DayModel(spec)
        self._validation_from = validation_from
        self._explore = exploration
        self._on_episodes = on_episodes
        self._shapes = kept_of_commuters(spec, algorithm)
        self.cpu_s = 0.0
        """CPU time of decisions and of what they earned [s]."""

    def act(self, observation: Observation) -> Action:
        """Decide; keep what was seen."""
        begun_s = time.process_time()
        if observation.slot == 0:
            self._begin(observation)
        seen = look(observation)
        share = self._algorithm.choose(seen, observation.slot)
        self._common = _common(self._model, seen)
        if not self._validates:
            share = np.maximum(self._exploration.jittered(share), np.float32(-self._spec.max_discharge_share))
            told = self._algorithm.messages(seen, observation.slot, share)
            for name, values in {**seen, **told, "action": share}.items():
                self._kept[name][:, observation.slot] = values
        self.cpu_s += time.process_time() - begun_s
        return action_of(self._spec, seen, share)

    def learn(self, outcome: Outcome) -> None:
        """Take in a slot; after the last one, hand the episodes on.

        Of the reward is taken off what the grid would have paid without EVs: no EV has a part in it.
        """
        begun_s = time.process_time()
        if outcome.day_reward is None:
            raise ControllerError("EVs that commute learn from a day's reward; set reward.form=v2g")
        self._kept["reward"][:, outcome.slot] = outcome.day_reward - self._common[:, None]
        self.cpu_s += time.process_time() - begun_s
        if outcome.slot == self._spec.slots - 1:
            reward = float(self._kept["reward"].sum(axis=1).mean())
            self._on_episodes(Episodes(self._validates, None, reward, self._kept))

    def _begin(self, observation: Observation) -> None:
        count = observation.replicas
        self._validates = bool(observation.episode[0] >= self._validation_from)
        names = ("reward",) if self._validates else tuple(self._shapes)
        self._kept: Arrays = {name: np.zeros((count, *self._shapes[name][0]), self._shapes[name][1]) for name in names}
        if not self._validates:
            self._exploration = self._explore(count)


def _common(model: DayModel, seen: Arrays) -> Floats:
    """What the grid would pay every EV in the slot that begins if no EV took part, shape [R]."""
    now = torch.from_numpy(seen["market"][..., 0]).double()
    common: Floats = without_evs(model, now).numpy()
    return common


class CommuterFleet:
    """Commuters that have learned: they only decide.

    Args:
        spec: The fleet.
        algorithm: Whose networks decide.
    """

    def __init__(self, spec: FleetSpec, algorithm: CommuterAlgorithm) -> None:
        self._spec, self._algorithm = spec, algorithm

    def act(self, observation: Observation) -> Action:
        """What the networks say."""
        seen = look(observation)
        share = self._algorithm.choose(seen, observation.slot)
        self._last = seen, observation.slot, share
        return action_of(self._spec, seen, share)

    def told(self) -> Arrays:
        """What twins would tell in training of the slot that was decided last, by name; empty if they tell nothing."""
        return self._algorithm.messages(*self._last)
