"""A map divided into square cells, each of which knows what lies near it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from cosim.interface import Floats, Ints

#: A map has no more cells than this, whatever their size should be.
MOST_CELLS = 1_000_000


class CellMap:
    """Finds the items whose bounding boxes are near to points, for many points at once.

    Args:
        low_km: Least coordinates of each item's box [km], shape [X, 2].
        high_km: Greatest coordinates of each item's box [km], shape [X, 2].
        reach_km: How near a point must be to a box [km].
        cell_km: Width of a cell, if that makes not too many of them [km].
    """

    def __init__(self, low_km: Floats, high_km: Floats, reach_km: float, cell_km: float) -> None:
        low_km, high_km = low_km - reach_km, high_km + reach_km
        self._origin_km = low_km.min(axis=0, initial=0.0)
        extent_km = high_km.max(axis=0, initial=0.0) - self._origin_km
        self._cell_km = max(cell_km, math.sqrt(float(extent_km[0] * extent_km[1]) / MOST_CELLS))
        self._counts = self._cell(extent_km + self._origin_km) + 1
        self._items = self._table(self._cell(low_km).tolist(), self._cell(high_km).tolist())

    def near(self, x_km: Floats, y_km: Floats) -> Ints:
        """The items near to points.

        Args:
            x_km: Positions, eastwards [km], shape [P].
            y_km: Positions, northwards [km], shape [P].

        Returns:
            Numbers of items, rising, then -1, shape [P, K]; some may be farther than the reach.
        """
        cell = np.clip(self._cell(np.stack([x_km, y_km], axis=-1)), 0, self._counts - 1)
        near: Ints = self._items[cell[:, 0] * self._counts[1] + cell[:, 1]]
        return near

    def _cell(self, point_km: Floats) -> Ints:
        cell: Ints = np.floor((point_km - self._origin_km) / self._cell_km).astype(np.int64)
        return cell

    def _table(self, low: Iterable[list[int]], high: Iterable[list[int]]) -> Ints:
        """Items of each cell, in rows of one length."""
        columns, rows = self._counts.tolist()
        of_cell: dict[int, list[int]] = {}
        for item, ((column_low, row_low), (column_high, row_high)) in enumerate(zip(low, high, strict=True)):
            for column in range(column_low, column_high + 1):
                for row in range(row_low, row_high + 1):
                    of_cell.setdefault(column * rows + row, []).append(item)
        table = np.full((columns * rows, max(map(len, of_cell.values()), default=0)), -1, dtype=np.int64)
        for cell, items in of_cell.items():
            table[cell, : len(items)] = items
        return table
