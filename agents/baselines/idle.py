"""Nobody moves and nobody charges: the run must then equal the reference without EVs."""

from __future__ import annotations

from cosim.interface import Action, FleetSpec, Observation


class IdleController:
    """Leaves every EV where it is.

    Args:
        spec: The fleet.
    """

    def __init__(self, spec: FleetSpec) -> None:
        self._fleet_size = spec.fleet_size

    def act(self, observation: Observation) -> Action:
        """Every EV stays and wants no charger."""
        return Action.stay(observation.replicas, self._fleet_size)
