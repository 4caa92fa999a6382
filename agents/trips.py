"""What lies ahead of EVs that choose a station: the trips there, and what the stations will need and give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.baselines.plan import ROUNDING_KWH, Bools, trip_slots
from cosim.interface import FleetSpec, Floats, Ints, Observation


@dataclass(frozen=True)
class Trips:
    """The trip of each EV to each station, with the traffic that is usual; shape [R, I, H].

    Attributes:
        distance_km: Road distance [km], inf where there is no way.
        arrival: Slot in which it ends; the slot that begins for an EV that is there.
        rest_h: What is left of that slot [h].
        spare_kwh: Energy above the minimum when it ends [kWh].
        possible: Whether the energy and the slots suffice.
    """

    distance_km: Floats
    arrival: Ints
    rest_h: Floats
    spare_kwh: Floats
    possible: Bools

    @classmethod
    def of(cls, spec: FleetSpec, observation: Observation) -> Trips:
        """The trips of all EVs as a slot begins."""
        place = (observation.edge, observation.node, observation.offset_km)
        distance_km = spec.navigator.distance_km(*place)
        time_h = spec.navigator.travel_time_h(*place)
        slots_before = np.maximum(trip_slots(spec, distance_km) - 1, 0)
        # The last slot's kilometres, at the mean speed of the trip; no time where there is nothing to drive.
        drives = (distance_km > 0.0) & np.isfinite(distance_km)
        length_km = np.where(drives, distance_km, 1.0)
        last_km = length_km - slots_before * spec.max_move_km
        last_h = last_km / length_km * np.where(drives, time_h, 0.0)
        spare_kwh = observation.energy_kwh[..., None] - spec.energy_min_kwh - distance_km * spec.consumption_kwh_per_km
        arrival = observation.slot + slots_before
        return cls(
            distance_km=distance_km,
            arrival=arrival,
            rest_h=np.maximum(spec.slot_h - last_h, 0.0),
            spare_kwh=spare_kwh,
            possible=(arrival < spec.slots) & (spare_kwh >= -ROUNDING_KWH),
        )


def station_outlook(spec: FleetSpec, observation: Observation) -> tuple[Floats, Floats]:
    """Deficit and surplus of each station in each slot of the episode [kWh], each of shape [R, H, T].

    Args:
        spec: The fleet.
        observation: What is known; the slots before the one that begins are 0.
    """
    slot = observation.slot
    outlook = []
    for forecast_kw, limit_kw in (
        (observation.deficit_forecast_kw, observation.station_limit_kw[..., 1]),
        (observation.surplus_forecast_kw, observation.station_limit_kw[..., 0]),
    ):
        energy_kwh = np.zeros((observation.replicas, len(spec.station_name), spec.slots))
        of_station_kw = forecast_kw[:, spec.station_microgrid] * spec.station_share[:, None]
        energy_kwh[..., slot:] = of_station_kw[..., : spec.slots - slot] * spec.slot_h
        energy_kwh[..., slot] = limit_kw * spec.slot_h
        outlook.append(energy_kwh)
    return outlook[0], outlook[1]
