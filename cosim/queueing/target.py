"""What a design must reach, as it is written: `waiting_time_p90_h <= 0.1667`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy.stats

from cosim.errors import QueueError
from cosim.metrics import Estimate
from cosim.queueing.measures import UNITS
from cosim.scenario.wording import shown, suggestion

FORM = "must have the form MEASURE <= NUMBER or MEASURE >= NUMBER, e.g. 'waiting_time_p90_h <= 0.1667'"


@dataclass(frozen=True)
class Target:
    """A measure and the value that it must not exceed, or must reach.

    Attributes:
        measure: Name of the measure.
        at_most: Whether the value is the highest allowed; else the lowest.
        value: The value, in the measure's unit.
    """

    measure: str
    at_most: bool
    value: float

    def __str__(self) -> str:
        return f"{self.measure} {'<=' if self.at_most else '>='} {self.value:g}"

    def met(self, found: Estimate) -> bool:
        """Whether a mean meets it."""
        if found.mean is None:
            return False
        return found.mean <= self.value if self.at_most else found.mean >= self.value

    def confidence(self, found: Estimate, replications: int) -> float | None:
        """How sure it is that the true mean meets it: one-sided, by Student's t.

        Args:
            found: The measure's mean over replications and its 95 % interval.
            replications: Number of replications.

        Returns:
            Between 0 and 1; None for a single replication.
        """
        if found.mean is None or found.high is None:
            return None
        half = found.high - found.mean
        room = (self.value - found.mean) * (1.0 if self.at_most else -1.0)
        if half <= 0.0:
            return 1.0 if room >= 0.0 else 0.0
        error = half / float(scipy.stats.t.ppf(0.975, replications - 1))
        return float(scipy.stats.t.cdf(room / error, replications - 1))


def parse_target(text: str) -> Target:
    """Read a target.

    Raises:
        QueueError: If it has another form, or there is no such measure.
    """
    for sign in ("<=", ">="):
        measure, found, number = text.partition(sign)
        if found:
            break
    else:
        raise QueueError(f"--target {shown(text)}: {FORM}")
    measure = measure.strip()
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise QueueError(f"--target {shown(text)}: {shown(number.strip())} is no number; it {FORM}")
    if measure not in UNITS and not measure.startswith(("utilisation_", "waiting_over_")):
        raise QueueError(f"--target {shown(text)}: there is no measure {shown(measure)}; {suggestion(measure, UNITS)}")
    return Target(measure, sign == "<=", value)
