"""Sums by group whose last bit does not depend on how many cases are summed at once."""

from __future__ import annotations

import math

import numpy as np

from cosim.interface import Floats, Ints


class ColumnSums:
    """Sums of values that belong to the same columns again and again.

    Args:
        column: Column of each value, below `columns`, shape [X].
        columns: Number of columns.
    """

    def __init__(self, column: Ints, columns: int) -> None:
        self._column, self._columns = column, columns
        self._at = np.empty((0, 0), dtype=np.int64)

    def __call__(self, values: Floats) -> Floats:
        """Sums of values [N, X], one after the other; shape [N, columns]."""
        cases = len(values)
        if len(self._at) != cases:
            self._at = self._column + self._columns * np.arange(cases)[:, None]
        sums = np.bincount(self._at.ravel(), weights=values.ravel(), minlength=cases * self._columns)
        return np.asarray(sums, dtype=np.float64).reshape(cases, self._columns)


def sum_by_column(values: Floats, column: Ints, columns: int) -> Floats:
    """Sum each case's values by the columns that they belong to, one after the other.

    Args:
        values: Values, shape [..., N, X].
        column: Column of each value, below `columns`; -1 counts nowhere; shape [X] or that of `values`.
        columns: Number of columns.

    Returns:
        Sums, shape [..., N, columns].
    """
    shape = values.shape[:-1]
    cases = math.prod(shape)
    # One more column at the left for what counts nowhere.
    at = column + 1 + (columns + 1) * np.arange(cases).reshape(*shape, 1)
    sums = np.asarray(
        np.bincount(at.ravel(), weights=values.ravel(), minlength=cases * (columns + 1)), dtype=np.float64
    )
    return sums.reshape(*shape, columns + 1)[..., 1:]
