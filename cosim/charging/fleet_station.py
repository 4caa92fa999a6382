"""What the fleet needs of a station, whether it has it for itself or shares it."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any, Protocol

from cosim.charging.battery import Battery
from cosim.charging.tally import StationTally
from cosim.charging.visit import ChargerRequest


class FleetStation(Protocol):
    """A station, from slot to slot; see `ChargingStation`."""

    @property
    def plugged(self) -> Sized:
        """Vehicles at a charger."""

    @property
    def queue(self) -> Sized:
        """Vehicles waiting."""

    def serves(self, battery: Battery, power_kw: float) -> bool:
        """Whether a vehicle with this battery may hold a charger for this power, not zero."""

    def begin_slot(self, charge_limit_kw: float, discharge_limit_kw: float, slot_end_s: float) -> None:
        """Set the limits of a slot."""

    def request(self, ev: int, battery: Battery, power_kw: float) -> ChargerRequest:
        """Ask for a charger."""

    def withdraw(self, request: Any) -> None:
        """Free a charger, or a place in the queue: of a request that this station gave."""

    def requests(self) -> Iterator[ChargerRequest]:
        """All of the fleet that hold a charger or wait for one."""

    def settle(self) -> None:
        """Grant free chargers and share the power, after all that happens at this instant."""

    def end_slot(self) -> StationTally:
        """Bring energies up to now, and give the slot's sums."""
