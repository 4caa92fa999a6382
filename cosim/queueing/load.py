"""How busy a station would be for ever: whether its queue has a steady state at all."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import numpy as np

from cosim.errors import QueueError
from cosim.interface import Floats
from cosim.queueing.plan import Plan
from cosim.sampling.distribution import draw, rate_per_h
from cosim.sampling.group import ARRIVAL_SOC, Group
from cosim.scenario.moments import mean_and_scv
from cosim.scenario.station_schema import Distribution, HourlyArrivals, Listed, PoissonArrivals, RenewalArrivals

HOURS_PER_DAY = 24.0
#: Values that a mean is taken of where batteries cut what is wanted.
DRAWN = 20_000


def offered_load(plan: Plan, station: int) -> float:
    """Load of a station by customers who wait however long it takes, at least; from 1 on its queue grows for ever.

    It is that of the chargers, or that of the site limit where that is greater. Chargers count as if each fitted
    everybody, had the highest power of all, and never failed: so a load of 1 or more is one for sure.

    Args:
        plan: The study.
        station: Number of the station.

    Returns:
        The load; 0 where the queue has a limit.
    """
    design = plan.designs[station]
    if design.places is not None:
        return 0.0
    strongest_kw = max(kind.power_kw for kind in design.kinds)
    limit_kw = min(design.limit_kw, sum(kind.count * kind.power_kw for kind in design.kinds))
    busy, drawn_kw = 0.0, 0.0
    for group in plan.groups_of(station):
        section = group.section
        if section.patience_h is not None or section.balks_at is not None or section.stay_h is not None:
            continue
        per_h = _per_h(group)
        if section.service_h is not None:
            busy += per_h * mean_and_scv(section.service_h)[0]
        elif section.energy_kwh is not None:
            power_kw = strongest_kw if section.curve is None else min(strongest_kw, max(section.curve.power_kw))
            drawn_kwh = _stored_kwh(group) / section.charge_efficiency
            busy += per_h * drawn_kwh / power_kw
            drawn_kw += per_h * drawn_kwh
    return max(busy / design.chargers, drawn_kw / limit_kw)


def check_steady(plan: Plan, station: int) -> None:
    """Refuse the steady state of a queue that has none.

    Args:
        plan: The study.
        station: Number of the station.

    Raises:
        QueueError: Names the load and what to change.
    """
    load = offered_load(plan, station)
    if load >= 1.0:
        raise QueueError(
            f"station {plan.station_names[station]!r} is loaded by {load:.4g}, and its queue has no limit: it has a "
            "steady state only below 1; add chargers or power, set waiting_places, patience_h or balks_at, or leave "
            "--warm-up out to study a time that ends"
        )


def _per_h(group: Group) -> float:
    """Customers per hour in the long run; 0 of those that come to an end."""
    arrivals = group.section.arrivals
    match arrivals:
        case PoissonArrivals(per_h=per_h):
            return per_h
        case RenewalArrivals(between_h=between_h):
            return 1.0 / mean_and_scv(between_h)[0]
        case HourlyArrivals(hours=hours) if hours[-1] < HOURS_PER_DAY:
            changes = sorted({0.0, *hours, HOURS_PER_DAY})
            of_day = sum((until - since) * rate_per_h(arrivals, since) for since, until in pairwise(changes))
            return of_day / HOURS_PER_DAY
    return 0.0


def _stored_kwh(group: Group) -> float:
    """Energy that a customer stores on average [kWh]: what it wants, as far as its battery has room."""
    section = group.section
    energy_kwh = _values(cast(Distribution, section.energy_kwh))
    soc = ARRIVAL_SOC if section.arrival_soc is None else np.minimum(_values(section.arrival_soc), 1.0)
    return float(np.minimum(energy_kwh, (1.0 - soc) * section.battery_kwh).mean())


def _values(distribution: Distribution) -> Floats:
    """Many values of a distribution, always the same."""
    if isinstance(distribution, Listed):
        return np.resize(np.array(distribution.values, dtype=np.float64), DRAWN)
    return draw(distribution, DRAWN, np.random.default_rng(0))
