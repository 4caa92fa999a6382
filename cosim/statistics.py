"""Means over training seeds and episodes, and how far they may be off.

Values of a controller have shape [S, E]: S training seeds (one where nothing was trained) and E episodes, the same
for all seeds and all controllers. An interval tells what other training seeds and other episodes may give. Each
resample draws both, with replacement: seeds for each controller by itself, but episodes once for all, so that a
difference between two controllers is one on the same episodes. With both drawn, an interval is rather too wide than
too narrow (Owen 2007, "The pigeonhole bootstrap").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import scipy.stats

from cosim.interface import Floats
from cosim.metrics import RESAMPLED_AT_ONCE, RESAMPLES, Estimate, interval
from cosim.seeding import EVERY_EPISODE, stream

#: Share of the values that an interquartile mean leaves out on either side.
QUARTER = 0.25

#: Takes one or more arrays of shape [..., S, E], S of each its own; gives one number for each, shape [...].
Statistic = Callable[..., Floats]


def mean(values: Floats) -> Floats:
    """Mean over seeds and episodes.

    Args:
        values: Shape [..., S, E].

    Returns:
        Shape [...].
    """
    means: Floats = values.mean(axis=(-2, -1))
    return means


def means_of_seeds(values: Floats) -> Floats:
    """Mean of each seed over the episodes that have a value with all of them.

    Args:
        values: Shape [S, E].

    Returns:
        Shape [S]; NaN where there is no such episode.
    """
    whole = ~np.isnan(values).any(axis=0)
    means: Floats = values[:, whole].mean(axis=1) if whole.any() else np.full(len(values), np.nan)
    return means


def interquartile_mean(values: Floats) -> Floats:
    """Mean of the middle half of all values: hardly moved by a few episodes or seeds that went wrong.

    Args:
        values: Shape [..., S, E].

    Returns:
        Shape [...].
    """
    together = values.reshape(*values.shape[:-2], -1)
    means: Floats = scipy.stats.trim_mean(together, QUARTER, axis=-1)
    return means


def mean_difference(values: Floats, others: Floats) -> Floats:
    """How much higher the mean of one controller is than that of another on the same episodes.

    Args:
        values: Shape [..., S, E].
        others: Values of the other, shape [..., S', E].

    Returns:
        Shape [...], positive where the first is higher.
    """
    return mean(values) - mean(others)


def mean_fraction(values: Floats, bounds: Floats) -> Floats:
    """The mean as a share of the mean bound, so that episodes with a bound near zero do not decide.

    Args:
        values: Shape [..., S, E].
        bounds: Bound of each episode, shape [..., 1, E].

    Returns:
        Shape [...]; NaN where the mean bound is not positive.
    """
    bound = mean(bounds)
    return np.where(bound > 0.0, mean(values) / np.where(bound > 0.0, bound, 1.0), np.nan)


def bootstrap(statistic: Statistic, *groups: Floats, unit: str = "1", seed: int) -> Estimate:
    """A statistic with its 95 % bootstrap interval.

    Args:
        statistic: What to estimate.
        groups: Values that it takes, shape [S, E] each: E is the same for all, S need not be. An episode that lacks
            a value (NaN) anywhere is left out everywhere.
        unit: Unit of the statistic.
        seed: Seed of the resampling. The same seed draws the same episodes whatever the statistic.

    Returns:
        The estimate; without a mean where no episode has a value, without ends where there is but one value.
    """
    whole = ~np.any([np.isnan(group).any(axis=0) for group in groups], axis=0)
    groups = tuple(group[:, whole] for group in groups)
    value = float(statistic(*groups)) if whole.any() else np.nan
    if np.isnan(value):
        return Estimate(None, None, None, unit)
    if all(group.size == 1 for group in groups):
        return Estimate(value, None, None, unit)
    resampled = np.concatenate([statistic(*drawn) for drawn in _resamples(groups, seed)])
    return Estimate(value, *interval(resampled[~np.isnan(resampled)]), unit)


def _resamples(groups: tuple[Floats, ...], seed: int) -> Iterator[list[Floats]]:
    """Groups drawn anew, shape [B, S, E] each: all resamples in portions of B that fit into a few megabytes."""
    episodes = groups[0].shape[1]
    # Streams of their own, so that the episodes of a resample do not depend on the number of seeds.
    of_episodes, of_seeds = (
        stream(seed, EVERY_EPISODE, f"statistics.bootstrap.{what}") for what in ("episodes", "seeds")
    )
    at_once = max(1, RESAMPLED_AT_ONCE // max(group.size for group in groups))
    for first in range(0, RESAMPLES, at_once):
        count = min(at_once, RESAMPLES - first)
        episode = of_episodes.integers(0, episodes, (count, 1, episodes))
        drawn = []
        for group in groups:
            seeds = len(group)
            row = of_seeds.integers(0, seeds, (count, seeds, 1)) if seeds > 1 else np.zeros((count, 1, 1), np.int64)
            drawn.append(group[row, episode])
        yield drawn
