"""Layers of networks that each EV has for itself: one tensor, the EV first; thirty cost about as much as one."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Layers(nn.Module):
    """A linear layer for each EV.

    Args:
        evs: Number of EVs.
        inputs: Inputs of each.
        outputs: Outputs of each.
        scale: Factor on the first weights; the biases begin at 0 where it is not 1.
    """

    def __init__(self, evs: int, inputs: int, outputs: int, scale: float = 1.0) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(evs, inputs, outputs).uniform_(-bound, bound) * scale)
        bias = torch.empty(evs, 1, outputs).uniform_(-bound, bound)
        self.bias = nn.Parameter(bias if scale == 1.0 else torch.zeros_like(bias))

    def forward(self, rows: Tensor) -> Tensor:
        """Outputs, shape [I, B, outputs] of [I, B, inputs]."""
        return torch.baddbmm(self.bias, rows, self.weight)
