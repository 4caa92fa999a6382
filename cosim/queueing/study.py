"""A study: independent replications, and what they say of each station with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import scipy.stats

from cosim.errors import QueueError
from cosim.interface import Floats
from cosim.metrics import Estimate
from cosim.queueing.exact import Exact, exact_values
from cosim.queueing.load import check_steady
from cosim.queueing.measures import Period, measures, queue_over_time, unit_of
from cosim.queueing.plan import Plan
from cosim.queueing.replication import StationRecords, replicate
from cosim.queueing.warm_up import mser_5

#: Share of the intervals that hold the truth.
CONFIDENCE = 0.95
#: Replications that MSER-5 looks at.
PILOTS = 10
#: Points in time at which the queue is looked at.
SERIES_POINTS = 97

Progress = Callable[[int, int], None]
#: Measures by name, of one station or of all.
Found = Mapping[str, Estimate]


@dataclass(frozen=True)
class Request:
    """How a study is run.

    Attributes:
        replications: Number of independent replications.
        warm_up_h: Time at the beginning that does not count [h]; None for a transient study, in which all counts.
        warm_up_by: `mser-5` to find the warm-up; then `warm_up_h` is not read.
        limits_h: Waiting times of which the share of those who wait longer is wanted [h].
        theory: Whether exact values are wanted.
    """

    replications: int = 20
    warm_up_h: float | None = None
    warm_up_by: str = ""
    limits_h: tuple[float, ...] = ()
    theory: bool = False

    @property
    def steady(self) -> bool:
        """Whether the steady state is asked for."""
        return self.warm_up_h is not None or bool(self.warm_up_by)


@dataclass(frozen=True)
class Series:
    """A measure over time.

    Attributes:
        time_h: Times since the study began [h], shape [N].
        mean: Means over replications.
        low: Lower ends of the 95 % intervals; empty for one replication.
        high: Upper ends.
    """

    time_h: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Study:
    """What was found.

    Attributes:
        plan: What was studied.
        request: How.
        warm_up_h: Time that was cut [h]; 0 for a transient study.
        stations: Measures of each station by name.
        total: Measures of all stations together.
        queue_over_time: Customers waiting at each station, over the time that counts.
        theory: Exact values of each station, or why there are none; empty if they were not asked for.
    """

    plan: Plan
    request: Request
    warm_up_h: float
    stations: Mapping[str, Found]
    total: Found
    queue_over_time: Mapping[str, Series]
    theory: Mapping[str, Exact]

    def summary(self) -> dict[str, object]:
        """All of it as plain values."""
        return {
            "study": self.plan.name,
            "seed": self.plan.seed,
            "replications": self.request.replications,
            "hours": self.plan.span.hours,
            "steady_state": self.request.steady,
            "warm_up_h": self.warm_up_h,
            "warm_up_by": self.request.warm_up_by or ("given" if self.request.steady else "none"),
            "stations": {name: _plain(found) for name, found in self.stations.items()},
            "total": _plain(self.total),
            "queue_over_time": {name: asdict(series) for name, series in self.queue_over_time.items()},
            "theory": {name: exact.summary() for name, exact in self.theory.items()},
        }


def run_study(plan: Plan, request: Request, progress: Progress | None = None) -> Study:
    """Run a study.

    Args:
        plan: What is studied.
        request: How.
        progress: Told of the replications that are done, and of all.

    Raises:
        QueueError: If the question has no answer: no steady state, a warm-up longer than the study.
        SimulationError: If what a station counted is not what its customers say.
    """
    check_request(plan, request)
    warm_up_h = find_warm_up_h(plan, request)
    period = Period(warm_up_h, plan.span.hours)
    names = plan.station_names
    of_stations: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    of_all: list[dict[str, float]] = []
    time_h = np.linspace(period.from_h, period.until_h, SERIES_POINTS)
    # Sums of the queue and of its square, so that no replication is kept.
    sums = np.zeros((2, len(names), SERIES_POINTS))
    for records in _replications(plan, request, progress):
        for k, (name, of_station) in enumerate(zip(names, records, strict=True)):
            of_stations[name].append(measures([of_station], period, request.limits_h))
            queue = queue_over_time(of_station.wait_h, time_h)
            sums[:, k] += queue, queue**2
        of_all.append(measures(records, period, request.limits_h))
    return Study(
        plan,
        request,
        warm_up_h,
        {name: estimates(values) for name, values in of_stations.items()},
        estimates(of_all),
        {name: _series(time_h, sums[:, k], request.replications) for k, name in enumerate(names)},
        {name: exact_values(plan, k, steady=request.steady) for k, name in enumerate(names)} if request.theory else {},
    )


def check_request(plan: Plan, request: Request) -> None:
    """Refuse what has no answer, before anything runs.

    Raises:
        QueueError: Names what was given, what is allowed and what to change.
    """
    if request.replications < 1:
        raise QueueError(f"there must be at least 1 replication, got {request.replications}")
    if request.warm_up_h is not None and not 0.0 <= request.warm_up_h < plan.span.hours:
        raise QueueError(
            f"the warm-up must be at least 0 and below the {plan.span.hours:g} h of the study (clock.hours), "
            f"got {request.warm_up_h:g} h"
        )
    if request.steady:
        for station in range(len(plan.designs)):
            check_steady(plan, station)


def find_warm_up_h(plan: Plan, request: Request) -> float:
    """The time that does not count [h].

    Raises:
        QueueError: If MSER-5 finds no end of the warm-up.
    """
    if request.warm_up_by:
        pilots = [replicate(plan, number) for number in range(min(PILOTS, request.replications))]
        return max(_warm_up_of_station(of_station) for of_station in zip(*pilots, strict=True))
    return request.warm_up_h or 0.0


def _warm_up_of_station(pilots: Sequence[StationRecords]) -> float:
    """The time until which customers' waits are still those of a beginning, over the mean of some replications [h]."""
    count = min(len(records.arrive_h) for records in pilots)
    waited_h = np.mean([records.waited_h[:count] for records in pilots], axis=0)
    cut = mser_5(waited_h)
    return float(np.mean([records.arrive_h[cut] for records in pilots])) if cut else 0.0


def _series(time_h: Floats, sums: Floats, count: int) -> Series:
    """A measure over time from its sums over replications and those of its square, shape [2, N]."""
    mean = sums[0] / count
    if count < 2:
        return Series(tuple(time_h.tolist()), tuple(mean.tolist()), (), ())
    variance = np.maximum(sums[1] - count * mean**2, 0.0) / (count - 1)
    half = scipy.stats.t.ppf(0.5 + CONFIDENCE / 2.0, count - 1) * np.sqrt(variance / count)
    columns = (time_h, mean, np.maximum(mean - half, 0.0), mean + half)
    return Series(*(tuple(values.tolist()) for values in columns))


def _replications(plan: Plan, request: Request, progress: Progress | None) -> Iterator[list[StationRecords]]:
    for number in range(request.replications):
        yield replicate(plan, number)
        if progress is not None:
            progress(number + 1, request.replications)


def estimates(values: Sequence[Mapping[str, float]]) -> dict[str, Estimate]:
    """Means over replications with their intervals.

    Args:
        values: Measures of each replication by name; one that lacks a measure does not count for it.

    Returns:
        By name; without ends where there is but one value.
    """
    names = list(dict.fromkeys(name for found in values for name in found))
    return {name: estimate([found[name] for found in values if name in found], unit_of(name)) for name in names}


def estimate(values: Sequence[float], unit: str) -> Estimate:
    """A mean with its interval by Student's t, over independent replications; no measure is below 0."""
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return Estimate(mean, None, None, unit)
    half = float(scipy.stats.t.ppf(0.5 + CONFIDENCE / 2.0, count - 1) * np.std(values, ddof=1) / math.sqrt(count))
    return Estimate(mean, max(mean - half, 0.0), mean + half, unit)


def _plain(found: Found) -> dict[str, dict[str, object]]:
    return {
        name: {"mean": value.mean, "low": value.low, "high": value.high, "unit": value.unit}
        for name, value in found.items()
    }
