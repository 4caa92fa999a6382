"""A plain loop that steps the simulators in the order of the World, without mosaik: what mosaik must not change."""

from __future__ import annotations

from cosim.schedule import Schedule
from cosim.world import Simulators


def run_plain_loop(simulators: Simulators, schedule: Schedule) -> None:
    by_name = simulators.by_name()
    held = simulators.first_ports()
    due = dict.fromkeys(by_name, 0)
    for tick in range(schedule.ticks):
        for name, simulator in by_name.items():
            if tick < due[name]:
                continue
            due[name] = simulator.tick_after(tick)
            received = {}
            for source, target, ports, shifted in simulators.connections():
                if target == name:
                    values = held[source] if shifted else by_name[source].ports
                    received |= {into: values[out] for out, into in ports}
            simulator.advance(tick, received)
        held = {name: by_name[name].ports for name in held}
    simulators.end(schedule)
