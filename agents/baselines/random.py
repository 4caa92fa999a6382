"""Uniform over all actions: what no thought at all reaches."""

from __future__ import annotations

import math

import numpy as np

from cosim.interface import Action, FleetSpec, Observation


class RandomController:
    """Draws heading, distance and power share uniformly from their ranges.

    Args:
        spec: The fleet.
    """

    def __init__(self, spec: FleetSpec) -> None:
        self._spec = spec

    def act(self, observation: Observation) -> Action:
        """Draw an action for each EV, from the random stream of its own episode."""
        spec = self._spec
        drawn = np.stack([observation.random(r).random((3, spec.fleet_size)) for r in range(observation.replicas)])
        return Action(
            heading_rad=2.0 * math.pi * drawn[:, 0],
            distance_km=spec.max_move_km * drawn[:, 1],
            power_share=drawn[:, 2] * (1.0 + spec.max_discharge_share) - spec.max_discharge_share,
        )
