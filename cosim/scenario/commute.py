"""When EVs that commute may come and leave, as a scenario says it."""

from __future__ import annotations

from typing import Final

from cosim.scenario.schema import CommuteTime
from cosim.units import SECONDS_PER_MINUTE, hours

#: Times are drawn within this many standard deviations.
CLIP_SIGMA: Final = 3.0


def mean_h(time: CommuteTime) -> float:
    """The mean of a time, in hours since midnight of the day on which the episode begins [h]."""
    hour, _, minute = time.mean.partition(":")
    return int(hour) + hours(int(minute) * SECONDS_PER_MINUTE)


def commute_span_h(time: CommuteTime) -> tuple[float, float]:
    """The earliest and the latest that can be drawn [h since midnight]."""
    spread_h = CLIP_SIGMA * time.std_h
    return mean_h(time) - spread_h, mean_h(time) + spread_h
