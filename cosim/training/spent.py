"""Where the time of a training goes."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Spent:
    """Time of a training.

    Attributes:
        cpu_s: CPU time of all processes together [s].
        decisions_s: CPU time of the fleets' decisions, and of what they earned [s].
        updates_s: CPU time of updates [s].
        checkpoints_s: CPU time of checkpoints [s].
        transport_s: CPU time in which the learner hears of episodes from actors [s].
        wall_s: Time that passed [s].
        learner_waited_s: Time in which the learner waited for episodes [s].
        actors_waited_s: Time in which actors had nothing to run, all of them together [s].
    """

    cpu_s: float = 0.0
    decisions_s: float = 0.0
    updates_s: float = 0.0
    checkpoints_s: float = 0.0
    transport_s: float = 0.0
    wall_s: float = 0.0
    learner_waited_s: float = 0.0
    actors_waited_s: float = 0.0

    @property
    def simulation_s(self) -> float:
        """CPU time of all the rest: roads, stations, grid, records, mosaik [s]."""
        known_s = self.decisions_s + self.updates_s + self.checkpoints_s + self.transport_s
        return max(self.cpu_s - known_s, 0.0)

    def plus(self, other: Spent) -> Spent:
        """This and other time together."""
        mine, theirs = asdict(self), asdict(other)
        return Spent(**{name: mine[name] + theirs[name] for name in mine})

    def shares(self) -> dict[str, float]:
        """What part of the CPU time went where."""
        parts = {
            "simulation": self.simulation_s,
            "decisions": self.decisions_s,
            "updates": self.updates_s,
            "checkpoints": self.checkpoints_s,
            "transport": self.transport_s,
        }
        return {name: value / self.cpu_s if self.cpu_s > 0.0 else 0.0 for name, value in parts.items()}
