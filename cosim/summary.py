"""What a run says of itself: metadata before it, topology and geometry once, and the summary at its end."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from cosim._version import __version__
from cosim.grid.network import all_lines, bus_positions
from cosim.metrics import EpisodeTotals, Estimate
from cosim.records.schema import Buses, Lines, MicrogridUnits, Nodes, Roads, Stations
from cosim.records.table import Table, static_table
from cosim.schedule import Schedule
from cosim.system import System
from cosim.world import Simulators

#: Packages whose versions a result may depend on.
PACKAGES = ("mosaik", "simpy", "pandapower", "power-grid-model", "numpy", "scipy")


def metadata(system: System, schedule: Schedule) -> dict[str, Any]:
    """What a run is: the resolved scenario and the versions that may matter."""
    return {
        "format": 1,
        "scenario_file": str(system.file.path.resolve()),
        "scenario": system.scenario.model_dump(mode="json"),
        "episodes": len(schedule.episodes),
        "replicas": schedule.replicas,
        "versions": {
            "ev-cosim": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
    }


def static_tables(system: System) -> Iterator[Table]:
    """Topology and geometry of feeder, roads and stations."""
    feeder, roads, network, units = system.network.feeder, system.roads, system.network, system.microgrids
    x, y = bus_positions(feeder)
    yield static_table(
        "buses", Buses(feeder.bus, feeder.island, feeder.vn_kv, network.load_kw, network.load_kvar, x, y)
    )
    yield static_table("lines", Lines(*all_lines(feeder)))
    buses = (feeder.bus[at] for at in (units.dg_bus, units.ess_bus, units.pv_bus, units.wt_bus))
    yield static_table("microgrids", MicrogridUnits(list(units.name), *buses))
    yield static_table("nodes", Nodes(roads.node_number, roads.node_km[:, 0], roads.node_km[:, 1]))
    yield static_table(
        "roads",
        Roads(
            roads.tail,
            roads.head,
            roads.length_km,
            roads.free_time_s,
            roads.capacity_vph,
            roads.bpr_b,
            roads.bpr_power,
        ),
    )
    spec = system.spec
    yield static_table(
        "stations",
        Stations(
            list(spec.station_name),
            system.station_node,
            spec.station_position_km[:, 0],
            spec.station_position_km[:, 1],
            spec.station_chargers,
            feeder.bus[system.supply.bus],
            system.supply.microgrid,
        ),
    )


def summarise(
    system: System,
    schedule: Schedule,
    totals: EpisodeTotals,
    estimates: Mapping[str, Estimate],
    simulators: Simulators,
    wall_s: float,
    cpu_s: float,
) -> dict[str, Any]:
    """Everything that `cosim run --json` prints.

    Args:
        system: The scenario, built.
        schedule: Which episodes ran.
        totals: What was kept of each episode.
        estimates: Mean and interval of each metric.
        simulators: The simulators, after the run.
        wall_s: Wall-clock time of the run [s].
        cpu_s: CPU time of the run [s].
    """
    scenario, count = system.scenario, max(len(totals.episode), 1)
    slots = len(schedule.episodes) * schedule.slots

    def cost(table: str) -> dict[str, float]:
        parts = {part: sum(values) / count for part, values in totals.cost_cny.get(table, {}).items()}
        return {**parts, "total": sum(parts.values())}

    def per_microgrid(values: Mapping[str, Sequence[Any]], table: str) -> list[float]:
        return [float(kwh) for kwh in sum(values.get(table, [])) / count] if values.get(table) else []

    by_component = {name.lower(): simulator.cpu_s for name, simulator in simulators.by_name().items()}
    by_component["mosaik"] = max(cpu_s - sum(by_component.values()), 0.0)
    tables = {"without_ev": "reference_slots", "with_ev": "microgrid_slots"}
    return {
        "scenario": scenario.name,
        "microgrids": list(system.microgrids.name),
        "controller": scenario.controller.name,
        "engine": scenario.network.engine,
        "seed": scenario.seed,
        "episodes": len(schedule.episodes),
        "episodes_without_shedding": totals.episodes_without_shedding,
        "metrics": {name: asdict(estimate) for name, estimate in estimates.items()},
        "cost": {
            "without_ev": cost("reference_slots"),
            "with_ev": {**cost("microgrid_slots"), "ev": sum(totals.ev_cny) / count},
            "losses": sum(totals.losses_cny) / count,
        },
        "shed_kwh": {name: per_microgrid(totals.shed_kwh, table) for name, table in tables.items()},
        "curtailed_kwh": {name: per_microgrid(totals.curtailed_kwh, table) for name, table in tables.items()},
        "voltage_range_pu": [min(totals.metric["voltage_min_pu"]), max(totals.metric["voltage_max_pu"])],
        "flagged_microgrid_slots": dict(totals.flags),
        "slack_over_max_kw": totals.slack_over_kw,
        "ledger_max_error_kwh": simulators.ledger.max_error_kwh,
        "timing": {
            "wall_s": wall_s,
            "cpu_s": cpu_s,
            "slots": slots,
            "slots_per_cpu_s": slots / cpu_s if cpu_s > 0.0 else None,
            "by_component": by_component,
        },
    }
