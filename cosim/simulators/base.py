"""What all simulators of this project have in common: ticks of one slot, array ports, and scalar children.

Ports carry arrays, the replica first, or a few of them together, by reference. They come in two kinds. Outcome
ports (`station_power_kw`, `record`, ...) tell of the slot that was stepped. Observation ports (`state`, `outlook`,
...) tell of the slot that comes next. At the last slot of an episode the first still belong to the old episode, and
the second already to the new one: so a time-shifted input is right for what it is used for.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import mosaik_api_v3

from cosim.errors import CosimError, SimulationError
from cosim.schedule import Schedule

Inputs = dict[str, dict[str, dict[str, Any]]]
Ports = Mapping[str, Any]

#: A child's attributes: how each is read from the ports, for replica 0.
Child = Mapping[str, Callable[[Ports], float]]


class SlotSimulator(mosaik_api_v3.Simulator):
    """A time-based simulator that steps once per slot.

    Args:
        model: Name of its one main entity, e.g. `Grid`; its ports are that entity's attributes.
        inputs: Names of its input ports.
        outputs: Names of its output ports.
        children: Child entities by name, e.g. `Station-2`; their kind is what stands before the dash.
        schedule: Which episodes run when.

    Attributes:
        ports: Values of the output ports after the last step.
        cpu_s: CPU time spent in steps so far [s].
        ticks_done: Ticks that it has been through.
    """

    def __init__(
        self,
        model: str,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        children: Mapping[str, Child],
        schedule: Schedule,
    ) -> None:
        models: dict[str, Any] = {
            model: {"public": True, "params": [], "attrs": [*inputs, *(o for o in outputs if o not in inputs)]}
        }
        for name, child in children.items():
            kind = name.split("-")[0]
            if kind not in models:
                models[kind] = {"public": False, "params": [], "attrs": sorted(child)}
        super().__init__(  # type: ignore[no-untyped-call]
            {"api_version": "3.0", "type": "time-based", "models": models}
        )
        self._model = model
        self._children = children
        self.schedule = schedule
        self.ports: dict[str, Any] = {}
        self.cpu_s = 0.0
        self.ticks_done = 0

    def begin(self, schedule: Schedule) -> None:
        """Go on with the episodes of another schedule, from its first tick.

        Args:
            schedule: Which episodes run when.
        """
        self.schedule = schedule
        self.ticks_done = 0

    def init(self, sid: str, time_resolution: float = 1.0, **sim_params: Any) -> Any:
        """Answer mosaik with the description of the simulator."""
        return self.meta

    def create(self, num: int, model: str, **model_params: Any) -> list[Any]:
        """Make the main entity with its children; there is one."""
        children = [{"eid": name, "type": name.split("-")[0]} for name in self._children]
        return [{"eid": self._model, "type": self._model, "children": children}]

    def step(self, time: int, inputs: Inputs, max_advance: int) -> int:
        """Go through one slot."""
        self.advance(time, {port: _only(values) for port, values in inputs.get(self._model, {}).items()})
        return self.tick_after(time)

    def tick_after(self, tick: int) -> int:
        """The tick of the next step after one at a tick."""
        return tick + 1

    def advance(self, tick: int, received: Ports) -> None:
        """Go through one slot, without mosaik's wrapping.

        Args:
            tick: Number of the slot, over all batches.
            received: Value of each input port.
        """
        begun_s = time.process_time()
        try:
            self.ports = self.run_slot(tick, received)
        except CosimError:
            raise
        except Exception as error:
            where = f"simulator {self._model!r}, slot {self.schedule.slot(tick)} of {episode_text(self.schedule, tick)}"
            raise SimulationError(f"{where}: {type(error).__name__}: {error}") from error
        self.ticks_done = tick + 1
        self.cpu_s += time.process_time() - begun_s

    @abstractmethod
    def run_slot(self, tick: int, received: Ports) -> dict[str, Any]:
        """Do the slot's work; returns the value of each output port."""

    def get_data(self, outputs: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
        """Hand out ports, and the children's scalars."""
        return {
            eid: {
                name: self.ports[name] if eid == self._model else self._children[eid][name](self.ports)
                for name in names
            }
            for eid, names in outputs.items()
        }


def episode_text(schedule: Schedule, tick: int) -> str:
    """The episodes that run in a tick, for messages."""
    episodes = schedule.batch_at(tick)
    return f"episode {episodes[0]}" if len(episodes) == 1 else f"episodes {episodes[0]} to {episodes[-1]}"


def _only(values: dict[str, Any]) -> Any:
    """The value of a port that one sender feeds."""
    (value,) = values.values()
    return value
