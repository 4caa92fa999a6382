"""How a station is built."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from cosim.scenario.station_schema import StationFeatures

Discipline = Literal["first_come", "lowest_soc", "earliest_departure", "priority"]
Sharing = Literal["max_min", "priority"]


@dataclass(frozen=True)
class ChargerKind:
    """Chargers that are alike.

    Attributes:
        name: What they are called.
        count: How many.
        power_kw: Highest power of each [kW].
        plugs: Plugs that they have; empty if they fit everybody.
    """

    name: str
    count: int
    power_kw: float
    plugs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StationDesign:
    """How a station is built and who is served first.

    Attributes:
        kinds: Its chargers; customers take a free one of the first kind that fits.
        limit_kw: Power of all vehicles together, at most [kW].
        sharing: How that is shared: the same for all as far as they can take it, or in order of class and plugging in.
        places: Places to wait; None for no limit. Who lost a charger keeps a place in any case.
        discipline: Who is served first.
        preemptive: Whether a customer of a lower class takes the charger of one of a higher class.
    """

    kinds: tuple[ChargerKind, ...]
    limit_kw: float = math.inf
    sharing: Sharing = "max_min"
    places: int | None = None
    discipline: Discipline = "first_come"
    preemptive: bool = False

    @property
    def chargers(self) -> int:
        """Number of chargers of all kinds."""
        return sum(kind.count for kind in self.kinds)


def design_of(station: StationFeatures, chargers: int, power_kw: float) -> StationDesign:
    """Read how a station is built.

    Args:
        station: What a file says of it.
        chargers: Number of its chargers, where it names no kinds.
        power_kw: Highest power of each of them [kW].
    """
    if station.kinds:
        kinds = tuple(ChargerKind(k.name, k.count, k.power_kw, frozenset(k.plugs)) for k in station.kinds)
    else:
        kinds = (ChargerKind("charger", chargers, power_kw),)
    return StationDesign(
        kinds=kinds,
        limit_kw=math.inf if station.site_limit_kw is None else station.site_limit_kw,
        sharing=station.sharing,
        places=station.waiting_places,
        discipline=station.discipline,
        preemptive=station.preemptive,
    )
