"""Heads of an actor: what its last layer means, for the EV that acts and for the critic that judges.

R = replicas, I = EVs, H = stations; `...` are the same axes throughout a call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from agents.episode_replay import Arrays, Shapes
from agents.ev_vector import EvVector
from agents.exploration import Exploration
from agents.moves import Moves
from agents.reach import MODES
from agents.turns import Turn
from cosim.interface import FleetSpec, Ints

#: An output of a literal head this near to an end counts as saturated.
SATURATED = 0.02
#: Nearness falls to 0.6 at this share of the farthest move: about twice as far as a target may miss a station.
NEAR = 0.2

Seen = Mapping[str, Tensor]


class LiteralHead:
    """Heading, distance and power by sigmoid.

    Args:
        spec: The fleet.
        vector: What the EVs see.
        nearness: Whether a critic is told as well how near an action's target is to each station.

    Source:
        Wu, Cai, Li 2025, eq. (30)-(33).
    """

    outputs = 3
    """Numbers that the actor's last layer gives."""
    by_choice = False

    def __init__(self, spec: FleetSpec, vector: EvVector, *, nearness: bool = False) -> None:
        self._spec = spec
        self._vector = vector
        self._nearness = nearness
        self.features = 4 + nearness * len(spec.station_name)
        """Numbers by which a critic knows an action."""

    def shapes(self, slots: int, evs: int) -> Shapes:
        """What is kept of an episode for this head."""
        return {"action": ((slots, evs, self.outputs), np.float32), "decided": ((slots, evs), np.bool_)}

    def inputs(self, turn: Turn) -> Arrays:
        """What is kept of a turn beside the vectors."""
        return {"decided": np.ones(len(turn.ev), dtype=np.bool_)}

    def choose(self, logits: Tensor, seen: Arrays, turn: Turn, exploration: Exploration | None) -> Moves:
        """The literal actions of the EVs that decide; noise comes before eq. (33), which holds with it too."""
        outputs = torch.sigmoid(logits)
        if exploration is not None:
            outputs = torch.from_numpy(exploration.noisy(outputs.numpy(), turn.replica))
        energy_kwh = self._vector.energy_kwh(torch.from_numpy(seen["vector"]))
        return Moves(self._spec, self.action(outputs, energy_kwh).numpy().astype(np.float32))

    def action(self, outputs: Tensor, energy_kwh: Tensor) -> Tensor:
        """From outputs in 0 to 1 to heading and distance as shares, eq. (30) and (31), and power share, (32) and (33).

        Args:
            outputs: Shape [..., 3].
            energy_kwh: Energy of each EV [kWh], shape [...].

        Returns:
            Heading over a full turn, distance over the farthest, power share, shape [..., 3].
        """
        heading, distance, power = outputs.unbind(dim=-1)
        most = self._spec.max_discharge_share
        share = -most + (1.0 + most) * power
        return torch.stack([heading, distance, self.within_energy(share, distance, energy_kwh)], dim=-1)

    def within_energy(self, share: Tensor, distance: Tensor, energy_kwh: Tensor) -> Tensor:
        """Power shares clipped so that energy stays within its bounds over a slot, eq. (33).

        The way is taken as straight, and the power as lasting the whole slot; what roads and time make of it, the
        co-simulation bounds exactly. Where the clip is active, the gradient goes to the distance and not to the power.

        Args:
            share: Power shares, shape [...].
            distance: Distances over the farthest, shape [...].
            energy_kwh: Energy of each EV [kWh], shape [...].
        """
        spec = self._spec
        there_kwh = energy_kwh - distance * (spec.max_move_km * spec.consumption_kwh_per_km)
        spare_kwh = (there_kwh - spec.energy_min_kwh).clamp(min=0.0)
        room_kwh = (spec.energy_max_kwh - there_kwh).clamp(min=0.0)
        lowest = -spare_kwh * spec.discharge_efficiency / (spec.discharge_kw * spec.slot_h)
        highest = room_kwh / (spec.charge_efficiency * spec.charge_kw * spec.slot_h)
        return torch.maximum(torch.minimum(share, highest), lowest)

    def policy(self, logits: Tensor, seen: Seen) -> Tensor:
        """What a critic sees of the actor's actions, shape [..., features] of logits [..., 3]."""
        action = self.action(torch.sigmoid(logits), self._vector.energy_kwh(seen["vector"]))
        return self.as_features(action, seen["vector"])

    def decided(self, seen: Seen) -> Tensor:
        """Whether each EV decided, shape [...]."""
        return seen["decided"]

    def done(self, seen: Seen) -> Tensor:
        """What a critic sees of the actions that were taken, shape [..., features]."""
        return self.as_features(seen["action"], seen["vector"])

    def as_features(self, action: Tensor, vector: Tensor) -> Tensor:
        """An action as east, north, distance and power, in which a full turn has no seam; and nearness if wanted.

        Args:
            action: Heading, distance and power share, shape [..., 3].
            vector: What the EVs see, shape [..., V].
        """
        heading, distance, power = action.unbind(dim=-1)
        turn = 2.0 * math.pi * heading
        move = torch.stack([distance * torch.cos(turn), distance * torch.sin(turn)], dim=-1)
        features = torch.cat([move, distance[..., None], power[..., None]], dim=-1)
        if not self._nearness:
            return features
        away = (self._vector.way(vector) - move[..., None, :]).square().sum(dim=-1)
        return torch.cat([features, torch.exp(-away / (2.0 * NEAR**2))], dim=-1)

    def restraint(self, logits: Tensor, _seen: Seen, weight: float) -> Tensor:
        """What keeps the sigmoids from saturating, where their gradient would be lost: a price on large logits."""
        return weight * logits.square().sum(dim=-1)

    def logged(self, logits: Tensor, _seen: Seen) -> dict[str, float]:
        """The share of outputs that are saturated, and the mean distance, as a share of the farthest."""
        outputs = torch.sigmoid(logits.detach())
        ends = (outputs < SATURATED) | (outputs > 1.0 - SATURATED)
        return {"saturated": float(ends.float().mean()), "distance": float(outputs[..., 1].mean())}


class ChoiceHead:
    """Probabilities of stations and modes by softmax.

    Args:
        spec: The fleet.
        vector: What the EVs see.
    """

    by_choice = True

    def __init__(self, spec: FleetSpec, vector: EvVector) -> None:
        self.outputs = self.features = len(spec.station_name) * MODES

    def shapes(self, slots: int, evs: int) -> Shapes:
        """What is kept of an episode for this head."""
        return {"possible": ((slots, evs, self.outputs), np.bool_)}

    def inputs(self, turn: Turn) -> Arrays:
        """What is kept of a turn beside the vectors."""
        return {"possible": turn.choices.possible.reshape(len(turn.ev), -1)}

    def choose(self, logits: Tensor, seen: Arrays, turn: Turn, exploration: Exploration | None) -> Ints:
        """The choice of highest probability of each EV that decides, or a random one."""
        possible = seen["possible"]
        choice: Ints = np.where(possible, logits.numpy(), -np.inf).argmax(axis=1)
        return choice if exploration is None else exploration.mixed(choice, possible, turn.replica)

    def policy(self, logits: Tensor, seen: Seen) -> Tensor:
        """The probability of each choice, shape [..., H * 3]."""
        # Where nothing is possible, nothing is chosen either.
        possible = seen["possible"] | ~seen["possible"].any(dim=-1, keepdim=True)
        return torch.softmax(logits.masked_fill(~possible, -1e9), dim=-1)

    def decided(self, seen: Seen) -> Tensor:
        """Whether each EV decided, shape [...]."""
        return seen["choice"] >= 0

    def done(self, seen: Seen) -> Tensor:
        """1 at the choice that was taken, shape [..., H * 3]; 0 everywhere where none was."""
        one = nn.functional.one_hot(seen["choice"].long().clamp(min=0), self.outputs)
        return one * self.decided(seen)[..., None].float()

    def restraint(self, logits: Tensor, seen: Seen, weight: float) -> Tensor:
        """What keeps probabilities from closing early: a price on their being decided, by entropy."""
        chances = self.policy(logits, seen)
        return weight * (chances * chances.clamp(min=1e-8).log()).sum(dim=-1)

    def logged(self, logits: Tensor, seen: Seen) -> dict[str, float]:
        """The mean entropy of the probabilities."""
        chances = self.policy(logits.detach(), seen)
        return {"entropy": float(-(chances * chances.clamp(min=1e-8).log()).sum(dim=-1).mean())}


Head = LiteralHead | ChoiceHead
