"""What comes to a station from outside: customers one after another, and faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import simpy

from cosim.charging.customer import Customer
from cosim.charging.public_station import PublicStation
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


class StationFeed:
    """Lets customers and faults happen at a station.

    Args:
        env: The environment whose time both live in.
        station: The station.
        customers: Who comes, in order of arrival.
        faults: What fails and is repaired, in order of time; may be endless.
        ends: Whether faults end when no customer comes any more and nobody is there; else others may still come.
    """

    def __init__(
        self,
        env: simpy.Environment,
        station: PublicStation,
        customers: Iterator[Customer],
        faults: Iterator[Fault],
        *,
        ends: bool,
    ) -> None:
        self._ends = ends
        self._env = env
        self._station = station
        self.customers: list[Customer] = []
        """All who came, in order of arrival."""
        self._coming = customers
        self._faults = faults
        self._over = False
        self._next_customer()
        self._next_fault()

    def _next_customer(self) -> None:
        customer = next(self._coming, None)
        if customer is None:
            self._over = True
            return
        call_after(self._env, customer.arrive_s - self._env.now, self._arrives, customer)

    def _arrives(self, event: simpy.Event) -> None:
        customer = cast(Customer, event.value)
        self.customers.append(customer)
        self._next_customer()
        self._station.arrive(customer)

    def _next_fault(self) -> None:
        fault = next(self._faults, None)
        if fault is not None:
            call_after(self._env, fault.time_s - self._env.now, self._happens, fault)

    def _happens(self, event: simpy.Event) -> None:
        if self._ends and self._over and self._station.empty:
            return
        fault = cast(Fault, event.value)
        if fault.works:
            self._station.repair(fault.charger)
        else:
            self._station.break_down(fault.charger)
        self._next_fault()
