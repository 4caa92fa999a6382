"""Mean and variance of those values that count, of a batch in which not all EVs decide."""

from __future__ import annotations

from torch import Tensor


def mean_of(values: Tensor, of: Tensor) -> Tensor:
    """The mean of some values.

    Args:
        values: Any shape.
        of: 1 or True for each that counts, the same shape.

    Returns:
        A number; 0 if none counts.
    """
    return (values * of).sum() / of.sum().clamp(1)


def variance_of(values: Tensor, of: Tensor) -> Tensor:
    """The variance of some values; arguments as in `mean_of`."""
    return mean_of((values - mean_of(values, of)).square(), of)
