"""Where EVs are, and how full, when an episode begins."""

from __future__ import annotations

import numpy as np

from cosim.charging.battery import Battery, BatteryKind
from cosim.interface import Ints
from cosim.scenario.schema import FleetSection
from cosim.seeding import stream
from cosim.traffic.routing import Place


def battery_kind(fleet: FleetSection) -> BatteryKind:
    """What all batteries of a fleet have in common."""
    return BatteryKind(
        energy_min_kwh=fleet.energy_min_kwh,
        energy_max_kwh=fleet.energy_max_kwh,
        charge_efficiency=fleet.charge_efficiency,
        discharge_efficiency=fleet.discharge_efficiency,
    )


def start_fleet(
    fleet: FleetSection, station_node: Ints, nodes: int, seed: int, episode: int
) -> tuple[list[Battery], list[Place]]:
    """The batteries and the places of the EVs of an episode at its beginning.

    Args:
        fleet: The scenario's `fleet`.
        station_node: Road node of each station, shape [H].
        nodes: Number of road nodes.
        seed: The scenario's seed.
        episode: Number of the episode.
    """
    start, size = fleet.start, fleet.size
    kind = battery_kind(fleet)
    generator = stream(seed, episode, "fleet.start")
    energy_kwh = fleet.battery_kwh * (start.soc + start.soc_spread * generator.uniform(-1.0, 1.0, size))
    if start.place == "round_robin":
        node = station_node[np.arange(size) % len(station_node)]
    elif start.place == "random_station":
        node = station_node[generator.integers(0, len(station_node), size)]
    else:
        node = generator.integers(0, nodes, size)
    return [Battery(kind, energy) for energy in energy_kwh.tolist()], [Place(where) for where in node.tolist()]
