"""One training: an algorithm, the fleets that learn with it, and the weights that are kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import torch
from numpy.typing import NDArray

from agents.catalogue import ORDERS, Line, check_fleet, find_line, make_algorithm, make_settings
from agents.checkpoint import read_state, write_state
from agents.device import array, decides_apart, device_name, learning_device
from agents.episode_replay import episode_bytes
from agents.learner import Learner
from agents.students import Student, kept_of, make_student
from agents.turns import Order
from agents.weights import FleetCard, load_weights, save_weights
from cosim.errors import ControllerError
from cosim.interface import Episodes, FleetSpec

#: Weights that decide, by name, as they travel between processes.
Weights = dict[str, NDArray[Any]]


class Trainer:
    """Makes the learner and the fleet of a training, and keeps weights and state.

    Args:
        specs: The fleet, or the fleets that one policy is trained for, in which slots and stations must be the same.
        algorithm: Name of the line.
        settings: Its settings by name; what is missing is as it is.
        order: `sequential`, `rounds` or `simultaneous`; empty for the first that the algorithm can be trained in.
        episodes: Episodes of training.
        seed: Seed of first weights, exploration and draws from the replay.
        command: How it was asked for.
        start: Weights of the line that this one begins with; empty for untrained networks.
        vary: What makes the fleets differ, as it was written; empty for one.
        actors: Processes that bring episodes; 0 if this one does.

    Raises:
        ControllerError: If there is no such algorithm, order or setting, or the weights are not as they must be.
    """

    def __init__(
        self,
        specs: Sequence[FleetSpec],
        *,
        algorithm: str,
        settings: Mapping[str, Any],
        order: str,
        episodes: int,
        seed: int,
        command: str,
        start: str = "",
        vary: str = "",
        actors: int = 0,
    ) -> None:
        if order not in ("", *ORDERS):
            raise ControllerError(f"order must be one of {', '.join(ORDERS)}, got {order!r}")
        if min(spec.fleet_size for spec in specs) < 1:
            raise ControllerError("a fleet of no EV cannot learn; set fleet.size to 1 or more")
        if len({(spec.slots, spec.station_name) for spec in specs}) > 1:
            raise ControllerError(f"--vary {vary}: slots and stations must be the same for one policy to learn")
        line = find_line(algorithm)
        self.order: Order = cast(Order, order or line.orders[0])
        """Whether EVs decide one after another."""
        if self.order not in line.orders:
            raise ControllerError(f"order of {line.name} must be {' or '.join(line.orders)}, got {order!r}")
        if line.own_networks and len({spec.fleet_size for spec in specs}) > 1:
            raise ControllerError(
                f"--vary {vary}: {line.name} has a network for each EV, so its fleets must be of one size"
            )
        check_fleet(line, spec_commutes=specs[0].day is not None)
        made = make_settings(line, settings)
        # One thread a process: with small networks more threads only wait for each other.
        torch.set_num_threads(1)
        spec = max(specs, key=lambda spec: spec.fleet_size)
        self._algorithm = make_algorithm(line, spec, made, seed)
        device = learning_device()
        self._algorithm.learn_on(device)
        self.learns_on = device_name(device)
        """Where updates are made: `cpu`, or the name of a GPU."""
        # One fleet decides with the very networks that learn, on a CPU; each of several with networks of its own.
        apart = len(specs) > 1 or decides_apart(device)
        self._deciding = (
            [make_algorithm(line, of_variant, made, seed) for of_variant in specs] if apart else [self._algorithm]
        )
        self._specs, self._spec = specs, spec
        if actors and self._algorithm.on_policy:
            raise ControllerError(
                f"{algorithm} learns from the episodes of its newest weights only, and actors bring those of older "
                "ones; leave --actors out"
            )
        self._check_memory()
        self.settings: dict[str, Any] = asdict(made)
        """All settings."""
        self.start_sha256 = self._start_from(Path(start), line) if start else ""
        """Fingerprint of the weights that it begins with; empty for untrained networks."""
        self._card = FleetCard(
            algorithm=algorithm,
            settings=self.settings,
            order=self.order,
            stations=spec.station_name,
            fleet_size=spec.fleet_size,
            episodes=0,
            seed=seed,
            validation=None,
            command=command,
            vary=vary,
        )
        self.learner = Learner(self._algorithm, kept_of(spec, self._algorithm), episodes=episodes, seed=seed)
        """Who updates."""
        self.best: float | None = None
        """Best score on the episodes of validation so far: restoration, or reward where EVs commute."""
        self.commutes = line.commutes
        """Whether its EVs commute, so that it is judged by reward."""
        self.last: float | None = None
        """The last one."""

    def _check_memory(self) -> None:
        """Refuse a replay that does not fit, before anything runs."""
        if self._algorithm.on_policy or not hasattr(os, "sysconf"):
            return
        count = self._algorithm.settings.replay_episodes
        size_bytes = count * episode_bytes(kept_of(self._spec, self._algorithm))
        if size_bytes > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
            raise ControllerError(
                f"a replay of {count:,} episodes takes {size_bytes / 1e9:,.1f} GB of memory; "
                "set algorithm.replay_episodes to less"
            )

    def _start_from(self, path: Path, line: Line) -> str:
        if not line.starts_from:
            raise ControllerError(f"{line.name} begins with untrained networks; leave --start out")
        other, card = load_weights(path, self._spec, *line.starts_from)
        self._algorithm.start_from(card.algorithm, other.weights())
        return card.sha256

    def fleet(self, variant: int, validation_from: int, on_episodes: Callable[[Episodes], None]) -> Student:
        """A fleet that explores and decides.

        Args:
            variant: Number of the fleet.
            validation_from: Episodes from this number on are of validation.
            on_episodes: Called when a round of episodes has ended.
        """
        return make_student(
            self._specs[variant],
            self._deciding[variant],
            order=self._card.order,
            validation_from=validation_from,
            exploration=self.learner.exploration,
            on_episodes=on_episodes,
        )

    def hand_out(self, variant: int) -> None:
        """Let a fleet decide with the newest weights; one that is alone does anyway, on a CPU."""
        if self._deciding[variant] is not self._algorithm:
            self._deciding[variant].load_weights(self._algorithm.weights())

    def weights(self) -> Weights:
        """A copy of the weights that decide, by name."""
        return {name: array(value).copy() for name, value in self._algorithm.weights().items()}

    def keep_best(self, folder: Path, score: float, episodes: int, weights: Weights | None = None) -> None:
        """Write weights if no validation before was as good.

        Args:
            folder: Where to.
            score: What they reached.
            episodes: Episodes of training that they have seen.
            weights: The weights; default: those of now.
        """
        self.last = score
        if self.best is None or score > self.best:
            self.best = score
            self._save_weights(folder / "best.safetensors", score, episodes, weights or self.weights())

    def keep_last(self, folder: Path) -> None:
        """Write the weights as they are now."""
        self._save_weights(folder / "last.safetensors", self.last, self.learner.episodes, self.weights())

    def save(self, folder: Path, handed_out: Sequence[Weights] = ()) -> None:
        """Write all that the training depends on from here.

        Args:
            folder: Where to.
            handed_out: Weights that others decide with meanwhile.

        Raises:
            OSError: If it cannot be written.
        """
        numbers = {
            "learner": self.learner.numbers(),
            "best": self.best,
            "last": self.last,
            "handed_out": len(handed_out),
        }
        others = {
            f"handed_out.{k}.{name}": values for k, weights in enumerate(handed_out) for name, values in weights.items()
        }
        write_state(folder, {**self.learner.tensors(), **others}, numbers)

    def load(self, folder: Path) -> list[Weights]:
        """Go on from what `save` wrote; returns the weights that were handed out.

        Raises:
            ControllerError: If it is missing, damaged, or of another training.
        """
        tensors, numbers = read_state(folder)
        try:
            self.learner.load(tensors, numbers["learner"])
            self.best, self.last = numbers["best"], numbers["last"]
            prefixes = [f"handed_out.{k}." for k in range(numbers["handed_out"])]
        except KeyError as error:
            raise ControllerError(f"{folder} is damaged: {error} is missing") from error
        return [
            {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}
            for prefix in prefixes
        ]

    def _save_weights(self, path: Path, validation: float | None, episodes: int, weights: Weights) -> None:
        card = replace(self._card, episodes=episodes, validation=validation)
        save_weights(path, {name: torch.from_numpy(values) for name, values in weights.items()}, card)
