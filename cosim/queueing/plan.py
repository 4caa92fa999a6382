"""A study, ready to be run: stations as they are built, groups of customers, and what is listed in files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cosim.charging.customer import Customer
from cosim.charging.power_curve import PowerCurve
from cosim.charging.public_station import ChargerKind, StationDesign
from cosim.clock import parse_time_of_day
from cosim.errors import ScenarioError, ScenarioIssue
from cosim.interface import Floats
from cosim.queueing.arrivals_file import hours_since, read_arrivals
from cosim.scenario.queue_schema import (
    CustomerSection,
    FileArrivals,
    ListedFaults,
    QueueStationSection,
    RandomFaults,
)
from cosim.scenario.study_loader import StudyFile
from cosim.units import SECONDS_PER_HOUR

#: State of charge of customers who say nothing of it.
ARRIVAL_SOC = 0.2


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
        # Never more than its battery lacks.
        target_kwh = math.inf if energy_kwh is None else min(stored_kwh + energy_kwh, battery_kwh)
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


@dataclass(frozen=True)
class Plan:
    """A study, ready to be run.

    Attributes:
        name: Name of the study.
        seed: Seed of all random streams.
        start_h: Time of day at which it begins [h since midnight].
        hours: Time in which customers come [h].
        station_names: Names of the stations.
        designs: How they are built.
        faults: Their faults.
        groups: Who comes.
    """

    name: str
    seed: int
    start_h: float
    hours: float
    station_names: tuple[str, ...]
    designs: tuple[StationDesign, ...]
    faults: tuple[RandomFaults | ListedFaults | None, ...]
    groups: tuple[Group, ...]

    def groups_of(self, station: int) -> list[Group]:
        """Groups of customers who come to a station."""
        return [group for group in self.groups if group.station == station]


def make_plan(file: StudyFile) -> Plan:
    """Build a study, and read the files that it names.

    Raises:
        ScenarioError: If a file is wrong; holds every mistake in it.
    """
    study = file.study
    names = tuple(station.name for station in study.stations)
    start_h = parse_time_of_day(study.clock.start) / SECONDS_PER_HOUR
    issues: list[ScenarioIssue] = []
    groups = []
    for section in study.customers:
        try:
            groups.append(_group(file, section, names, start_h))
        except ScenarioError as error:
            issues += error.issues
    if issues:
        raise ScenarioError(issues)
    return Plan(
        name=study.name,
        seed=study.seed,
        start_h=start_h,
        hours=study.clock.hours,
        station_names=names,
        designs=tuple(design_of(station) for station in study.stations),
        faults=tuple(station.faults for station in study.stations),
        groups=tuple(groups),
    )


def design_of(station: QueueStationSection) -> StationDesign:
    """How a station is built."""
    if station.kinds:
        kinds = tuple(ChargerKind(k.name, k.count, k.power_kw, frozenset(k.plugs)) for k in station.kinds)
    else:
        kinds = (ChargerKind("charger", station.chargers or 0, station.power_kw),)
    return StationDesign(
        kinds=kinds,
        limit_kw=math.inf if station.site_limit_kw is None else station.site_limit_kw,
        sharing=station.sharing,
        places=station.waiting_places,
        discipline=station.discipline,
        preemptive=station.preemptive,
    )


def _group(file: StudyFile, section: CustomerSection, stations: Sequence[str], start_h: float) -> Group:
    curve = None
    if section.curve is not None:
        curve = PowerCurve([soc * section.battery_kwh for soc in section.curve.soc], section.curve.power_kw)
    listed = None
    if isinstance(section.arrivals, FileArrivals):
        listed = _listed(file, section.arrivals, start_h)
    return Group(section, stations.index(section.station), listed, curve)


def _listed(file: StudyFile, arrivals: FileArrivals, start_h: float) -> dict[str, Floats]:
    found = read_arrivals(file.document.resolve(arrivals.file))
    time_h = np.array(hours_since(found, start_h))
    inside = (time_h >= 0.0) & (time_h < file.study.clock.hours)
    if not inside.any():
        raise file.error("clock", f"no customer of {arrivals.file} comes within these hours")
    return {
        "arrive_h": time_h[inside],
        "energy_kwh": np.array([arrival.energy_kwh for arrival in found])[inside],
        "stay_h": np.array([arrival.stay_h for arrival in found])[inside],
    }
