"""All episodes in a plain loop, without mosaik: what mosaik must not change."""

from __future__ import annotations

from cosim.plain_loop import PlainLoop
from cosim.schedule import Schedule
from cosim.world import Simulators


def run_plain_loop(simulators: Simulators, schedule: Schedule) -> None:
    loop = PlainLoop(simulators)
    while loop.tick < schedule.ticks:
        loop.step()
    simulators.end(schedule)
