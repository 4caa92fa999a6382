"""A vehicle that comes to a station on its own account: what it wants, what it puts up with, and what became of it."""

from __future__ import annotations

import math
from enum import IntEnum

from simpy import Event

from cosim.charging.power_curve import Flow, PowerCurve
from cosim.units import SECONDS_PER_HOUR


class Outcome(IntEnum):
    """What became of a customer."""

    THERE = 0
    """Still waiting, or at a charger."""
    SERVED = 1
    BALKED = 2
    """Found too many waiting, and went on."""
    BLOCKED = 3
    """Found no place to wait."""
    RENEGED = 4
    """Lost its patience in the queue."""


class Customer:
    """A vehicle with one wish: a charger for a time, or until its battery holds an energy.

    Args:
        number: Its number; of customers that come at the same instant the lowest is first.
        arrive_s: Time of arrival [s].
        hold_s: Time that it holds a charger [s], whatever its battery holds; None if it leaves with its energy.
        stays: Whether it holds its charger until `depart_s` instead.
        energy_kwh: Energy in its battery [kWh].
        target_kwh: Energy at which it is done [kWh].
        curve: Its highest power over its energy; None for no limit of its own.
        efficiency: Energy stored per energy drawn.
        battery_kwh: Capacity of its battery [kWh].
        plug: The plug that it needs; empty for any.
        priority: Its class; lower ones are served first.
        patience_s: Time after which it leaves the queue [s]; inf for never.
        balks_at: It goes on if so many wait already; None for never.
        depart_s: Time at which it wants to leave [s].
    """

    __slots__ = (
        "arrive_s",
        "balks_at",
        "battery_kwh",
        "charged_kwh",
        "charger",
        "curve",
        "depart_s",
        "due",
        "efficiency",
        "ends",
        "energy_kwh",
        "flow",
        "hold_s",
        "interrupted",
        "limit_kw",
        "number",
        "outcome",
        "patience_s",
        "plug",
        "plug_out_s",
        "priority",
        "queue_met",
        "rank",
        "since_s",
        "spell_s",
        "start_s",
        "stays",
        "target_kwh",
        "waited_s",
        "waits_since_s",
    )

    def __init__(
        self,
        number: int,
        arrive_s: float,
        *,
        hold_s: float | None = None,
        stays: bool = False,
        energy_kwh: float = 0.0,
        target_kwh: float = math.inf,
        curve: PowerCurve | None = None,
        efficiency: float = 1.0,
        battery_kwh: float = math.inf,
        plug: str = "",
        priority: int = 0,
        patience_s: float = math.inf,
        balks_at: int | None = None,
        depart_s: float = math.inf,
    ) -> None:
        self.number = number
        self.arrive_s = arrive_s
        self.hold_s = hold_s
        self.stays = stays
        self.energy_kwh = energy_kwh
        self.target_kwh = target_kwh
        self.curve = curve
        self.efficiency = efficiency
        self.battery_kwh = battery_kwh
        self.plug = plug
        self.priority = priority
        self.patience_s = patience_s
        self.balks_at = balks_at
        self.depart_s = depart_s

        self.outcome = Outcome.THERE
        self.queue_met = 0
        """Customers who waited when it came."""
        self.waited_s = 0.0
        """Time in the queue up to the last time that it was plugged in, or left [s]."""
        self.start_s: float | None = None
        """Time at which it was first plugged in [s]."""
        self.plug_out_s: float | None = None
        """Time at which it left charger or queue [s]."""
        self.interrupted = 0
        """Times that it lost a charger to somebody else, or to a fault."""
        self.charged_kwh = 0.0

        # For the station, while it is there.
        self.rank: tuple[float, ...] = ()
        self.charger = -1
        self.waits_since_s = arrive_s
        self.spell_s = 0.0
        """Time at which it was last plugged in [s]."""
        self.since_s = 0.0
        self.limit_kw = -1.0
        self.flow: Flow | None = None
        self.due: Event | None = None
        """What happens when this flow ends by itself."""
        self.ends: Event | None = None
        """What happens when it has held its charger for as long as it does."""

    @property
    def soc(self) -> float:
        """State of charge, share of the battery."""
        return self.energy_kwh / self.battery_kwh

    @property
    def waiting(self) -> bool:
        """Whether it is in the queue."""
        return self.outcome is Outcome.THERE and self.charger < 0

    @property
    def tapers(self) -> bool:
        """Whether its power falls as its battery fills."""
        return self.flow is not None and self.flow.growth_per_h < 0.0

    @property
    def charges(self) -> bool:
        """Whether it wants energy, not to give some."""
        return True

    @property
    def done(self) -> bool:
        """Whether its battery holds what it wants."""
        return self.energy_kwh >= self.target_kwh

    def most_kw(self, charger_kw: float) -> float:
        """Power that it can take before its next corner [kW], >= 0, in whatever direction it wants.

        Args:
            charger_kw: Power of its charger [kW].
        """
        if self.done:
            return 0.0
        return charger_kw if self.curve is None else min(charger_kw, self.curve.most_kw(self.energy_kwh))

    def flow_at(self, limit_kw: float) -> Flow:
        """What flows from now on.

        Args:
            limit_kw: Power that it may have [kW], >= 0.
        """
        energy_kwh, target_kwh = self.energy_kwh, self.target_kwh
        if energy_kwh >= target_kwh:
            # By rounding, a moment before its time.
            return Flow(0.0, 0.0, 0.0 if self.ends is None else math.inf, target_kwh)
        if limit_kw <= 0.0:
            return Flow(0.0, 0.0, math.inf, energy_kwh)
        if self.curve is not None:
            return self.curve.flow(energy_kwh, target_kwh, limit_kw, self.efficiency)
        hours = (target_kwh - energy_kwh) / self.efficiency / limit_kw
        return Flow(limit_kw, 0.0, hours * SECONDS_PER_HOUR, target_kwh)

    def book(self, now: float) -> float:
        """Book the energy that has flowed since it was last booked.

        Args:
            now: Time [s].

        Returns:
            Energy that passed the charger [kWh], >= 0, in whatever direction it wants.
        """
        passed_kwh = 0.0
        if self.flow is not None and now > self.since_s:
            passed_kwh = self.flow.energy_kwh(now - self.since_s)
            self.charged_kwh += passed_kwh
            self.energy_kwh += passed_kwh * self.efficiency
        self.since_s = now
        return passed_kwh

    def reach(self, energy_kwh: float) -> None:
        """Be where a flow leads to, free of rounding.

        Args:
            energy_kwh: Energy in its battery [kWh].
        """
        self.energy_kwh = energy_kwh
