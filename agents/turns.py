"""The order in which EVs decide within a slot: one after another on a board of intentions, in rounds, or at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal

import numpy as np

from agents.board import IntentionBoard
from agents.moves import Moves
from agents.options import Choices, Outlook
from cosim.interface import Ints, can_decide

Order = Literal["sequential", "rounds", "simultaneous"]
#: Rounds of a slot, unless a fleet is asked for others.
ROUNDS = 6


class Turn:
    """The EVs that decide at one moment, and what they can choose from.

    Args:
        board: Everybody's intentions; those of the turn are published on it.
        outlook: What is known as the slot begins.
        replica: Replica of each, shape [N].
        ev: Number of each EV, shape [N].
    """

    def __init__(self, board: IntentionBoard, outlook: Outlook, replica: Ints, ev: Ints) -> None:
        self.board, self.outlook = board, outlook
        self.replica, self.ev = replica, ev
        self._alone = False

    @cached_property
    def choices(self) -> Choices:
        """What they can choose from, on what the others' intentions leave."""
        return self.outlook.choices(self.board, self.replica, self.ev, alone=self._alone)

    def look_alone(self) -> None:
        """Let them choose as if nobody else had intentions; to be said before `choices` is asked for."""
        self._alone = True

    def take(self, choice: Ints) -> None:
        """Publish the intentions that follow from choices, shape [N]; -1 stays."""
        intentions, self.power_share = self.choices.taken(choice)
        self.station = intentions.station
        self.board.publish(self.replica, self.ev, intentions)

    def move(self, moves: Moves) -> None:
        """Publish the intentions that follow from literal actions."""
        self.board.publish(self.replica, self.ev, moves.intentions(self.outlook, self.replica, self.ev))


def turns(order: Order, board: IntentionBoard, outlook: Outlook, rounds: int = ROUNDS) -> Iterator[Turn]:
    """The turns of a slot; each must be taken before the next.

    EVs that drive do not decide. In sequential order the nearest to a station is first, ties by number, and the
    replicas' turns run side by side. In rounds, EV i is in round (i + slot) mod `rounds`, whatever it does and wherever
    it is, and those of a round decide at once: whoever reads the totals before and after it learns what they intend
    in sum.

    Args:
        order: Whether EVs decide one after another, in rounds, or all at once.
        board: Everybody's intentions.
        outlook: What is known as the slot begins.
        rounds: Rounds of a slot, >= 1.
    """
    choosing = can_decide(outlook.observation.state)
    if order != "sequential":
        count = rounds if order == "rounds" else 1
        round_of = (np.arange(choosing.shape[1]) + outlook.slot) % count
        # As many rounds as there are EVs at most: nobody waits for rounds of nobody.
        for number in np.unique(round_of):
            replica, ev = np.nonzero(choosing & (round_of == number))
            if len(ev):
                yield Turn(board, outlook, replica, ev)
        return
    nearest_km = np.where(choosing, np.min(outlook.trips.distance_km, axis=-1), np.inf)
    in_order = np.argsort(nearest_km, axis=1, kind="stable")
    count = choosing.sum(axis=1)
    for number in range(int(count.max(initial=0))):
        replica = np.flatnonzero(count > number)
        yield Turn(board, outlook, replica, in_order[replica, number])
