"""Checks across fields of stations and their customers, of queueing studies and of outages alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from cosim.errors import ScenarioIssue
from cosim.scenario.moments import highest, mean_and_scv
from cosim.scenario.names import Issues, unique_names
from cosim.scenario.section import Section
from cosim.scenario.station_schema import (
    CustomerSection,
    HourlyArrivals,
    Listed,
    ListedArrivals,
    ListedFaults,
    RandomFaults,
    StationFeatures,
    Uniform,
)
from cosim.scenario.wording import dotted, shown, suggestion

#: Chargers do not fail and work again more often than that, on average [h].
SHORTEST_CYCLE_H: Final = 0.001
#: What a customer may want, and the words for it.
WISHES: Final = "either `service_h`, or `energy_kwh`, or `energy_kwh` and `stay_h`"


def check_features(path: str, station: StationFeatures) -> Issues:
    """Check a station by itself.

    Args:
        path: Its path.
        station: The station.
    """
    yield from unique_names(dotted(path, "kinds"), station.kinds or ())
    if station.preemptive and station.discipline != "priority":
        problem = f"goes with `discipline: priority` only, got {station.discipline!r}"
        yield ScenarioIssue(dotted(path, "preemptive"), problem)
    if isinstance(station.faults, ListedFaults):
        yield from _check_faults(dotted(path, "faults", "faults"), station.faults, station.charger_count)
    if isinstance(station.faults, RandomFaults):
        yield from _check_random_faults(dotted(path, "faults"), station.faults)
    yield from _check_distributions(path, station)


def _check_random_faults(path: str, faults: RandomFaults) -> Issues:
    both = {"until_failure_h": faults.until_failure_h, "repair_h": faults.repair_h}
    for name, distribution in both.items():
        if isinstance(distribution, Listed):
            yield ScenarioIssue(dotted(path, name), "cannot be listed; list the faults themselves (kind: listed)")
    if (
        not any(isinstance(d, Listed) for d in both.values())
        and sum(mean_and_scv(distribution)[0] for distribution in both.values()) < SHORTEST_CYCLE_H
    ):
        problem = f"and repair_h must be {SHORTEST_CYCLE_H:g} h or more together, on average"
        yield ScenarioIssue(dotted(path, "until_failure_h"), problem)


def _check_faults(path: str, listed: ListedFaults, chargers: int) -> Issues:
    until_h: dict[int, float] = {}
    for index, fault in enumerate(listed.faults):
        at = dotted(path, index)
        if fault.charger >= chargers:
            yield ScenarioIssue(dotted(at, "charger"), f"must be below {chargers}, got {fault.charger}")
        if fault.until_h <= fault.from_h:
            yield ScenarioIssue(
                dotted(at, "until_h"), f"must be after from_h ({fault.from_h:g}), got {fault.until_h:g}"
            )
        if fault.from_h < until_h.get(fault.charger, 0.0):
            problem = f"charger {fault.charger} has not been repaired by then; list its faults in order, apart"
            yield ScenarioIssue(dotted(at, "from_h"), problem)
        until_h[fault.charger] = max(fault.until_h, until_h.get(fault.charger, 0.0))


def check_customers(customers: Sequence[CustomerSection]) -> Issues:
    """Check each group of customers by itself, and their names."""
    yield from unique_names("customers", customers)
    for index, group in enumerate(customers):
        path = dotted("customers", index)
        yield from _check_wishes(path, group)
        yield from _check_arrivals(dotted(path, "arrivals"), group.arrivals)
        if group.curve is not None:
            soc, power_kw = group.curve.soc, group.curve.power_kw
            yield from _increasing(dotted(path, "curve", "soc"), soc)
            yield from _as_many(dotted(path, "curve", "power_kw"), power_kw, "soc", soc)
        yield from _check_distributions(path, group)
        most = 0.0 if group.arrival_soc is None else highest(group.arrival_soc)
        # What is drawn above 1 of a distribution without a highest value counts as a full battery.
        if 1.0 < most < math.inf:
            problem = f"must be a share of the battery, at most 1, got up to {most:g}"
            yield ScenarioIssue(dotted(path, "arrival_soc"), problem)


def _check_wishes(path: str, group: CustomerSection) -> Issues:
    if group.arrivals.kind == "csv":
        for name in ("service_h", "energy_kwh", "stay_h"):
            if getattr(group, name) is not None:
                yield ScenarioIssue(dotted(path, name), "is in the file of these customers; leave it out")
    elif (group.service_h is None) == (group.energy_kwh is None):
        yield ScenarioIssue(path, f"customers want {WISHES}")
    elif group.service_h is not None and group.stay_h is not None:
        yield ScenarioIssue(dotted(path, "stay_h"), f"does not go with `service_h`; customers want {WISHES}")


def _check_arrivals(path: str, arrivals: Section) -> Issues:
    if isinstance(arrivals, HourlyArrivals):
        yield from _increasing(dotted(path, "hours"), arrivals.hours)
        yield from _as_many(dotted(path, "per_h"), arrivals.per_h, "hours", arrivals.hours)
        if not any(arrivals.per_h):
            yield ScenarioIssue(dotted(path, "per_h"), "must not all be 0, or nobody ever comes")
    if isinstance(arrivals, ListedArrivals):
        for index, (before, time_h) in enumerate(pairwise(arrivals.at_h), start=1):
            if time_h < before:
                yield ScenarioIssue(dotted(path, "at_h", index), f"must not be before {before:g}, got {time_h:g}")


def check_places(stations: Sequence[StationFeatures], customers: Sequence[CustomerSection]) -> Issues:
    """Check that customers find their station, and there a charger that fits."""
    by_name = {station.name: station for station in stations}
    for index, group in enumerate(customers):
        path, station = dotted("customers", index), by_name.get(group.station)
        if station is None:
            problem = f"there is no station {shown(group.station)}; {suggestion(group.station, by_name)}"
            yield ScenarioIssue(dotted(path, "station"), problem)
        elif group.plug and station.kinds and not any(not k.plugs or group.plug in k.plugs for k in station.kinds):
            plugs = ", ".join(sorted({plug for kind in station.kinds for plug in kind.plugs}))
            problem = f"{station.name} has no charger with {shown(group.plug)}; it has {plugs}"
            yield ScenarioIssue(dotted(path, "plug"), problem)


def _check_distributions(path: str, section: Section) -> Issues:
    """Check every distribution of a section, and of those within."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Uniform):
            if value.low >= value.high:
                yield ScenarioIssue(
                    dotted(path, name, "low"), f"must be below high ({value.high:g}), got {value.low:g}"
                )
        elif isinstance(value, Section):
            yield from _check_distributions(dotted(path, name), value)


def _increasing(path: str, values: Sequence[float]) -> Issues:
    for index, (before, value) in enumerate(pairwise(values), start=1):
        if value <= before:
            yield ScenarioIssue(dotted(path, index), f"must be above {before:g}, got {value:g}")


def _as_many(path: str, values: Sequence[float], other: str, others: Sequence[float]) -> Issues:
    if len(values) != len(others):
        yield ScenarioIssue(path, f"must have as many values as {other} ({len(others)}), got {len(values)}")
