"""Whole episodes as arrays: what a learner needs is a slice of them, and nothing is stored twice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ControllerError
from cosim.interface import Ints

Arrays = dict[str, NDArray[Any]]
#: Shape and type of quantities by name.
Shapes = Mapping[str, tuple[tuple[int, ...], Any]]


def episode_bytes(shapes: Shapes) -> int:
    """Memory that one episode takes, by the shape and type of its quantities."""
    return sum(math.prod(shape) * np.dtype(kind).itemsize for shape, kind in shapes.values())


class EpisodeReplay:
    """The last episodes, oldest overwritten first.

    Args:
        capacity: Number of episodes kept.
        shapes: Shape and type of each quantity of one episode, the slot first, by name.
    """

    def __init__(self, capacity: int, shapes: Shapes) -> None:
        self.capacity = capacity
        self.arrays: Arrays = {name: np.zeros((capacity, *shape), dtype) for name, (shape, dtype) in shapes.items()}
        self.stored = 0
        """Episodes ever stored."""

    def __len__(self) -> int:
        return min(self.stored, self.capacity)

    @property
    def size_bytes(self) -> int:
        """Memory that it takes."""
        return sum(array.nbytes for array in self.arrays.values())

    def add(self, episodes: Arrays) -> None:
        """Store some episodes, arrays with the episode first; of a smaller fleet, the EVs that are missing stay out."""
        count = len(next(iter(episodes.values())))
        at = (self.stored + np.arange(count)) % self.capacity
        for name, values in episodes.items():
            self.arrays[name][at] = padded(values, self.arrays[name].shape[1:], -1 if name == "choice" else 0)
        self.stored += count

    def contents(self) -> Arrays:
        """What is stored, oldest overwritten first; without the room that is left."""
        return {name: array[: len(self)] for name, array in self.arrays.items()}

    def refill(self, contents: Mapping[str, NDArray[Any]], stored: int) -> None:
        """Put back what `contents` gave.

        Args:
            contents: Arrays by name.
            stored: Episodes ever stored then.

        Raises:
            ControllerError: If they are of other quantities, or not as many.
        """
        self.stored = stored
        expected = {name: array.shape for name, array in self.contents().items()}
        if {name: array.shape for name, array in contents.items()} != expected:
            raise ControllerError("the replay is not as it was written; another version of ev-cosim wrote it")
        for name, array in contents.items():
            self.arrays[name][: len(self)] = array

    def rows(self, name: str, episode: Ints, slot: Ints, ev: Ints) -> NDArray[Any]:
        """A quantity of some EVs in some slots, shape [N, ...]."""
        values: NDArray[Any] = self.arrays[name][episode, slot, ev]
        return values


def padded(values: NDArray[Any], shape: tuple[int, ...], filler: int) -> NDArray[Any]:
    """Arrays of some episodes, filled up at the ends of their axes.

    Args:
        values: Shape [R, ...].
        shape: Shape that each episode gets, nowhere smaller.
        filler: What stands where nothing was.
    """
    if values.shape[1:] == shape:
        return values
    whole = np.full((len(values), *shape), filler, dtype=values.dtype)
    whole[tuple(slice(length) for length in values.shape)] = values
    return whole


def n_step_rows(reward: NDArray[np.float32], steps: int, gamma: float, episode: Ints, slot: Ints, ev: Ints) -> Any:
    """N-step returns of some EVs from some slots on, up to their episode's end.

    Args:
        reward: Rewards, shape [episodes, T, I].
        steps: N.
        gamma: Discount.
        episode: Episode of each row, shape [N].
        slot: Slot of each.
        ev: EV of each.

    Returns:
        Sum of the discounted rewards of slots t to t + N - 1, shape [N].

    Source:
        Wu, Cai, Li 2025, eq. (29).
    """
    slots = reward.shape[1]
    total = np.zeros(len(slot), dtype=np.float32)
    for k in range(steps):
        inside = slot + k < slots
        total += np.where(inside, gamma**k * reward[episode, np.minimum(slot + k, slots - 1), ev], 0.0)
    return total


def bootstrap_slots(
    slot: Ints, steps: int, slots: int, *, literal_index: bool = False
) -> tuple[Ints, NDArray[np.bool_]]:
    """The slots whose value stands for all that comes after N rewards.

    Args:
        slot: First slot of the N rewards, any shape.
        steps: N.
        slots: Slots of an episode; beyond the last nothing comes.
        literal_index: Slot t + N - 1 as published, whose reward is among the N already, instead of t + N.

    Returns:
        The slots, the first ones themselves where the episode is over; and whether it goes on.

    Source:
        Wu, Cai, Li 2025, eq. (29) and the text around it.
    """
    later = slot + steps - int(literal_index)
    goes_on = later < slots
    return np.where(goes_on, later, slot), goes_on
