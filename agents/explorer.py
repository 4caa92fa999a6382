"""Fleets that explore in a process of their own, with weights that a learner elsewhere hands out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.catalogue import find_line, make_algorithm, make_settings
from agents.exploration import Exploration, exploring
from agents.students import Student, make_student
from agents.turns import Order
from cosim.interface import Episodes, FleetSpec


class Explorer:
    """Decides for the fleets of all variants of a scenario; learns nothing.

    What it does in a round depends on the round's number and the weights only, not on the rounds before or on which
    process runs it.

    Args:
        specs: The fleets.
        algorithm: Name of the line.
        settings: Its settings by name.
        order: Whether EVs decide one after another.
        episodes: Episodes of training in all.
        seed: Seed of the training.
    """

    def __init__(
        self,
        specs: Sequence[FleetSpec],
        *,
        algorithm: str,
        settings: Mapping[str, Any],
        order: Order,
        episodes: int,
        seed: int,
    ) -> None:
        # One thread a process: with small networks more threads only wait for each other.
        torch.set_num_threads(1)
        line = find_line(algorithm)
        self._settings = make_settings(line, settings)
        self._deciding = [make_algorithm(line, spec, self._settings, seed) for spec in specs]
        self._specs, self._order, self._episodes, self._seed = specs, order, episodes, seed
        self._number, self._progress = 0, 0.0

    def fleet(self, variant: int, validation_from: int, on_episodes: Callable[[Episodes], None]) -> Student:
        """A fleet that explores and decides; see `agents.training.Trainer.fleet`."""
        return make_student(
            self._specs[variant],
            self._deciding[variant],
            order=self._order,
            validation_from=validation_from,
            exploration=self._exploration,
            on_episodes=on_episodes,
        )

    def take(self, variant: int, weights: Mapping[str, NDArray[Any]], number: int, episodes: int) -> None:
        """Take over weights for a round.

        Args:
            variant: Number of the fleet.
            weights: The weights that decide, by name.
            number: Number of the round; its random choices follow from it.
            episodes: Episodes of training before it.
        """
        self._deciding[variant].load_weights({name: torch.from_numpy(values) for name, values in weights.items()})
        self._number, self._progress = number, episodes / self._episodes
        torch.manual_seed(self._seed + number)

    def _exploration(self, replicas: int) -> Exploration:
        generator = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(self._number,)))
        return exploring(self._settings, self._progress, replicas, generator)
