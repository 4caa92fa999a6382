"""mosaik's side of the microgrids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cosim.grid.model import GridModel, GridSlot
from cosim.ledger import Ledger
from cosim.schedule import Schedule
from cosim.simulators.base import Child, Ports, SlotSimulator
from cosim.system import System
from cosim.units import KW_PER_MW

INPUTS = ("station_power_kw",)
#: Observation ports: what the microgrids publish before the next slot.
OUTLOOK_PORTS = ("station_limit_kw", "deficit_forecast_kw", "surplus_forecast_kw")
#: Outcome ports: what happened in the slot. `record` holds all of it, for all slots of the batch's episodes so far.
OUTCOME_PORTS = ("shed_kw", "surplus_kw", "reference_shed_kw", "vm_pu", "cost_cny")
OUTPUTS = (*OUTCOME_PORTS, "record", *OUTLOOK_PORTS)


class GridSimulator(SlotSimulator):
    """Microgrids on a pandapower network; children `Bus-b` (by bus number) and `Microgrid-m`.

    Args:
        system: The scenario, built.
        schedule: Which episodes run when.
        ledger: Checks every slot.
        on_slot: Called after each slot with the number of episodes side by side.
    """

    def __init__(self, system: System, schedule: Schedule, ledger: Ledger, on_slot: Callable[[int], None]) -> None:
        super().__init__("Grid", INPUTS, OUTPUTS, _children(system), schedule)
        self._system = system
        self._ledger = ledger
        self._on_slot = on_slot
        self._grid: GridModel = system.grid_model()
        self._grid.begin(schedule.batch(0))
        self._outlook_ports = self._look_out()

    def first_ports(self) -> dict[str, Any]:
        """The ports before the first slot; outcomes are zero."""
        replicas, microgrids = len(self.schedule.batch(0)), len(self._system.microgrids)
        outcomes = {name: np.zeros((replicas, microgrids)) for name in ("shed_kw", "surplus_kw", "reference_shed_kw")}
        return {
            **outcomes,
            "vm_pu": np.zeros((replicas, self._system.network.feeder.buses)),
            "cost_cny": np.zeros((replicas, microgrids, 4)),
            **self._outlook_ports,
        }

    def run_slot(self, tick: int, received: Ports) -> dict[str, Any]:
        """Dispatch with the stations' power, solve the power flow, close the ledger."""
        episodes, slot = self.schedule.batch_at(tick), self.schedule.slot(tick)
        if slot == 0:
            self._record: list[GridSlot] = []
        station_kw = received["station_power_kw"]
        happened = self._grid.step(station_kw)
        with_reference_kw = np.concatenate([station_kw, np.zeros_like(station_kw)])
        at, units = self._system.supply.microgrid, self._system.microgrids
        self._ledger.check_grid(happened.cases, with_reference_kw, at, units, episodes, slot)
        self._record.append(happened)
        self._on_slot(len(episodes))
        following = self.schedule.batch_at(tick + 1)
        if self.schedule.ends_batch(tick) and following:
            self._grid.begin(following)
        if following:
            # After the very last slot there is nothing to look out on; the ports keep what they held.
            self._outlook_ports = self._look_out()
        cases, replicas = happened.cases, happened.replicas
        costs = (cases.dg_cny, cases.shedding_cny, cases.ess_cny, cases.curtailment_cny)
        return {
            "shed_kw": cases.shed_kw[:replicas],
            "surplus_kw": cases.surplus_kw[:replicas],
            "reference_shed_kw": cases.shed_kw[replicas:],
            "vm_pu": happened.buses.vm_pu,
            "cost_cny": np.stack([cny[:replicas] for cny in costs], axis=-1),
            "record": self._record,
            **self._outlook_ports,
        }

    def _look_out(self) -> dict[str, Any]:
        outlook = self._grid.outlook()
        return {name: getattr(outlook, name) for name in OUTLOOK_PORTS}


def _children(system: System) -> dict[str, Child]:
    buses: dict[str, Child] = {
        f"Bus-{number}": {
            "vm_pu": lambda ports, b=b: float(ports["vm_pu"][0, b]),  # type: ignore[misc]
            "p_mw": lambda ports, b=b: float(ports["record"][-1].buses.p_kw[0, b]) / KW_PER_MW,  # type: ignore[misc]
            "q_mvar": lambda ports, b=b: float(ports["record"][-1].buses.q_kvar[0, b]) / KW_PER_MW,  # type: ignore[misc]
        }
        for b, number in enumerate(system.network.feeder.bus.tolist())
    }
    microgrids: dict[str, Child] = {
        f"Microgrid-{m}": {
            "shed_mw": lambda ports, m=m: float(ports["shed_kw"][0, m]) / KW_PER_MW,  # type: ignore[misc]
            "surplus_mw": lambda ports, m=m: float(ports["surplus_kw"][0, m]) / KW_PER_MW,  # type: ignore[misc]
        }
        for m in range(len(system.microgrids))
    }
    return {**buses, **microgrids}
