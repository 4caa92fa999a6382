"""Stations, EVs and roads as mosaik entities: one number per attribute, of replica 0 and the slot that was stepped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from cosim.records.schema import EvSlots, RoadSlots, StationSlots
from cosim.simulators.base import Child, Ports
from cosim.system import System
from cosim.units import KW_PER_MW

#: Reads an attribute from the ports; the last argument is the entity's number.
Reader = Callable[[System, Ports, int], Any]


def _station(ports: Ports) -> StationSlots:
    slots: StationSlots = ports["record"][-1].stations
    return slots


def _ev(ports: Ports) -> EvSlots:
    slots: EvSlots = ports["record"][-1].evs
    return slots


def _road(ports: Ports) -> RoadSlots:
    slots: RoadSlots = ports["roads"].slots
    return slots


#: Attributes of each kind of entity, by the names that come before the number; powers are means over the slot.
READERS: Mapping[str, Mapping[str, Reader]] = {
    "Station": {
        "p_mw": lambda _, ports, h: ports["station_power_kw"][0, h] / KW_PER_MW,
        # Chargers have a power factor of one.
        "q_mvar": lambda _, ports, h: 0.0,
        "charge_limit_mw": lambda _, ports, h: _station(ports).charge_limit_kw[0, h] / KW_PER_MW,
        "discharge_limit_mw": lambda _, ports, h: _station(ports).discharge_limit_kw[0, h] / KW_PER_MW,
        "queue_length": lambda _, ports, h: ports["end"].queue_length[0, h],
        "chargers_busy": lambda _, ports, h: ports["end"].chargers_busy[0, h],
        "queue_mean": lambda _, ports, h: _station(ports).queue_mean[0, h],
        "busy_mean": lambda _, ports, h: _station(ports).busy_mean[0, h],
        "charged_kwh": lambda _, ports, h: _station(ports).charged_kwh[0, h],
        "discharged_kwh": lambda _, ports, h: _station(ports).discharged_kwh[0, h],
        "customers_kwh": lambda _, ports, h: _station(ports).customers_kwh[0, h],
    },
    "EV": {
        "soc": lambda system, ports, i: ports["end"].energy_kwh[0, i] / system.spec.battery_kwh,
        "energy_kwh": lambda _, ports, i: ports["end"].energy_kwh[0, i],
        "x_km": lambda _, ports, i: ports["end"].position_km[0, i, 0],
        "y_km": lambda _, ports, i: ports["end"].position_km[0, i, 1],
        "state": lambda _, ports, i: ports["end"].state[0, i],
        "station": lambda _, ports, i: ports["end"].station[0, i],
        "heading_rad": lambda _, ports, i: _ev(ports).heading_rad[0, i],
        "distance_km": lambda _, ports, i: _ev(ports).distance_km[0, i],
        "power_share": lambda _, ports, i: _ev(ports).power_share[0, i],
        "charged_kwh": lambda _, ports, i: _ev(ports).charged_kwh[0, i],
        "discharged_kwh": lambda _, ports, i: _ev(ports).discharged_kwh[0, i],
        "driven_km": lambda _, ports, i: _ev(ports).driven_km[0, i],
    },
    "Road": {
        "flow_vph": lambda _, ports, e: _road(ports).flow_vph[-1, 0, e],
        "travel_time_s": lambda _, ports, e: _road(ports).travel_time_s[-1, 0, e],
    },
}


def entities(system: System, kind: str, count: int) -> dict[str, Child]:
    """The entities of a kind by name, e.g. `Station-0`, each with what reads its attributes from the ports.

    Args:
        system: The scenario, built.
        kind: Their kind.
        count: How many there are.
    """
    return {f"{kind}-{number}": _Entity(system, kind, number) for number in range(count)}


class _Entity(Mapping[str, Callable[[Ports], float]]):
    """What reads the attributes of an entity; made when it is asked for: there may be tens of thousands of entities.

    Args:
        system: The scenario, built.
        kind: Its kind.
        number: Its number.
    """

    __slots__ = ("_kind", "_number", "_system")

    def __init__(self, system: System, kind: str, number: int) -> None:
        self._system = system
        self._kind = kind
        self._number = number

    def __getitem__(self, name: str) -> Callable[[Ports], float]:
        return partial(_read, READERS[self._kind][name], self._system, self._number)

    def __iter__(self) -> Iterator[str]:
        return iter(READERS[self._kind])

    def __len__(self) -> int:
        return len(READERS[self._kind])


def _read(read: Reader, system: System, number: int, ports: Ports) -> float:
    return float(read(system, ports, number))
