"""What is learned of the error of a forecast of net load: the correction of the global model.

Source:
    After Hua et al. 2025; our specification, (B9).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from agents.commuters.view import LOAD, RENEWABLE, rule_of
from cosim.interface import FleetSpec

#: Width of its hidden layer.
WIDTH = 32
#: Harmonics of the time of day that it is shown.
HARMONICS = 3


class ForecastCorrection(nn.Module):
    """Adds to forecast net load what the forecast is usually wrong by at that time; nothing at first.

    Args:
        spec: The fleet.
        ahead: Slots that it corrects; the first is measured, and stays as it is.
    """

    def __init__(self, spec: FleetSpec, ahead: int) -> None:
        super().__init__()
        self._rule, self._slots, self._ahead = rule_of(spec), spec.slots, ahead
        last = nn.Linear(WIDTH, max(ahead - 1, 1))
        with torch.no_grad():
            last.weight.zero_()
            last.bias.zero_()
        self.layers = nn.Sequential(nn.Linear(ahead + 2 * HARMONICS, WIDTH), nn.Tanh(), last)

    def forward(self, market: Tensor, slot: Tensor) -> Tensor:
        """What is to be added to the net load of the next slots [kW], 0 for the first.

        Args:
            market: Load, renewable power and price of the next slots, shape [S, 3, at least ahead].
            slot: Number of each slot, shape [S].

        Returns:
            Shape [S, ahead].
        """
        rule, ahead = self._rule, self._ahead
        net_kw = market[..., LOAD, :ahead] - market[..., RENEWABLE, :ahead]
        angle = 2.0 * math.pi * slot.to(market.dtype)[..., None] / self._slots
        times = angle * torch.arange(1, HARMONICS + 1, dtype=market.dtype, device=market.device)
        shown = torch.cat([(net_kw - rule.net_mean_kw) / rule.net_spread_kw, times.sin(), times.cos()], dim=-1)
        error_kw = rule.net_spread_kw * self.layers(shown)
        return torch.cat([torch.zeros_like(error_kw[..., :1]), error_kw], dim=-1)[..., :ahead]

    def loss(self, foretold_kw: Tensor, actual_kw: Tensor, known: Tensor) -> Tensor:
        """Mean square of what is left of the error, in squared standard deviations of the net load.

        Args:
            foretold_kw: Net load as corrected [kW], shape [S, ahead].
            actual_kw: As it came [kW].
            known: Whether it came before the episode's end.
        """
        off = (foretold_kw - actual_kw) / self._rule.net_spread_kw
        return (off.square() * known).sum() / known.sum().clamp(1)
