"""A station and all that happens to it, alone, from the first customer to the last."""

from __future__ import annotations

from collections.abc import Iterator

import simpy

from cosim.charging.customer import Customer
from cosim.charging.design import StationDesign
from cosim.charging.feed import Fault, StationFeed
from cosim.charging.public_station import OnEvent, PublicStation


class StationDay:
    """Runs a station until the last customer has left.

    Args:
        design: How the station is built.
        customers: Who comes, in order of arrival.
        faults: What fails and is repaired, in order of time; may be endless.
        on_event: Told of everything that happens; None if nobody wants to know.
    """

    def __init__(
        self,
        design: StationDesign,
        customers: Iterator[Customer],
        faults: Iterator[Fault],
        on_event: OnEvent | None = None,
    ) -> None:
        self._env = simpy.Environment(0.0)
        self.station = PublicStation(self._env, design, on_event=on_event)
        self._feed = StationFeed(self._env, self.station, customers, faults, ends=True)

    @property
    def customers(self) -> list[Customer]:
        """All who came, in order of arrival."""
        return self._feed.customers

    def run(self) -> None:
        """Go through the day."""
        self._env.run()
