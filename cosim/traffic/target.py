"""From an action (heading, distance) to the place that it means, for all EVs at once.

Who goes from a station to another one means the same place each time, and most do: such targets are remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import cast

import numpy as np

from cosim.interface import SMALLEST_MOVE_KM, Floats, Ints
from cosim.traffic.cells import CellMap
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.routing import AT_END_KM, Place

#: A target farther than this from any road is off road [km].
SNAP_KM = 1.0
#: A target this near to a station means that station [km]; but never more than half of a slot's kilometres, or
#: an EV at a station could not leave it.
STATION_KM = 1.1
#: Where nothing is [km].
FAR_KM = 1e12
#: Targets remembered at most; more are found anew each time.
MOST_TARGETS = 50_000
#: East and north position [km], heading [rad] and distance [km] of a move.
Move = tuple[float, float, float, float]


class ActionOutcome(IntEnum):
    """What became of an EV's action."""

    STAYED = 0
    """It asked to stay, or was at its target."""
    DEPARTED = 1
    """It left for its target."""
    IGNORED = 2
    """It was still driving when the slot began, or commutes and does not drive here."""
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
    """Where EVs are to go.

    Attributes:
        outcome: DEPARTED where there is a target; else why there is none, shape [R, I].
        places: EV and target of each EV that has one, replica by replica.
    """

    outcome: Ints
    places: list[list[tuple[int, Place]]]


class TargetFinder:
    """Finds the places that actions mean.

    Args:
        roads: The road network.
        station_node: Road node of each station, shape [H].
        budget_km: Kilometres that an EV may drive per slot [km].
    """

    def __init__(self, roads: RoadNetwork, station_node: Ints, budget_km: float) -> None:
        # A target on the border may miss it by rounding.
        self._low_km = -SMALLEST_MOVE_KM
        self._high_km = np.array(roads.area_km) + SMALLEST_MOVE_KM
        self._cells = _cells_of(roads, SNAP_KM)
        self._snap = RoadSnap(roads, SNAP_KM, self._cells)
        self._stations = StationSnap(roads.node_km[station_node], min(STATION_KM, budget_km / 2.0), self._cells)
        # The last entry is that of none, -1.
        self._station_node, self._tail, self._head = (np.append(n, -1) for n in (station_node, roads.tail, roads.head))
        self._last_km = np.append(roads.length_km, np.inf) - AT_END_KM
        self._remembered: dict[Move, tuple[int, Place]] = {}

    def find(self, position_km: Floats, heading_rad: Floats, distance_km: Floats) -> Targets:
        """Find the places that actions mean.

        Args:
            position_km: Where the EVs are [km], shape [R, I, 2].
            heading_rad: Directions, counter-clockwise from east [rad], shape [R, I].
            distance_km: Straight distances of the targets [km], shape [R, I].

        Returns:
            The targets.
        """
        moves = distance_km > SMALLEST_MOVE_KM
        outcome = np.full(moves.shape, int(ActionOutcome.STAYED))
        places: list[list[tuple[int, Place]]] = [[] for _ in moves]
        replica, ev = (numbers.tolist() for numbers in np.nonzero(moves))
        x_km, y_km = position_km[moves].T.tolist()
        found = self._found(
            list(zip(x_km, y_km, heading_rad[moves].tolist(), distance_km[moves].tolist(), strict=True))
        )
        outcome[moves] = [why for why, _ in found]
        # A plain number is compared more quickly.
        departed = int(ActionOutcome.DEPARTED)
        for k, number, (why, place) in zip(replica, ev, found, strict=True):
            if why == departed:
                places[k].append((number, place))
        return Targets(outcome, places)

    def _found(self, moves: Sequence[Move]) -> list[tuple[int, Place]]:
        """What becomes of each move, and the place that it means."""
        remembered = self._remembered
        known = [remembered.get(move) for move in moves]
        new = [move for move, found in zip(moves, known, strict=True) if found is None]
        if not new:
            return cast(list[tuple[int, Place]], known)
        anew = dict(zip(new, self._find(np.array(new)), strict=True))
        if len(remembered) + len(anew) <= MOST_TARGETS:
            remembered.update(anew)
        return [found or anew[move] for move, found in zip(moves, known, strict=True)]

    def _find(self, moves: Floats) -> list[tuple[int, Place]]:
        """The same of moves [P, 4] that nobody has made before."""
        position_km, heading_rad, distance_km = moves[:, :2], moves[:, 2], moves[:, 3:]
        point_km = np.stack([np.cos(heading_rad), np.sin(heading_rad)], axis=1) * distance_km + position_km
        node, road, offset_km = self._places(point_km)
        inside = ((point_km >= self._low_km) & (point_km <= self._high_km)).all(axis=-1)
        outcome = np.where(node >= 0, int(ActionOutcome.DEPARTED), int(ActionOutcome.OFF_ROAD))
        outcome[~inside] = int(ActionOutcome.OUTSIDE)
        places = map(Place, node.tolist(), road.tolist(), offset_km.tolist())
        return list(zip(outcome.tolist(), places, strict=True))

    def _places(self, point_km: Floats) -> tuple[Ints, Ints, Floats]:
        """Node, road and offset of points: a station's, or the nearest of any road; node -1 where there is none."""
        cell = self._cells.cell(point_km)
        station = self._stations.nearest(cell, point_km)
        road, offset_km = self._snap.nearest(cell, point_km)
        at_tail = offset_km <= AT_END_KM
        means_station = station >= 0
        node = np.where(
            means_station, self._station_node[station], np.where(at_tail, self._tail[road], self._head[road])
        )
        at_node = means_station | at_tail | (offset_km >= self._last_km[road])
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

    def nearest(self, cell: Ints, point_km: Floats) -> Ints:
        """The nearest stations, the first among equals.

        Args:
            cell: Cells of points, shape [P].
            point_km: Their positions [km], shape [P, 2].

        Returns:
            Their numbers, -1 where none is in reach, shape [P].
        """
        near = self._near[cell]
        away_km = self._position_km[near] - point_km[:, None]
        distance_km = np.hypot(away_km[..., 0], away_km[..., 1])
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
        self._lines = np.concatenate([lines, [[FAR_KM, FAR_KM, 0.0, 0.0, 1.0]]]).T.copy()
        self._road = np.append(road, -1)
        self._length_km = np.append(roads.length_km[road], 0.0)

    def nearest(self, cell: Ints, point_km: Floats) -> tuple[Ints, Floats]:
        """The nearest points of any road.

        Args:
            cell: Cells of points, shape [P].
            point_km: Their positions [km], shape [P, 2].

        Returns:
            The roads (the lowest number among equals), -1 where none is in reach; and the offsets on them [km].
        """
        near = self._near[cell]
        from_x_km, from_y_km, along_x_km, along_y_km, square = self._lines[:, near]
        dx, dy = point_km[:, :1] - from_x_km, point_km[:, 1:] - from_y_km
        share = np.minimum(np.maximum((dx * along_x_km + dy * along_y_km) / square, 0.0), 1.0)
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
