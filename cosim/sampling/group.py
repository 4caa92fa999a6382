"""Groups of customers: who comes to a station when, and what each wants."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cosim.charging.customer import Customer
from cosim.charging.power_curve import PowerCurve
from cosim.errors import QueueError, ScenarioError, ScenarioIssue
from cosim.interface import Floats, Ints
from cosim.sampling.arrivals_file import hours_since, read_arrivals
from cosim.sampling.distribution import arrival_times_h, draw
from cosim.scenario.station_schema import CustomerSection, FileArrivals
from cosim.seeding import stream
from cosim.units import SECONDS_PER_HOUR

#: State of charge of customers who say nothing of it.
ARRIVAL_SOC = 0.2


class Span(NamedTuple):
    """A time in which customers come.

    Attributes:
        start_h: Time of day at which it begins [h since midnight].
        hours: Its length [h].
    """

    start_h: float
    hours: float


@dataclass(frozen=True)
class Group:
    """Customers who are alike.

    Attributes:
        section: What they want.
        station: Number of their station.
        listed: What each wants, by name, if it was read from a file.
        curve: Their charging curve, if they have one.
    """

    section: CustomerSection
    station: int
    listed: Mapping[str, Floats] | None = None
    curve: PowerCurve | None = field(default=None, compare=False)

    def customer(self, number: int, wishes: Mapping[str, float]) -> Customer:
        """One of them.

        Args:
            number: Its number among all customers of the station.
            wishes: Arrival [h] and what it wants, by name.
        """
        section = self.section
        battery_kwh, arrive_h = section.battery_kwh, wishes["arrive_h"]
        hold_h, energy_kwh, stay_h = wishes.get("service_h"), wishes.get("energy_kwh"), wishes.get("stay_h")
        stored_kwh = min(wishes.get("arrival_soc", ARRIVAL_SOC), 1.0) * battery_kwh
        # Never more than its battery lacks, however long it holds its charger.
        target_kwh = battery_kwh if energy_kwh is None else min(stored_kwh + energy_kwh, battery_kwh)
        patience_h = wishes.get("patience_h", math.inf)
        return Customer(
            number,
            arrive_h * SECONDS_PER_HOUR,
            hold_s=None if hold_h is None else hold_h * SECONDS_PER_HOUR,
            stays=stay_h is not None,
            energy_kwh=stored_kwh,
            target_kwh=target_kwh,
            curve=self.curve,
            efficiency=section.charge_efficiency,
            battery_kwh=battery_kwh,
            plug=section.plug,
            priority=section.priority,
            # Who leaves at a time does not wait beyond it.
            patience_s=min(patience_h, math.inf if stay_h is None else stay_h) * SECONDS_PER_HOUR,
            balks_at=section.balks_at,
            depart_s=math.inf if stay_h is None else (arrive_h + stay_h) * SECONDS_PER_HOUR,
        )


def make_group(
    section: CustomerSection, number: int, station: int, span: Span, resolve: Callable[[str], Path]
) -> Group:
    """Build a group, and read the file that it names.

    Args:
        section: What they want.
        number: Place of the section among all groups.
        station: Number of their station.
        span: The time in which they come.
        resolve: Finds a file that the scenario names.

    Raises:
        ScenarioError: If that file is wrong; holds every mistake in it.
    """
    curve = None
    if section.curve is not None:
        curve = PowerCurve([soc * section.battery_kwh for soc in section.curve.soc], section.curve.power_kw)
    listed = None
    if isinstance(section.arrivals, FileArrivals):
        listed = _listed(section.arrivals, f"customers.{number}.arrivals.file", span, resolve)
    return Group(section, station, listed, curve)


def _listed(arrivals: FileArrivals, path: str, span: Span, resolve: Callable[[str], Path]) -> dict[str, Floats]:
    found = read_arrivals(resolve(arrivals.file))
    time_h = np.array(hours_since(found, span.start_h))
    inside = (time_h >= 0.0) & (time_h < span.hours)
    if not inside.any():
        raise ScenarioError([ScenarioIssue(path, f"no customer of {arrivals.file} comes within these hours")])
    return {
        "arrive_h": time_h[inside],
        "energy_kwh": np.array([arrival.energy_kwh for arrival in found])[inside],
        "stay_h": np.array([arrival.stay_h for arrival in found])[inside],
    }


class Coming(NamedTuple):
    """Customers who come to a station.

    Attributes:
        group: Number of each one's group, in order of arrival, shape [N].
        customers: They themselves, made as they are asked for.
    """

    group: Ints
    customers: Iterator[Customer]


def customers_of(groups: Sequence[Group], station: int, span: Span, seed: int, number: int, first: int = 0) -> Coming:
    """Draw who comes to a station.

    Args:
        groups: All groups.
        station: Number of the station.
        span: The time in which they come.
        seed: Seed of all random streams.
        number: Number of the replication, or of the episode.
        first: Number of the first customer; the others count on from it, in order of arrival.

    Raises:
        QueueError: If listed values do not suffice, or too many customers come.
    """
    here = [k for k, group in enumerate(groups) if group.station == station]
    columns = {k: _columns(groups[k], span, seed, number) for k in here}
    counts = [len(columns[k]["arrive_h"]) for k in here]
    arrive_h = np.concatenate([np.zeros(0), *(columns[k]["arrive_h"] for k in here)])
    order = np.argsort(arrive_h, kind="stable")
    of_group = np.repeat(np.array(here, dtype=np.int64), counts)[order]
    place = np.concatenate([np.zeros(0, dtype=np.int64), *(np.arange(count) for count in counts)])[order]
    lists = {k: {name: values.tolist() for name, values in column.items()} for k, column in columns.items()}

    def customers() -> Iterator[Customer]:
        for number, (k, row) in enumerate(zip(of_group.tolist(), place.tolist(), strict=True), start=first):
            yield groups[k].customer(number, {name: values[row] for name, values in lists[k].items()})

    return Coming(of_group, customers())


def _columns(group: Group, span: Span, seed: int, number: int) -> Mapping[str, Floats]:
    """Arrival [h] of all customers of a group, and what they want, by name."""
    if group.listed is not None:
        return group.listed

    def generator(what: str) -> np.random.Generator:
        return stream(seed, number, f"queue.{group.section.name}.{what}")

    try:
        arrive_h = arrival_times_h(group.section.arrivals, span.start_h, span.hours, generator("arrivals"))  # type: ignore[arg-type]
    except QueueError as error:
        raise QueueError(f"customers {group.section.name!r}, arrivals: {error}") from error
    columns = {"arrive_h": arrive_h}
    for name in ("service_h", "energy_kwh", "stay_h", "patience_h", "arrival_soc"):
        distribution = getattr(group.section, name)
        if distribution is not None:
            try:
                columns[name] = draw(distribution, len(arrive_h), generator(name))
            except QueueError as error:
                raise QueueError(f"customers {group.section.name!r}, {name}: {error}") from error
    return columns
