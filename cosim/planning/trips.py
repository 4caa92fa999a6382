"""Trips of EVs to stations, in slots: when they end, what is left of that slot, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.interface import SMALLEST_MOVE_KM, FleetSpec, Floats, Ints

#: A trip may be this share of a slot too long, for rounding.
ROUNDING_SLOTS = 1e-9


@dataclass(frozen=True)
class Trips:
    """Trips from places to every station; who is there already has a trip of no length. Shape S + [H].

    Attributes:
        slots: Slots between the one of departure and the one of arrival; more than an episode where there is no way.
        rest_h: What is left of the slot of arrival [h].
        energy_kwh: Energy for driving [kWh]; 0 where there is no way.
    """

    slots: Ints
    rest_h: Floats
    energy_kwh: Floats

    @classmethod
    def of(cls, spec: FleetSpec, distance_km: Floats, time_h: Floats, speed_kmh: Floats | float) -> Trips:
        """The earliest arrivals: every slot but the last one uses up its kilometres.

        Args:
            spec: The fleet.
            distance_km: Road distances [km], inf where there is no way, shape S + [H].
            time_h: Driving times [h], same shape.
            speed_kmh: Speed at which the last slot's kilometres are driven [km/h], > 0, same shape or one for all.
        """
        way = np.isfinite(distance_km) & np.isfinite(time_h)
        length_km = np.where(way, distance_km, 0.0)
        before = np.maximum(np.ceil((length_km - SMALLEST_MOVE_KM) / spec.max_move_km) - 1.0, 0.0)
        last_h = np.clip((length_km - before * spec.max_move_km) / speed_kmh, 0.0, spec.slot_h)
        arrival_h = np.maximum(np.where(way, time_h, 0.0), before * spec.slot_h + last_h)
        slots = np.floor(arrival_h / spec.slot_h + ROUNDING_SLOTS)
        return cls(
            slots=np.where(way, slots, spec.slots + 1).astype(np.int64),
            rest_h=np.clip((slots + 1.0) * spec.slot_h - arrival_h, 0.0, spec.slot_h),
            energy_kwh=length_km * spec.consumption_kwh_per_km,
        )

    @classmethod
    def usual(cls, spec: FleetSpec, distance_km: Floats, time_h: Floats) -> Trips:
        """Trips with the traffic that is usual, each at its mean speed.

        Args:
            spec: The fleet.
            distance_km: Road distances [km], inf where there is no way, shape S + [H].
            time_h: Usual driving times [h], same shape.
        """
        drives = np.isfinite(time_h) & (time_h > 0.0) & (distance_km > 0.0)
        speed_kmh = np.where(drives, distance_km, 1.0) / np.where(drives, time_h, 1.0)
        return cls.of(spec, distance_km, time_h, np.where(np.isfinite(speed_kmh), speed_kmh, 1.0))

    def from_some(self, key: Any) -> Trips:
        """Trips from some of the places, chosen by an index of their arrays."""
        return Trips(self.slots[key], self.rest_h[key], self.energy_kwh[key])

    def with_some(self, key: Any, trips: Trips) -> Trips:
        """The same trips, but from some of the places."""
        columns = [column.copy() for column in vars(self).values()]
        for column, new in zip(columns, vars(trips).values(), strict=True):
            column[key] = new
        return Trips(*columns)
