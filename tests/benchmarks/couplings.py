"""The same outage by every way of coupling: how far the records are apart, and what a slot takes.

    python tests/benchmarks/couplings.py

One replica; differences are from power-grid-model in this process. Wall time, since the other side is elsewhere.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pythonfmu

import cosim
from cosim.couplings.grid_interface import feeder_parameters

HERE = Path(__file__).parents[1] / "couplings"
SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"
PYTHON = [sys.executable, "-m"]


def built_fmu(folder: Path) -> Path:
    """The FMU of the tests, for the network of the outage."""
    feeder = folder / "feeder.json"
    parameters = feeder_parameters(cosim.load(SCENARIO).network.stages[0].feeder)
    feeder.write_text(json.dumps(parameters), encoding="utf-8")
    files = [feeder, HERE / "fixed_point.py"]
    return Path(pythonfmu.FmuBuilder.build_FMU(HERE / "grid_slave.py", dest=folder, project_files=files))


def simulator(**section: Any) -> str:
    """The override for a simulator from elsewhere."""
    return f"grid={json.dumps({'simulator': section, 'timeout_s': 60})}"


def run(override: str) -> tuple[cosim.Results, float]:
    """A run, and what a slot of it takes [ms], the start of the other side left out."""
    took_s = []
    for episodes in (2, 42):
        begun_s = time.perf_counter()
        results = cosim.run(
            SCENARIO,
            episodes=episodes,
            replicas=1,
            overrides=["controller.name=coordinated", override],
            allow_code=True,
        )
        took_s.append(time.perf_counter() - begun_s)
    return results, (took_s[1] - took_s[0]) / (40 * 12) * 1e3


def farthest(one: cosim.Results, other: cosim.Results, table: str, columns: tuple[str, ...]) -> float:
    """Largest difference of some columns."""
    here, there = getattr(one, table), getattr(other, table)
    return max(float(np.abs(here[name] - there[name]).max()) for name in columns)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "power-grid-model": "network.engine=power-grid-model",
            "OpenDSS in process": "network.engine=opendss",
            "OpenDSS over TCP": simulator(command=[*PYTHON, "cosim.couplings.opendss", "%(addr)s"]),
            "HELICS": simulator(
                helics={"command": [*PYTHON, "cosim.couplings.helics_grid", "power-grid-model", "%(addr)s"]}
            ),
            "FMU": simulator(fmu={"file": str(built_fmu(Path(folder))), "converged": "converged"}),
        }
        expected = None
        for name, override in ways.items():
            found, slot_ms = run(override)
            expected = expected or found
            kw = farthest(found, expected, "microgrid_slots", ("served_kw", "dg_kw", "slack_kw", "ess_discharge_kw"))
            vm_pu = farthest(found, expected, "bus_slots", ("vm_pu", "reference_vm_pu"))
            print(f"{name:20} {kw:9.1e} kW {vm_pu:9.1e} p.u. {slot_ms:7.1f} ms per slot", flush=True)


if __name__ == "__main__":
    main()
