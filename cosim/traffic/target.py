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
    """Where EVs are to go, arrays of one shape.

    Attributes:
        outcome: DEPARTED where there is a target; else why there is none.
        node: Node of the target, or the end of its road; -1 where there is none.
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
        self._snap = RoadSnap(roads, SNAP_KM)
        # The last entry is that of no road, -1.
        self._tail, self._head = (np.append(ends, -1) for ends in (roads.tail, roads.head))
        self._length_km = np.append(roads.length_km, np.inf)
        self._station_node = station_node
        self._station_at_km = roads.node_km[station_node]
        self._station_km = min(STATION_KM, budget_km / 2.0)
        at = self._station_at_km
        self._stations = CellMap(at, at, self._station_km, cell_km=2.0 * self._station_km)

    def find(self, position_km: Floats, heading_rad: Floats, distance_km: Floats) -> Targets:
        """Find the places that actions mean.

        Args:
            position_km: Where the EVs are [km], shape [..., 2].
            heading_rad: Directions, counter-clockwise from east [rad], shape [...].
            distance_km: Straight distances of the targets [km], shape [...].

        Returns:
            The targets; arrays of shape [...].
        """
        x_km = position_km[..., 0] + distance_km * np.cos(heading_rad)
        y_km = position_km[..., 1] + distance_km * np.sin(heading_rad)
        width_km, height_km = self._area_km
        slack_km = SMALLEST_MOVE_KM
        inside = (x_km >= -slack_km) & (x_km <= width_km + slack_km)
        inside &= (y_km >= -slack_km) & (y_km <= height_km + slack_km)
        moves = distance_km > SMALLEST_MOVE_KM
        outcome = np.where(moves, ActionOutcome.OUTSIDE, ActionOutcome.STAYED)
        node, road = np.full((2, *outcome.shape), -1, dtype=np.int64)
        offset_km = np.zeros(outcome.shape)
        asked = moves & inside
        outcome[asked], node[asked], road[asked], offset_km[asked] = self._places(x_km[asked], y_km[asked])
        return Targets(outcome, node, road, offset_km)

    def _places(self, x_km: Floats, y_km: Floats) -> tuple[Ints, Ints, Ints, Floats]:
        """Outcome, node, road and offset of points in the area: a station's, or the nearest of any road."""
        road, offset_km = self._snap.nearest(x_km, y_km)
        at_tail = offset_km <= AT_END_KM
        node = np.where(at_tail, self._tail[road], self._head[road])
        station = self._station_near(x_km, y_km)
        means_station = station >= 0
        node = np.where(means_station, self._station_node[station], node)
        outcome = np.where(node >= 0, ActionOutcome.DEPARTED, ActionOutcome.OFF_ROAD)
        at_node = means_station | at_tail | (offset_km >= self._length_km[road] - AT_END_KM)
        return outcome, node, np.where(at_node, -1, road), np.where(at_node, 0.0, offset_km)

    def _station_near(self, x_km: Floats, y_km: Floats) -> Ints:
        """The nearest station in reach of points, -1 if there is none."""
        near = self._stations.near(x_km, y_km)
        if near.shape[1] == 0:
            return np.full(len(x_km), -1)
        at_km = self._station_at_km[near]
        distance_km = np.hypot(at_km[..., 0] - x_km[:, None], at_km[..., 1] - y_km[:, None])
        return _nearest(near, distance_km, self._station_km)[0]


class RoadSnap:
    """Finds the nearest points of any road.

    Args:
        roads: The road network.
        reach_km: Points farther than this from any road are not snapped [km].
    """

    def __init__(self, roads: RoadNetwork, reach_km: float) -> None:
        self._reach_km = reach_km
        # One direction of a two-way road is enough: both lie on the same line.
        opposite = np.array(roads.opposite, dtype=np.int64)
        self._road = np.flatnonzero((opposite < 0) | (opposite > np.arange(roads.roads)))
        first, last = roads.node_km[roads.tail[self._road]], roads.node_km[roads.head[self._road]]
        self._first_km, self._along_km = first, last - first
        square = (self._along_km**2).sum(axis=1)
        self._square = np.where(square > 0.0, square, 1.0)
        self._length_km = roads.length_km[self._road]
        typical_km = float(np.median(roads.drawn_km)) if roads.roads else 0.0
        cell_km = max(2.0 * reach_km, typical_km / 2.0)
        self._cells = CellMap(np.minimum(first, last), np.maximum(first, last), reach_km, cell_km)

    def nearest(self, x_km: Floats, y_km: Floats) -> tuple[Ints, Floats]:
        """The nearest points of any road.

        Args:
            x_km: Positions, eastwards [km], shape [P].
            y_km: Positions, northwards [km], shape [P].

        Returns:
            The roads (the lowest number among equals), -1 where none is in reach; and the offsets on them [km].
        """
        near = self._cells.near(x_km, y_km)
        if near.shape[1] == 0:
            return np.full(len(x_km), -1), np.zeros(len(x_km))
        first_km, along_km = self._first_km[near], self._along_km[near]
        dx, dy = x_km[:, None] - first_km[..., 0], y_km[:, None] - first_km[..., 1]
        share = (dx * along_km[..., 0] + dy * along_km[..., 1]) / self._square[near]
        share = np.minimum(np.maximum(share, 0.0), 1.0)
        distance_km = np.hypot(dx - share * along_km[..., 0], dy - share * along_km[..., 1])
        item, place = _nearest(near, distance_km, self._reach_km)
        offset_km = share[np.arange(len(place)), place] * self._length_km[item]
        return np.where(item >= 0, self._road[item], -1), np.where(item >= 0, offset_km, 0.0)


def _nearest(near: Ints, distance_km: Floats, reach_km: float) -> tuple[Ints, Ints]:
    """The nearest of each row's items, -1 if none is in reach, and its place in the row."""
    place = np.where(near >= 0, distance_km, np.inf).argmin(axis=1)
    row = np.arange(len(place))
    item = near[row, place]
    in_reach = (item >= 0) & (distance_km[row, place] <= reach_km)
    return np.where(in_reach, item, -1), place
