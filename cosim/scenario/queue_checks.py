"""Checks across fields of a queueing study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cosim.errors import ScenarioIssue
from cosim.scenario.checks import Checks
from cosim.scenario.names import Issues, unique_names
from cosim.scenario.queue_schema import QueueStationSection
from cosim.scenario.station_checks import check_customers, check_features, check_places
from cosim.scenario.station_schema import CustomerSection
from cosim.scenario.wording import dotted


def _check_stations(stations: Sequence[QueueStationSection]) -> Issues:
    yield from unique_names("stations", stations)
    for index, station in enumerate(stations):
        path = dotted("stations", index)
        if (station.chargers is None) == (station.kinds is None):
            yield ScenarioIssue(path, "needs either `chargers`, their number, or `kinds`, what kinds there are")
        yield from check_features(path, station)


def _check_everybody_is_visited(
    stations: Sequence[QueueStationSection], customers: Sequence[CustomerSection]
) -> Issues:
    for index, station in enumerate(stations):
        if all(group.station != station.name for group in customers):
            yield ScenarioIssue(dotted("stations", index), "no customers come here; leave it out or give it some")


def _check_every_kind_fits(stations: Sequence[QueueStationSection], customers: Sequence[CustomerSection]) -> Issues:
    for index, station in enumerate(stations):
        kinds = station.kinds or ()
        here = {group.plug for group in customers if group.station == station.name}
        # A plug that no charger has is a mistake of its own.
        plugs = {plug for plug in here if any(not plug or not kind.plugs or plug in kind.plugs for kind in kinds)}
        for place, kind in enumerate(kinds):
            if kind.plugs and plugs and "" not in plugs and not plugs & set(kind.plugs):
                problem = f"no customer fits {', '.join(kind.plugs)}; those who come need {', '.join(sorted(plugs))}"
                yield ScenarioIssue(dotted("stations", index, "kinds", place, "plugs"), problem)


STUDY_CHECKS: Final[Checks] = (
    (_check_stations, ("stations",)),
    (check_customers, ("customers",)),
    (check_places, ("stations", "customers")),
    (_check_everybody_is_visited, ("stations", "customers")),
    (_check_every_kind_fits, ("stations", "customers")),
)
