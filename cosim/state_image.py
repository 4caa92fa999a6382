"""An observation as pictures of the map, for networks that look at it: one image per slot, not one per EV."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cosim.interface import EvState, FleetSpec, Floats, Ints, Observation

Images = NDArray[np.float32]

#: Cells along each side of the map.
SIDE: Final = 32
#: What the channels show, in order.
CHANNELS: Final = ("need", "flow", "energy")
#: A road's flow is shown as 1 at this many times its capacity.
FULL_FLOW: Final = 2.0
#: What the entries of an EV's own vector are, in order.
OWN: Final = ("x", "y", "energy", "time", "at_station", "driving", "at_charger")

_CELLS: Final = SIDE * SIDE


class StateImage:
    """Draws observations on a map of 32 x 32 cells, row 0 in the south, column 0 in the west.

    =======  ======  ======================================================================================
    channel  range   value of a cell
    =======  ======  ======================================================================================
    need     -1, 1   at stations: deficit (+) or surplus (-) of the slot that begins, the station's share of
                     its microgrid's, over the power of all its chargers; more is drawn as 1
    flow      0, 1   at the middles of roads: mean flow over twice the capacity; more is drawn as 1
    energy    0, 1   at EVs: energy in their batteries over the capacity of the whole fleet's
    =======  ======  ======================================================================================

    What several stations or EVs have in one cell is added up; where nothing is, a cell is 0. An EV's own vector:

    =====  ==========  ======  =====================================================
    index  name        range   meaning
    =====  ==========  ======  =====================================================
    0      x           0, 1    position over the map's width
    1      y           0, 1    position over the map's height
    2      energy      0, 1    energy over the battery's capacity
    3      time        0, 1    slots that are over, of all slots of the episode
    4      at_station  0 or 1  at a station
    5      driving     0 or 1  on its way: its action is ignored
    6      at_charger  0 or 1  holds a charger
    =====  ==========  ======  =====================================================

    Args:
        spec: The fleet, the stations and the roads.

    Source:
        Wu, Cai, Li 2025: three channels of 32 x 32 for stations, traffic and EVs; scales are ours.
    """

    def __init__(self, spec: FleetSpec) -> None:
        self._spec = spec
        area_km = np.array(spec.area_km, dtype=np.float64)
        # A map may be a line.
        self._area_km = np.where(area_km > 0.0, area_km, 1.0)
        self._station_cell = self._flat(spec.station_position_km)
        self._road_cell = self._flat(spec.road_position_km)
        self._roads_in_cell = np.maximum(np.bincount(self._road_cell, minlength=_CELLS), 1)

    def cell(self, position_km: Floats) -> Ints:
        """The cells that positions are in.

        Args:
            position_km: Positions on the map [km], shape [..., 2].

        Returns:
            Row and column of each, shape [..., 2]; of a border the cell to the north or east of it, if there is one.
        """
        column_row = (position_km / self._area_km * SIDE).astype(np.int64)
        return np.clip(column_row, 0, SIDE - 1)[..., ::-1]

    def image(self, observation: Observation) -> Images:
        """The map of each replica, shape [R, 3, 32, 32]."""
        spec = self._spec
        replicas = observation.replicas
        energy_share = observation.energy_kwh / (spec.battery_kwh * max(spec.fleet_size, 1))
        flow_share = observation.road_flow_vph / (FULL_FLOW * spec.road_capacity_vph)
        need = np.clip(_sum_by_cell(self._station_cell, self._need(observation)), -1.0, 1.0)
        flow = np.minimum(_sum_by_cell(self._road_cell, flow_share) / self._roads_in_cell, 1.0)
        energy = _sum_by_cell(self._flat(observation.position_km), energy_share)
        return np.stack([need, flow, energy], axis=1, dtype=np.float32).reshape(replicas, len(CHANNELS), SIDE, SIDE)

    def image_within(self, observation: Observation, radius_km: float) -> Images:
        """The map as each EV sees it that knows only its surroundings, shape [R, I, 3, 32, 32].

        Args:
            observation: What is known.
            radius_km: How far EVs see [km]; cells without any point so near are 0.
        """
        seen = self._in_sight(observation.position_km, radius_km)
        images: Images = self.image(observation)[:, None] * seen[:, :, None]
        return images

    def own(self, observation: Observation) -> Images:
        """What each EV knows of itself, shape [R, I, 7]; meanings stand in the table above."""
        spec, state = self._spec, observation.state
        share = observation.position_km / self._area_km
        entries = (
            share[..., 0],
            share[..., 1],
            observation.energy_kwh / spec.battery_kwh,
            np.full(state.shape, observation.slot / spec.slots),
            observation.station >= 0,
            state == EvState.DRIVING,
            (state == EvState.CHARGING) | (state == EvState.DISCHARGING),
        )
        own: Images = np.stack(entries, axis=-1).astype(np.float32)
        return own

    def _need(self, observation: Observation) -> Floats:
        """Deficit over what the chargers could feed in, minus surplus over what they could draw, shape [R, H]."""
        spec = self._spec
        at, share = spec.station_microgrid, spec.station_share / spec.station_chargers
        deficit_kw, surplus_kw = observation.deficit_forecast_kw[:, at, 0], observation.surplus_forecast_kw[:, at, 0]
        need: Floats = share * (deficit_kw / spec.discharge_kw - surplus_kw / spec.charge_kw)
        return need

    def _in_sight(self, position_km: Floats, radius_km: float) -> NDArray[np.bool_]:
        """The cells that have a point within a radius, shape [R, I, 32, 32]."""
        cell_km = self._area_km / SIDE
        middle_km = (np.arange(SIDE)[:, None] + 0.5) * cell_km
        # Along each axis from an EV to the nearest point of a cell, shape [R, I, 32, 2].
        away_km = np.maximum(np.abs(middle_km - position_km[..., None, :]) - cell_km / 2.0, 0.0)
        square = away_km**2
        in_sight: NDArray[np.bool_] = square[..., 1][..., None] + square[..., 0][..., None, :] <= radius_km**2
        return in_sight

    def _flat(self, position_km: Floats) -> Ints:
        """The cells that positions are in, counted row by row, shape [...] of [..., 2]."""
        cell = self.cell(position_km)
        return cell[..., 0] * SIDE + cell[..., 1]


def _sum_by_cell(cell: Ints, value: Floats) -> Floats:
    """Sums of values [R, X] over the cells [X] or [R, X] that they are in, shape [R, 1024]."""
    replicas = len(value)
    # Added one after the other, so that a replica's sums do not depend on how many there are.
    first = _CELLS * np.arange(replicas)[:, None]
    sums = np.bincount((first + cell).ravel(), weights=value.ravel(), minlength=replicas * _CELLS)
    # Sums of nothing come as integers.
    return np.asarray(sums, dtype=np.float64).reshape(replicas, _CELLS)
