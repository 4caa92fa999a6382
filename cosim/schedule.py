"""Which episodes run when: one World holds them all, R side by side, batch after batch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Episodes in batches of R; the last batch may be narrower.

    Args:
        episodes: Numbers of the episodes, in order.
        replicas: Episodes side by side, R.
        slots: Slots of an episode, T.
    """

    episodes: tuple[int, ...]
    replicas: int
    slots: int

    @property
    def batches(self) -> int:
        """Number of batches."""
        return -(-len(self.episodes) // self.replicas)

    @property
    def ticks(self) -> int:
        """Slots of all batches, one after the other."""
        return self.batches * self.slots

    def batch(self, number: int) -> tuple[int, ...]:
        """The episodes of a batch; empty beyond the last one."""
        return self.episodes[number * self.replicas : (number + 1) * self.replicas]

    def slot(self, tick: int) -> int:
        """The slot within its episode."""
        return tick % self.slots

    def batch_at(self, tick: int) -> tuple[int, ...]:
        """The episodes that run in a tick."""
        return self.batch(tick // self.slots)

    def next_end(self, tick: int) -> int:
        """The first tick after one that is the last of a batch."""
        return ((tick + 1) // self.slots + 1) * self.slots - 1

    def ends_batch(self, tick: int) -> bool:
        """Whether a tick is the last of its batch."""
        return tick % self.slots == self.slots - 1
