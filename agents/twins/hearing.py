"""What twins know as a slot begins: what vehicles, microgrids and stations have told them over the bus."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from agents.twins.bus import MessageBus
from agents.twins.message import Forecast, Message, StationLimit, TwinState
from agents.twins.node import Node, Role
from agents.twins.taint import mark
from agents.twins.traffic_count import Phase
from cosim.interface import FleetSpec, Floats, Observation

#: What a vehicle tells its twin: fields of an observation and of `TwinState` alike.
STATE = ("position_km", "edge", "node", "offset_km", "energy_kwh", "station", "destination", "state")
#: What a microgrid tells, and the field of an observation that it is in.
FORECAST = {"deficit_kw": "deficit_forecast_kw", "surplus_kw": "surplus_forecast_kw"}
#: Fields that no message needs to tell.
KNOWN = ("slot", "episode", "random")
CORE = Node(Role.CORE)


def tell_all(bus: MessageBus, sender: Node, message: Message) -> Any:
    """Send a message to all twins, and from others than the core to it too.

    Args:
        bus: Carries it.
        sender: Who tells it.
        message: What is told.

    Returns:
        What arrived; the same at all.
    """
    receivers = [*bus.population.nodes(Role.TWIN), *([] if sender == CORE else [CORE])]
    return next(iter(bus.send(sender, receivers, message, Phase.EXECUTION).values()))


class Hearing:
    """Lets twins hear of a slot: each of its own vehicle, all of microgrids and stations.

    Args:
        bus: Carries the messages.
        spec: The fleet.
    """

    def __init__(self, bus: MessageBus, spec: FleetSpec) -> None:
        self._bus, self._spec = bus, spec

    def hear(self, observation: Observation) -> Observation:
        """What twins know as a slot begins.

        Args:
            observation: What is true.

        Returns:
            What has come as messages; what no message tells of has no values, so that nobody can use it.
        """
        self._bus.begin_slot(observation.slot, observation.replicas)
        told = mark(observation)
        known: dict[str, Any] = {
            each.name: value[:, :0] if isinstance(value := getattr(observation, each.name), np.ndarray) else value
            for each in fields(observation)
            if each.name not in KNOWN
        }
        known |= self._states(told) | self._forecasts(told) | self._limits(told)
        return replace(observation, **known)

    def _states(self, told: Observation) -> dict[str, Any]:
        """The states of vehicles, as their own twins have them."""
        known: dict[str, Any] = {name: np.empty_like(np.asarray(getattr(told, name))) for name in STATE}
        for replica, ev in np.ndindex(known["state"].shape):
            values: dict[str, Any] = {name: getattr(told, name)[replica, ev] for name in STATE}
            vehicle, twin = Node(Role.VEHICLE, ev), Node(Role.TWIN, ev)
            heard = self._bus.send(vehicle, twin, TwinState(slot=told.slot, **values), Phase.EXECUTION)[twin]
            for name in STATE:
                # Its own twin may know it: marks end here, and what the twin tells others is declared where it does.
                known[name][replica, ev] = np.asarray(getattr(heard, name))
        return known

    def _forecasts(self, told: Observation) -> dict[str, Any]:
        """What microgrids tell all that they expect."""
        left = self._spec.slots - told.slot
        known: dict[str, Any] = {of: np.zeros_like(np.asarray(getattr(told, of))) for of in FORECAST.values()}
        for replica, microgrid in np.ndindex(told.replicas, len(self._spec.microgrid_name)):
            ahead: dict[str, Any] = {
                name: getattr(told, of)[replica, microgrid, :left] for name, of in FORECAST.items()
            }
            heard = tell_all(self._bus, Node(Role.MICROGRID, microgrid), Forecast(microgrid, told.slot, **ahead))
            for name, of in FORECAST.items():
                known[of][replica, microgrid, :left] = getattr(heard, name)
        return known

    def _limits(self, told: Observation) -> dict[str, Any]:
        """What stations tell all that may be drawn and fed in there."""
        limit_kw: Floats = np.zeros_like(np.asarray(told.station_limit_kw))
        for replica, station in np.ndindex(limit_kw.shape[:2]):
            charge_kw, discharge_kw = (told.station_limit_kw[replica, station, way] for way in range(2))
            message = StationLimit(station, told.slot, charge_kw, discharge_kw)
            heard = tell_all(self._bus, Node(Role.STATION, station), message)
            limit_kw[replica, station] = heard.charge_kw, heard.discharge_kw
        return {"station_limit_kw": limit_kw}
