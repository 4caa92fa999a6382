"""mosaik's side of roads and stations."""

from __future__ import annotations

from typing import Any

from cosim.interface import Action
from cosim.schedule import Schedule
from cosim.simulators.base import Child, Ports, SlotSimulator
from cosim.system import System
from cosim.traffic.accounts import TrafficSlot
from cosim.traffic.model import TrafficModel
from cosim.units import KW_PER_MW

INPUTS = ("action", "station_limit_kw")
#: Outcome ports tell what happened in the slot: `record` all of it, for all slots of the batch's episodes so far,
#: `end` the state at the slot's end, also of an episode's last one. The observation port `state` is that in which
#: the next slot begins.
OUTPUTS = ("station_power_kw", "record", "end", "state")


class TrafficSimulator(SlotSimulator):
    """EVs, roads and stations, these in SimPy; children `Station-h` and `EV-i`.

    Args:
        system: The scenario, built.
        schedule: Which episodes run when.
        keep_trips: Whether trips are kept for the recorder.
    """

    def __init__(self, system: System, schedule: Schedule, *, keep_trips: bool) -> None:
        super().__init__("Traffic", INPUTS, OUTPUTS, _children(system), schedule)
        self._system = system
        self._traffic: TrafficModel = system.traffic_model(keep_trips=keep_trips)
        self.begin(schedule)

    def begin(self, schedule: Schedule) -> None:
        """Go on with the episodes of another schedule; the ways that are known already are kept."""
        super().begin(schedule)
        self._traffic.begin(schedule.batch(0))

    def first_ports(self) -> dict[str, Any]:
        """The observation ports before the first slot."""
        return {"state": self._traffic.state(), "record": []}

    def run_slot(self, tick: int, received: Ports) -> dict[str, Any]:
        """Apply the actions, and run the events of the slot."""
        if self.schedule.slot(tick) == 0:
            self._record: list[TrafficSlot] = []
        action = received["action"]
        happened = self._traffic.step(
            Action(action[..., 0], action[..., 1], action[..., 2]), received["station_limit_kw"]
        )
        self._record.append(happened)
        end = self._traffic.state()
        following = self.schedule.batch_at(tick + 1)
        if self.schedule.ends_batch(tick) and following:
            self._traffic.begin(following)
        return {
            "station_power_kw": happened.station_power_kw,
            "record": self._record,
            "end": end,
            "state": self._traffic.state(),
        }


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
            "soc": lambda ports, i=i: float(ports["end"].energy_kwh[0, i]) / battery_kwh,  # type: ignore[misc]
            "x_km": lambda ports, i=i: float(ports["end"].position_km[0, i, 0]),  # type: ignore[misc]
            "y_km": lambda ports, i=i: float(ports["end"].position_km[0, i, 1]),  # type: ignore[misc]
        }
        for i in range(system.spec.fleet_size)
    }
    return {**stations, **evs}
