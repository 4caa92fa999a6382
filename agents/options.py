"""What an EV can choose from: to idle, charge or discharge at any station, and what each choice would bring.

The choices of N EVs, each in its own replica or all in one, are arrays of shape [N, H, 3]. Their features are the same
for every station, so that a network may treat stations alike, however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agents.baselines.plan import SMALLEST_KWH, Bools, discharge_share, kept_kwh
from agents.board import IntentionBoard, Intentions
from agents.reach import MODES, Mode, Reach
from agents.trips import Trips, station_outlook
from cosim.interface import FleetSpec, Floats, Ints, Observation

Features = NDArray[np.float32]


#: Slots from the arrival on that an EV sees one by one.
SLOTS_AHEAD = 3
#: Features of a station as an EV sees it: see `station_features`.
STATION_FEATURES = 13 + 2 * SLOTS_AHEAD
#: Features of the EV and of the fleet: see `own_features`.
OWN_FEATURES = 8
#: Which of them is the fleet's mean energy.
FLEET_ENERGY = 2
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

    @cached_property
    def _reach(self) -> Reach:
        """What all EVs could do if there were no others, once per slot."""
        return Reach.of(self.spec, self.slot, self.trips, self.deficit_kwh, self.surplus_kwh)

    def choices(self, board: IntentionBoard, replica: Ints, ev: Ints, *, alone: bool = False) -> Choices:
        """What some EVs can choose from, on what the intentions of the others leave.

        Args:
            board: Everybody's intentions; an EV's own does not count.
            replica: Replica of each, shape [N].
            ev: Number of each EV, shape [N].
            alone: Whether they know nothing of the others: neither intentions nor the fleet's energy.
        """
        spec, slot, reach = self.spec, self.slot, self._reach.of_evs(replica, ev)

        # 1 What the others leave at each station in each slot to come, shape [N, H, K].
        own_kwh = board.own_kwh(replica, ev)
        fed_kwh, drawn_kwh, busy = _of_others(board, replica, ev, own_kwh[:, slot:], slot)
        if alone:
            fed_kwh, drawn_kwh, busy = np.zeros_like(fed_kwh), np.zeros_like(drawn_kwh), np.zeros_like(busy)
        deficit_left_kwh = self.deficit_kwh[replica][..., slot:] - fed_kwh
        surplus_left_kwh = self.surplus_kwh[replica][..., slot:] - drawn_kwh
        free = spec.station_chargers[:, None] - busy
        deficit_free_kwh = np.where((free > 0) & (deficit_left_kwh >= SMALLEST_KWH), deficit_left_kwh, 0.0)
        surplus_free_kwh = np.where((free > 0) & (surplus_left_kwh >= SMALLEST_KWH), surplus_left_kwh, 0.0)

        # 2 What the EV could sell and buy of it, from its arrival until empty or full.
        sale_kwh = np.maximum(reach.spare_kwh - self._kept_kwh(reach.trip_slots, surplus_free_kwh), 0.0)
        sale_at_charger_kwh = sale_kwh * spec.discharge_efficiency
        sold_kwh = _up_to(np.minimum(deficit_free_kwh, reach.salable_kwh), sale_at_charger_kwh)
        bought_kwh = _up_to(np.minimum(surplus_free_kwh, reach.buyable_kwh), reach.room_kwh)

        # 3 Choices, and what follows from them: all that an EV could do, whatever the others leave, so that
        # crowding shows.
        meant_sold_kwh = np.minimum(reach.needed_kwh, sale_at_charger_kwh[..., None])
        offer_kwh = np.zeros((*sale_kwh.shape, MODES, spec.slots))
        offer_kwh[..., Mode.CHARGE, slot:] = reach.charge_kwh
        offer_kwh[..., Mode.DISCHARGE, slot] = -meant_sold_kwh[..., 0]
        offer_kwh[..., Mode.DISCHARGE, slot + 1 :] = meant_sold_kwh[..., :-1] - meant_sold_kwh[..., 1:]
        share = np.zeros((*sale_kwh.shape, MODES))
        share[..., Mode.CHARGE] = 1.0
        share[..., Mode.DISCHARGE] = discharge_share(spec, sale_kwh, reach.rest_h)
        # Power only in a slot that it has an offer for: else it would hold a charger for nothing.
        share[offer_kwh[..., slot] == 0.0] = 0.0
        return Choices(
            station=self._station_features(
                board.station[replica, ev],
                own_kwh,
                reach,
                deficit_left_kwh,
                surplus_left_kwh,
                free,
                sold_kwh,
                bought_kwh,
            ),
            own=self._own_features(replica, ev, deficit_free_kwh, surplus_free_kwh, alone),
            possible=reach.possible,
            arrival=slot + reach.wait,
            offer_kwh=offer_kwh,
            power_share=share,
            deficit_left_kwh=deficit_left_kwh,
            surplus_left_kwh=surplus_left_kwh,
        )

    def _station_features(
        self,
        meant: Ints,
        own_kwh: Floats,
        reach: Reach,
        deficit_left_kwh: Floats,
        surplus_left_kwh: Floats,
        free: Ints,
        sold_kwh: Floats,
        bought_kwh: Floats,
    ) -> Features:
        """How an EV sees each station, in this order.

        Distance, slots until the arrival, whether it is there, usable share of the arrival's slot; what the others
        leave of deficit, then of surplus, in the slots from the arrival on; free chargers in the first two of them;
        what the EV could sell and buy in all, and within three slots from now; deficit and surplus left in all; whether
        it meant to go there, and in which mode.
        """
        features = np.empty((*reach.wait.shape, STATION_FEATURES), dtype=np.float32)
        features[..., 0] = reach.distance_km / DISTANCE_KM
        features[..., 1] = reach.wait / 4.0
        features[..., 2] = reach.distance_km == 0.0
        features[..., 3] = reach.rest_h / self.spec.slot_h
        last, slots = 4 + 2 * SLOTS_AHEAD, reach.wait[..., None] + np.arange(SLOTS_AHEAD)
        features[..., 4 : 4 + SLOTS_AHEAD] = _at(deficit_left_kwh, slots) / SLOT_KWH
        features[..., 4 + SLOTS_AHEAD : last] = _at(surplus_left_kwh, slots) / SLOT_KWH
        features[..., last : last + 2] = _at(free, slots[..., :2]) / CHARGERS
        soon = min(SLOTS_AHEAD, sold_kwh.shape[-1]) - 1
        features[..., last + 2] = sold_kwh[..., -1] / EV_KWH
        features[..., last + 3] = bought_kwh[..., -1] / EV_KWH
        features[..., last + 4] = sold_kwh[..., soon] / EV_KWH
        features[..., last + 5] = bought_kwh[..., soon] / EV_KWH
        features[..., last + 6] = deficit_left_kwh.sum(axis=-1) / EPISODE_KWH
        features[..., last + 7] = surplus_left_kwh.sum(axis=-1) / EPISODE_KWH
        features[..., last + 8] = 0.0
        n = np.flatnonzero(meant >= 0)
        features[n, meant[n], last + 8] = 1.0 + 0.5 * np.sign(own_kwh[n].sum(axis=-1))
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
        features[:, FLEET_ENERGY] = 0.0 if alone else self._fleet_kwh[replica] / spec.battery_kwh
        features[:, 3] = deficit_free_kwh.sum(axis=(1, 2)) / (2.0 * EPISODE_KWH)
        features[:, 4] = surplus_free_kwh.sum(axis=(1, 2)) / (2.0 * EPISODE_KWH)
        features[:, 5] = spec.fleet_size / FLEET
        features[:, 6] = (energy_kwh - spec.energy_min_kwh) / spec.battery_kwh
        features[:, 7] = self.slot >= spec.slots - SLOTS_AHEAD
        return np.clip(features, -LARGEST, LARGEST, out=features)

    def _kept_kwh(self, trip_slots: Ints, surplus_free_kwh: Floats) -> Floats:
        """Energy kept at each station for the way to the nearest surplus left when the EV is there, shape [N, H]."""
        there = np.minimum(trip_slots, surplus_free_kwh.shape[-1] - 1)
        return kept_kwh(self.spec, self.slot, _at(surplus_free_kwh, there[..., None])[..., 0] > 0.0)


def _of_others(
    board: IntentionBoard, replica: Ints, ev: Ints, own_kwh: Floats, slot: int
) -> tuple[Floats, Floats, Ints]:
    """Energy fed in and drawn, and chargers used, by the other EVs' intentions from a slot on; shape [N, H, K]."""
    fed_kwh, drawn_kwh = board.fed_kwh[replica][..., slot:], board.drawn_kwh[replica][..., slot:]
    busy, n = board.chargers[replica][..., slot:], np.arange(len(ev))
    # Those of no station offer nothing: from the last station they take nothing.
    at = board.station[replica, ev]
    # Nor do the others mean less than nothing, where a price tells only about how much all mean.
    fed_kwh[n, at] = np.maximum(fed_kwh[n, at] - np.maximum(-own_kwh, 0.0), 0.0)
    drawn_kwh[n, at] = np.maximum(drawn_kwh[n, at] - np.maximum(own_kwh, 0.0), 0.0)
    busy[n, at] -= own_kwh != 0.0
    return fed_kwh, drawn_kwh, busy


def _at(values: Floats | Ints, slot: Ints) -> Floats:
    """Values [N, H, K] in some slots for each station [N, H, M]; 0 beyond the last."""
    count, stations, slots = values.shape
    # One flat index is much faster than `np.take_along_axis`.
    first = np.arange(count * stations).reshape(count, stations, 1) * slots
    found: Floats = values.reshape(-1)[first + np.minimum(slot, slots - 1)]
    return np.where(slot < slots, found, 0.0)


def _up_to(slot_kwh: Floats, most_kwh: Floats) -> Floats:
    """Energy from the first slot to each, at most a whole [kWh], shape [N, H, K] of [N, H, K] and [N, H]."""
    total: Floats = np.minimum(np.cumsum(slot_kwh, axis=-1), most_kwh[..., None])
    return total
