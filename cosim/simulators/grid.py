"""mosaik's side of the microgrids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cosim.grid.accounts import GridSlot
from cosim.grid.model import GridModel
from cosim.schedule import Schedule
from cosim.simulators.base import Child, Ports, SlotSimulator
from cosim.system import System
from cosim.units import KW_PER_MW

INPUTS = ("station_power_kw",)
#: The outcome port `record` tells what happened, in all slots of the batch's episodes so far. The observation port
#: `outlook` is what the microgrids publish before the next slot.
OUTPUTS = ("record", "station_limit_kw", "outlook")


class GridSimulator(SlotSimulator):
    """Microgrids on a pandapower network; children `Bus-b` (by bus number) and `Microgrid-m`.

    Args:
        system: The scenario, built.
        schedule: Which episodes run when.
        on_slot: Called after each slot with the number of episodes side by side.
    """

    def __init__(self, system: System, schedule: Schedule, on_slot: Callable[[int], None]) -> None:
        super().__init__("Grid", INPUTS, OUTPUTS, _children(system), schedule)
        self._system = system
        self._on_slot = on_slot
        self._grid: GridModel = system.grid_model()
        self.begin(schedule)

    def begin(self, schedule: Schedule) -> None:
        """Go on with the episodes of another schedule."""
        super().begin(schedule)
        self._grid.begin(schedule.batch(0))
        self._outlook = self._grid.outlook()

    def close(self) -> None:
        """Let go of a power flow from elsewhere; a World may end without that, and another go on."""
        self._grid.close()

    def first_ports(self) -> dict[str, Any]:
        """The observation ports before the first slot."""
        return {"station_limit_kw": self._outlook.station_limit_kw, "outlook": self._outlook, "record": []}

    def run_slot(self, tick: int, received: Ports) -> dict[str, Any]:
        """Dispatch with the stations' power, and solve the power flow."""
        episodes, slot = self.schedule.batch_at(tick), self.schedule.slot(tick)
        if slot == 0:
            self._record: list[GridSlot] = []
        self._record.append(self._grid.step(received["station_power_kw"]))
        self._on_slot(len(episodes))
        following = self.schedule.batch_at(tick + 1)
        if self.schedule.ends_batch(tick) and following:
            self._grid.begin(following)
        if following:
            # After the very last slot there is nothing to look out on; the ports keep what they held.
            self._outlook = self._grid.outlook()
        return {
            "record": self._record,
            "station_limit_kw": self._outlook.station_limit_kw,
            "outlook": self._outlook,
        }


def _children(system: System) -> dict[str, Child]:
    buses: dict[str, Child] = {
        f"Bus-{number}": {
            "vm_pu": lambda ports, b=b: float(ports["record"][-1].flow.vm_pu[0, b]),  # type: ignore[misc]
            "p_mw": lambda ports, b=b: float(ports["record"][-1].state.p_kw[0, b]) / KW_PER_MW,  # type: ignore[misc]
            "q_mvar": lambda ports, b=b: float(ports["record"][-1].state.q_kvar[0, b]) / KW_PER_MW,  # type: ignore[misc]
        }
        for b, number in enumerate(system.network.bus.tolist())
    }
    microgrids: dict[str, Child] = {
        f"Microgrid-{m}": {
            "shed_mw": lambda ports, m=m: float(ports["record"][-1].dispatch.shed_kw[0, m]) / KW_PER_MW,  # type: ignore[misc]
            "surplus_mw": lambda ports, m=m: float(ports["record"][-1].cases.surplus_kw[0, m]) / KW_PER_MW,  # type: ignore[misc]
        }
        for m in range(len(system.microgrids))
    }
    return {**buses, **microgrids}
