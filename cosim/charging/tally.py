"""What a station sold, bought and held in a slot."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class StationTally:
    """Sums of a station over a slot.

    Attributes:
        charged_kwh: Energy drawn by the fleet [kWh].
        discharged_kwh: Energy fed in by the fleet [kWh].
        queue_s: Waiting vehicles times time [s].
        queue_max: Vehicles waiting, at most.
        busy_s: Chargers in use times time [s].
        busy_max: Chargers in use, at most.
        customers_kwh: Energy drawn by customers who are not of the fleet [kWh].
    """

    charged_kwh: float = 0.0
    discharged_kwh: float = 0.0
    queue_s: float = 0.0
    queue_max: int = 0
    busy_s: float = 0.0
    busy_max: int = 0
    customers_kwh: float = 0.0

    def row(self) -> tuple[float, float, float, int, float, int, float]:
        """The sums in the order of the attributes."""
        return (
            self.charged_kwh,
            self.discharged_kwh,
            self.queue_s,
            self.queue_max,
            self.busy_s,
            self.busy_max,
            self.customers_kwh,
        )
