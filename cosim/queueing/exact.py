"""Which exact value applies to a station of a study, under which assumption, and why if none does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from cosim.queueing.load import offered_load
from cosim.queueing.plan import Plan
from cosim.queueing.theory import QueueValues, allen_cunneen, erlang_a, mdc, mmc, mmck
from cosim.sampling.group import ARRIVAL_SOC, Group
from cosim.scenario.moments import highest, mean_and_scv
from cosim.scenario.station_schema import (
    Constant,
    CustomerSection,
    Distribution,
    Exponential,
    PoissonArrivals,
    RenewalArrivals,
)


@dataclass(frozen=True)
class Exact:
    """The exact value of a station, or why there is none.

    Attributes:
        values: What is known; None if nothing is.
        assumption: What it takes for granted, or why there is none.
    """

    values: QueueValues | None
    assumption: str

    def summary(self) -> dict[str, object]:
        """All of it as plain values."""
        values = self.values
        if values is None:
            return {"model": None, "why_not": self.assumption}
        found: dict[str, object] = {
            "model": values.model,
            "exact": values.exact,
            "source": values.source,
            "assumption": self.assumption,
            "waiting_probability": values.waiting_probability,
            "waiting_time_mean_h": values.waiting_time_mean_h,
            "queue_length_mean": values.queue_length_mean,
            "utilisation": values.utilisation,
            "blocked_share": values.blocked_share,
            "reneged_share": values.reneged_share,
        }
        for name, share in (("p90", 0.9), ("p95", 0.95)):
            quantile_h = values.waiting_time_quantile_h(share)
            if quantile_h is not None:
                found[f"waiting_time_{name}_h"] = quantile_h
        return found


def exact_values(plan: Plan, station: int, *, steady: bool) -> Exact:
    """What is known of a station.

    Args:
        plan: The study.
        station: Number of the station.
        steady: Whether the steady state is asked for; a transient study has no exact values here.
    """
    groups = plan.groups_of(station)
    reason = _reason(plan, station, groups)
    if reason:
        return Exact(None, reason)
    section, design = groups[0].section, plan.designs[station]
    arrivals = section.arrivals
    if isinstance(arrivals, PoissonArrivals):
        per_h, arrival_scv = arrivals.per_h, 1.0
    else:
        between_h, arrival_scv = mean_and_scv(cast(RenewalArrivals, arrivals).between_h)
        per_h = 1.0 / between_h
    service_h, service_scv = _service(groups[0], design.kinds[0].power_kw)
    load = offered_load(plan, station)
    if load >= 1.0:
        return Exact(None, f"the load is {load:.4g}, not below 1")
    if not steady:
        return Exact(None, "this is a transient study; exact values hold in the steady state (--warm-up)")
    service = section.service_h or section.energy_kwh
    found = _model(design.chargers, design.places, per_h, service_h, arrivals.kind, service, section.patience_h)
    if section.balks_at is not None:
        return _with_balking(design.chargers, design.places, section.balks_at, found, per_h, service_h)
    if found is not None:
        return Exact(found(), "steady state; Poisson arrivals, alike chargers, first come first served")
    if design.places is None and section.patience_h is None:
        values = allen_cunneen(design.chargers, per_h, service_h, arrival_scv, service_scv)
        return Exact(values, "steady state; an approximation by the first two moments")
    return Exact(None, "no formula here for waiting places or patience with these distributions")


def _reason(plan: Plan, station: int, groups: list[Group]) -> str:
    """Why no formula applies at all; empty if one may."""
    design = plan.designs[station]
    if len(groups) > 1:
        return "several groups of customers come here"
    section = groups[0].section
    if section.arrivals.kind not in ("poisson", "renewal"):
        return f"arrivals are {section.arrivals.kind}, so there is no steady state"
    if plan.faults[station] is not None:
        return "chargers fail"
    if len(design.kinds) > 1:
        return "chargers are of several kinds"
    if math.isfinite(design.limit_kw):
        return "vehicles share a site limit"
    if design.discipline != "first_come":
        return f"customers are served by {design.discipline}, not in order of arrival"
    if section.curve is not None:
        return "charging follows a curve"
    if section.stay_h is not None:
        return "customers leave at a time of their own"
    if section.energy_kwh is not None and highest(section.energy_kwh) > _least_room_kwh(section):
        return "some batteries are full before they have what is wanted; raise battery_kwh"
    return ""


def _least_room_kwh(section: CustomerSection) -> float:
    """Energy that every customer's battery has room for [kWh]."""
    soc = ARRIVAL_SOC if section.arrival_soc is None else min(highest(section.arrival_soc), 1.0)
    return (1.0 - soc) * section.battery_kwh


def _service(group: Group, power_kw: float) -> tuple[float, float]:
    """Mean time at a charger [h], and its squared coefficient of variation."""
    section = group.section
    if section.service_h is not None:
        return mean_and_scv(section.service_h)
    mean_kwh, scv = mean_and_scv(cast(Distribution, section.energy_kwh))
    return mean_kwh / section.charge_efficiency / power_kw, scv


def _model(
    chargers: int,
    places: int | None,
    per_h: float,
    service_h: float,
    arrivals: str,
    service: Distribution | None,
    patience: Distribution | None,
) -> Callable[[], QueueValues] | None:
    """The model that is exact, if there is one."""
    if arrivals != "poisson":
        return None
    if isinstance(service, Exponential):
        if patience is None:
            return (
                (lambda: mmc(chargers, per_h, service_h))
                if places is None
                else (lambda: mmck(chargers, places, per_h, service_h))
            )
        if isinstance(patience, Exponential) and places is None:
            return lambda: erlang_a(chargers, per_h, service_h, patience.mean)
    if isinstance(service, Constant) and places is None and patience is None:
        return lambda: mdc(chargers, per_h, service_h)
    return None


def _with_balking(
    chargers: int,
    places: int | None,
    balks_at: int,
    found: Callable[[], QueueValues] | None,
    per_h: float,
    service_h: float,
) -> Exact:
    """Customers who go on at a queue of some length are as good as blocked by so many places."""
    if found is None or (places is not None and places < balks_at):
        return Exact(None, "no formula here for balking with these distributions or places")
    values = mmck(chargers, balks_at, per_h, service_h)
    return Exact(values, f"steady state; as {values.model}, whose blocked customers are those who balk")
