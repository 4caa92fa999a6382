"""What the rules plan with: trips to stations, energy kept for the way back, and the action that follows.

R = replicas, I = EVs, H = stations, as in `cosim.interface`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.interface import SMALLEST_MOVE_KM, Action, FleetSpec, Floats, Ints, Observation, can_decide

Bools = NDArray[np.bool_]

#: Less energy than this is not worth a charger [kWh].
SMALLEST_KWH = 1.0
#: Energy kept for a trip may be this much short of it, for rounding [kWh].
ROUNDING_KWH = 1e-9


def trip_slots(spec: FleetSpec, distance_km: Floats) -> Ints:
    """Slots that a trip takes: as many as the kilometres per slot need.

    Args:
        spec: The fleet.
        distance_km: Road distances [km], any shape.

    Returns:
        Slots, 0 for no distance, at most T + 1: where there is no way, it takes more than an episode.
    """
    slots = np.ceil((distance_km - SMALLEST_MOVE_KM) / spec.max_move_km)
    return np.minimum(np.maximum(slots, 0), spec.slots + 1).astype(np.int64)


def kept_kwh(spec: FleetSpec, slot: int, surplus: Bools) -> Floats:
    """Energy that an EV does not sell at a station: it takes it from there to the nearest station with surplus.

    It is kept while there is time for a round trip: up to slot T - 2 - 2n, n = slots of the trip.

    Args:
        spec: The fleet.
        slot: The slot that begins.
        surplus: Whether a station has surplus, shape [..., H].

    Returns:
        Energy kept at each station [kWh], shape [..., H]; 0 where no station with surplus is within time.
    """
    way_km = np.where(surplus[..., None, :], spec.navigator.station_distance_km, np.inf).min(axis=-1)
    in_time = slot <= spec.slots - 2 - 2 * trip_slots(spec, way_km)
    return np.where(in_time, way_km, 0.0) * spec.consumption_kwh_per_km


def discharge_share(spec: FleetSpec, sale_kwh: Floats, time_h: Floats | float) -> Floats:
    """The power share that sells an energy within a time, or the largest one if the time is too short.

    Args:
        spec: The fleet.
        sale_kwh: Energy taken out of the battery [kWh].
        time_h: Time at the charger [h].

    Returns:
        Power share, < 0 where there is something to sell, in the shape of the arguments.
    """
    power_kw = np.maximum(sale_kwh, 0.0) * spec.discharge_efficiency / np.maximum(time_h, 1e-9)
    return -np.minimum(power_kw / spec.discharge_kw, spec.max_discharge_share)


def go_and_serve(spec: FleetSpec, observation: Observation, station: Ints, power_share: Floats) -> Action:
    """The action of EVs that go to stations, or stay there.

    Args:
        spec: The fleet.
        observation: Where they are.
        station: Where each EV goes, shape [R, I]; -1 stays.
        power_share: Power there, shape [R, I].

    Returns:
        Heading and distance as near to the station as one slot's kilometres allow; none for EVs that drive.
    """
    heading_rad, distance_km = np.zeros((2, *station.shape))
    goes = (station >= 0) & (station != observation.station) & can_decide(observation.state)
    if goes.any():
        place = (observation.edge[goes], observation.node[goes], observation.offset_km[goes])
        heading_rad[goes], distance_km[goes] = spec.navigator.aim(*place, station[goes])
    return Action(heading_rad, distance_km, np.where(station >= 0, power_share, 0.0))
