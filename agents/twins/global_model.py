"""The global predictive model: what the fleet's messages come to at the stations, over a few slots.

It is built from sums over stations and slots only. N = EVs that are asked for, H = stations, M = modes, K = slots from
the present one on, at most the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.credit import CreditWeights

#: Over how much energy a smallest value turns from one branch to the other [kWh]: a kink has no gradient.
SOFT_KWH = 0.5
#: No sum of offers is divided by less [kWh].
SMALLEST_KWH = 1e-6


@dataclass(frozen=True)
class Balances:
    """What microgrids need and have at their stations, and what the others mean to do there.

    Attributes:
        deficit_kwh: Load that EVs could serve [kWh], shape [N, H, K].
        surplus_kwh: Energy that EVs could draw [kWh], likewise.
        fed_kwh: What the others mean to feed in [kWh], >= 0, likewise.
        drawn_kwh: What they mean to draw [kWh], >= 0, likewise.
    """

    deficit_kwh: Tensor
    surplus_kwh: Tensor
    fed_kwh: Tensor
    drawn_kwh: Tensor


class GlobalModel:
    """Rolls the islands' balances out over the horizon, and values what an EV could do.

    Args:
        horizon: Slots H of the roll-out; 0 predicts nothing.
        gamma: Discount.
        weights: What served load, driving and charging are worth; as EVs are rewarded.
    """

    def __init__(self, horizon: int, gamma: float = 1.0, weights: CreditWeights | None = None) -> None:
        self.horizon = horizon
        self._gamma = gamma
        self._weights = weights or CreditWeights()

    def worth(self, balances: Balances, offer_kwh: Tensor, travel_kwh: Tensor) -> Tensor:
        """R_sim: the rewards of the slots to come that follow from what an EV could do, differentiable in all of it.

        Offers tell of soft arrivals: what an EV can do in the slot in which it arrives is what is left of the slot.
        If more is fed in than is needed, each EV serves in proportion to its offer.

        Args:
            balances: What is known from sums.
            offer_kwh: Energy at the charger by station and mode [kWh], > 0 drawn, shape [N, H, M, K].
            travel_kwh: Energy of the way to each station [kWh], shape [N, H].

        Returns:
            Shape [N, H, M].

        Source:
            After Hua et al. 2025; our specification, (B3), (B4).
        """
        weights = self._weights
        if not self.horizon:
            return torch.zeros(offer_kwh.shape[:-1], dtype=offer_kwh.dtype)
        slots = min(self.horizon, offer_kwh.shape[-1])
        deficit, surplus, fed, drawn = (
            values[..., None, :slots]
            for values in (balances.deficit_kwh, balances.surplus_kwh, balances.fed_kwh, balances.drawn_kwh)
        )
        feeds, draws = (-offer_kwh[..., :slots]).clamp(min=0.0), offer_kwh[..., :slots].clamp(min=0.0)
        served = soft_min(deficit, fed + feeds)
        own = served * feeds / (fed + feeds).clamp(min=SMALLEST_KWH)
        marginal = served - soft_min(deficit, fed)
        taken = soft_min(surplus, drawn + draws) * draws / (drawn + draws).clamp(min=SMALLEST_KWH)
        useful = (1.0 - weights.marginal) * own + weights.marginal * marginal - weights.charging * taken
        discounts = self._gamma ** torch.arange(slots, dtype=offer_kwh.dtype)
        worth: Tensor = weights.scale * ((useful * discounts).sum(dim=-1) - weights.travel * travel_kwh[..., None])
        return worth

    def served(self, deficit_kwh: Tensor, fed_kwh: Tensor) -> Tensor:
        """Load that is served in each slot of the horizon [kWh], shape [..., K] of [..., H, K]."""
        return soft_min(deficit_kwh, fed_kwh).sum(dim=-2)


def soft_min(one_kwh: Tensor, other_kwh: Tensor) -> Tensor:
    """The smaller of two energies, rounded where they are equal, and 0 where one of them is.

    Args:
        one_kwh: Energy, >= 0 [kWh].
        other_kwh: Energy, >= 0 [kWh], of a shape that goes with it.
    """
    nothing = 0.5 * (one_kwh + other_kwh - _distance(torch.zeros_like(one_kwh), other_kwh + one_kwh))
    return 0.5 * (one_kwh + other_kwh - _distance(one_kwh, other_kwh)) - nothing


def _distance(one_kwh: Tensor, other_kwh: Tensor) -> Tensor:
    """The distance of two energies, smooth at 0."""
    return ((one_kwh - other_kwh).square() + SOFT_KWH**2).sqrt()
