"""From an action (heading, distance) to the place that it means, for all EVs at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from cosim.interface import SMALLEST_MOVE_KM, Floats, Ints
from cosim.traffic.cells import CellMap
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.routing import AT_END_KM

#: A target farther than this from any road is off road [km].
SNAP_KM = 1.0
#: A target this near to a station means that station [km]; but never more than half of a slot's kilometres, or
#: an EV at a station could not leave it.
STATION_KM = 1.1
#: Where nothing is [km].
FAR_KM = 1e12


class ActionOutcome(IntEnum):
    """What became of an EV's action."""

    STAYED = 0
    """It asked to stay, or was at its target."""
    DEPARTED = 1
    """It left for its target."""
    IGNORED = 2
    """It was still driving when the slot began."""
    OUTSIDE = 3
    """The target is outside the area; penalised, the EV stays."""
    OFF_ROAD = 4
    """The target is too far from any road; penalised, the EV stays."""
    NO_WAY = 5
    """No road leads to the target; penalised, the EV stays."""
    LOW_ENERGY = 6
    """Its energy would fall below its minimum on the way; the EV stays."""


PENALISED = (ActionOutcome.OUTSIDE, ActionOutcome.OFF_ROAD, ActionOutcome.NO_WAY)


@dataclass(frozen=True)
class Targets:
    """Where EVs are to go, arrays of one shape; places mean something only where there is a target.

    Attributes:
        outcome: DEPARTED where there is a target; else why there is none.
        node: Node of the target, or the end of its road.
        road: Directed road that it is on, -1 at a node.
        offset_km: Its distance from the road's start [km], 0 at a node.
    """

    outcome: Ints
    node: Ints
    road: Ints
    offset_km: Floats


class TargetFinder:
    """Finds the places that actions mean.

    Args:
        roads: The road network.
        station_node: Road node of each station, shape [H].
        budget_km: Kilometres that an EV may drive per slot [km].
    """

    def __init__(self, roads: RoadNetwork, station_node: Ints, budget_km: float) -> None:
        self._area_km = roads.area_km
        self._cells = _cells_of(roads, SNAP_KM)
        self._snap = RoadSnap(roads, SNAP_KM, self._cells)
        self._stations = StationSnap(roads.node_km[station_node], min(STATION_KM, budget_km / 2.0), self._cells)
        # The last entry is that of none, -1.
        self._station_node, self._tail, self._head = (np.append(n, -1) for n in (station_node, roads.tail, roads.head))
        self._length_km = np.append(roads.length_km, np.inf)

    def find(self, position_km: Floats, heading_rad: Floats, distance_km: Floats) -> Targets:
        """Find the places that actions mean.

        Args:
            position_km: Where the EVs are [km], shape [R, I, 2].
            heading_rad: Directions, counter-clockwise from east [rad], shape [R, I].
            distance_km: Straight distances of the targets [km], shape [R, I].

        Returns:
            The targets; arrays of shape [R, I].
        """
        x_km = position_km[..., 0] + distance_km * np.cos(heading_rad)
        y_km = position_km[..., 1] + distance_km * np.sin(heading_rad)
        node, road, offset_km = self._places(x_km.ravel(), y_km.ravel())
        node, road, offset_km = (node.reshape(x_km.shape), road.reshape(x_km.shape), offset_km.reshape(x_km.shape))
        width_km, height_km = self._area_km
        slack_km = SMALLEST_MOVE_KM
        inside = (x_km >= -slack_km) & (x_km <= width_km + slack_km)
        inside &= (y_km >= -slack_km) & (y_km <= height_km + slack_km)
        outcome = np.where(node >= 0, int(ActionOutcome.DEPARTED), int(ActionOutcome.OFF_ROAD))
        outcome[~inside] = int(ActionOutcome.OUTSIDE)
        outcome[distance_km <= SMALLEST_MOVE_KM] = int(ActionOutcome.STAYED)
        return Targets(outcome, node, road, offset_km)

    def _places(self, x_km: Floats, y_km: Floats) -> tuple[Ints, Ints, Floats]:
        """Node, road and offset of points: a station's, or the nearest of any road; node -1 where there is none."""
        cell = self._cells.cell(x_km, y_km)
        station = self._stations.nearest(cell, x_km, y_km)
        road, offset_km = self._snap.nearest(cell, x_km, y_km)
        at_tail = offset_km <= AT_END_KM
        node = np.where(at_tail, self._tail[road], self._head[road])
        means_station = station >= 0
        node = np.where(means_station, self._station_node[station], node)
        at_node = means_station | at_tail | (offset_km >= self._length_km[road] - AT_END_KM)
        return node, np.where(at_node, -1, road), np.where(at_node, 0.0, offset_km)


class StationSnap:
    """Finds the station nearest to each of many points.

    Args:
        position_km: Positions of the stations [km], shape [H, 2].
        reach_km: Stations farther than this are not found [km].
        cells: The map.
    """

    def __init__(self, position_km: Floats, reach_km: float, cells: CellMap) -> None:
        self._near = cells.near(position_km, position_km, reach_km)
        self._position_km = np.concatenate([position_km, [[FAR_KM, FAR_KM]]])
        self._reach_km = reach_km

    def nearest(self, cell: Ints, x_km: Floats, y_km: Floats) -> Ints:
        """The nearest stations, the first among equals.

        Args:
            cell: Cells of points, shape [P].
            x_km: Their positions, eastwards [km], shape [P].
            y_km: Their positions, northwards [km], shape [P].

        Returns:
            Their numbers, -1 where none is in reach, shape [P].
        """
        near = self._near[cell]
        at_km = self._position_km[near]
        distance_km = np.hypot(at_km[..., 0] - x_km[:, None], at_km[..., 1] - y_km[:, None])
        first = _first_least(distance_km)
        return np.where(distance_km.ravel()[first] <= self._reach_km, near.ravel()[first], -1)


class RoadSnap:
    """Finds the point of any road nearest to each of many points.

    Args:
        roads: The road network.
        reach_km: Points farther than this from any road are not snapped [km].
        cells: The map.
    """

    def __init__(self, roads: RoadNetwork, reach_km: float, cells: CellMap) -> None:
        self._reach_km = reach_km
        # One direction of a two-way road is enough: both lie on the same line.
        opposite = np.array(roads.opposite, dtype=np.int64)
        road = np.flatnonzero((opposite < 0) | (opposite > np.arange(roads.roads)))
        first_km, last_km = roads.node_km[roads.tail[road]], roads.node_km[roads.head[road]]
        self._near = cells.near(np.minimum(first_km, last_km), np.maximum(first_km, last_km), reach_km)
        along_km = last_km - first_km
        square = (along_km**2).sum(axis=1, keepdims=True)
        lines = np.concatenate([first_km, along_km, np.where(square > 0.0, square, 1.0)], axis=1)
        # The last entry is that of none, -1.
        self._lines = np.concatenate([lines, [[FAR_KM, FAR_KM, 0.0, 0.0, 1.0]]])
        self._road = np.append(road, -1)
        self._length_km = np.append(roads.length_km[road], 0.0)

    def nearest(self, cell: Ints, x_km: Floats, y_km: Floats) -> tuple[Ints, Floats]:
        """The nearest points of any road.

        Args:
            cell: Cells of points, shape [P].
            x_km: Their positions, eastwards [km], shape [P].
            y_km: Their positions, northwards [km], shape [P].

        Returns:
            The roads (the lowest number among equals), -1 where none is in reach; and the offsets on them [km].
        """
        near = self._near[cell]
        line = self._lines[near]
        along_x_km, along_y_km = line[..., 2], line[..., 3]
        dx, dy = x_km[:, None] - line[..., 0], y_km[:, None] - line[..., 1]
        share = np.minimum(np.maximum((dx * along_x_km + dy * along_y_km) / line[..., 4], 0.0), 1.0)
        distance_km = np.hypot(dx - share * along_x_km, dy - share * along_y_km)
        first = _first_least(distance_km)
        item = np.where(distance_km.ravel()[first] <= self._reach_km, near.ravel()[first], -1)
        return self._road[item], share.ravel()[first] * self._length_km[item]


def _cells_of(roads: RoadNetwork, reach_km: float) -> CellMap:
    """Cells on which a point has few roads near it."""
    typical_km = float(np.median(roads.drawn_km)) if roads.roads else 0.0
    low_km, high_km = roads.node_km.min(axis=0), roads.node_km.max(axis=0)
    cell_km = max(2.0 * reach_km, typical_km / 2.0)
    return CellMap((low_km[0], low_km[1]), (high_km[0], high_km[1]), cell_km)


def _first_least(values: Floats) -> Ints:
    """Where the first of the least values of each row [P, K] is, when the rows are laid end to end; shape [P]."""
    at: Ints = values.argmin(axis=1) + values.shape[1] * np.arange(len(values))
    return at
