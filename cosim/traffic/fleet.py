"""The EVs of the replicas: where each is, what it holds, and what it is on its way to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.charging.battery import Battery
from cosim.charging.visit import Visit
from cosim.interface import SMALLEST_POWER_SHARE, EvState, Floats
from cosim.traffic.routing import Place
from cosim.traffic.trip import Trip

#: Plain numbers are written into an array more quickly.
DRIVING, PARKED, AWAY = int(EvState.DRIVING), int(EvState.PARKED), int(EvState.AWAY)


def wanted_kw(power_share: Floats, charge_kw: float, discharge_kw: float) -> Floats:
    """Power that EVs want at stations [kW], > 0 charges, 0 where they want no charger.

    Args:
        power_share: What they were told: share of the power, > 0 charges, any shape.
        charge_kw: Charging power at share 1 [kW].
        discharge_kw: Discharging power at share -1 [kW].
    """
    power_kw = power_share * np.where(power_share > 0.0, charge_kw, discharge_kw)
    return np.where(np.abs(power_share) > SMALLEST_POWER_SHARE, power_kw, 0.0)


class FleetColumns:
    """Numbers of all EVs of R replicas, up to date at every instant: arrays of shape [R, I].

    Args:
        replicas: Number of replicas, R.
        size: EVs of each, I.

    Attributes:
        node: Node where an EV is, or the end of its road; while it drives, where it was when the slot began.
        road: Directed road, -1 at a node.
        offset_km: Distance from the road's start [km], 0 at a node.
        station: Station that it is at, -1 elsewhere.
        destination: Station that it drives to, -1 for none.
        state: Whether it drives, is parked or away, numbers of `EvState`; stations know better who is served.
        wanted_kw: The standing order: power at a station [kW], > 0 charges.
        driven_km: Driven since the slot began [km].
        driven_s: Time driven since the slot began [s].
    """

    def __init__(self, replicas: int, size: int) -> None:
        shape = (replicas, size)
        self.node, self.road, self.station, self.destination = np.full((4, *shape), -1)
        self.state = np.full(shape, PARKED)
        self.offset_km, self.wanted_kw, self.driven_km, self.driven_s = np.zeros((4, *shape))

    def begin_slot(self, ordered_kw: Floats) -> None:
        """Give orders to all that stand, and count from 0 what a slot counts.

        Args:
            ordered_kw: Power at a station [kW], > 0 charges, shape [R, I].
        """
        np.copyto(self.wanted_kw, ordered_kw, where=self.state != DRIVING)
        self.driven_km.fill(0.0)
        self.driven_s.fill(0.0)


class Fleet:
    """The EVs of one replica: lists of what has a life of its own, and a row of each column.

    Args:
        battery: Battery of each EV.
        place: Where each begins.
        columns: Of all replicas.
        replica: The row of this one.
    """

    __slots__ = (
        "_node",
        "_offset_km",
        "_road",
        "_state",
        "battery",
        "destination",
        "driven_km",
        "driven_s",
        "place",
        "station",
        "trip",
        "visit",
        "wanted_kw",
    )

    def __init__(self, battery: Sequence[Battery], place: Sequence[Place], columns: FleetColumns, replica: int) -> None:
        size = len(battery)
        self.battery = battery
        self.place = list(place)
        """Where it is; while it drives, where it was when the slot began."""
        self.trip: list[Trip | None] = [None] * size
        self.visit: list[Visit | None] = [None] * size
        # Single numbers are read and written through a memoryview three times as quickly as in an array.
        self._node: memoryview[int] = memoryview(columns.node[replica])
        self._road: memoryview[int] = memoryview(columns.road[replica])
        self._offset_km: memoryview[float] = memoryview(columns.offset_km[replica])
        self._state: memoryview[int] = memoryview(columns.state[replica])
        self.station: memoryview[int] = memoryview(columns.station[replica])
        self.destination: memoryview[int] = memoryview(columns.destination[replica])
        self.wanted_kw: memoryview[float] = memoryview(columns.wanted_kw[replica])
        self.driven_km: memoryview[float] = memoryview(columns.driven_km[replica])
        self.driven_s: memoryview[float] = memoryview(columns.driven_s[replica])

    def __len__(self) -> int:
        return len(self.battery)

    def depart(self, ev: int, trip: Trip) -> None:
        """Let an EV leave where it is."""
        self.trip[ev], self.destination[ev] = trip, trip.destination
        self.visit[ev], self.station[ev] = None, -1
        self._state[ev] = DRIVING

    def stop(self, ev: int, place: Place, visit: Visit | None) -> None:
        """Let an EV stand at a place, on a visit where that is a station."""
        self.trip[ev], self.destination[ev] = None, -1
        self.visit[ev] = visit
        self.station[ev] = visit.station if visit is not None else -1
        self._state[ev] = PARKED
        self.put(ev, place)

    def leave(self, ev: int, place: Place) -> None:
        """Let an EV be away from all that is simulated; a place stands for where it will come back to."""
        self.trip[ev], self.destination[ev] = None, -1
        self.visit[ev], self.station[ev] = None, -1
        self._state[ev] = AWAY
        self.put(ev, place)

    def put(self, ev: int, place: Place) -> None:
        """Note where an EV is."""
        self.place[ev] = place
        self._node[ev], self._road[ev], self._offset_km[ev] = place
