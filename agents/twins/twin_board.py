"""A board on the message bus: what twins know of their vehicles, of the grid and of each other has come as messages.

The plain board hands arrays around and is counted afterwards; here every message is written, checked, counted and read,
so that nothing can be known that was not sent. Decisions are the same to the last bit where energies are told in the
same unit.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from agents.board import IntentionBoard, Intentions
from agents.offer_noise import OfferNoise
from agents.telling import Telling
from agents.trips import station_outlook
from agents.twins.bus import MessageBus
from agents.twins.message import WIRES, BoardTotals, Forecast, Intention, StationLimit, StationPrice, TwinState
from agents.twins.node import Node, Population, Role
from agents.twins.pricing import left_of, price_of
from agents.twins.taint import derived, mark
from agents.twins.traffic_count import Phase
from cosim.errors import ControllerError
from cosim.interface import FleetSpec, Floats, Ints, Observation

#: Unit in which energies are told, where none is asked for [kWh].
UNIT_KWH = 0.25
MOST_UNITS = int(WIRES["i8"].high)
BECAUSE = "what a vehicle means to do at a station, in whole units; what that tells is measured"
#: What a vehicle tells its twin: fields of an observation and of `TwinState` alike.
STATE = ("position_km", "edge", "node", "offset_km", "energy_kwh", "station", "destination", "state")
EXECUTION = Phase.EXECUTION


class TwinBoard(IntentionBoard):
    """The intentions of all EVs and their sums, as messages bring them.

    Args:
        spec: The fleet.
        telling: How intentions are told; at once and surely.
        prices: Whether twins hear from the core what one more kWh at a station is worth, instead of its totals from
            the station; then only the core hears these.

    Raises:
        ControllerError: If messages shall be late or lost.
    """

    def __init__(self, spec: FleetSpec, telling: Telling, *, prices: bool = False) -> None:
        if telling.latency_slots or telling.loss:
            raise ControllerError(
                "bus: messages go at once and surely; leave message_latency_slots and message_loss out"
            )
        stations = len(spec.station_name)
        self.bus = MessageBus(Population(spec.fleet_size, stations, len(spec.microgrid_name)))
        """What carries, checks and counts all messages."""
        self._spec = spec
        self._unit_kwh = telling.offer_unit_kwh or UNIT_KWH
        self._twins = [Node(Role.TWIN, ev) for ev in range(spec.fleet_size)]
        self._changed: set[tuple[int, int]] = set()
        noise = OfferNoise(spec, telling.offer_noise_kwh) if telling.offer_noise_kwh else None
        in_units = replace(telling, offer_unit_kwh=self._unit_kwh)
        super().__init__(spec.fleet_size, stations, spec.slots, telling=in_units, noise=noise)
        self.prices = prices

    def begin(self, replicas: int) -> None:
        """Empty the board for new episodes."""
        super().begin(replicas)
        evs, stations, slots = self._shape
        # What each station has been sent, in units.
        self._held: Ints = np.zeros((replicas, stations, evs, slots), dtype=np.int64)

    # ------------------------------------------------------------------------------------------------ as a slot begins

    def hear(self, observation: Observation) -> Observation:
        """What twins know as a slot begins: each of its own vehicle, all of microgrids and stations.

        Args:
            observation: What is true.

        Returns:
            What has come as messages; what no message tells of has no values, so that nobody can use it.
        """
        self.bus.begin_slot(observation.slot, observation.replicas)
        told = mark(observation)
        known: dict[str, Any] = {
            each.name: value[:, :0] if isinstance(value := getattr(observation, each.name), np.ndarray) else value
            for each in fields(observation)
            if each.name not in ("slot", "episode", "random")
        }
        known |= self._states(told) | self._forecasts(told) | self._limits(told)
        heard = replace(observation, **known)
        self._deficit_kwh, self._surplus_kwh = station_outlook(self._spec, heard)
        return heard

    def _states(self, told: Observation) -> dict[str, Any]:
        """The states of vehicles, as their own twins have them."""
        known: dict[str, Any] = {name: np.empty_like(np.asarray(getattr(told, name))) for name in STATE}
        for replica in range(told.replicas):
            for twin in self._twins:
                ev = twin.number
                values: dict[str, Any] = {name: getattr(told, name)[replica, ev] for name in STATE}
                state = TwinState(slot=told.slot, **values)
                heard = self.bus.send(Node(Role.VEHICLE, ev), twin, state, EXECUTION)[twin]
                for name in STATE:
                    # Its own twin may know it: what is private ends here, and what is told of it is declared below.
                    known[name][replica, ev] = np.asarray(getattr(heard, name))
        return known

    def _forecasts(self, told: Observation) -> dict[str, Any]:
        """What microgrids tell all that they expect."""
        names, slots = {"deficit_kw": "deficit_forecast_kw", "surplus_kw": "surplus_forecast_kw"}, self._shape[2]
        known: dict[str, Any] = {of: np.zeros_like(np.asarray(getattr(told, of))) for of in names.values()}
        for replica in range(told.replicas):
            for microgrid in range(len(self._spec.microgrid_name)):
                ahead: dict[str, Any] = {
                    name: getattr(told, of)[replica, microgrid, : slots - told.slot] for name, of in names.items()
                }
                heard = self._tell_all(Node(Role.MICROGRID, microgrid), Forecast(microgrid, told.slot, **ahead))
                for name, of in names.items():
                    values = getattr(heard, name)
                    known[of][replica, microgrid, : len(values)] = values
        return known

    def _limits(self, told: Observation) -> dict[str, Any]:
        """What stations tell all that may be drawn and fed in there."""
        limit_kw: Floats = np.zeros_like(np.asarray(told.station_limit_kw))
        for replica, station in np.ndindex(limit_kw.shape[:2]):
            charge_kw, discharge_kw = (told.station_limit_kw[replica, station, way] for way in range(2))
            message: Any = StationLimit(station, told.slot, charge_kw, discharge_kw)
            heard = self._tell_all(Node(Role.STATION, station), message)
            limit_kw[replica, station] = heard.charge_kw, heard.discharge_kw
        return {"station_limit_kw": limit_kw}

    def _tell_all(self, sender: Node, message: Any) -> Any:
        """Send a message to all twins and, from others, to the core; they all hear the same."""
        core = Node(Role.CORE)
        heard = self.bus.send(sender, [core, *self._twins], message, EXECUTION)
        return heard[core] if sender != core else heard[self._twins[0]]

    # ---------------------------------------------------------------------------------------------------- as EVs decide

    def publish(self, replica: Ints, ev: Ints, intentions: Intentions) -> None:
        """Send the intentions of some EVs to their stations, which then tell all and the core their new totals."""
        super().publish(replica, ev, intentions)
        for of_replica, station in sorted(self._changed):
            self._tell_totals(of_replica, station)
        self._changed.clear()

    def _told(self, replica: Ints, ev: Ints, intentions: Intentions) -> Intentions:
        """What stations hear of intentions."""
        told = super()._told(replica, ev, intentions)
        units = np.rint(told.offer_kwh / self._unit_kwh).astype(np.int64)
        if np.abs(units).max(initial=0) > MOST_UNITS:
            raise ControllerError(
                f"an offer of {np.abs(told.offer_kwh).max():.4g} kWh does not fit into a message, which counts to "
                f"{MOST_UNITS} units of {self._unit_kwh:g} kWh; set a larger controller.options.offer_unit_kwh"
            )
        heard_kwh = np.zeros_like(told.offer_kwh)
        for n, (of_replica, of_ev) in enumerate(zip(replica.tolist(), ev.tolist(), strict=True)):
            station, before = int(told.station[n]), int(self.station[of_replica, of_ev])
            if before not in (-1, station) and self._offer_kwh[of_replica, of_ev, self._slot :].any():
                self._send(of_replica, of_ev, before, told.arrival[n], units[n, :0])
            if station >= 0:
                ahead = np.trim_zeros(units[n, self._slot :], "b")
                heard = self._send(of_replica, of_ev, station, told.arrival[n], ahead)
                heard_kwh[n, self._slot : self._slot + len(heard)] = heard * self._unit_kwh
        return Intentions(told.station, told.arrival, heard_kwh)

    def _send(self, replica: int, ev: int, station: int, arrival: Any, units: Ints) -> Ints:
        """Send an intention to a station, which takes it in place of the one before; gives what it hears."""
        message = Intention(ev, self._slot, derived(arrival, because=BECAUSE), derived(units, because=BECAUSE))
        to = Node(Role.STATION, station)
        heard = self.bus.send(self._twins[ev], to, message, EXECUTION)[to]
        held = self._held[replica, station, heard.pseudonym, self._slot :]
        held[:] = 0
        held[: len(heard.offers)] = heard.offers
        self._changed.add((replica, station))
        offers: Ints = np.asarray(heard.offers)
        return offers

    def _tell_totals(self, replica: int, station: int) -> None:
        """A station tells the sums of what it was sent, which all read; or the core, which then tells prices."""
        held, slot = self._held[replica, station, :, self._slot :], self._slot
        message = BoardTotals(
            station=station,
            slot=slot,
            drawn=np.maximum(held, 0).sum(axis=0),
            fed=np.maximum(-held, 0).sum(axis=0),
            chargers=(held != 0).sum(axis=0),
        )
        sender = Node(Role.STATION, station)
        if self.prices:
            core = Node(Role.CORE)
            self._tell_prices(replica, station, self.bus.send(sender, core, message, EXECUTION)[core])
            return
        heard = self._tell_all(sender, message)
        self.drawn_kwh[replica, station, slot:] = heard.drawn * self._unit_kwh
        self.fed_kwh[replica, station, slot:] = heard.fed * self._unit_kwh
        self.chargers[replica, station, slot:] = heard.chargers

    def _tell_prices(self, replica: int, station: int, totals: BoardTotals) -> None:
        """The core tells all twins a station's prices, from which they read what is left there."""
        slot = self._slot
        deficit_kwh, surplus_kwh = (of[replica, station, slot:] for of in (self._deficit_kwh, self._surplus_kwh))
        message = StationPrice(
            station=station,
            slot=slot,
            feed=price_of(deficit_kwh - totals.fed * self._unit_kwh),
            draw=price_of(surplus_kwh - totals.drawn * self._unit_kwh),
            chargers=totals.chargers,
        )
        heard = self._tell_all(Node(Role.CORE), message)
        self.fed_kwh[replica, station, slot:] = np.maximum(deficit_kwh - left_of(heard.feed), 0.0)
        self.drawn_kwh[replica, station, slot:] = np.maximum(surplus_kwh - left_of(heard.draw), 0.0)
        self.chargers[replica, station, slot:] = heard.chargers
