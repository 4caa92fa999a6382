"""A drive along roads, from its departure on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cosim.traffic.routing import Drive, Leg

#: Stands where no leg has begun.
NO_LEG: Final = Leg(-1, 0.0, 0.0)


@dataclass(slots=True)
class Trip:
    """A drive that has begun.

    Attributes:
        ev: Number of the EV.
        drive: The way.
        depart_s: Time of departure [s].
        planned_s: Travel time expected at departure [s], where trips are kept.
        most_km: Kilometres that it may drive: those of a slot, and those that its battery has [km].
        from_station: Station of departure, -1 elsewhere.
        destination: Station of arrival, -1 elsewhere.
        leg: The leg that is being driven.
        enter_s: Time of entry into each road so far [s].
        leg_s: Time that the present leg takes [s].
        done_km: Length of the legs that are behind it [km].
        booked_km: Kilometres that are accounted for [km].
        booked_s: Time up to which they are [s].
        arrive_s: Time of arrival [s]; None while it drives.
    """

    ev: int
    drive: Drive
    depart_s: float
    planned_s: float
    from_station: int
    destination: int
    most_km: float = math.inf
    leg: Leg = NO_LEG
    enter_s: list[float] = field(default_factory=list)
    leg_s: float = 0.0
    done_km: float = 0.0
    booked_km: float = 0.0
    booked_s: float = field(init=False)
    arrive_s: float | None = None

    def __post_init__(self) -> None:
        self.booked_s = self.depart_s

    @property
    def legs(self) -> Sequence[Leg]:
        """The legs of the way."""
        return self.drive.legs

    @property
    def length_km(self) -> float:
        """Length of the way [km]."""
        return self.drive.length_km
