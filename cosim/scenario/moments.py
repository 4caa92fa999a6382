"""What is known of a distribution without drawing from it."""

from __future__ import annotations

import math

import numpy as np

from cosim.scenario.station_schema import Constant, Distribution, Exponential, Gamma, Listed, Lognormal, Uniform


def mean_and_scv(distribution: Distribution) -> tuple[float, float]:
    """Mean and squared coefficient of variation; of listed values those of the list."""
    match distribution:
        case Constant(value=value):
            return value, 0.0
        case Exponential(mean=mean):
            return mean, 1.0
        case Uniform(low=low, high=high):
            mean = (low + high) / 2.0
            return mean, (high - low) ** 2 / 12.0 / mean**2
        case Gamma(mean=mean, scv=scv) | Lognormal(mean=mean, scv=scv):
            return mean, scv
        case Listed(values=values):
            mean = float(np.mean(values))
            return mean, float(np.var(values)) / mean**2 if mean > 0.0 else 0.0


def highest(distribution: Distribution) -> float:
    """The highest value; inf of distributions that have none."""
    match distribution:
        case Constant(value=value):
            return value
        case Uniform(high=high):
            return high
        case Listed(values=values):
            return max(values)
    return math.inf
