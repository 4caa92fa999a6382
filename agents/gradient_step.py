"""One step of a network along a loss, and of a target behind its network."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def descend(optimiser: torch.optim.Optimizer, network: nn.Module, loss: Tensor, rate: float, norm: float) -> None:
    """Step down a loss.

    Args:
        optimiser: The network's.
        network: What is changed.
        loss: A number.
        rate: Learning rate.
        norm: The gradient is clipped to it.
    """
    optimiser.param_groups[0]["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), norm)
    optimiser.step()


def follow(target: nn.Module, network: nn.Module, rate: float) -> None:
    """Move a target's weights towards its network's by a share of the way."""
    with torch.no_grad():
        for kept, new in zip(target.parameters(), network.parameters(), strict=True):
            kept.lerp_(new, rate)
