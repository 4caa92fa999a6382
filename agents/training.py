"""One training: an algorithm, the fleet that learns with it, and the weights that are kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from agents.catalogue import ORDERS, Line, find_line, make_algorithm, make_settings
from agents.episode_replay import episode_bytes
from agents.learning import FleetInTraining, kept_shapes
from agents.weights import FleetCard, load_weights, save_weights
from cosim.errors import ControllerError
from cosim.interface import FleetSpec, TrainingRound


class Trainer:
    """Makes the fleet of a training, and keeps its weights.

    Args:
        spec: The fleet.
        algorithm: Name of the line.
        settings: Its settings by name; what is missing is as it is.
        order: `sequential` or `simultaneous`.
        episodes: Episodes of training.
        seed: Seed of first weights, exploration and draws from the replay.
        command: How it was asked for.
        start: Weights of the line that this one begins with; empty for untrained networks.

    Raises:
        ControllerError: If there is no such algorithm, order or setting, or the weights are not as they must be.
    """

    def __init__(
        self,
        spec: FleetSpec,
        *,
        algorithm: str,
        settings: Mapping[str, Any],
        order: str,
        episodes: int,
        seed: int,
        command: str,
        start: str = "",
    ) -> None:
        if order not in ORDERS:
            raise ControllerError(f"order must be one of {', '.join(ORDERS)}, got {order!r}")
        if spec.fleet_size < 1:
            raise ControllerError("a fleet of no EV cannot learn; set fleet.size to 1 or more")
        line = find_line(algorithm)
        made = make_settings(line, settings)
        # One thread a process: with small networks more threads only wait for each other.
        torch.set_num_threads(1)
        self._algorithm = make_algorithm(line, spec, made, seed)
        self._spec, self._episodes, self._seed = spec, episodes, seed
        self._check_memory()
        if start:
            self._start_from(Path(start), line)
        self.settings: dict[str, Any] = asdict(made)
        """All settings."""
        self._card = FleetCard(
            algorithm=algorithm,
            settings=self.settings,
            order=order,
            stations=spec.station_name,
            fleet_size=spec.fleet_size,
            episodes=0,
            seed=seed,
            validation=None,
            command=command,
        )
        self.best: float | None = None
        """Best mean restoration ratio on the episodes of validation so far."""
        self.last: float | None = None
        """The last one."""
        self._fleet: FleetInTraining | None = None

    def _check_memory(self) -> None:
        """Refuse a replay that does not fit, before anything runs."""
        if self._algorithm.on_policy or not hasattr(os, "sysconf"):
            return
        count = self._algorithm.settings.replay_episodes
        size_bytes = count * episode_bytes(kept_shapes(self._spec, self._algorithm))
        if size_bytes > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
            raise ControllerError(
                f"a replay of {count:,} episodes takes {size_bytes / 1e9:,.1f} GB of memory; "
                "set algorithm.replay_episodes to less"
            )

    def _start_from(self, path: Path, line: Line) -> None:
        if not line.starts_from:
            raise ControllerError(f"{line.name} begins with untrained networks; leave --start out")
        other, _ = load_weights(path, self._spec, line.starts_from)
        self._algorithm.start_from(other.weights())

    def fleet(self, validation_from: int, on_round: Callable[[TrainingRound], None]) -> FleetInTraining:
        """The fleet that learns.

        Args:
            validation_from: Episodes from this number on are of validation.
            on_round: Called after each round of episodes.
        """
        self._fleet = FleetInTraining(
            self._spec,
            self._algorithm,
            order=self._card.order,
            episodes=self._episodes,
            validation_from=validation_from,
            seed=self._seed,
            on_round=on_round,
        )
        return self._fleet

    def keep_best(self, folder: Path, validation: TrainingRound) -> None:
        """Write the weights if no validation before was as good."""
        self.last = validation.restoration
        if self.best is None or self.last > self.best:
            self.best = self.last
            self._save(folder / "best.safetensors", self.best)

    def keep_last(self, folder: Path) -> None:
        """Write the weights as they are now."""
        self._save(folder / "last.safetensors", self.last)

    def _save(self, path: Path, validation: float | None) -> None:
        episodes = self._fleet.episodes if self._fleet is not None else 0
        save_weights(path, self._algorithm, replace(self._card, episodes=episodes, validation=validation))
