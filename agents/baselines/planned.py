"""What the planners share: an observation as the planning room sees it, and the action that a plan means.

R = replicas, I = EVs, H = stations, T = slots from now to the episode's end.
"""

from __future__ import annotations

import numpy as np

from agents.baselines.plan import go_and_serve
from cosim.interface import Action, FleetSpec, Floats, Ints, Observation
from cosim.planning.response import Room
from cosim.planning.trips import Trips
from cosim.planning.walks import Levels, Starts

#: EVs that are to move less energy than this in a slot leave the charger to others [kWh].
NEGLIGIBLE_KWH = 0.2


def trips_between(spec: FleetSpec) -> Trips:
    """Trips between stations with the traffic that is usual, shape [H, H]."""
    navigator = spec.navigator
    return Trips.usual(spec, navigator.station_distance_km, navigator.station_travel_time_h)


def starts_now(levels: Levels, observation: Observation) -> Starts:
    """Where the EVs are and what they hold, shape [R, I]; one that drives is planned for as if it could turn."""
    spec, place = levels.spec, (observation.edge, observation.node, observation.offset_km)
    navigator = spec.navigator
    trips = Trips.usual(spec, navigator.distance_km(*place), navigator.travel_time_h(*place))
    return Starts(trips, levels.of(observation.energy_kwh))


def room_foretold(spec: FleetSpec, observation: Observation) -> Room:
    """What stations will have room for, by the forecast, and by their limits in the slot that begins."""

    def energy_kwh(forecast_kw: Floats, limit_kw: Floats) -> Floats:
        slots = spec.slots - observation.slot
        power_kw: Floats = forecast_kw[:, spec.station_microgrid, :slots] * spec.station_share[:, None]
        power_kw[..., 0] = limit_kw
        return power_kw * spec.slot_h

    draw_kwh = energy_kwh(observation.surplus_forecast_kw, observation.station_limit_kw[..., 0])
    feed_kwh = energy_kwh(observation.deficit_forecast_kw, observation.station_limit_kw[..., 1])
    return Room(draw_kwh, feed_kwh, np.broadcast_to(spec.station_chargers[:, None], draw_kwh.shape))


def go_and_trade(spec: FleetSpec, observation: Observation, trips: Trips, station: Ints, power_kwh: Floats) -> Action:
    """The action of EVs that go to stations and move energy there, spread over what is left of the slot.

    Of those that are to move energy at a station in this slot, as many do as it has chargers, the greatest first.

    Args:
        spec: The fleet.
        observation: Where they are.
        trips: Their trips to all stations, shape [R, I, H].
        station: Station of each, -1 to stay, shape [R, I].
        power_kwh: Energy at the charger in this slot, > 0 drawn [kWh], shape [R, I].
    """
    replica, ev = np.ogrid[: station.shape[0], : station.shape[1]]
    goal = np.maximum(station, 0)
    time_h = np.maximum(trips.rest_h[replica, ev, goal], 1e-9)
    greatest = np.argsort(-np.abs(power_kwh), axis=1, kind="stable")
    trades = (np.abs(power_kwh) >= NEGLIGIBLE_KWH) & (station >= 0)
    at = trades[replica, greatest][..., None] & (goal[replica, greatest][..., None] == np.arange(trips.slots.shape[-1]))
    plugged = (at & (np.cumsum(at, axis=1) <= spec.station_chargers)).any(axis=-1)
    served = np.zeros_like(trades)
    served[replica, greatest] = plugged
    power_kw = np.where(served, power_kwh / time_h, 0.0)
    share = np.maximum(power_kw, 0.0) / spec.charge_kw - np.maximum(-power_kw, 0.0) / spec.discharge_kw
    return go_and_serve(spec, observation, station, np.clip(share, -spec.max_discharge_share, 1.0))
