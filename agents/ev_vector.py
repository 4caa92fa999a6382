"""What an EV that moves literally, or has a central critic, sees: one vector, the same for every EV."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from agents.options import FLEET_ENERGY, LARGEST, OWN_FEATURES, STATION_FEATURES
from agents.turns import Turn
from cosim.interface import FleetSpec, Observation
from cosim.state_image import OWN, StateImage

#: Where to a station is: east and north, over the farthest move.
WAY_FEATURES = 2


class EvVector:
    """Features of the stations, the way to each, the EV's own features and its place, one after the other.

    Args:
        spec: The fleet.
        fleet_energy: Whether it tells of the fleet's mean energy, which nobody could know without everybody's.
    """

    def __init__(self, spec: FleetSpec, *, fleet_energy: bool = True) -> None:
        self._spec = spec
        self._fleet_energy = fleet_energy
        self._image = StateImage(spec)
        self.length = len(spec.station_name) * (STATION_FEATURES + WAY_FEATURES) + OWN_FEATURES + len(OWN)
        self._stations = len(spec.station_name)
        self._energy = self.length - len(OWN) + OWN.index("energy")

    def begin_slot(self, observation: Observation) -> None:
        """Look at a slot before anybody decides."""
        self._own = self._image.own(observation)
        way_km = self._spec.station_position_km - observation.position_km[..., None, :]
        self._way = np.clip(way_km / self._spec.max_move_km, -LARGEST, LARGEST).astype(np.float32)

    def of_turn(self, turn: Turn) -> NDArray[np.float32]:
        """The vectors of the EVs that decide, shape [N, length]."""
        choices, at, count = turn.choices, (turn.replica, turn.ev), len(turn.ev)
        own = choices.own
        if not self._fleet_energy:
            own = own.copy()
            own[:, FLEET_ENERGY] = 0.0
        parts = (choices.station.reshape(count, -1), self._way[at].reshape(count, -1), own, self._own[at])
        return np.concatenate(parts, axis=1)

    def energy_kwh(self, vector: Tensor) -> Tensor:
        """The energy that vectors [..., length] tell of [kWh], shape [...]."""
        return vector[..., self._energy] * self._spec.battery_kwh

    def way(self, vector: Tensor) -> Tensor:
        """The way to each station that vectors [..., length] tell of, over the farthest move, shape [..., H, 2]."""
        first = self._stations * STATION_FEATURES
        of_stations = vector[..., first : first + self._stations * WAY_FEATURES]
        return of_stations.view(*vector.shape[:-1], self._stations, WAY_FEATURES)
