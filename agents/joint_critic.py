"""A critic that sees everybody: an EV's own observation and action, and those of all others.

All EVs of a slot are judged at once; arrays are of shape [S, I, ...], S slots with I EVs each.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class SetOfOthers(nn.Module):
    """What the others are like in the mean, whatever their number and order.

    Args:
        inputs: Numbers by which each is known.
        width: Width of the result.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.each = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, seen: Tensor, there: Tensor) -> Tensor:
        """The others of each EV.

        Args:
            seen: Observation and action of each EV, shape [S, I, inputs].
            there: Whether each decided, shape [S, I]; who did not is left out.

        Returns:
            Shape [S, I, width].
        """
        counts = there[..., None].to(seen.dtype)
        each = self.each(seen) * counts
        others: Tensor = each.sum(dim=1, keepdim=True) - each
        return others / (counts.sum(dim=1, keepdim=True) - counts).clamp(min=1.0)


class OthersSideBySide(nn.Module):
    """The others side by side, each at the place of its number; for a fleet of one size.

    What a linear layer makes of their concatenation is a sum with one matrix per place; the EV's own place is empty.

    Args:
        inputs: Numbers by which each is known.
        width: Width of the result.
        evs: Number of EVs.
    """

    def __init__(self, inputs: int, width: int, evs: int) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(inputs * evs)
        self.place = nn.Parameter(torch.empty(evs, inputs, width).uniform_(-bound, bound))
        # As the critic is one for all EVs, it is told whose value is asked for.
        self.whose = nn.Parameter(torch.empty(evs, width).uniform_(-bound, bound))

    def forward(self, seen: Tensor, there: Tensor) -> Tensor:
        """The others of each EV; as `SetOfOthers.forward`."""
        present = seen * there[..., None].to(seen.dtype)
        each = torch.bmm(present.transpose(0, 1), self.place).transpose(0, 1)
        others: Tensor = each.sum(dim=1, keepdim=True) - each
        return others + self.whose


class Totals(nn.Module):
    """What the others mean to do in sum, as their messages tell.

    Args:
        inputs: Numbers of the sums.
        width: Width of the result.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.sums = nn.Linear(inputs, width)

    def forward(self, seen: Tensor, there: Tensor) -> Tensor:
        """The others of each EV.

        Args:
            seen: Sums over the others of each EV, shape [S, I, inputs].
            there: Not used: who did not decide is in no sum.

        Returns:
            Shape [S, I, width].
        """
        others: Tensor = self.sums(seen)
        return others


class JointCritic(nn.Module):
    """Values of EVs' actions, given everybody's.

    Args:
        own: Numbers of an EV's own observation.
        seen: Numbers by which an EV knows an other: observation and action.
        features: Numbers of an action.
        width: Width of its layers.
        by_choice: Whether an action is probabilities of choices, in which the value is linear.
        evs: Number of EVs if the others are to be side by side; 0 for a set of any size.
        totals: Whether the others are known by their sums only.
    """

    def __init__(
        self, own: int, seen: int, features: int, width: int, *, by_choice: bool, evs: int = 0, totals: bool = False
    ) -> None:
        super().__init__()
        self._by_choice = by_choice
        self.own = nn.Linear(own if by_choice else own + features, width)
        self.others: nn.Module = (
            Totals(seen, width) if totals else OthersSideBySide(seen, width, evs) if evs else SetOfOthers(seen, width)
        )
        last = nn.Linear(width, features if by_choice else 1)
        with torch.no_grad():
            # On messages the value begins as what a model says of them, and nothing beside it.
            last.weight.mul_(0.0 if totals else 0.1)
            last.bias.zero_()
        self.value = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), last)

    def forward(self, own: Tensor, action: Tensor, seen: Tensor, there: Tensor) -> Tensor:
        """The value of each EV's action.

        Args:
            own: Its own observation, shape [S, I, own].
            action: Its action, shape [S, I, features].
            seen: Everybody's observation and action, as the others see them, or the sums over the others of each EV,
                shape [S, I, seen].
            there: Whether each decided, shape [S, I].

        Returns:
            Shape [S, I].
        """
        inputs = own if self._by_choice else torch.cat([own, action], dim=-1)
        values: Tensor = self.value(self.own(inputs) + self.others(seen, there))
        return (values * action).sum(dim=-1) if self._by_choice else values[..., 0]
