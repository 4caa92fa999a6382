"""A battery whose energy is exact at every instant: power is constant between events."""

from __future__ import annotations

from dataclasses import dataclass

from cosim.units import SECONDS_PER_HOUR

#: A battery this near to a bound is at it [kWh].
AT_BOUND_KWH = 1e-9


@dataclass(frozen=True)
class BatteryKind:
    """What all batteries of a fleet have in common.

    Attributes:
        energy_min_kwh: Energy that is never undershot [kWh].
        energy_max_kwh: Energy that is never exceeded [kWh].
        charge_efficiency: Energy stored per energy drawn.
        discharge_efficiency: Energy delivered per energy taken out.
    """

    energy_min_kwh: float
    energy_max_kwh: float
    charge_efficiency: float
    discharge_efficiency: float


class Battery:
    """Energy of one vehicle. Power is at the charger [kW], > 0 charges, < 0 discharges.

    Args:
        kind: Bounds and efficiencies.
        energy_kwh: Energy now [kWh].
    """

    __slots__ = ("drawn_kwh", "energy_kwh", "fed_kwh", "kind")

    def __init__(self, kind: BatteryKind, energy_kwh: float) -> None:
        self.kind = kind
        self.energy_kwh = energy_kwh
        self.drawn_kwh = 0.0
        """Drawn at chargers since the count was last set to 0 [kWh]."""
        self.fed_kwh = 0.0
        """Fed in at chargers since then [kWh]."""

    def can_move(self, power_kw: float) -> bool:
        """Whether the energy can go further in the direction of a power."""
        if power_kw > 0.0:
            return self.energy_kwh < self.kind.energy_max_kwh - AT_BOUND_KWH
        return self.energy_kwh > self.kind.energy_min_kwh + AT_BOUND_KWH

    def time_to_bound_s(self, power_kw: float) -> float:
        """Time until a power, not zero, brings the energy to its bound [s]."""
        kind = self.kind
        if power_kw > 0.0:
            drawn_kwh = (kind.energy_max_kwh - self.energy_kwh) / kind.charge_efficiency
            return drawn_kwh / power_kw * SECONDS_PER_HOUR
        delivered_kwh = (self.energy_kwh - kind.energy_min_kwh) * kind.discharge_efficiency
        return delivered_kwh / -power_kw * SECONDS_PER_HOUR

    def flow(self, power_kw: float, duration_s: float) -> float:
        """Charge or discharge for a while.

        Args:
            power_kw: Power at the charger [kW], > 0 charges.
            duration_s: For how long [s]; not beyond the battery's bound.

        Returns:
            Energy that passed the charger [kWh], > 0 drawn.

        Source:
            Wu, Cai, Li 2025, eq. (19).
        """
        passed_kwh = power_kw * duration_s / SECONDS_PER_HOUR
        if passed_kwh > 0.0:
            self.energy_kwh += passed_kwh * self.kind.charge_efficiency
            self.drawn_kwh += passed_kwh
        else:
            self.fed_kwh -= passed_kwh
            self.energy_kwh += passed_kwh / self.kind.discharge_efficiency
        return passed_kwh

    def rest_at_bound(self, power_kw: float) -> None:
        """Remove the rounding left when a power has just brought the energy to its bound."""
        self.energy_kwh = self.kind.energy_max_kwh if power_kw > 0.0 else self.kind.energy_min_kwh
