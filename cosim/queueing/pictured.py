"""What pictures of a study are drawn from: some of its replications, looked at more closely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.charging.customer import Outcome
from cosim.queueing.designs import Designs
from cosim.queueing.measures import Period, queue_over_time, unit_of
from cosim.queueing.plan import Plan
from cosim.queueing.replication import StationRecords, replicate
from cosim.queueing.study import Request
from cosim.report.queue_figures import Curve, Seen

#: Replications that are looked at.
LOOKED_AT = 50
#: Points in time at which the queue is looked at.
POINTS = 500


def seen_of(plan: Plan, request: Request) -> list[Seen]:
    """What is drawn of each station.

    Args:
        plan: The study.
        request: How it was run.
    """
    runs = [replicate(plan, number) for number in range(min(request.replications, LOOKED_AT))]
    return [
        _seen(plan, station, [records[station] for records in runs], request.limits_h)
        for station in range(len(plan.designs))
    ]


def _seen(plan: Plan, station: int, runs: Sequence[StationRecords], limits_h: Sequence[float]) -> Seen:
    time_h = np.linspace(0.0, plan.span.hours, POINTS)
    let_in = [(run.outcome == Outcome.SERVED) | (run.outcome == Outcome.RENEGED) for run in runs]
    hours = [Period(hour, min(hour + 1.0, plan.span.hours)) for hour in np.arange(0.0, plan.span.hours)]
    chargers = plan.designs[station].chargers
    in_use = [np.mean([hour.overlap_h(run.spell_h) for run in runs]) / hour.length_h / chargers for hour in hours]
    names = [f"{kind.name} {k + 1}" for kind in plan.designs[station].kinds for k in range(kind.count)]
    first = runs[0]
    return Seen(
        station=plan.station_names[station],
        start_h=plan.span.start_h,
        hours=plan.span.hours,
        time_h=time_h,
        queue=np.array([queue_over_time(run.wait_h, time_h) for run in runs]),
        waited_h=np.concatenate([run.waited_h[some] for run, some in zip(runs, let_in, strict=True)]),
        limits_h=limits_h,
        in_use=np.array(in_use),
        spell_h=first.spell_h,
        spell_charger=first.spell_charger,
        spell_group=first.group[first.spell_customer],
        charger_names=names,
        groups=[group.section.name for group in plan.groups_of(station)],
    )


def curve_of(designs: Designs, measure: str) -> Curve | None:
    """A measure over designs that have one; None if fewer than two do.

    Args:
        designs: The designs.
        measure: Name of the measure.
    """
    points = [
        (design.value, designs.measured(design.study)[measure])
        for design in designs.designs
        if design.study is not None and measure in designs.measured(design.study)
    ]
    found = [(value, e.mean, e.low or 0.0, e.high or e.mean) for value, e in points if e.mean is not None]
    if len(found) < 2:
        return None
    values, mean, low, high = zip(*found, strict=True)
    unit = unit_of(measure)
    label = measure if unit == "1" else f"{measure} [{unit}]"
    target = designs.target
    return Curve(
        designs.variation.path,
        label,
        values,
        mean,
        low,
        high,
        target.value if target is not None and target.measure == measure else None,
    )
