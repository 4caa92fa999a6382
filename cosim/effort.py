"""What a run took: its time, and how exact its books were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Who spends CPU time; mosaik has what no simulator does.
COMPONENTS = ("controller", "traffic", "grid", "recorder", "mosaik")


@dataclass(frozen=True)
class Effort:
    """What it took to run some episodes.

    Attributes:
        slots: Slots of all these episodes.
        cpu_s: CPU time, of all processes together [s].
        by_component: CPU time of each component [s].
        ledger_max_error_kwh: Most that an energy balance was off [kWh].
    """

    slots: int = 0
    cpu_s: float = 0.0
    by_component: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(COMPONENTS, 0.0))
    ledger_max_error_kwh: float = 0.0

    def plus(self, other: Effort) -> Effort:
        """The effort for these episodes and others."""
        return Effort(
            slots=self.slots + other.slots,
            cpu_s=self.cpu_s + other.cpu_s,
            by_component={name: self.by_component[name] + other.by_component[name] for name in COMPONENTS},
            ledger_max_error_kwh=max(self.ledger_max_error_kwh, other.ledger_max_error_kwh),
        )
