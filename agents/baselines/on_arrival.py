"""What EVs do that nobody guides: they charge as soon as they have come, until they are full."""

from __future__ import annotations

import numpy as np

from cosim.interface import Action, FleetSpec, Observation


class OnArrivalController:
    """Every EV stays where it is, and charges at its highest power while it is at a station.

    Args:
        spec: The fleet.
        until_needed: Whether EVs that commute stop at what they need, instead of when they are full.
    """

    def __init__(self, spec: FleetSpec, until_needed: bool = False) -> None:
        self._spec = spec
        self._until_kwh = spec.energy_max_kwh
        if until_needed and spec.day is not None:
            self._until_kwh = spec.day.energy_needed_kwh

    def act(self, observation: Observation) -> Action:
        """Charge up to the end, so far as a slot leads there."""
        spec = self._spec
        left_kwh = np.maximum(self._until_kwh - observation.energy_kwh, 0.0)
        share = left_kwh / (spec.charge_kw * spec.charge_efficiency * spec.slot_h)
        action = Action.stay(observation.replicas, spec.fleet_size)
        np.copyto(action.power_share, np.minimum(share, 1.0))
        return action
