"""The power that a vehicle takes as its battery fills: piecewise linear over its energy."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

from cosim.units import SECONDS_PER_HOUR

#: A power this near to a limit is at it [kW].
AT_LIMIT_KW = 1e-9


@dataclass(frozen=True, slots=True)
class Flow:
    """Power at the charger from an instant on: constant, or growing or falling exponentially.

    Attributes:
        power_kw: Power at that instant [kW], >= 0.
        growth_per_h: Growth rate of the power [1/h]; 0 for constant power.
        until_s: Time for which it holds [s]; inf for ever.
        until_kwh: Energy in the battery then [kWh], free of rounding.
    """

    power_kw: float
    growth_per_h: float
    until_s: float
    until_kwh: float

    def energy_kwh(self, duration_s: float) -> float:
        """Energy that passes the charger in a time [kWh].

        Args:
            duration_s: The time [s], at most `until_s`.
        """
        hours = duration_s / SECONDS_PER_HOUR
        if self.growth_per_h == 0.0:
            return self.power_kw * hours
        return self.power_kw * math.expm1(self.growth_per_h * hours) / self.growth_per_h


class PowerCurve:
    """Highest charging power over the energy in the battery.

    Where the power is linear in the energy and nothing else limits it, energy grows exponentially in time: so flows are
    exact between the corners of the curve.

    Args:
        energy_kwh: Energies of the corners [kWh], increasing, at least one.
        power_kw: Power at each, at the charger [kW], > 0; constant before the first and after the last.
    """

    def __init__(self, energy_kwh: Sequence[float], power_kw: Sequence[float]) -> None:
        self._energy_kwh, self._power_kw = tuple(energy_kwh), tuple(power_kw)

    def most_kw(self, energy_kwh: float) -> float:
        """The highest power until the next corner [kW]: at this energy, or at the corner if the power rises."""
        here, slope, end_kwh = self._piece(energy_kwh)
        return max(here, here + slope * (end_kwh - energy_kwh)) if slope > 0.0 else here

    def flow(self, energy_kwh: float, target_kwh: float, limit_kw: float, efficiency: float) -> Flow:
        """What flows from now on, until the curve or the limit makes it another, or there is enough.

        Args:
            energy_kwh: Energy in the battery now [kWh].
            target_kwh: Energy at which there is enough [kWh], more than that.
            limit_kw: Power that something else allows [kW].
            efficiency: Energy stored per energy drawn.
        """
        here, slope, end_kwh = self._piece(energy_kwh)
        end_kwh = min(end_kwh, target_kwh)
        if limit_kw <= 0.0:
            return Flow(0.0, 0.0, math.inf, energy_kwh)
        at_limit_kwh = energy_kwh + (limit_kw - here) / slope if slope != 0.0 else math.inf
        limited = limit_kw < here - AT_LIMIT_KW or (slope > 0.0 and limit_kw <= here + AT_LIMIT_KW)
        if limited or slope == 0.0:
            # Constant, until the corner or until the curve has fallen to the limit.
            power_kw = min(here, limit_kw)
            if slope < 0.0:
                end_kwh = min(end_kwh, at_limit_kwh)
            hours = (end_kwh - energy_kwh) / efficiency / power_kw
            return Flow(power_kw, 0.0, hours * SECONDS_PER_HOUR, end_kwh)
        if slope > 0.0:
            end_kwh = min(end_kwh, at_limit_kwh)
        growth_per_h = efficiency * slope
        end_kw = here + slope * (end_kwh - energy_kwh)
        return Flow(here, growth_per_h, math.log(end_kw / here) / growth_per_h * SECONDS_PER_HOUR, end_kwh)

    def _piece(self, energy_kwh: float) -> tuple[float, float, float]:
        """Power here [kW], its slope over the energy [kW/kWh], and the energy of the next corner [kWh]."""
        energies, powers = self._energy_kwh, self._power_kw
        after = bisect.bisect_right(energies, energy_kwh)
        if after == 0:
            return powers[0], 0.0, energies[0]
        if after == len(energies):
            return powers[-1], 0.0, math.inf
        slope = (powers[after] - powers[after - 1]) / (energies[after] - energies[after - 1])
        return powers[after - 1] + slope * (energy_kwh - energies[after - 1]), slope, energies[after]
