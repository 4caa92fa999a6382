"""The local model of a vehicle's digital twin: what a share of power does to its battery in a slot.

Source:
    After Hua et al. 2025; our specification, (B1).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.commuters.view import DEPARTURE, ENERGY, HERE
from cosim.interface import FleetSpec


@dataclass(frozen=True)
class Step:
    """What a slot brings to each EV, shape [..., I].

    Attributes:
        power_kw: Mean power over the slot [kW], > 0 drawn.
        up_kw: Power that it could draw beyond it [kW], >= 0.
        down_kw: Power that it could draw less, or feed in beyond it [kW], >= 0.
        own: What is known of it when the next slot begins, as in `agents.commuters.view`, shape [..., I, 3].
    """

    power_kw: Tensor
    up_kw: Tensor
    down_kw: Tensor
    own: Tensor


class BatteryTwin:
    """Predicts batteries slot by slot; differentiable in the shares.

    Args:
        spec: The fleet.
    """

    def __init__(self, spec: FleetSpec) -> None:
        self._spec = spec

    def step(self, own: Tensor, share: Tensor, feed_in_kw: Tensor) -> Step:
        """A slot.

        Args:
            own: What is known of each EV as it begins, shape [..., I, 3].
            share: Share of the power, > 0 charges, shape [..., I].
            feed_in_kw: Power that an EV may feed in at most [kW], shape [...].
        """
        spec = self._spec
        energy_kwh, left_h = own[..., ENERGY], own[..., DEPARTURE]
        here_h = own[..., HERE] * left_h.clamp(max=spec.slot_h)
        some_h = here_h.clamp(min=1e-6)
        room_kw = (spec.energy_max_kwh - energy_kwh).clamp(min=0.0) / (spec.charge_efficiency * some_h)
        spare_kw = (energy_kwh - spec.energy_min_kwh).clamp(min=0.0) * spec.discharge_efficiency / some_h
        most_kw = room_kw.clamp(max=spec.charge_kw)
        least_kw = torch.minimum(spare_kw.clamp(max=spec.discharge_kw), feed_in_kw[..., None])
        drawn_kw = torch.minimum(share.clamp(min=0.0) * spec.charge_kw, most_kw)
        fed_kw = torch.minimum((-share).clamp(min=0.0) * spec.discharge_kw, least_kw)
        there = here_h / spec.slot_h
        stored_kwh = (drawn_kw * spec.charge_efficiency - fed_kw / spec.discharge_efficiency) * here_h
        later_h = (left_h - spec.slot_h).clamp(min=0.0)
        power_kw = (drawn_kw - fed_kw) * there
        following = torch.stack([own[..., HERE] * (later_h > 0.0), energy_kwh + stored_kwh, later_h], dim=-1)
        return Step(power_kw, most_kw * there - power_kw, power_kw + least_kw * there, following)
