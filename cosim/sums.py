"""Sums by group whose last bit does not depend on how many cases are summed at once."""

from __future__ import annotations

import numpy as np

from cosim.interface import Floats, Ints


def sum_by_column(values: Floats, column: Ints, columns: int) -> Floats:
    """Sum each case's values by the columns that they belong to, one after the other.

    Args:
        values: Values, shape [N, X].
        column: Column of each value, below `columns`; -1 counts nowhere; shape [X] or [N, X].
        columns: Number of columns.

    Returns:
        Sums, shape [N, columns].
    """
    cases = len(values)
    # One more column at the left for what counts nowhere.
    at = column + 1 + (columns + 1) * np.arange(cases)[:, None]
    sums = np.asarray(
        np.bincount(at.ravel(), weights=values.ravel(), minlength=cases * (columns + 1)), dtype=np.float64
    )
    return sums.reshape(cases, columns + 1)[:, 1:]
