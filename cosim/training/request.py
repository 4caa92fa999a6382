"""What is to be trained, and what it brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cosim.training.spent import Spent


@dataclass(frozen=True)
class Training:
    """What is to be trained, and how.

    Attributes:
        algorithm: Name of the line.
        episodes: Episodes of training; rounded up to whole rounds.
        seed: Seed of first weights, exploration and draws from the replay.
        order: `sequential`, `rounds` or `simultaneous`; default: the first that the algorithm can be trained in.
        settings: Settings of the algorithm by name.
        replicas: Episodes of a round, side by side.
        command: How it was asked for, for the card of the weights.
        start: Weights that it begins with; empty for untrained networks.
        vary: What makes the variants of the scenario differ, as it was written; empty for one.
        checkpoint_every: Episodes between two checkpoints, at least; None for as often as costs little. The end and
            Ctrl-C make one too.
    """

    algorithm: str
    episodes: int
    seed: int = 0
    order: str = ""
    settings: Mapping[str, Any] | None = None
    replicas: int = 64
    command: str = ""
    start: str = ""
    vary: str = ""
    checkpoint_every: int | None = None


@dataclass(frozen=True)
class Trained:
    """What a training brought.

    Attributes:
        episodes: Episodes of training, those from before a resume included.
        resumed_from: Episodes that were there already; 0 for a new training.
        best: Best mean restoration ratio on the episodes of validation, or the best reward where EVs commute; None
            before the first.
        last: The last one.
        spent: Where the time went, that from before a resume included.
        actors: Number of actors; 0 for one process.
        actors_replaced: Actors that have died and were replaced.
        algorithm: Name of the line.
        learned_on: Where updates were made: `cpu`, or the name of a GPU; after a resume, since then.
        judged_by: What `best` and `last` are, `restoration` or `reward`.
        folder: Where weights, curve and checkpoint are.
    """

    episodes: int
    resumed_from: int
    best: float | None
    last: float | None
    spent: Spent
    actors: int
    actors_replaced: int
    algorithm: str
    learned_on: str
    judged_by: str
    folder: Path

    def lines(self) -> list[str]:
        """What `cosim train` prints."""
        spent = self.spent
        shares = ", ".join(f"{name} {share:.0%}" for name, share in spent.shares().items() if share)
        best = "none" if self.best is None else f"{self.best:.3f}"
        if self.episodes == self.resumed_from:
            first = f"{self.episodes} episodes, all of them from before: nothing was left to train"
        else:
            first = f"{self.episodes} episodes in {spent.wall_s:.0f} s, {spent.cpu_s:.0f} CPU s ({shares})"
        if self.learned_on != "cpu":
            first += f", learning on {self.learned_on}"
        if self.actors and spent.wall_s:
            learner, actors = spent.learner_waited_s / spent.wall_s, spent.actors_waited_s / spent.wall_s / self.actors
            first += f"; the learner waited {learner:.0%} of the time, actors {actors:.0%}"
        if self.actors_replaced:
            first += f"; actors that died and were replaced: {self.actors_replaced}"
        return [
            f"{first}; best {self.judged_by} on validation {best}",
            f"weights and learning curve in {self.folder}; run them with",
            f"  --controller {self.algorithm} --set controller.options.weights={self.folder}/best.safetensors",
        ]

    def summary(self) -> dict[str, Any]:
        """Everything that `cosim train --json` prints."""
        return {
            "episodes": self.episodes,
            "resumed_from": self.resumed_from,
            "best": self.best,
            "last": self.last,
            "actors": self.actors,
            "actors_replaced": self.actors_replaced,
            "time": {
                **asdict(self.spent),
                "simulation_s": self.spent.simulation_s,
                "shares": self.spent.shares(),
            },
            "learned_on": self.learned_on,
            "judged_by": self.judged_by,
            "folder": str(self.folder),
        }
