"""Who learns: keeps the episodes that fleets bring, updates the networks, and can go on from any update."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.algorithm import Algorithm
from agents.device import array
from agents.episode_replay import EpisodeReplay, Shapes
from agents.exploration import Exploration, exploring
from agents.learner_state import tensors_within
from cosim.errors import ControllerError
from cosim.interface import Episodes, TrainingRound


class Learner:
    """Updates an algorithm's networks after each round of episodes.

    Args:
        algorithm: What is trained.
        shapes: What is kept of an episode: shape and type by name.
        episodes: Episodes of training in all.
        seed: Seed of exploration and of the replay's draws.
    """

    def __init__(self, algorithm: Algorithm, shapes: Shapes, *, episodes: int, seed: int) -> None:
        self._algorithm = algorithm
        self._shapes = shapes
        self._total = episodes
        self._generator = np.random.default_rng(seed)
        self._replay: EpisodeReplay | None = None
        self._round: dict[str, Any] | None = None
        self.episodes = 0
        """Episodes of training so far."""
        self.cpu_s = 0.0
        """CPU time of updates in this process [s]."""
        self.on_update: Callable[[], None] = lambda: None
        """Called after each update; a state that is taken then can be gone on from."""

    @property
    def progress(self) -> float:
        """Share of the training that is done."""
        return self.episodes / self._total

    @property
    def unfinished(self) -> bool:
        """Whether a round is there whose updates are not all done."""
        return self._round is not None

    def exploration(self, replicas: int) -> Exploration:
        """The random choices of a round that begins now, of so many episodes side by side."""
        return exploring(self._algorithm.settings, self.progress, replicas, self._generator)

    def learn(self, episodes: Episodes) -> TrainingRound:
        """Keep a round of episodes, and update.

        Raises:
            ControllerError: If what is logged is no number.
        """
        count = len(episodes.kept["reward"])
        if self._replay is None or self._algorithm.on_policy:
            capacity = count if self._algorithm.on_policy else self._algorithm.settings.replay_episodes
            self._replay = EpisodeReplay(capacity, self._shapes)
        self._replay.add(episodes.kept)
        self.episodes += count
        self._round = {"restoration": episodes.restoration, "reward": episodes.reward, "updates": []}
        return self.finish()

    def finish(self) -> TrainingRound:
        """Do those updates of the round that are left."""
        if self._round is None or self._replay is None:
            raise RuntimeError("there is no round to finish")
        updates: list[dict[str, float]] = self._round["updates"]
        while len(updates) < self._algorithm.settings.updates:
            begun_s = time.process_time()
            update = self._algorithm.update(self._replay, self.progress, self._generator)
            self._check(update)
            updates.append(update)
            self.cpu_s += time.process_time() - begun_s
            self.on_update()
        # Not every update logs all: some leave the actor as it is.
        names = dict.fromkeys(name for update in updates for name in update)
        logged = {name: float(np.mean([update[name] for update in updates if name in update])) for name in names}
        brought = TrainingRound(self.episodes, False, self._round["restoration"], self._round["reward"], logged)
        self._round = None
        return brought

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All tensors that the next update depends on, by name."""
        tensors = {f"algorithm.{name}": array(value) for name, value in self._algorithm.state().items()}
        if self._replay is not None and not (self._algorithm.on_policy and self._round is None):
            tensors |= {f"replay.{name}": values for name, values in self._replay.contents().items()}
        return {**tensors, "torch": array(torch.get_rng_state())}

    def numbers(self) -> dict[str, Any]:
        """All else that it depends on, as JSON has it."""
        return {
            "episodes": self.episodes,
            "stored": 0 if self._replay is None else self._replay.stored,
            "generator": self._generator.bit_generator.state,
            "round": self._round,
        }

    def load(self, tensors: Mapping[str, NDArray[Any]], numbers: Mapping[str, Any]) -> None:
        """Go on from what `tensors` and `numbers` gave.

        Raises:
            ControllerError: If it is of another learner.
        """
        given = {name: torch.from_numpy(values) for name, values in tensors.items()}
        self._algorithm.load_state(tensors_within("algorithm", given))
        kept = {name: value.numpy() for name, value in tensors_within("replay", given).items()}
        if kept:
            settings = self._algorithm.settings
            capacity = numbers["stored"] if self._algorithm.on_policy else settings.replay_episodes
            self._replay = EpisodeReplay(capacity, self._shapes)
            self._replay.refill(kept, numbers["stored"])
        torch.set_rng_state(given["torch"])
        self._generator.bit_generator.state = numbers["generator"]
        self._round = numbers["round"]
        self.episodes = numbers["episodes"]

    def _check(self, update: Mapping[str, float]) -> None:
        for name, value in update.items():
            if not math.isfinite(value):
                raise ControllerError(f"{name} is {value} after {self.episodes} episodes of training; it cannot go on")
