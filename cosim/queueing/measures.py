"""From the records of a station to numbers: pure functions of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.charging.customer import Outcome
from cosim.interface import Floats
from cosim.queueing.replication import StationRecords

#: Unit of each measure; those of a charger kind and of a time limit are added by name.
UNITS = {
    "arrivals": "1",
    "served": "1",
    "balked": "1",
    "blocked": "1",
    "reneged": "1",
    "balked_share": "1",
    "blocked_share": "1",
    "reneged_share": "1",
    "waiting_time_mean_h": "h",
    "waiting_time_median_h": "h",
    "waiting_time_p90_h": "h",
    "waiting_time_p95_h": "h",
    "waiting_time_p99_h": "h",
    "waiting_probability": "1",
    "time_in_system_mean_h": "h",
    "queue_length_mean": "1",
    "queue_length_max": "1",
    "utilisation": "1",
    "energy_kwh": "kWh",
    "site_limit_h": "h",
    "interruptions": "1",
}
QUANTILES = {"median": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
#: Waits below this are rounding [h].
NO_WAIT_H = 1e-9


@dataclass(frozen=True)
class Period:
    """The time that counts.

    Attributes:
        from_h: Its beginning [h]: customers who came before do not count.
        until_h: Its end [h]; those who have come are followed until they leave.
    """

    from_h: float
    until_h: float

    @property
    def length_h(self) -> float:
        """Its length [h]."""
        return self.until_h - self.from_h

    def overlap_h(self, spans_h: Floats) -> float:
        """Sum of what lies within it [h] of spans, shape [N, 2]."""
        inside = np.minimum(spans_h[:, 1], self.until_h) - np.maximum(spans_h[:, 0], self.from_h)
        return float(np.maximum(inside, 0.0).sum())


def measures(records: Sequence[StationRecords], period: Period, limits_h: Sequence[float]) -> dict[str, float]:
    """The measures of one station, or of several together.

    Args:
        records: Their records in one replication.
        period: The time that counts.
        limits_h: Waiting times of which the share of those who wait longer is wanted [h].

    Returns:
        Value by name; a measure without customers to take it from is missing.
    """
    counted = [station.arrive_h >= period.from_h for station in records]

    def all_of(name: str) -> Floats:
        parts = [getattr(station, name)[some] for station, some in zip(records, counted, strict=True)]
        return np.concatenate(parts)

    outcome, waited_h, stay_h = all_of("outcome"), all_of("waited_h"), all_of("left_h") - all_of("arrive_h")
    let_in = (outcome == Outcome.SERVED) | (outcome == Outcome.RENEGED)
    count = len(outcome)
    found: dict[str, float] = {"arrivals": count}
    for what, number in (("served", Outcome.SERVED), ("balked", Outcome.BALKED), ("blocked", Outcome.BLOCKED)):
        found[what] = float((outcome == number).sum())
    found["reneged"] = float((outcome == Outcome.RENEGED).sum())
    if count:
        found["balked_share"], found["blocked_share"] = found["balked"] / count, found["blocked"] / count
    if let_in.any():
        found["reneged_share"] = found["reneged"] / float(let_in.sum())
        found |= _waiting(waited_h[let_in], limits_h)
        found["time_in_system_mean_h"] = float(stay_h[let_in].mean())
    waits_h = np.concatenate([station.wait_h for station in records])
    found["queue_length_mean"] = period.overlap_h(waits_h) / period.length_h
    found["queue_length_max"] = float(max(_longest_queue(station.wait_h, period) for station in records))
    busy_h = sum(period.overlap_h(station.spell_h) for station in records)
    found["utilisation"] = busy_h / period.length_h / sum(station.design.chargers for station in records)
    if len(records) == 1:
        found |= _of_kinds(records[0], period)
    found["energy_kwh"] = float(all_of("charged_kwh").sum())
    found["site_limit_h"] = sum(period.overlap_h(station.limited_h) for station in records)
    found["interruptions"] = float(all_of("interrupted").sum())
    return found


def unit_of(name: str) -> str:
    """The unit of a measure."""
    return UNITS.get(name, "1")


def longer_than(limit_h: float) -> str:
    """Name of the share of those who wait longer than a time [h]."""
    return f"waiting_over_{limit_h:g}h_share"


def _waiting(waited_h: Floats, limits_h: Sequence[float]) -> dict[str, float]:
    found = {"waiting_time_mean_h": float(waited_h.mean())}
    quantiles = np.quantile(waited_h, list(QUANTILES.values()))
    found |= {f"waiting_time_{name}_h": float(value) for name, value in zip(QUANTILES, quantiles, strict=True)}
    found["waiting_probability"] = float((waited_h > NO_WAIT_H).mean())
    return found | {longer_than(limit_h): float((waited_h > limit_h).mean()) for limit_h in limits_h}


def _of_kinds(records: StationRecords, period: Period) -> dict[str, float]:
    """How much chargers of each kind are in use, where there are several kinds."""
    kinds = records.design.kinds
    if len(kinds) < 2:
        return {}
    last = np.cumsum([kind.count for kind in kinds])
    of_kind = np.searchsorted(last, records.spell_charger, side="right")
    return {
        f"utilisation_{kind.name}": period.overlap_h(records.spell_h[of_kind == k]) / period.length_h / kind.count
        for k, kind in enumerate(kinds)
    }


def _longest_queue(wait_h: Floats, period: Period) -> int:
    """Most customers who waited at once."""
    inside = wait_h[(wait_h[:, 1] > period.from_h) & (wait_h[:, 0] < period.until_h)]
    if not len(inside):
        return 0
    # At one instant, who stops waiting does so before another begins.
    time_h = np.concatenate([inside[:, 1], inside[:, 0]])
    change = np.concatenate([-np.ones(len(inside)), np.ones(len(inside))])
    return int(np.cumsum(change[np.argsort(time_h, kind="stable")]).max())


def queue_over_time(wait_h: Floats, time_h: Floats) -> Floats:
    """Customers who wait at some times.

    Args:
        wait_h: Beginning and end of each stay in the queue [h], shape [W, 2].
        time_h: The times [h], shape [N].

    Returns:
        Shape [N].
    """
    begun = np.searchsorted(np.sort(wait_h[:, 0]), time_h, side="right")
    ended = np.searchsorted(np.sort(wait_h[:, 1]), time_h, side="right")
    return (begun - ended).astype(float)
