"""Literal actions: heading, distance and power of EVs that choose no station, and what they mean on the board.

An EV that moves literally may end anywhere. On the board it still stands for something: the station that its target
point means, or the one where it stays, and the energy that it means to move there in this slot.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from agents.board import Intentions
from agents.options import Outlook
from cosim.interface import SMALLEST_MOVE_KM, SMALLEST_POWER_SHARE, Action, FleetSpec, Floats, Ints

#: A target this near to a station means that station, as in the co-simulation [km].
STATION_KM = 1.1


class Moves:
    """Literal actions of N EVs.

    Args:
        spec: The fleet.
        action: Heading over a full turn, distance over the farthest, power share, shape [N, 3].
    """

    def __init__(self, spec: FleetSpec, action: NDArray[np.float32]) -> None:
        self._spec = spec
        self.action = action
        exact = action.astype(np.float64)
        self.heading_rad: Floats = 2.0 * math.pi * (exact[:, 0] % 1.0)
        self.distance_km: Floats = spec.max_move_km * np.clip(exact[:, 1], 0.0, 1.0)
        # Rounding to 32 bits may have passed a bound.
        self.power_share: Floats = np.clip(exact[:, 2], -spec.max_discharge_share, 1.0)

    def write(self, action: Action, replica: Ints, ev: Ints) -> None:
        """Write them into the action of a fleet."""
        action.heading_rad[replica, ev] = self.heading_rad
        action.distance_km[replica, ev] = self.distance_km
        action.power_share[replica, ev] = self.power_share

    def stations(self, outlook: Outlook, replica: Ints, ev: Ints) -> Ints:
        """The stations that they mean, -1 for none, shape [N].

        The station near the target point; where the target is the EV's own place or outside the map, so that it stays,
        the station that it is at. Roads are not looked at: an EV whose target is off road means none.

        Args:
            outlook: What is known as the slot begins.
            replica: Replica of each, shape [N].
            ev: Number of each EV, shape [N].
        """
        spec, observation = self._spec, outlook.observation
        way_km = self.distance_km[:, None] * np.stack([np.cos(self.heading_rad), np.sin(self.heading_rad)], axis=1)
        target_km = observation.position_km[replica, ev] + way_km
        outside = (target_km < -SMALLEST_MOVE_KM) | (target_km > np.array(spec.area_km) + SMALLEST_MOVE_KM)
        stays = (self.distance_km <= SMALLEST_MOVE_KM) | outside.any(axis=1)
        away_km = np.hypot(*np.moveaxis(target_km[:, None] - spec.station_position_km, -1, 0))
        near = away_km.min(axis=1) <= min(STATION_KM, spec.max_move_km / 2.0)
        return np.where(stays, observation.station[replica, ev], np.where(near, away_km.argmin(axis=1), -1))

    def intentions(self, outlook: Outlook, replica: Ints, ev: Ints) -> Intentions:
        """What they mean on the board: a station, and energy in the slot that begins if they are there in it.

        Args:
            outlook: What is known as the slot begins.
            replica: Replica of each, shape [N].
            ev: Number of each EV, shape [N].
        """
        spec, trips, slot = self._spec, outlook.trips, outlook.slot
        station = self.stations(outlook, replica, ev)
        at = (replica, ev, station)
        station = np.where((station >= 0) & trips.possible[at], station, -1)
        share, rest_h, spare_kwh = self.power_share, trips.rest_h[at], np.maximum(trips.spare_kwh[at], 0.0)
        room_kwh = spec.energy_max_kwh - spec.energy_min_kwh - spare_kwh
        drawn_kwh = np.minimum(share * spec.charge_kw * rest_h, room_kwh / spec.charge_efficiency)
        fed_kwh = np.minimum(-share * spec.discharge_kw * rest_h, spare_kwh * spec.discharge_efficiency)
        asks = (station >= 0) & (trips.arrival[at] == slot) & (np.abs(share) > SMALLEST_POWER_SHARE)
        offer_kwh = np.zeros((len(ev), spec.slots))
        offer_kwh[:, slot] = np.where(asks, np.where(share > 0.0, drawn_kwh, -fed_kwh), 0.0)
        return Intentions(station, np.where(station >= 0, trips.arrival[at], 0), offer_kwh)
