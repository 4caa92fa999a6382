"""What an EV can choose from: to idle, charge or discharge at any station, and what each choice would bring.

The choices of N EVs, each in its own replica or all in one, are arrays of shape [N, H, 3]. Their features are the same
for every station, so that a network may treat stations alike, however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from agents.baselines.plan import SMALLEST_KWH, Bools, discharge_share, kept_kwh, trip_slots
from agents.board import IntentionBoard, Intentions
from agents.trips import Trips, station_outlook
from cosim.interface import FleetSpec, Floats, Ints, Observation

Features = NDArray[np.float32]


class Mode(IntEnum):
    """What an EV does at the station that it chooses."""

    IDLE = 0
    CHARGE = 1
    DISCHARGE = 2


MODES = len(Mode)
#: Slots from the arrival on that an EV sees one by one.
SLOTS_AHEAD = 3
#: Features of a station as an EV sees it: see `station_features`.
STATION_FEATURES = 13 + 2 * SLOTS_AHEAD
#: Features of the EV and of the fleet: see `own_features`.
OWN_FEATURES = 8
#: What features are divided by, so that they are around 1.
DISTANCE_KM, SLOT_KWH, CHARGERS, EV_KWH, EPISODE_KWH, FLEET = 30.0, 100.0, 10.0, 30.0, 500.0, 60.0
#: No feature is larger than this.
LARGEST = 10.0


@dataclass(frozen=True)
class Choices:
    """What N EVs can choose from.

    Attributes:
        station: Features of each station, shape [N, H, STATION_FEATURES].
        own: Features of the EV and the fleet, shape [N, OWN_FEATURES].
        possible: Whether a choice makes sense, shape [N, H, 3].
        arrival: Slot of arrival at each station, shape [N, H].
        offer_kwh: Energy at the charger in each slot of the episode [kWh], > 0 drawn, shape [N, H, 3, T].
        power_share: Power share for the slot that begins, shape [N, H, 3].
        deficit_left_kwh: What the others leave of each station's deficit in the slots from now on [kWh], < 0 where they
            mean to feed in more, shape [N, H, K].
        surplus_left_kwh: Likewise of its surplus.
    """

    station: Features
    own: Features
    possible: Bools
    arrival: Ints
    offer_kwh: Floats
    power_share: Floats
    deficit_left_kwh: Floats
    surplus_left_kwh: Floats

    def taken(self, choice: Ints) -> tuple[Intentions, Floats]:
        """The intentions and the power shares that follow from choices.

        Args:
            choice: Number of each choice, station times 3 plus mode, shape [N]; -1 where none makes sense.
        """
        n, station, mode = np.arange(len(choice)), choice // MODES, choice % MODES
        stays = choice < 0
        intentions = Intentions(
            station=np.where(stays, -1, station),
            arrival=np.where(stays, 0, self.arrival[n, station]),
            offer_kwh=np.where(stays[:, None], 0.0, self.offer_kwh[n, station, mode]),
        )
        return intentions, np.where(stays, 0.0, self.power_share[n, station, mode])


class Outlook:
    """What is known as a slot begins, from which choices are worked out, EV by EV.

    Args:
        spec: The fleet.
        observation: What is known.
    """

    def __init__(self, spec: FleetSpec, observation: Observation) -> None:
        self.spec = spec
        self.slot = observation.slot
        self.observation = observation
        self.trips = Trips.of(spec, observation)
        self.deficit_kwh, self.surplus_kwh = station_outlook(spec, observation)
        self._fleet_kwh = observation.energy_kwh.mean(axis=1) if observation.energy_kwh.size else np.zeros(0)

    def choices(self, board: IntentionBoard, replica: Ints, ev: Ints, *, alone: bool = False) -> Choices:
        """What some EVs can choose from, on what the intentions of the others leave.

        Args:
            board: Everybody's intentions; an EV's own does not count.
            replica: Replica of each, shape [N].
            ev: Number of each EV, shape [N].
            alone: Whether they know nothing of the others: neither intentions nor the fleet's energy.
        """
        spec, slot = self.spec, self.slot
        trips = self.trips
        arrival, spare_kwh = trips.arrival[replica, ev], trips.spare_kwh[replica, ev]
        distance_km, rest_h = trips.distance_km[replica, ev], trips.rest_h[replica, ev]
        possible = trips.possible[replica, ev]
        ahead = np.arange(spec.slots - slot)
        wait = np.minimum(arrival - slot, len(ahead))

        # 1 What the others leave at each station in each slot to come, shape [N, H, K].
        fed_kwh, drawn_kwh, busy = _of_others(board, replica, ev, slot)
        if alone:
            fed_kwh, drawn_kwh, busy = np.zeros_like(fed_kwh), np.zeros_like(drawn_kwh), np.zeros_like(busy)
        deficit_left_kwh = self.deficit_kwh[replica][..., slot:] - fed_kwh
        surplus_left_kwh = self.surplus_kwh[replica][..., slot:] - drawn_kwh
        free = spec.station_chargers[:, None] - busy
        deficit_free_kwh = np.where((free > 0) & (deficit_left_kwh >= SMALLEST_KWH), deficit_left_kwh, 0.0)
        surplus_free_kwh = np.where((free > 0) & (surplus_left_kwh >= SMALLEST_KWH), surplus_left_kwh, 0.0)

        # 2 What the EV could sell and buy of it, from its arrival until empty or full.
        since = ahead - wait[..., None]
        there_h = np.where(since > 0, spec.slot_h, np.where(since == 0, rest_h[..., None], 0.0))
        sale_kwh = np.maximum(spare_kwh - self._kept_kwh(distance_km, surplus_free_kwh), 0.0)
        room_kwh = np.maximum(spec.energy_max_kwh - spec.energy_min_kwh - spare_kwh, 0.0)
        power_kw = spec.discharge_kw * spec.max_discharge_share
        sold_kwh = _up_to(np.minimum(deficit_free_kwh, power_kw * there_h), sale_kwh * spec.discharge_efficiency)
        bought_kwh = _up_to(np.minimum(surplus_free_kwh, spec.charge_kw * there_h), room_kwh / spec.charge_efficiency)

        # 3 Choices, and what follows from them: all that an EV could do, whatever the others leave, so that
        # crowding shows.
        needed = (self.deficit_kwh[replica][..., slot:] > 0.0) & (since >= 0)
        given = (self.surplus_kwh[replica][..., slot:] > 0.0) & (since >= 0)
        meant_sold_kwh = _up_to(power_kw * there_h * needed, sale_kwh * spec.discharge_efficiency)
        meant_bought_kwh = _up_to(spec.charge_kw * there_h * given, room_kwh / spec.charge_efficiency)
        offer_kwh = np.zeros((*arrival.shape, MODES, spec.slots))
        offer_kwh[..., Mode.CHARGE, slot:] = np.diff(meant_bought_kwh, prepend=0.0, axis=-1)
        offer_kwh[..., Mode.DISCHARGE, slot:] = -np.diff(meant_sold_kwh, prepend=0.0, axis=-1)
        share = np.zeros((*arrival.shape, MODES))
        share[..., Mode.CHARGE] = 1.0
        share[..., Mode.DISCHARGE] = discharge_share(spec, sale_kwh, rest_h)
        # Power only in a slot that it has an offer for: else it would hold a charger for nothing.
        share[offer_kwh[..., slot] == 0.0] = 0.0
        return Choices(
            station=self._station_features(
                board, replica, ev, deficit_left_kwh, surplus_left_kwh, free, sold_kwh, bought_kwh, wait
            ),
            own=self._own_features(replica, ev, deficit_free_kwh, surplus_free_kwh, alone),
            possible=np.stack([possible, possible & given.any(axis=-1), possible & needed.any(axis=-1)], axis=-1),
            arrival=arrival,
            offer_kwh=offer_kwh,
            power_share=share,
            deficit_left_kwh=deficit_left_kwh,
            surplus_left_kwh=surplus_left_kwh,
        )

    def _station_features(
        self,
        board: IntentionBoard,
        replica: Ints,
        ev: Ints,
        deficit_left_kwh: Floats,
        surplus_left_kwh: Floats,
        free: Ints,
        sold_kwh: Floats,
        bought_kwh: Floats,
        wait: Ints,
    ) -> Features:
        """How an EV sees each station, in this order.

        Distance, slots until the arrival, whether it is there, usable share of the arrival's slot; what the others
        leave of deficit, then of surplus, in the slots from the arrival on; free chargers in the first two of them;
        what the EV could sell and buy in all, and within three slots from now; deficit and surplus left in all; whether
        it meant to go there, and in which mode.
        """
        trips, spec = self.trips, self.spec
        features = np.empty((*wait.shape, STATION_FEATURES), dtype=np.float32)
        features[..., 0] = trips.distance_km[replica, ev] / DISTANCE_KM
        features[..., 1] = wait / 4.0
        features[..., 2] = trips.distance_km[replica, ev] == 0.0
        features[..., 3] = trips.rest_h[replica, ev] / spec.slot_h
        for k in range(SLOTS_AHEAD):
            features[..., 4 + k] = _at(deficit_left_kwh, wait + k) / SLOT_KWH
            features[..., 4 + SLOTS_AHEAD + k] = _at(surplus_left_kwh, wait + k) / SLOT_KWH
        last = 4 + 2 * SLOTS_AHEAD
        features[..., last] = _at(free, wait) / CHARGERS
        features[..., last + 1] = _at(free, wait + 1) / CHARGERS
        soon = min(SLOTS_AHEAD, sold_kwh.shape[-1]) - 1
        features[..., last + 2] = sold_kwh[..., -1] / EV_KWH
        features[..., last + 3] = bought_kwh[..., -1] / EV_KWH
        features[..., last + 4] = sold_kwh[..., soon] / EV_KWH
        features[..., last + 5] = bought_kwh[..., soon] / EV_KWH
        features[..., last + 6] = deficit_left_kwh.sum(axis=-1) / EPISODE_KWH
        features[..., last + 7] = surplus_left_kwh.sum(axis=-1) / EPISODE_KWH
        own = board.own_kwh(replica, ev).sum(axis=-1)
        meant = board.station[replica, ev][:, None] == np.arange(wait.shape[1])
        features[..., last + 8] = np.where(meant, 1.0 + 0.5 * np.sign(own)[:, None], 0.0)
        return np.clip(features, -LARGEST, LARGEST, out=features)

    def _own_features(
        self, replica: Ints, ev: Ints, deficit_free_kwh: Floats, surplus_free_kwh: Floats, alone: bool
    ) -> Features:
        """How an EV sees itself and the fleet, in this order.

        Its energy, the time, the fleet's mean energy (0 for one alone), deficit and surplus left in all, the fleet's
        size, its energy above the minimum, whether no more than three slots are left.
        """
        spec = self.spec
        energy_kwh = self.observation.energy_kwh[replica, ev]
        features = np.empty((len(ev), OWN_FEATURES), dtype=np.float32)
        features[:, 0] = energy_kwh / spec.battery_kwh
        features[:, 1] = self.slot / spec.slots
        features[:, 2] = 0.0 if alone else self._fleet_kwh[replica] / spec.battery_kwh
        features[:, 3] = deficit_free_kwh.sum(axis=(1, 2)) / (2.0 * EPISODE_KWH)
        features[:, 4] = surplus_free_kwh.sum(axis=(1, 2)) / (2.0 * EPISODE_KWH)
        features[:, 5] = spec.fleet_size / FLEET
        features[:, 6] = (energy_kwh - spec.energy_min_kwh) / spec.battery_kwh
        features[:, 7] = self.slot >= spec.slots - SLOTS_AHEAD
        return np.clip(features, -LARGEST, LARGEST, out=features)

    def _kept_kwh(self, distance_km: Floats, surplus_free_kwh: Floats) -> Floats:
        """Energy kept at each station for the way to the nearest surplus left when the EV is there, shape [N, H]."""
        spec = self.spec
        there = np.minimum(trip_slots(spec, distance_km), surplus_free_kwh.shape[-1] - 1)
        return kept_kwh(spec, self.slot, _at(surplus_free_kwh, there) > 0.0)


def _of_others(board: IntentionBoard, replica: Ints, ev: Ints, slot: int) -> tuple[Floats, Floats, Ints]:
    """Energy fed in and drawn, and chargers used, by the other EVs' intentions from a slot on; shape [N, H, K]."""
    fed_kwh, drawn_kwh = board.fed_kwh[replica][..., slot:], board.drawn_kwh[replica][..., slot:]
    busy = board.chargers[replica][..., slot:]
    own_kwh, n = board.own_kwh(replica, ev)[:, slot:], np.arange(len(ev))
    # Those of no station offer nothing: from the last station they take nothing.
    at = board.station[replica, ev]
    fed_kwh[n, at] -= np.maximum(-own_kwh, 0.0)
    drawn_kwh[n, at] -= np.maximum(own_kwh, 0.0)
    busy[n, at] -= own_kwh != 0.0
    return fed_kwh, drawn_kwh, busy


def _at(values: Floats | Ints, slot: Ints) -> Floats:
    """Values [N, H, K] in one slot for each station [N, H]; 0 beyond the last."""
    last = values.shape[-1] - 1
    found = np.take_along_axis(values, np.minimum(slot, last)[..., None], axis=-1)[..., 0]
    return np.where(slot <= last, found, 0.0)


def _up_to(slot_kwh: Floats, most_kwh: Floats) -> Floats:
    """Energy from the first slot to each, at most a whole [kWh], shape [N, H, K] of [N, H, K] and [N, H]."""
    total: Floats = np.minimum(np.cumsum(slot_kwh, axis=-1), most_kwh[..., None])
    return total
