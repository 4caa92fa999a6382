"""Random numbers of a study: times of arrival, and what each customer wants.

Every quantity of a group has a stream of its own, and every customer its place in it. So two designs of a station meet
the same customers (common random numbers), and a value that is not used shifts no other.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from cosim.errors import QueueError
from cosim.interface import Floats
from cosim.scenario.moments import mean_and_scv
from cosim.scenario.station_schema import (
    Constant,
    Distribution,
    Exponential,
    Gamma,
    HourlyArrivals,
    Listed,
    ListedArrivals,
    Lognormal,
    PoissonArrivals,
    RenewalArrivals,
    Uniform,
)

#: Customers of a group in one replication, at most.
MOST_CUSTOMERS = 10_000_000


def draw(distribution: Distribution, count: int, generator: np.random.Generator) -> Floats:
    """Draw values.

    Args:
        distribution: What from.
        count: How many.
        generator: Draws them.

    Returns:
        Shape [count], in the distribution's unit.

    Raises:
        QueueError: If values are listed, and there are fewer.
    """
    match distribution:
        case Constant(value=value):
            return np.full(count, value)
        case Exponential(mean=mean):
            return generator.exponential(mean, count)
        case Uniform(low=low, high=high):
            return generator.uniform(low, high, count)
        case Gamma(mean=mean, scv=scv):
            return generator.gamma(1.0 / scv, mean * scv, count)
        case Lognormal(mean=mean, scv=scv):
            variance = math.log1p(scv)
            return generator.lognormal(math.log(mean) - variance / 2.0, math.sqrt(variance), count)
        case Listed(values=values):
            if count > len(values):
                raise QueueError(f"{len(values)} values are listed, but {count} customers come; list more")
            return np.array(values[:count], dtype=float)


def arrival_times_h(
    arrivals: PoissonArrivals | HourlyArrivals | RenewalArrivals | ListedArrivals,
    start_h: float,
    hours: float,
    generator: np.random.Generator,
) -> Floats:
    """Draw when customers come.

    Args:
        arrivals: How they come.
        start_h: Time of day at which the study begins [h since midnight].
        hours: Time in which they come [h].
        generator: Draws them.

    Returns:
        Times since the study began [h], in order, below `hours`.

    Raises:
        QueueError: If they are too many.
    """
    match arrivals:
        case PoissonArrivals(per_h=per_h):
            return _sums_below(hours * per_h, Exponential(kind="exponential", mean=1.0), generator) / per_h
        case RenewalArrivals(between_h=between_h):
            return _sums_below(hours, between_h, generator)
        case ListedArrivals(at_h=at_h):
            times = np.array(at_h, dtype=float)
            return times[times < hours]
        case HourlyArrivals():
            # With the expected number so far as the clock, customers come at rate 1 (Cinlar 1975).
            time_h, expected = _expected(arrivals, start_h, hours)
            unit = _sums_below(float(expected[-1]), Exponential(kind="exponential", mean=1.0), generator)
            # Where nobody comes, the clock stands; the end of such a time counts.
            return np.interp(unit, expected, time_h)


def rate_per_h(arrivals: HourlyArrivals, time_h: float) -> float:
    """Customers per hour at a time of day [h since midnight]: that of the last hour listed."""
    day_h = time_h % 24.0 if arrivals.hours[-1] < 24.0 else time_h
    before = [rate for hour, rate in zip(arrivals.hours, arrivals.per_h, strict=True) if hour <= day_h]
    return before[-1] if before else arrivals.per_h[-1]


def _expected(arrivals: HourlyArrivals, start_h: float, hours: float) -> tuple[Floats, Floats]:
    """Times since the study began at which the rate changes [h], and the customers expected until then."""
    days = range(int(start_h // 24.0), int((start_h + hours) // 24.0) + 1)
    repeats = [24.0 * day for day in days] if arrivals.hours[-1] < 24.0 else [0.0]
    changes = {hour + day_h - start_h for day_h in repeats for hour in arrivals.hours}
    midnights = {24.0 * day - start_h for day in days} if not arrivals.hours[0] else set()
    inside = sorted(time for time in changes | midnights if 0.0 < time < hours)
    time_h = np.array([0.0, *inside, hours])
    rate = [rate_per_h(arrivals, start_h + (a + b) / 2.0) for a, b in pairwise(time_h)]
    return time_h, np.concatenate([[0.0], np.cumsum(np.diff(time_h) * rate)])


def _sums_below(limit: float, between: Distribution, generator: np.random.Generator) -> Floats:
    """Sums of draws, one after the other, as far as they are below a limit."""
    mean, _ = mean_and_scv(between)
    if mean <= 0.0 or limit / mean > MOST_CUSTOMERS:
        raise QueueError(f"more than {MOST_CUSTOMERS:,} customers would come; let fewer come, or for less long")
    sums, total = [np.zeros(0)], 0.0
    while total < limit:
        count = int((limit - total) / mean * 1.1) + 16
        if isinstance(between, Listed):
            count = len(between.values)
        found = total + np.cumsum(draw(between, count, generator))
        sums.append(found)
        total = math.inf if isinstance(between, Listed) else float(found[-1])
    times = np.concatenate(sums)
    return times[times < limit]
