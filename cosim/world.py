"""The composition root: every simulator that is started, and every connection between them, on one screen.

::

    Controller ──action──► Traffic ──station_power_kw──► Grid ──record──► Recorder (once per batch)
        ▲                     │ ▲                          │
        └─────── state ───────┘ └──── station_limit_kw ────┤   (one slot later)
        └──────────────────── outlook ─────────────────────┘   (one slot later)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import mosaik
from mosaik.starters import PythonStarter

from cosim.errors import SimulationError
from cosim.interface import Controller
from cosim.ledger import Ledger
from cosim.records.table import Records
from cosim.schedule import Schedule
from cosim.simulators.base import SlotSimulator
from cosim.simulators.controller import ControllerSimulator
from cosim.simulators.grid import GridSimulator
from cosim.simulators.recorder import RecorderSimulator
from cosim.simulators.traffic import TrafficSimulator
from cosim.system import System


class Connection(NamedTuple):
    """Ports that one simulator feeds to another.

    Attributes:
        source: Name of the sending simulator.
        target: Name of the receiving one.
        ports: Pairs of output port and input port.
        shifted: Whether they arrive one slot later.
    """

    source: str
    target: str
    ports: tuple[tuple[str, str], ...]
    shifted: bool


def _same(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, name) for name in names)


#: In a slot: Controller, Traffic, Grid, Recorder; back, one slot later.
CONNECTIONS = (
    Connection("Controller", "Traffic", _same("action"), shifted=False),
    Connection("Traffic", "Grid", _same("station_power_kw"), shifted=False),
    Connection("Traffic", "Recorder", (("record", "traffic"),), shifted=False),
    Connection("Grid", "Recorder", (("record", "grid"),), shifted=False),
    Connection("Grid", "Traffic", _same("station_limit_kw"), shifted=True),
    Connection("Grid", "Controller", _same("outlook"), shifted=True),
    Connection("Traffic", "Controller", _same("state"), shifted=True),
)


#: For a controller that learns: what the last slot brought.
OUTCOME_CONNECTIONS = (
    Connection("Traffic", "Controller", (("record", "traffic"),), shifted=True),
    Connection("Grid", "Controller", (("record", "grid"),), shifted=True),
)


@dataclass(frozen=True)
class Simulators:
    """The simulators of a run, in the order in which they step in a slot.

    Attributes:
        controller: Who decides.
        traffic: Roads and stations.
        grid: Microgrids.
        recorder: Records.
        ledger: Checks every slot, when its batch has ended.
    """

    controller: ControllerSimulator
    traffic: TrafficSimulator
    grid: GridSimulator
    recorder: RecorderSimulator
    ledger: Ledger

    def by_name(self) -> dict[str, SlotSimulator]:
        """The simulators by the names that `CONNECTIONS` uses, in order."""
        return {
            "Controller": self.controller,
            "Traffic": self.traffic,
            "Grid": self.grid,
            "Recorder": self.recorder,
        }

    def connections(self) -> tuple[Connection, ...]:
        """The connections between them."""
        return CONNECTIONS + OUTCOME_CONNECTIONS * self.controller.learns

    def end(self, schedule: Schedule) -> None:
        """Tell a controller that learns of the very last slot, which no other one follows."""
        if self.controller.learns:
            traffic, grid = self.traffic.ports["record"][-1], self.grid.ports["record"][-1]
            self.controller.learn(schedule.ticks - 1, traffic, grid)

    def begin(self, schedule: Schedule) -> None:
        """Go on with the episodes of another schedule, from its first tick.

        Args:
            schedule: Which episodes run when.
        """
        for simulator in self.by_name().values():
            simulator.begin(schedule)

    def first_ports(self) -> dict[str, dict[str, Any]]:
        """Values that shifted connections carry into the first slot, by sender."""
        return {"Traffic": self.traffic.first_ports(), "Grid": self.grid.first_ports()}


def make_simulators(
    system: System,
    controller: Controller,
    schedule: Schedule,
    *,
    complete: bool,
    on_slot: Callable[[int], None],
    on_batch: Callable[[tuple[int, ...], Records], None],
) -> Simulators:
    """Make the simulators of a run.

    Args:
        system: The scenario, built.
        controller: Who decides.
        schedule: Which episodes run when.
        complete: Whether trips and roads are recorded too.
        on_slot: Called after each slot with the number of episodes side by side.
        on_batch: Called with the episodes and the records of each batch that has ended.
    """
    ledger = Ledger(system.clock.slot_h)
    return Simulators(
        controller=ControllerSimulator(controller, system.spec, system.scenario.seed, schedule, system.reward_model()),
        traffic=TrafficSimulator(system, schedule, keep_trips=complete),
        grid=GridSimulator(system, schedule, on_slot),
        recorder=RecorderSimulator(system, schedule, ledger, complete, on_batch),
        ledger=ledger,
    )


def run_world(simulators: Simulators, schedule: Schedule, slot_s: int) -> None:
    """Run all episodes in one mosaik World, one tick per slot.

    Args:
        simulators: The simulators.
        schedule: Which episodes run when.
        slot_s: Length of a slot, what a tick means [s].

    Raises:
        SimulationError: If a simulator did not reach the end.
        CosimError: Whatever a simulator raises on purpose.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        _run_to_end(simulators, schedule, slot_s)
    else:
        # A notebook has a loop running in this thread already, and a thread can run only one.
        with ThreadPoolExecutor(max_workers=1) as executor:
            executor.submit(_run_to_end, simulators, schedule, slot_s).result()
    for name, simulator in simulators.by_name().items():
        # mosaik returns normally when a simulator has stopped half-way.
        if simulator.ticks_done != schedule.ticks:
            raise SimulationError(
                f"simulator {name!r} stopped at slot {simulator.ticks_done} of {schedule.ticks}; the run is incomplete"
            )
    simulators.end(schedule)


def _run_to_end(simulators: Simulators, schedule: Schedule, slot_s: int) -> None:
    with _world(slot_s) as world:
        entity = {}
        for name, simulator in simulators.by_name().items():
            # mosaik makes a simulator by calling its class; ours is made already.
            ready = cast(type[SlotSimulator], partial(_given, simulator))
            factory = world.start(PythonStarter(ready), sim_id=name)
            entity[name] = getattr(factory, name)()
        first = simulators.first_ports()
        for source, target, ports, shifted in simulators.connections():
            if shifted:
                initial = {port: first[source][port] for port, _ in ports}
                world.connect(entity[source], entity[target], *ports, time_shifted=True, initial_data=initial)
            else:
                world.connect(entity[source], entity[target], *ports)
        world.run(until=schedule.ticks, print_progress=False, lazy_stepping=False)


def _given(simulator: SlotSimulator) -> SlotSimulator:
    return simulator


@contextmanager
def _world(slot_s: int) -> Iterator[mosaik.World]:
    """A World that leaves no task and no loop behind, whether it ran to its end or not."""
    loop = asyncio.new_event_loop()
    # What matters of mosaik's log lines is raised.
    world = mosaik.World(
        {}, time_resolution=slot_s, cache=False, skip_greetings=True, configure_logging=False, asyncio_loop=loop
    )
    try:
        yield world
    finally:
        if not loop.is_closed():
            try:
                tasks = asyncio.all_tasks(loop)
                for task in tasks:
                    task.cancel()
                if tasks:
                    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            finally:
                world.shutdown()  # type: ignore[no-untyped-call]
