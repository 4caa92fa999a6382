"""What commuters send, message by message, as the bus counts it: in use, and where they are trained."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.catalogue import find_line, make_settings
from agents.commuters.view import KEPT, VIEW
from agents.trained import TrainedCommuters
from agents.twins.bus import MessageBus
from agents.twins.flows import count_weights
from agents.twins.message import CommuterState, DayForecast, PowerPlan, PowerTotals, RawUpload
from agents.twins.node import Population, Role
from agents.twins.traffic_count import Phase
from cosim.interface import Action, Controller, FleetSpec, Observation, can_decide

#: Numbers of an action in an upload: the share of the power.
ACTION = 1


class CommuterListener:
    """A controller that lets another one decide, and notes who is at home and could send.

    In use every vehicle tells its own twin how it is, and the feeder tells all what it expects: actors need no more. In
    training, vehicles upload what they see and do if the core learns from that; or twins send plans to their
    stations, which tell everybody the sums; and the core hands its newest weights on, unless each learns alone.

    Args:
        spec: The fleet.
        fleet: Who decides.
        line: Name of its line.
    """

    def __init__(self, spec: FleetSpec, fleet: Controller, line: str) -> None:
        self._spec, self._fleet = spec, fleet
        self._line = find_line(line)
        # As the weights were trained; a fleet without a card is counted by the line's own settings.
        settings = fleet.card.settings if isinstance(fleet, TrainedCommuters) else asdict(make_settings(self._line, {}))
        self._told = int(settings.get("told", 0))
        self._slots: list[tuple[int, NDArray[np.bool_], NDArray[np.int64]]] = []

    def act(self, observation: Observation) -> Action:
        """What the fleet decides."""
        self._slots.append((observation.slot, can_decide(observation.state), observation.station.copy()))
        return self._fleet.act(observation)

    def report(self) -> dict[str, Any]:
        """What `MessageBus.report` gives, of all that went and in training would go."""
        spec, shares = self._spec, self._line.shares
        population = Population(spec.fleet_size, len(spec.station_name), len(spec.microgrid_name))
        bus = MessageBus(population, raw_uploads=shares == "raw")
        raw_bytes = 0
        for slot, here, station in self._slots:
            bus.begin_slot(slot, replicas=len(here))
            for phase in Phase:
                self._count_use(bus, len(here), phase)
            if shares == "raw":
                self._count_uploads(bus, here)
            if shares == "messages":
                self._count_plans(bus, here, station)
            raw_bytes += int(here.sum()) * 4 * (2 * VIEW + ACTION + 1)
        if shares != "nothing" and isinstance(self._fleet, TrainedCommuters):
            count_weights(bus, self._fleet.weights, sum(len(here) for slot, here, _ in self._slots if slot == 0))
        return bus.report(raw_bytes_produced=raw_bytes)

    def _count_use(self, bus: MessageBus, replicas: int, phase: Phase) -> None:
        everybody = np.tile(np.arange(self._spec.fleet_size), replicas)
        bus.count(CommuterState, Role.VEHICLE, Role.TWIN, phase, {}, senders=everybody, receivers=everybody)
        lengths: dict[str, Any] = {"load_kw": KEPT, "renewable_kw": KEPT, "price": KEPT}
        # The feeder's forecast is one; the first microgrid tells it.
        bus.count(
            DayForecast, Role.MICROGRID, Role.TWIN, phase, lengths,
            senders=np.zeros(replicas, dtype=np.int64), receivers=np.arange(self._spec.fleet_size), broadcast=True,
        )  # fmt: skip

    def _count_uploads(self, bus: MessageBus, here: NDArray[np.bool_]) -> None:
        _, ev = np.nonzero(here)
        lengths: dict[str, Any] = {"observation": VIEW, "action": ACTION, "following": VIEW}
        core = np.zeros(len(ev), dtype=np.int64)
        bus.count(RawUpload, Role.VEHICLE, Role.CORE, Phase.TRAINING, lengths, senders=ev, receivers=core)

    def _count_plans(self, bus: MessageBus, here: NDArray[np.bool_], station: NDArray[np.int64]) -> None:
        replica, ev = np.nonzero(here)
        lengths: dict[str, Any] = {"power_kw": self._told, "up_kw": self._told, "down_kw": self._told}
        at = station[replica, ev]
        bus.count(PowerPlan, Role.TWIN, Role.STATION, Phase.TRAINING, lengths, senders=ev, receivers=at)
        # A station with nobody has nothing to tell.
        tells = np.unique(np.stack([replica, at]), axis=1)[1]
        twins, core = np.arange(self._spec.fleet_size), np.zeros(1, dtype=np.int64)
        for receiver, numbers, sent in ((Role.TWIN, twins, False), (Role.CORE, core, True)):
            bus.count(
                PowerTotals, Role.STATION, receiver, Phase.TRAINING, lengths,
                senders=tells, receivers=numbers, broadcast=True, sent_already=sent,
            )  # fmt: skip
