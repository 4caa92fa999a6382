"""Who can send and receive: vehicles, their twins, stations, microgrids and the core."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a node is."""

    VEHICLE = "vehicle"
    TWIN = "twin"
    STATION = "station"
    MICROGRID = "microgrid"
    CORE = "core"


#: Roles whose nodes belong to one EV: vehicle and twin of the same number have one owner.
OWNED = frozenset({Role.VEHICLE, Role.TWIN})


@dataclass(frozen=True, order=True)
class Node:
    """One sender or receiver.

    Attributes:
        role: What it is.
        number: Which one, from 0.
    """

    role: Role
    number: int = 0

    def __str__(self) -> str:
        return f"{self.role} {self.number}"

    def shares_owner(self, other: Node) -> bool:
        """Whether what is private to one may be known to the other: the same node, or an EV and its twin."""
        return self == other or (self.role in OWNED and other.role in OWNED and self.number == other.number)


@dataclass(frozen=True)
class Population:
    """How many nodes there are; as many vehicles as twins, and one core.

    Attributes:
        evs: Vehicles, and twins.
        stations: Stations.
        microgrids: Microgrids.
    """

    evs: int
    stations: int
    microgrids: int

    def count(self, role: Role) -> int:
        """Number of nodes of a role."""
        if role in OWNED:
            return self.evs
        return {Role.STATION: self.stations, Role.MICROGRID: self.microgrids, Role.CORE: 1}[role]

    def nodes(self, *roles: Role) -> list[Node]:
        """All nodes of some roles, in order; of all roles if none is named."""
        return [Node(role, number) for role in roles or Role for number in range(self.count(role))]
