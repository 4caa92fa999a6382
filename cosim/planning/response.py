"""Best responses: each EV in turn takes its best walk on what the walks of the others leave.

What an EV adds to the energy served is what it earns, so that turns come to an end where no EV alone can do better.

B = programs side by side, I = EVs, H = stations, T = slots from now to the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.interface import Floats, Ints
from cosim.planning.trips import Trips
from cosim.planning.walks import BestWalks, Levels, Market, Starts, Walks

#: Less energy than this is not worth a charger [kWh].
SMALLEST_KWH = 1.0
#: What a kWh drawn and a kWh for driving cost in kWh served, and what part a kWh served loses per slot: enough to
#: prefer the shorter of two ways and the earlier of two slots.
DRAW_PRICE, DRIVE_PRICE, LATE_PRICE = 0.015, 0.3, 0.002


@dataclass(frozen=True)
class Room:
    """What stations have room for, shape [B, H, T].

    Attributes:
        draw_kwh: Energy that EVs may draw [kWh].
        feed_kwh: Energy that they may feed in [kWh].
        chargers: Chargers.
    """

    draw_kwh: Floats
    feed_kwh: Floats
    chargers: Ints


class FleetPlan:
    """A walk of each EV, and what all of them do at each station in each slot.

    Args:
        levels: The energy levels.
        between: Trips between stations, shape [H, H].
        starts: Where the EVs are, I of each program.
        room: What the stations have room for.
        walks: The walks to begin with.

    Attributes:
        walks: The walks now; changed in place.
    """

    def __init__(self, levels: Levels, between: Trips, starts: Starts, room: Room, walks: Walks) -> None:
        self._levels = levels
        self._between = between
        self._starts = starts
        self._room = room
        self._drawn_kwh, self._fed_kwh, self._chargers = np.zeros((3, *room.draw_kwh.shape))
        self.walks = walks
        self._add(walks, +1.0)

    @property
    def served_kwh(self) -> Floats:
        """Energy that all walks together feed in, as far as there is room for it [kWh], shape [B]."""
        served: Floats = np.minimum(self._fed_kwh, self._room.feed_kwh).sum(axis=(1, 2))
        return served

    def respond(self, order: Ints) -> None:
        """Let EVs choose anew, one after the other; the programs' turns run side by side.

        Args:
            order: EVs of each program in the order of their turns, shape [B, K].
        """
        program = np.arange(len(order))
        for ev in order.T:
            self._add(self.walks.of(program, ev), -1.0)
            trips = self._starts.trips.from_some((program, ev)).from_some(np.s_[:, None])
            start = Starts(trips, self._starts.level[program, ev][:, None])
            walk = BestWalks(self._levels, self._between, self._market()).follow(start)
            self.walks.put(program, ev, walk)
            self._add(walk, +1.0)

    def _market(self) -> Market:
        """What is left, where a charger is free."""
        free = self._chargers < self._room.chargers

        def left(room_kwh: Floats, used_kwh: Floats) -> Floats:
            return np.where(free & (room_kwh - used_kwh >= SMALLEST_KWH), room_kwh - used_kwh, 0.0)

        return Market(
            draw_price=np.full(free.shape, DRAW_PRICE),
            feed_price=np.broadcast_to((1.0 - LATE_PRICE) ** np.arange(free.shape[-1]), free.shape),
            draw_limit_kwh=left(self._room.draw_kwh, self._drawn_kwh),
            feed_limit_kwh=left(self._room.feed_kwh, self._fed_kwh),
            drive_price=DRIVE_PRICE,
        )

    def _add(self, walks: Walks, sign: float) -> None:
        """Add walks to what all do, or take them off."""
        there = walks.there
        program, _, slot = np.nonzero(there)
        at = program, walks.station[there], slot
        drawn_kwh, fed_kwh = walks.drawn_kwh[there], walks.fed_kwh[there]
        np.add.at(self._drawn_kwh, at, sign * drawn_kwh)
        np.add.at(self._fed_kwh, at, sign * fed_kwh)
        np.add.at(self._chargers, at, sign * ((drawn_kwh > 0.0) | (fed_kwh > 0.0)))
