"""The stations of a scenario, set up anew for each episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import simpy

from cosim.charging.customer import Customer
from cosim.charging.design import design_of
from cosim.charging.feed import StationFeed
from cosim.charging.fleet_station import FleetStation
from cosim.charging.shared_station import SharedStation
from cosim.charging.station import ChargingStation
from cosim.clock import Clock
from cosim.interface import Ints
from cosim.sampling.faults import faults_of
from cosim.sampling.group import Group, Span, customers_of
from cosim.scenario.schema import FleetSection, StationSection
from cosim.units import hours

#: Of stations that nobody but the fleet comes to.
NO_TIME = Span(0.0, 0.0)


@dataclass(frozen=True)
class Guests:
    """Customers of a station in an episode, so far.

    Attributes:
        station: Number of the station.
        group: Number of each one's group in the scenario, in order of arrival, those included who are yet to come.
        customers: Those who came, in order of arrival.
    """

    station: int
    group: Ints
    customers: Sequence[Customer]


def span_of(clock: Clock) -> Span:
    """The time in which customers of an outage come."""
    return Span(hours(clock.start_s), clock.slots * clock.slot_h)


class StationSet:
    """Sets stations up: those that only the fleet uses as simply as can be.

    Args:
        stations: The scenario's `stations`.
        fleet: The scenario's `fleet`.
        groups: Who else comes to them.
        span: The time in which they come.
        seed: The scenario's seed.
    """

    def __init__(
        self,
        stations: Sequence[StationSection],
        fleet: FleetSection,
        groups: Sequence[Group] = (),
        span: Span = NO_TIME,
        seed: int = 0,
    ) -> None:
        self._sections = stations
        self._fleet = fleet
        self._groups = groups
        self._span = span
        self._seed = seed
        strongest_kw = max(fleet.charge_kw, fleet.discharge_kw)
        self._designs = [
            design_of(s, s.charger_count, strongest_kw if s.power_kw is None else s.power_kw) for s in stations
        ]

    def set_up(self, env: simpy.Environment, episode: int) -> tuple[list[FleetStation], list[Guests]]:
        """Set stations up, and let customers and faults come to them.

        Args:
            env: The environment whose time they live in.
            episode: Number of the episode.

        Returns:
            All stations, and the customers of those that have any.
        """
        stations: list[FleetStation] = []
        guests: list[Guests] = []
        first = self._fleet.size
        for h, section in enumerate(self._sections):
            if section.plain and all(group.station != h for group in self._groups):
                stations.append(ChargingStation(env, section.charger_count))
                continue
            shared = SharedStation(env, self._designs[h], self._fleet.battery_kwh, self._fleet.priority)
            stations.append(shared)
            coming = customers_of(self._groups, h, self._span, self._seed, episode, first)
            first += len(coming.group)
            faults = faults_of(section.faults, shared.chargers, section.name, self._seed, episode)
            feed = StationFeed(env, shared, coming.customers, faults, ends=False)
            guests.append(Guests(h, coming.group, feed.customers))
        return stations, guests
