"""What a run says of itself: metadata before it, topology and geometry once, and the summary at its end."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cosim._version import __version__
from cosim.effort import Effort
from cosim.grid.network import all_lines, bus_positions
from cosim.metrics import EpisodeTotals, Estimate
from cosim.records.metadata import FORMAT
from cosim.records.schema import Buses, Lines, MicrogridUnits, Nodes, Roads, Stations
from cosim.records.table import Table, static_table
from cosim.system import System

#: Packages whose versions a result may depend on.
PACKAGES = ("mosaik", "simpy", "pandapower", "power-grid-model", "numpy", "scipy")


def metadata(system: System, episodes: int, replicas: int, controller_code: Mapping[str, str]) -> dict[str, Any]:
    """What a run is: the resolved scenario, and all else that its results may depend on.

    Args:
        system: The scenario, built.
        episodes: Number of episodes.
        replicas: Episodes side by side.
        controller_code: Fingerprint by file of a controller from outside ev-cosim.
    """
    return {
        "format": FORMAT,
        "scenario_file": str(system.file.path.resolve()),
        "scenario_sha256": system.scenario_sha256,
        "episodes": episodes,
        "replicas": replicas,
        "scenario": system.scenario.model_dump(mode="json"),
        "inputs": {entry.file: entry.sha256 for entry in system.inputs},
        "controller_code": dict(controller_code),
        "versions": versions(),
        "machine": machine(),
    }


def versions() -> dict[str, str]:
    """Versions of everything that a result may depend on."""
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"ev-cosim": __version__, "python": platform.python_version(), **packages}


def machine() -> dict[str, str]:
    """What of this machine the last bit of a floating point number may depend on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()).strip(),
        "cpu": _cpu(),
    }


def _cpu() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def static_tables(system: System) -> Iterator[Table]:
    """Topology and geometry of feeder, roads and stations."""
    roads, network, units = system.roads, system.network, system.microgrids
    x, y = bus_positions(network)
    yield static_table(
        "buses", Buses(network.bus, network.microgrid, network.vn_kv, network.load_kw, network.load_kvar, x, y)
    )
    yield static_table("lines", Lines(*all_lines(network)))
    buses = (network.bus[at] for at in (units.dg_bus, units.ess_bus, units.pv_bus, units.wt_bus))
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
            network.bus[system.supply.bus],
            system.supply.microgrid,
        ),
    )


def summarise(
    system: System,
    totals: EpisodeTotals,
    estimates: Mapping[str, Estimate],
    ledger_max_error_kwh: float,
    effort: Effort,
    wall_s: float,
) -> dict[str, Any]:
    """Everything that `cosim run --json` prints.

    Args:
        system: The scenario, built.
        totals: What was kept of each episode.
        estimates: Mean and interval of each metric.
        ledger_max_error_kwh: Most that an energy balance of any episode was off [kWh].
        effort: What it took, for the episodes that were not there before.
        wall_s: Wall-clock time of the run [s].
    """
    scenario, count = system.scenario, max(len(totals.episode), 1)

    def cost(table: str) -> dict[str, float]:
        parts = {part: sum(values) / count for part, values in totals.cost_cny.get(table, {}).items()}
        return {**parts, "total": sum(parts.values())}

    def per_microgrid(values: Mapping[str, Sequence[Any]], table: str) -> list[float]:
        kwh = np.concatenate(values[table]).sum(axis=0) / count if values.get(table) else np.empty(0)
        return [float(mean) for mean in kwh]

    tables = {"without_ev": "reference_slots", "with_ev": "microgrid_slots"}
    return {
        "scenario": scenario.name,
        "microgrids": list(system.microgrids.name),
        "controller": scenario.controller.name,
        "engine": scenario.power_flow,
        "seed": scenario.seed,
        "episodes": len(totals.episode),
        "slots_per_episode": system.clock.slots,
        "episodes_without_shedding": totals.episodes_without_shedding,
        "metrics": {name: asdict(estimate) for name, estimate in estimates.items()},
        "cost": {
            "without_ev": cost("reference_slots"),
            "with_ev": {**cost("microgrid_slots"), "ev": sum(totals.ev_cny) / count},
            "losses": sum(totals.losses_cny) / count,
        },
        "shed_kwh": {name: per_microgrid(totals.shed_kwh, table) for name, table in tables.items()},
        "unserved_kwh": {
            name: {reason: sum(kwh) / count for reason, kwh in totals.unserved_kwh.get(table, {}).items()}
            for name, table in tables.items()
        },
        "curtailed_kwh": {name: per_microgrid(totals.curtailed_kwh, table) for name, table in tables.items()},
        "voltage_range_pu": [min(totals.metric["voltage_min_pu"]), max(totals.metric["voltage_max_pu"])],
        "flagged_microgrid_slots": dict(totals.flags),
        "slack_over_max_kw": totals.slack_over_kw,
        "ledger_max_error_kwh": ledger_max_error_kwh,
        "timing": {
            "wall_s": wall_s,
            "cpu_s": effort.cpu_s,
            "slots": effort.slots,
            "slots_per_cpu_s": effort.slots / effort.cpu_s if effort.cpu_s > 0.0 else None,
            "by_component": dict(effort.by_component),
        },
    }
