"""Every EV for itself: to the nearest deficit until nothing is left to sell, then to the nearest surplus."""

from __future__ import annotations

import numpy as np

from agents.baselines.plan import (
    ROUNDING_KWH,
    SMALLEST_KWH,
    Bools,
    discharge_share,
    go_and_serve,
    kept_kwh,
    trip_slots,
)
from cosim.interface import Action, FleetSpec, Floats, Observation


class GreedyController:
    """Sells at the nearest deficit and recharges at the nearest surplus, blind to the other EVs.

    An EV at a station with surplus charges until it is full; else it sells while it has something to sell;
    else it goes to recharge. A station counts where it can serve one EV at full power in the slot that begins.

    Args:
        spec: The fleet.
        return_reserve: Whether the energy to reach the nearest surplus is not sold while a round trip fits.
    """

    def __init__(self, spec: FleetSpec, return_reserve: bool = True) -> None:
        self._spec = spec
        self._return_reserve = return_reserve

    def act(self, observation: Observation) -> Action:
        """Choose the nearest useful station of each EV."""
        spec = self._spec
        distance_km = spec.navigator.distance_km(observation.edge, observation.node, observation.offset_km)
        surplus = self._serves(observation.station_limit_kw[..., 0], spec.charge_kw)
        deficit = self._serves(observation.station_limit_kw[..., 1], spec.discharge_kw * spec.max_discharge_share)

        # 1 What it has on arrival, above the minimum.
        trip_kwh = distance_km * spec.consumption_kwh_per_km
        spare_kwh = (observation.energy_kwh - spec.energy_min_kwh)[..., None] - trip_kwh
        arrives = observation.slot + trip_slots(spec, distance_km) <= spec.slots
        reached = arrives & (spare_kwh >= -ROUNDING_KWH)

        # 2 Where it can sell, where it can buy.
        sale_kwh = spare_kwh
        if self._return_reserve:
            sale_kwh = spare_kwh - kept_kwh(spec, observation.slot, surplus)
        # Not counting what the trip itself would use: a full EV does not drive to recharge.
        room_kwh = (spec.energy_max_kwh - observation.energy_kwh)[..., None]
        sells = reached & deficit & (sale_kwh >= SMALLEST_KWH)
        buys = reached & surplus & (room_kwh >= SMALLEST_KWH)
        goes_on_buying = (buys & (distance_km == 0.0)).any(axis=-1)
        selling = sells.any(axis=-1) & ~goes_on_buying

        # 3 The nearest of them.
        useful = np.where(selling[..., None], sells, buys)
        nearest = np.argmin(np.where(useful, distance_km, np.inf), axis=-1)
        replica, ev = np.arange(nearest.shape[0])[:, None], np.arange(nearest.shape[1])
        nearest_sale_kwh = sale_kwh[replica, ev, nearest]
        share = np.where(selling, discharge_share(spec, nearest_sale_kwh, spec.slot_h), 1.0)
        return go_and_serve(spec, observation, np.where(useful.any(axis=-1), nearest, -1), share)

    def _serves(self, limit_kw: Floats, power_kw: float) -> Bools:
        """Whether stations can serve one EV at a power [kW], shape [R, 1, H]."""
        served: Bools = (limit_kw >= power_kw)[:, None, :]
        return served
