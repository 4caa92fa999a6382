"""A board on the message bus: what twins know of their vehicles, of the grid and of each other has come as messages.

The plain board hands arrays around and is counted afterwards; here every message is written, checked, counted and read,
so that nothing can be known that was not sent. Decisions are the same to the last bit where energies are told in the
same unit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from agents.board import IntentionBoard, Intentions
from agents.offer_noise import OfferNoise
from agents.telling import Telling
from agents.trips import station_outlook
from agents.twins.aggregation import COMMITTEE
from agents.twins.bus import MessageBus
from agents.twins.collecting import AtStations, ByShares, Change, Collecting
from agents.twins.hearing import CORE, Hearing, tell_all
from agents.twins.message import WIRES, BoardTotals, StationPrice
from agents.twins.node import Population
from agents.twins.pricing import left_of, price_of
from agents.twins.traffic_count import Phase
from cosim.errors import ControllerError
from cosim.interface import FleetSpec, Floats, Ints, Observation

#: How twins hear of each other: stations add up and tell everybody the totals; or tell them to the core, which tells
#: everybody prices; or twins add up by secret sharing, and the core tells everybody the totals.
Way = Literal["totals", "prices", "shares"]
#: Unit in which energies are told, where none is asked for [kWh]; a larger one where offers are too large for it.
UNIT_KWH = 0.25
#: Units of an offer, and numbers of EVs, stations and slots, that fit into messages.
MOST_UNITS, MOST = int(WIRES["i8"].high), int(WIRES["u8"].high)


class TwinBoard(IntentionBoard):
    """The intentions of all EVs and their sums, as messages bring them.

    Args:
        spec: The fleet.
        telling: How intentions are told; at once and surely.
        way: How twins hear of each other.

    Raises:
        ControllerError: If there is no such way, or messages shall be late or lost.
    """

    def __init__(self, spec: FleetSpec, telling: Telling, way: Way = "totals") -> None:
        if way not in get_args(Way):
            raise ControllerError(f"controller.options.bus: must be one of {', '.join(get_args(Way))}, got {way!r}")
        if telling.latency_slots or telling.loss:
            raise ControllerError(
                "controller.options.bus: messages go at once and surely; leave message_latency_h and message_loss out"
            )
        _check_sizes(spec, way)
        stations = len(spec.station_name)
        self.bus = MessageBus(Population(spec.fleet_size, stations, len(spec.microgrid_name)))
        """What carries, checks and counts all messages."""
        self._spec, self._way = spec, way
        self._hearing = Hearing(self.bus, spec)
        self._collecting: Collecting = ByShares(self.bus) if way == "shares" else AtStations(self.bus)
        self._unit_kwh = _unit_kwh(spec, telling)
        noise = OfferNoise(spec, telling.offer_noise_kwh) if telling.offer_noise_kwh else None
        in_units = replace(telling, offer_unit_kwh=self._unit_kwh)
        super().__init__(spec.fleet_size, stations, spec.slots, telling=in_units, noise=noise)

    def hear(self, observation: Observation) -> Observation:
        """What twins know as a slot begins, see `Hearing.hear`."""
        heard = self._hearing.hear(observation)
        self._deficit_kwh, self._surplus_kwh = station_outlook(self._spec, heard)
        return heard

    def begin(self, replicas: int) -> None:
        """Empty the board for new episodes."""
        super().begin(replicas)
        evs, stations, slots = self._shape
        self._collecting.begin(replicas, stations, evs, slots)

    def publish(self, replica: Ints, ev: Ints, intentions: Intentions) -> None:
        """Have the intentions of the EVs of a turn collected, and all told what that changed."""
        before, before_units = self.station[replica, ev], self._units(self.own_kwh(replica, ev))
        super().publish(replica, ev, intentions)
        change = Change(
            slot=self._slot,
            replica=replica,
            ev=ev,
            before=before,
            before_units=before_units,
            station=self.station[replica, ev],
            arrival=self.arrival[replica, ev],
            units=self._units(self.own_kwh(replica, ev)),
        )
        for of_replica, station in sorted(self._collecting.take(change)):
            self._tell(of_replica, station)

    def _units(self, offer_kwh: Floats) -> Ints:
        """Offers in units."""
        return np.rint(offer_kwh / self._unit_kwh).astype(np.int64)

    def _tell(self, replica: int, station: int) -> None:
        """Whoever knows a station's totals tells all of them, or the core, which then tells prices."""
        slot, teller = self._slot, self._collecting.teller(station)
        drawn, fed, chargers = self._collecting.totals[:, replica, station, slot:]
        totals = BoardTotals(station, slot, drawn, fed, chargers)
        if self._way == "prices":
            self._tell_prices(replica, station, self.bus.send(teller, CORE, totals, Phase.EXECUTION)[CORE])
            return
        heard = tell_all(self.bus, teller, totals)
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
        heard = tell_all(self.bus, CORE, message)
        self.fed_kwh[replica, station, slot:] = np.maximum(deficit_kwh - left_of(heard.feed), 0.0)
        self.drawn_kwh[replica, station, slot:] = np.maximum(surplus_kwh - left_of(heard.draw), 0.0)
        self.chargers[replica, station, slot:] = heard.chargers


def _check_sizes(spec: FleetSpec, way: Way) -> None:
    """Refuse what does not fit into messages, or cannot hide anybody, before anything runs.

    Raises:
        ControllerError: Says what it is, and how much is allowed.
    """
    sizes = {"EVs": spec.fleet_size, "stations": len(spec.station_name), "slots": spec.slots}
    for name, size in sizes.items():
        if size > MOST:
            raise ControllerError(f"controller.options.bus: messages can tell of {MOST} {name} at most, got {size}")
    if way == "shares" and spec.fleet_size < COMMITTEE:
        raise ControllerError(
            f"controller.options.bus: shares need a committee of {COMMITTEE} EVs, got {spec.fleet_size}"
        )


def _unit_kwh(spec: FleetSpec, telling: Telling) -> float:
    """The unit in which energies are told [kWh].

    Raises:
        ControllerError: If the unit that is asked for is too small for what an EV can draw or feed in within a slot.
    """
    largest_kwh = max(spec.charge_kw, spec.discharge_kw) * spec.slot_h
    if not telling.offer_unit_kwh:
        return max(UNIT_KWH, largest_kwh / MOST_UNITS)
    # Rounded half a unit down it still fits.
    if largest_kwh >= (MOST_UNITS + 0.5) * telling.offer_unit_kwh:
        raise ControllerError(
            f"controller.options.offer_unit_kwh: messages count to {MOST_UNITS} units, and an EV can offer "
            f"{largest_kwh:.4g} kWh in a slot; set it to at least {largest_kwh / MOST_UNITS:.3g}, got "
            f"{telling.offer_unit_kwh:g}"
        )
    return telling.offer_unit_kwh
