"""A station and all that happens to it: customers who come one after another, and faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import simpy

from cosim.charging.customer import Customer
from cosim.charging.design import StationDesign
from cosim.charging.public_station import OnEvent, PublicStation
from cosim.charging.timing import call_after


@dataclass(frozen=True, slots=True)
class Fault:
    """A charger fails, or works again.

    Attributes:
        time_s: When [s].
        charger: Which.
        works: Whether it works from then on.
    """

    time_s: float
    charger: int
    works: bool


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
        self.customers: list[Customer] = []
        """All who came, in order of arrival."""
        self.station = PublicStation(self._env, design, self._left, on_event)
        self._coming = customers
        self._faults = faults
        self._there = 0
        self._over = False

    def run(self) -> None:
        """Go through the day."""
        self._next_customer()
        self._next_fault()
        self._env.run()

    def _next_customer(self) -> None:
        customer = next(self._coming, None)
        if customer is None:
            self._over = True
            return
        call_after(self._env, customer.arrive_s - self._env.now, self._arrives, customer)

    def _arrives(self, event: simpy.Event) -> None:
        customer = cast(Customer, event.value)
        self.customers.append(customer)
        self._there += 1
        self._next_customer()
        self.station.arrive(customer)

    def _left(self, customer: Customer) -> None:
        self._there -= 1

    def _next_fault(self) -> None:
        fault = next(self._faults, None)
        if fault is not None:
            call_after(self._env, fault.time_s - self._env.now, self._happens, fault)

    def _happens(self, event: simpy.Event) -> None:
        if self._over and self._there == 0:
            return
        fault = cast(Fault, event.value)
        if fault.works:
            self.station.repair(fault.charger)
        else:
            self.station.break_down(fault.charger)
        self._next_fault()
