"""What a learning EV earns in a slot: its own energy, what the fleet would have lacked without it, and a price.

A microgrid that has got a smaller part of its shed load back than the others counts more. That is the fairness of
the paper's reward as a weight of each microgrid, so that an EV can see what it changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.board import IntentionBoard
from agents.options import Outlook
from cosim.interface import FleetSpec, Floats, Outcome

#: Microgrids that shed less than this without EVs have no part of it to get back [kWh].
SMALLEST_KWH = 1.0


@dataclass(frozen=True)
class CreditWeights:
    """How the parts of an EV's credit count.

    Attributes:
        scale: Factor on all of it [1/kWh].
        marginal: Share of what the fleet would have lacked; the rest is for what the EV itself fed in.
        fairness: How much more a microgrid counts whose part is below the mean by 1.
        travel: Price of energy for driving.
        charging: Price of energy drawn at chargers.
    """

    scale: float = 0.05
    marginal: float = 0.5
    fairness: float = 1.0
    travel: float = 0.3
    charging: float = 0.015


class Credit:
    """Credits of the slots of an episode, one after the other.

    Args:
        spec: The fleet.
        weights: How the parts count; default: as they are.
    """

    def __init__(self, spec: FleetSpec, weights: CreditWeights | None = None) -> None:
        self._spec = spec
        self._weights = weights or CreditWeights()

    def begin(self, replicas: int) -> None:
        """Start new episodes."""
        self._restored_kwh, self._reference_kwh = np.zeros((2, replicas, len(self._spec.microgrid_name)))

    def expect(self, board: IntentionBoard, outlook: Outlook) -> None:
        """Note what would be lacking in the slot that begins without each EV; to be asked when all have decided."""
        slot, stations = outlook.slot, np.arange(board.fed_kwh.shape[1])
        needed_kwh, fed_kwh = outlook.deficit_kwh[..., slot], board.fed_kwh[..., slot]
        own_kwh = np.maximum(-board.offer_kwh[..., slot], 0.0)
        # [R, I, H]: the offer of each EV at its station.
        at = board.station[..., None] == stations
        without_kwh = np.minimum(needed_kwh[:, None], fed_kwh[:, None] - own_kwh[..., None] * at)
        lacking_kwh = np.minimum(needed_kwh, fed_kwh)[:, None] - without_kwh
        self._marginal_kwh: Floats = np.where(at, lacking_kwh, 0.0).sum(axis=-1)
        self._station = np.where(own_kwh > 0.0, board.station, -1)

    def of_slot(self, outcome: Outcome) -> Floats:
        """The credit of each EV for the slot that has ended, shape [R, I]."""
        spec, weights = self._spec, self._weights
        # Who arrived too late, or found no charger, has not fed what it meant to.
        fed = (outcome.discharged_kwh > 0.0) & (outcome.station == self._station)
        marginal_kwh = np.where(fed, self._marginal_kwh, 0.0)
        useful_kwh = (1.0 - weights.marginal) * outcome.discharged_kwh + weights.marginal * marginal_kwh
        at = np.append(spec.station_microgrid, 0)[outcome.station]
        weight = np.take_along_axis(self._microgrid_weight(), at, axis=1)
        price_kwh = weights.travel * outcome.driven_km * spec.consumption_kwh_per_km
        price_kwh = price_kwh + weights.charging * outcome.charged_kwh
        self._restored_kwh += (outcome.reference_shed_kw - outcome.shed_kw) * spec.slot_h
        self._reference_kwh += outcome.reference_shed_kw * spec.slot_h
        credit: Floats = weights.scale * (weight * useful_kwh - price_kwh)
        return credit

    def _microgrid_weight(self) -> Floats:
        """Weight of each microgrid by its part of the shed load restored so far, shape [R, M]."""
        counted = self._reference_kwh > SMALLEST_KWH
        part = np.where(counted, self._restored_kwh / np.where(counted, self._reference_kwh, 1.0), 0.0)
        mean = part.sum(axis=1, keepdims=True) / np.maximum(counted.sum(axis=1, keepdims=True), 1)
        return np.where(counted, np.clip(1.0 + self._weights.fairness * (mean - part), 0.2, 3.0), 1.0)


class TeamCredit:
    """What the fleet earns together, in equal parts.

    Args:
        spec: The fleet.
        scale: Reward per energy restored [1/kWh].
        travel: Price of energy for driving.
        charging: Price of energy drawn at chargers.
    """

    def __init__(self, spec: FleetSpec, scale: float = 0.01, travel: float = 0.3, charging: float = 0.015) -> None:
        self._spec = spec
        self._scale, self._travel, self._charging = scale, travel, charging

    def begin(self, replicas: int) -> None:
        """Nothing is kept from slot to slot."""

    def expect(self, board: IntentionBoard, outlook: Outlook) -> None:
        """Nothing is expected of single EVs."""

    def of_slot(self, outcome: Outcome) -> Floats:
        """The credit of each EV for the slot that has ended, shape [R, I]."""
        restored_kwh = (outcome.reference_shed_kw - outcome.shed_kw).sum(axis=1) * self._spec.slot_h
        driven_kwh = outcome.driven_km.sum(axis=1) * self._spec.consumption_kwh_per_km
        price_kwh = self._travel * driven_kwh + self._charging * outcome.charged_kwh.sum(axis=1)
        credit = self._scale * (restored_kwh - price_kwh) / max(self._spec.fleet_size, 1)
        return np.repeat(credit[:, None], outcome.driven_km.shape[1], axis=1)
