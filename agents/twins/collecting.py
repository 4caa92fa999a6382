"""How intentions are collected on the bus, turn by turn: at the stations, or cut into shares so that nobody sees one.

R = replicas, I = EVs, H = stations, T = slots of an episode. Energies are in units, > 0 drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from agents.twins.aggregation import SecretSharing
from agents.twins.bus import MessageBus
from agents.twins.hearing import STATE
from agents.twins.message import Intention
from agents.twins.node import Node, Role
from agents.twins.taint import Marked, derived, marked
from agents.twins.traffic_count import Phase
from cosim.interface import Ints, Visibility

#: What an intention is worked out from, and why it may be told.
SOURCES = tuple(f"TwinState.{name}" for name in STATE)
BECAUSE = "what a vehicle means to do at a station, in whole units; what that tells is measured"
#: Station of a replica.
Place = tuple[int, int]


@dataclass(frozen=True)
class Change:
    """What the EVs of a turn mean to do now, and what they meant before; N EVs.

    Attributes:
        slot: Slot that begins.
        replica: Replica of each, shape [N].
        ev: Number of each, shape [N].
        before: Station of its intention before, -1 for none, shape [N].
        before_units: What it offered there, shape [N, T].
        station: Station of its intention now, likewise.
        arrival: Slot of arrival there, shape [N].
        units: What it offers now, shape [N, T].
    """

    slot: int
    replica: Ints
    ev: Ints
    before: Ints
    before_units: Ints
    station: Ints
    arrival: Ints
    units: Ints


class Collecting(Protocol):
    """A way to collect intentions."""

    totals: Ints
    """What all mean to draw and to feed in, and the chargers for it, shape [3, R, H, T]."""

    def begin(self, replicas: int, stations: int, evs: int, slots: int) -> None:
        """Begin new episodes: nobody means to do anything."""
        ...

    def take(self, change: Change) -> set[Place]:
        """Collect what a turn changed; gives the stations whose totals are not as before."""
        ...

    def teller(self, station: int) -> Node:
        """Who knows the totals of a station."""
        ...


class AtStations:
    """Every EV tells its station, which adds up; and the station that it leaves.

    Args:
        bus: Carries the messages.
    """

    totals: Ints

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus

    def begin(self, replicas: int, stations: int, evs: int, slots: int) -> None:
        """Begin new episodes, see `Collecting.begin`."""
        self.totals = np.zeros((3, replicas, stations, slots), dtype=np.int64)
        self._held: Ints = np.zeros((replicas, stations, evs, slots), dtype=np.int64)

    def take(self, change: Change) -> set[Place]:
        """Collect what a turn changed, see `Collecting.take`; a station that is told something counts as changed."""
        slot, told = change.slot, set[Place]()
        for n, (replica, ev) in enumerate(zip(change.replica.tolist(), change.ev.tolist(), strict=True)):
            station, before = int(change.station[n]), int(change.before[n])
            if before not in (-1, station) and change.before_units[n, slot:].any():
                self._send(replica, ev, before, slot, change.arrival[n], change.units[n, :0])
                told.add((replica, before))
            if station >= 0:
                ahead = np.trim_zeros(change.units[n, slot:], "b")
                self._send(replica, ev, station, slot, change.arrival[n], ahead)
                told.add((replica, station))
        for replica, station in told:
            held = self._held[replica, station]
            parts = np.maximum(held, 0), np.maximum(-held, 0), held != 0
            self.totals[:, replica, station] = [part.sum(axis=0) for part in parts]
        return told

    def teller(self, station: int) -> Node:
        """The station itself."""
        return Node(Role.STATION, station)

    def _send(self, replica: int, ev: int, station: int, slot: int, arrival: Any, units: Ints) -> None:
        """Send an intention to a station, which takes it in place of the one before."""
        message = Intention(ev, slot, _declared(arrival), _declared(units))
        to = Node(Role.STATION, station)
        heard = self._bus.send(Node(Role.TWIN, ev), to, message, Phase.EXECUTION)[to]
        held = self._held[replica, station, heard.pseudonym, slot:]
        held[:] = 0
        held[: len(heard.offers)] = heard.offers


class ByShares:
    """All twins together add up what a turn changes, by secret sharing: the core learns sums, and nobody a message.

    A sum hides an EV among those that decide in the same turn; of a turn of one it is what that EV intends.

    Every EV takes part in every turn, who changes nothing too: so nobody learns who decides.

    Args:
        bus: Carries the messages.
    """

    totals: Ints

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        # Sums do not depend on these numbers; in the field they must come from the operating system.
        self._sharing = SecretSharing(bus, np.random.default_rng(0))

    def begin(self, replicas: int, stations: int, evs: int, slots: int) -> None:
        """Begin new episodes, see `Collecting.begin`."""
        self.totals = np.zeros((3, replicas, stations, slots), dtype=np.int64)
        self._evs = evs

    def take(self, change: Change) -> set[Place]:
        """Collect what a turn changed, see `Collecting.take`."""
        slot, stations = change.slot, self.totals.shape[2]
        now, before = (
            _at_stations(units, station, stations)[..., slot:]
            for units, station in ((change.units, change.station), (change.before_units, change.before))
        )
        changed = set[Place]()
        for replica in np.unique(change.replica).tolist():
            of_replica = change.replica == replica
            moved = np.zeros((self._evs, *now.shape[1:]), dtype=np.int64)
            moved[change.ev[of_replica]] = (now - before)[of_replica]
            flat = moved.transpose(0, 2, 1, 3).reshape(self._evs, stations, -1)
            summed = self._sharing.total(_declared(flat), slot=slot, phase=Phase.EXECUTION)
            by_part = summed.reshape(stations, 3, -1).transpose(1, 0, 2)
            self.totals[:, replica, :, slot:] += by_part
            changed |= {(replica, int(station)) for station in np.flatnonzero(by_part.any(axis=(0, 2)))}
        return changed

    def teller(self, station: int) -> Node:
        """The core."""
        return Node(Role.CORE)


def _declared(values: Any) -> Marked:
    """What follows from a vehicle's state, declared fit to be told."""
    return derived(marked(values, Visibility.RAW, *SOURCES), because=BECAUSE)


def _at_stations(units: Ints, station: Ints, stations: int) -> Ints:
    """What offers [N, T] add to what is drawn and fed in and to the chargers in use, shape [N, 3, H, T]."""
    parts = np.stack([np.maximum(units, 0), np.maximum(-units, 0), units != 0], axis=1)
    there = station[:, None] == np.arange(stations)
    placed: Ints = parts[:, :, None, :] * there[:, None, :, None]
    return placed
