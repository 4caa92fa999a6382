"""mosaik's side of roads and stations."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from cosim.interface import Action
from cosim.ledger import Ledger
from cosim.schedule import Schedule
from cosim.simulators.base import Child, Ports, SlotSimulator
from cosim.system import System
from cosim.traffic.model import FleetState, TrafficModel, TrafficSlot
from cosim.traffic.start import battery_kind
from cosim.units import KW_PER_MW

INPUTS = ("action", "station_limit_kw")
#: Observation ports: the state when the next slot begins.
STATE_PORTS = tuple(field.name for field in fields(FleetState))
#: Outcome ports: what happened in the slot. `record` holds all of it, for all slots of the batch's episodes so far.
#: `end` is the state at the slot's end, also of an episode's last one.
OUTPUTS = ("station_power_kw", "record", "end", *STATE_PORTS)


class TrafficSimulator(SlotSimulator):
    """EVs, roads and stations, these in SimPy; children `Station-h` and `EV-i`.

    Args:
        system: The scenario, built.
        schedule: Which episodes run when.
        ledger: Checks every slot.
        keep_trips: Whether trips are kept for the recorder.
    """

    def __init__(self, system: System, schedule: Schedule, ledger: Ledger, *, keep_trips: bool) -> None:
        super().__init__("Traffic", INPUTS, OUTPUTS, _children(system), schedule)
        self._system = system
        self._ledger = ledger
        self._battery = battery_kind(system.scenario.fleet)
        self._traffic: TrafficModel = system.traffic_model(keep_trips=keep_trips)
        self._traffic.begin(schedule.batch(0))

    def first_ports(self) -> dict[str, Any]:
        """The observation ports before the first slot."""
        return _state_ports(self._traffic.state())

    def run_slot(self, tick: int, received: Ports) -> dict[str, Any]:
        """Apply the actions, run the events of the slot, close the ledger."""
        episodes, slot = self.schedule.batch_at(tick), self.schedule.slot(tick)
        if slot == 0:
            self._record: list[TrafficSlot] = []
        action = received["action"]
        happened = self._traffic.step(
            Action(action[..., 0], action[..., 1], action[..., 2]), received["station_limit_kw"]
        )
        self._ledger.check_traffic(
            happened.evs,
            happened.stations,
            self._battery,
            self._system.scenario.fleet.consumption_kwh_per_km,
            episodes,
            slot,
        )
        self._record.append(happened)
        end = self._traffic.state()
        following = self.schedule.batch_at(tick + 1)
        if self.schedule.ends_batch(tick) and following:
            self._traffic.begin(following)
        return {
            "station_power_kw": happened.stations.power_kw,
            "record": self._record,
            "end": end,
            **_state_ports(self._traffic.state()),
        }


def _state_ports(state: FleetState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in STATE_PORTS}


def _children(system: System) -> dict[str, Child]:
    stations: dict[str, Child] = {
        f"Station-{h}": {
            "p_mw": lambda ports, h=h: float(ports["station_power_kw"][0, h]) / KW_PER_MW,  # type: ignore[misc]
            "queue_length": lambda ports, h=h: float(ports["end"].queue_length[0, h]),  # type: ignore[misc]
            "chargers_busy": lambda ports, h=h: float(ports["end"].chargers_busy[0, h]),  # type: ignore[misc]
        }
        for h in range(len(system.spec.station_name))
    }
    battery_kwh = system.spec.battery_kwh
    evs: dict[str, Child] = {
        f"EV-{i}": {
            "soc": lambda ports, i=i: float(ports["record"][-1].evs.energy_end_kwh[0, i]) / battery_kwh,  # type: ignore[misc]
            "x_km": lambda ports, i=i: float(ports["record"][-1].evs.x_km[0, i]),  # type: ignore[misc]
            "y_km": lambda ports, i=i: float(ports["record"][-1].evs.y_km[0, i]),  # type: ignore[misc]
        }
        for i in range(system.spec.fleet_size)
    }
    return {**stations, **evs}
