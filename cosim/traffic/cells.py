"""A map divided into square cells, each of which knows what lies near it."""

from __future__ import annotations

import math

import numpy as np

from cosim.interface import Floats, Ints

#: A map has hardly more cells than this, whatever their size should be.
MOST_CELLS = 1_000_000


class CellMap:
    """The cells of a rectangular map.

    Args:
        low_km: Least coordinates of the map [km].
        high_km: Greatest coordinates of the map [km].
        cell_km: Width of a cell, if that makes not too many of them [km].
    """

    def __init__(self, low_km: tuple[float, float], high_km: tuple[float, float], cell_km: float) -> None:
        self._low_km = np.array(low_km)
        width_km, height_km = (high - low for low, high in zip(low_km, high_km, strict=True))
        few_km = math.sqrt(width_km * height_km / MOST_CELLS)
        # A map may be a line.
        self._cell_km = max(cell_km, few_km, 2.0 * max(width_km, height_km) / MOST_CELLS)
        self._columns = int(width_km // self._cell_km) + 1
        self._rows = int(height_km // self._cell_km) + 1
        self._last = np.array([self._columns - 1, self._rows - 1])

    def cell(self, position_km: Floats) -> Ints:
        """The cells of points, shape [P, 2]; of points off the map, cells at its edge. Shape [P]."""
        at = self._at(position_km)
        cell: Ints = at[:, 0] * self._rows + at[:, 1]
        return cell

    def near(self, low_km: Floats, high_km: Floats, reach_km: float) -> Ints:
        """Find what lies near each cell.

        Args:
            low_km: Least coordinates of each item's bounding box [km], shape [X, 2].
            high_km: Greatest coordinates of each item's bounding box [km], shape [X, 2].
            reach_km: How near an item's box must be [km].

        Returns:
            Numbers of items, rising, then -1; shape [cells, K].
        """
        (left, lower), (right, upper) = self._at(low_km - reach_km).T, self._at(high_km + reach_km).T
        height = upper - lower + 1
        count = (right - left + 1) * height
        # One entry for each item and each of its cells, column by column.
        item = np.repeat(np.arange(len(count)), count)
        step = np.arange(len(item)) - np.repeat(np.cumsum(count) - count, count)
        cell = (left[item] + step // height[item]) * self._rows + lower[item] + step % height[item]
        order = np.argsort(cell, kind="stable")
        cell, item = cell[order], item[order]
        place = np.arange(len(cell)) - np.searchsorted(cell, cell)
        # At least one place, so that there is a nearest one to ask for.
        table = np.full((self._columns * self._rows, int(place.max(initial=0)) + 1), -1, dtype=np.int64)
        table[cell, place] = item
        return table

    def _at(self, position_km: Floats) -> Ints:
        """Column and row of points, shape [P, 2]."""
        number = np.minimum(np.maximum((position_km - self._low_km) / self._cell_km, 0.0), self._last)
        at: Ints = number.astype(np.int64)
        return at
