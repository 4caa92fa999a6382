"""One electric vehicle: where it is, what it holds, and what it is on its way to."""

from __future__ import annotations

from dataclasses import dataclass, field

from cosim.charging.battery import Battery
from cosim.charging.visit import Visit
from cosim.interface import EvState
from cosim.traffic.routing import Leg, Place


@dataclass(slots=True)
class Trip:
    """A drive that has begun.

    Attributes:
        ev: Number of the EV.
        legs: The way.
        depart_s: Time of departure [s].
        planned_s: Travel time expected at departure [s].
        from_station: Station of departure, -1 elsewhere.
        destination: Station of arrival, -1 elsewhere.
        enter_s: Time of entry into each road so far [s].
        leg_s: Time that the present leg takes [s].
        arrive_s: Time of arrival [s]; None while it drives.
    """

    ev: int
    legs: list[Leg]
    depart_s: float
    planned_s: float
    from_station: int
    destination: int
    enter_s: list[float] = field(default_factory=list)
    leg_s: float = 0.0
    arrive_s: float | None = None

    @property
    def leg(self) -> Leg:
        """The leg that is being driven."""
        return self.legs[len(self.enter_s) - 1]

    @property
    def length_km(self) -> float:
        """Length of the way [km]."""
        return sum(leg.length_km for leg in self.legs)


class Vehicle:
    """State of one EV in one replica.

    Args:
        number: Number of the EV.
        battery: Its battery.
        place: Where it begins.
    """

    __slots__ = ("battery", "driven_km", "driven_s", "leg_done_km", "number", "place", "power_share", "trip", "visit")

    def __init__(self, number: int, battery: Battery, place: Place) -> None:
        self.number = number
        self.battery = battery
        self.place = place
        """Where it is; while it drives, where its trip began."""
        self.power_share = 0.0
        """The standing order: share of the power at a station, > 0 charges."""
        self.trip: Trip | None = None
        self.visit: Visit | None = None
        self.leg_done_km = 0.0
        """Kilometres of the present leg that are accounted for [km]."""
        self.driven_km = 0.0
        """Driven since the slot began [km]."""
        self.driven_s = 0.0
        """Time driven since the slot began [s]."""

    @property
    def state(self) -> EvState:
        """What it is doing."""
        if self.trip is not None:
            return EvState.DRIVING
        request = self.visit.open_request if self.visit is not None else None
        if request is None:
            return EvState.PARKED
        if request.plug_in_s is None:
            return EvState.QUEUEING
        return EvState.CHARGING if request.wanted_kw > 0.0 else EvState.DISCHARGING
