"""The global model of a commuters' day: what net load, renewable energy and revenue follow from everybody's power.

Source:
    After Hua et al. 2025; our specification, (B3) and (B4); the formula is that of `cosim.interface.DayRule`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.commuters.view import LOAD, PRICE, RENEWABLE, rule_of
from cosim.interface import FleetSpec

#: Less renewable power than this is none [kW].
SMALLEST_KW = 1e-6


class DayModel:
    """Rewards of a slot by the model; differentiable in the EVs' power.

    Args:
        spec: The fleet.
    """

    def __init__(self, spec: FleetSpec) -> None:
        self._spec, self._rule = spec, rule_of(spec)

    def of_all(self, market: Tensor, ev_kw: Tensor) -> Tensor:
        """What the grid pays every EV: stability, fossil and renewable energy.

        Args:
            market: Load, renewable power and price of the slot, shape [..., 3].
            ev_kw: Power of all EVs together [kW], > 0 drawn, shape [...].
        """
        rule = self._rule
        net_kw = market[..., LOAD] - market[..., RENEWABLE] + ev_kw
        away = (net_kw - rule.net_mean_kw) / rule.net_spread_kw
        unused_kw = (-net_kw).clamp(min=0.0)
        used = 1.0 - unused_kw / market[..., RENEWABLE].clamp(min=SMALLEST_KW)
        fossil = net_kw.clamp(min=0.0) / rule.fossil_mean_kw
        return -rule.stability * away.square() - rule.fossil * fossil + rule.renewable * used

    def of_each(self, market: Tensor, power_kw: Tensor, start_kwh: Tensor, end_kwh: Tensor) -> Tensor:
        """What each EV earns by itself: satisfaction and revenue, shape [..., I].

        Args:
            market: Load, renewable power and price of the slot, shape [..., 3].
            power_kw: Mean power of each EV [kW], > 0 drawn, shape [..., I].
            start_kwh: Its energy as the slot begins [kWh].
            end_kwh: Its energy as the slot ends [kWh].
        """
        rule = self._rule
        satisfied = (end_kwh / rule.energy_needed_kwh).clamp(max=1.0) - (start_kwh / rule.energy_needed_kwh).clamp(
            max=1.0
        )
        energy_kwh = power_kw * self._spec.slot_h
        paid = energy_kwh.clamp(min=0.0) - rule.feed_in_share * (-energy_kwh).clamp(min=0.0)
        revenue = -market[..., PRICE, None] * paid / rule.trade_most_cny
        return rule.satisfaction * satisfied + rule.revenue * revenue

    def feed_in_kw(self, market: Tensor) -> Tensor:
        """What an EV may feed in if all others do too [kW]: its charger's part of the net load, shape [...]."""
        net_kw = market[..., LOAD] - market[..., RENEWABLE]
        feed_in_kw: Tensor = net_kw.clamp(min=0.0) / int(self._spec.station_chargers.sum())
        return feed_in_kw


def without_evs(model: DayModel, market: Tensor) -> Tensor:
    """What the grid would pay every EV if no EV took part, shape [...]."""
    return model.of_all(market, torch.zeros_like(market[..., LOAD]))
