"""Networks of EVs that commute: one that all share, or one for each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agents.own_layers import Layers


class EvNetwork(nn.Module):
    """Two hidden layers from what an EV knows to a number.

    Args:
        inputs: Numbers that it is shown.
        width: Width of the hidden layers.
        evs: Number of EVs if each has a network of its own; 0 if they share one.
        last_layer: Factor on the first weights of the last layer.
    """

    def __init__(self, inputs: int, width: int, evs: int = 0, last_layer: float = 0.1) -> None:
        super().__init__()
        self._own = evs > 0
        sizes = ((inputs, width), (width, width), (width, 1))
        layers: list[nn.Module] = [Layers(evs, *size) if evs else nn.Linear(*size) for size in sizes]
        with torch.no_grad():
            for name, values in layers[-1].named_parameters():
                values.mul_(0.0 if name == "bias" else last_layer)
        self.layers = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])

    def forward(self, seen: Tensor) -> Tensor:
        """A number for each EV, shape [..., I] of [..., I, inputs]."""
        if not self._own:
            out: Tensor = self.layers(seen)[..., 0]
            return out
        *front, evs, inputs = seen.shape
        rows = seen.reshape(-1, evs, inputs).transpose(0, 1)
        of_each: Tensor = self.layers(rows)[..., 0].transpose(0, 1)
        return of_each.reshape(*front, evs)
