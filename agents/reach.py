"""What EVs could do at each station if there were no others: all that does not depend on the board of intentions.

R = replicas, I = EVs, H = stations, K = slots from the present one on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np

from agents.baselines.plan import Bools, trip_slots
from agents.trips import Trips
from cosim.interface import FleetSpec, Floats, Ints


class Mode(IntEnum):
    """What an EV does at the station that it chooses."""

    IDLE = 0
    CHARGE = 1
    DISCHARGE = 2


MODES = len(Mode)


@dataclass(frozen=True)
class Reach:
    """What each EV could do at each station, the same for all its turns of a slot.

    Attributes:
        distance_km: Road distance [km], inf where there is no way, shape [R, I, H] as all that follow.
        trip_slots: Slots that the trip takes.
        wait: Slots until the arrival, at most K.
        rest_h: What is left of the arrival's slot [h].
        spare_kwh: Energy above the minimum at the arrival [kWh].
        room_kwh: Energy at the charger that fills the battery then [kWh].
        possible: Whether a choice makes sense, shape [R, I, H * 3].
        salable_kwh: Energy at the charger that time and power let an EV feed in [kWh], shape [R, I, H, K].
        buyable_kwh: Likewise draw.
        needed_kwh: `salable_kwh` of those slots that have a deficit, summed up to each slot.
        charge_kwh: What it draws in each slot if it charges from the arrival on wherever there is surplus, until it is
            full [kWh].
    """

    distance_km: Floats
    trip_slots: Ints
    wait: Ints
    rest_h: Floats
    spare_kwh: Floats
    room_kwh: Floats
    possible: Bools
    salable_kwh: Floats
    buyable_kwh: Floats
    needed_kwh: Floats
    charge_kwh: Floats

    @classmethod
    def of(cls, spec: FleetSpec, slot: int, trips: Trips, deficit_kwh: Floats, surplus_kwh: Floats) -> Reach:
        """What all EVs could do as a slot begins.

        Args:
            spec: The fleet.
            slot: Its number.
            trips: Their trips.
            deficit_kwh: Deficit of each station in each slot of the episode [kWh], shape [R, H, T].
            surplus_kwh: Surplus, likewise.
        """
        ahead = np.arange(spec.slots - slot)
        wait = np.minimum(trips.arrival - slot, len(ahead))
        since = ahead - wait[..., None]
        there_h = np.where(since > 0, spec.slot_h, np.where(since == 0, trips.rest_h[..., None], 0.0))
        salable_kwh = spec.discharge_kw * spec.max_discharge_share * there_h
        buyable_kwh = spec.charge_kw * there_h
        room_kwh = np.maximum(spec.energy_max_kwh - spec.energy_min_kwh - trips.spare_kwh, 0.0) / spec.charge_efficiency
        needed = (deficit_kwh[:, None, :, slot:] > 0.0) & (since >= 0)
        given = (surplus_kwh[:, None, :, slot:] > 0.0) & (since >= 0)
        bought_kwh = np.minimum(np.cumsum(buyable_kwh * given, axis=-1), room_kwh[..., None])
        can = trips.possible
        return cls(
            distance_km=trips.distance_km,
            trip_slots=trip_slots(spec, trips.distance_km),
            wait=wait,
            rest_h=trips.rest_h,
            spare_kwh=trips.spare_kwh,
            room_kwh=room_kwh,
            possible=np.stack([can, can & given.any(axis=-1), can & needed.any(axis=-1)], axis=-1),
            salable_kwh=salable_kwh,
            buyable_kwh=buyable_kwh,
            needed_kwh=np.cumsum(salable_kwh * needed, axis=-1),
            charge_kwh=np.diff(bought_kwh, prepend=0.0, axis=-1),
        )

    def of_evs(self, replica: Ints, ev: Ints) -> Reach:
        """The same of some EVs only, shape [N, ...]."""
        return Reach(**{field.name: getattr(self, field.name)[replica, ev] for field in fields(self)})
