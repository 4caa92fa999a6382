"""mosaik's side of roads and stations.

In a process of its own, for a scenario of somebody else: `python -m cosim.simulators.traffic HOST:PORT`.
"""

from __future__ import annotations

from typing import Any

from cosim.interface import Action
from cosim.schedule import Schedule
from cosim.simulators.base import Ports, SlotSimulator
from cosim.simulators.entities import entities
from cosim.system import System
from cosim.traffic.accounts import TrafficSlot
from cosim.traffic.model import TrafficModel

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
        stations, evs = len(system.spec.station_name), system.spec.fleet_size
        children = {**entities(system, "Station", stations), **entities(system, "EV", evs)}
        super().__init__("Traffic", INPUTS, OUTPUTS, children, schedule)
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


if __name__ == "__main__":
    from cosim.simulators.hosted_traffic import main

    main()
