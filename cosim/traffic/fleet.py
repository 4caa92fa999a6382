"""The EVs of one replica: where each is, what it holds, and what it is on its way to."""

from __future__ import annotations

from collections.abc import Sequence

from cosim.charging.battery import Battery
from cosim.charging.visit import Visit
from cosim.interface import EvState
from cosim.traffic.routing import Place
from cosim.traffic.trip import Trip


class Fleet:
    """State of every EV: lists, one entry per EV, from which arrays are made at once.

    Args:
        battery: Battery of each EV.
        place: Where each begins.
    """

    __slots__ = ("battery", "destination", "driven_km", "driven_s", "place", "power_share", "station", "trip", "visit")

    def __init__(self, battery: list[Battery], place: list[Place]) -> None:
        size = len(battery)
        self.battery = battery
        self.place = place
        """Where it is; while it drives, where it was when the slot began."""
        self.power_share = [0.0] * size
        """The standing order: share of the power at a station, > 0 charges."""
        self.trip: list[Trip | None] = [None] * size
        self.visit: list[Visit | None] = [None] * size
        self.station = [-1] * size
        """Station that it is at, -1 elsewhere."""
        self.destination = [-1] * size
        """Station that it drives to, -1 for none."""
        self.driven_km = [0.0] * size
        """Driven since the slot began [km]."""
        self.driven_s = [0.0] * size
        """Time driven since the slot began [s]."""

    def __len__(self) -> int:
        return len(self.battery)

    def begin_slot(self, power_share: Sequence[float]) -> None:
        """Give orders to all that stand, and count from 0 what a slot counts.

        Args:
            power_share: Share of the power of each EV, > 0 charges.
        """
        self.power_share = [
            ordered if trip is None else standing
            for ordered, standing, trip in zip(power_share, self.power_share, self.trip, strict=True)
        ]
        self.driven_km = [0.0] * len(self.battery)
        self.driven_s = [0.0] * len(self.battery)
        for battery in self.battery:
            battery.drawn_kwh = battery.fed_kwh = 0.0

    def depart(self, ev: int, trip: Trip) -> None:
        """Let an EV leave where it is."""
        self.trip[ev], self.destination[ev] = trip, trip.destination
        self.visit[ev], self.station[ev] = None, -1

    def stop(self, ev: int, place: Place, visit: Visit | None) -> None:
        """Let an EV stand at a place, on a visit where that is a station."""
        self.trip[ev], self.destination[ev] = None, -1
        self.place[ev], self.visit[ev] = place, visit
        self.station[ev] = visit.station if visit is not None else -1

    def states(self) -> list[int]:
        """What each EV is doing, numbers of `EvState`."""
        # Plain numbers become an array three times as quickly.
        driving, parked = int(EvState.DRIVING), int(EvState.PARKED)
        return [
            driving if trip is not None else parked if visit is None or not visit.requests else visit.requests[-1].state
            for trip, visit in zip(self.trip, self.visit, strict=True)
        ]
