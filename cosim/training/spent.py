"""Where the time of a training goes."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Spent:
    """Time of a training, CPU time of all processes together.

    Attributes:
        cpu_s: All of it [s].
        decisions_s: Decisions of the fleets, and what they earned [s].
        updates_s: Updates of the networks [s].
        checkpoints_s: Checkpoints [s].
    """

    cpu_s: float = 0.0
    decisions_s: float = 0.0
    updates_s: float = 0.0
    checkpoints_s: float = 0.0

    @property
    def simulation_s(self) -> float:
        """All the rest: roads, stations, grid, records, mosaik [s]."""
        return max(self.cpu_s - self.decisions_s - self.updates_s - self.checkpoints_s, 0.0)

    def plus(self, other: Spent) -> Spent:
        """This and other time together."""
        mine, theirs = asdict(self), asdict(other)
        return Spent(**{name: mine[name] + theirs[name] for name in mine})

    def shares(self) -> dict[str, float]:
        """What part of the time went where."""
        parts = {
            "simulation": self.simulation_s,
            "decisions": self.decisions_s,
            "updates": self.updates_s,
            "checkpoints": self.checkpoints_s,
        }
        return {name: value / self.cpu_s if self.cpu_s > 0.0 else 0.0 for name, value in parts.items()}
