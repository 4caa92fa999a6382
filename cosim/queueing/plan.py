"""A study, ready to be run: stations as they are built, groups of customers, and what is listed in files."""

from __future__ import annotations

from dataclasses import dataclass

from cosim.charging.design import StationDesign, design_of
from cosim.clock import parse_time_of_day
from cosim.errors import ScenarioError, ScenarioIssue
from cosim.sampling.group import Group, Span, make_group
from cosim.scenario.station_schema import ListedFaults, RandomFaults
from cosim.scenario.study_loader import StudyFile
from cosim.units import SECONDS_PER_HOUR


@dataclass(frozen=True)
class Plan:
    """A study, ready to be run.

    Attributes:
        name: Name of the study.
        seed: Seed of all random streams.
        span: The time in which customers come.
        station_names: Names of the stations.
        designs: How they are built.
        faults: Their faults.
        groups: Who comes.
    """

    name: str
    seed: int
    span: Span
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
    span = Span(parse_time_of_day(study.clock.start) / SECONDS_PER_HOUR, study.clock.hours)
    issues: list[ScenarioIssue] = []
    groups = []
    for k, section in enumerate(study.customers):
        try:
            groups.append(make_group(section, k, names.index(section.station), span, file.document.resolve))
        except ScenarioError as error:
            issues += file.document.locate(error.issues)
    if issues:
        raise ScenarioError(issues)
    return Plan(
        name=study.name,
        seed=study.seed,
        span=span,
        station_names=names,
        designs=tuple(design_of(station, station.chargers or 0, station.power_kw) for station in study.stations),
        faults=tuple(station.faults for station in study.stations),
        groups=tuple(groups),
    )
