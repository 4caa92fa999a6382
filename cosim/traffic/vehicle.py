"""One electric vehicle: where it is, what it holds, and what it is on its way to."""

from __future__ import annotations

from cosim.charging.battery import Battery
from cosim.charging.visit import Visit
from cosim.interface import EvState
from cosim.traffic.routing import Place
from cosim.traffic.trip import Trip


class Vehicle:
    """State of one EV in one replica.

    Args:
        number: Number of the EV.
        battery: Its battery.
        place: Where it begins.
    """

    __slots__ = ("battery", "driven_km", "driven_s", "number", "place", "power_share", "trip", "visit")

    def __init__(self, number: int, battery: Battery, place: Place) -> None:
        self.number = number
        self.battery = battery
        self.place = place
        """Where it is; while it drives, where it was when the slot began."""
        self.power_share = 0.0
        """The standing order: share of the power at a station, > 0 charges."""
        self.trip: Trip | None = None
        self.visit: Visit | None = None
        self.driven_km = 0.0
        """Driven since the slot began [km]."""
        self.driven_s = 0.0
        """Time driven since the slot began [s]."""

    @property
    def state(self) -> EvState:
        """What it is doing."""
        if self.trip is not None:
            return EvState.DRIVING
        return self.visit.state if self.visit is not None else EvState.PARKED
