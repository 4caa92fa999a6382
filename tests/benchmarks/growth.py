"""CPU time per EV and slot as fleet, stations and roads grow together: `python tests/benchmarks/growth.py`.

Each size runs in a process of its own, R = 1, controller `random`, engine `lindistflow`, records off.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yardstick import heap_us

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"


class Size(NamedTuple):
    """A fleet and the roads that fit it.

    Attributes:
        evs: Number of EVs; a sixth as many stations.
        side: Nodes on each side of the lattice.
        episodes: Episodes that are run.
    """

    evs: int
    side: int
    episodes: int


SIZES = (Size(30, 9, 64), Size(300, 28, 16), Size(3_000, 90, 3), Size(30_000, 285, 1))


def scenario_of(size: Size) -> dict[str, Any]:
    """The default scenario, larger; stations at random nodes, on the buses that have one in the original."""
    scenario: dict[str, Any] = yaml.safe_load(SCENARIO.read_text(encoding="utf-8"))
    nodes = random.Random(1).sample(range(size.side**2), size.evs // 6)
    models = scenario["stations"]
    scenario["stations"] = [
        {"name": f"S{k}", "node": node, "bus": models[k % len(models)]["bus"]} for k, node in enumerate(nodes)
    ]
    scenario["roads"] |= {"columns": size.side, "rows": size.side}
    scenario["fleet"]["size"] = size.evs
    return scenario


def run_size(size: Size) -> None:
    """Run one size in this process and print what it took as JSON."""
    from cosim.experiment import run
    from cosim.loading import load

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.yaml"
        file.write_text(yaml.safe_dump(scenario_of(size), sort_keys=False), encoding="utf-8")
        system = load(file, ["network.engine=lindistflow", "controller.name=random"])
        timing = run(system, episodes=size.episodes, replicas=1, records=False).summary["timing"]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    slot_us = {name: 1e6 * s / timing["slots"] for name, s in timing["by_component"].items()}
    print(json.dumps({"slot_us": slot_us, "peak_mb": peak_mb, "yardstick_us": heap_us()}))


def measure(sizes: tuple[Size, ...]) -> None:
    """Run each size in a process of its own and print the table."""
    print("   EVs  nodes stations us per EV and slot  traffic  peak MB  yardstick us")
    for size in sizes:
        command = [sys.executable, __file__, "--only", str(size.evs)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        found = json.loads(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)
        whole_us, traffic_us = (us / size.evs for us in (sum(found["slot_us"].values()), found["slot_us"]["traffic"]))
        print(
            f"{size.evs:6} {size.side**2:6} {size.evs // 6:8} {whole_us:18.1f} {traffic_us:8.1f} "
            f"{found['peak_mb']:8.0f}  {found['yardstick_us']:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", type=int, choices=[size.evs for size in SIZES], help="one size, in this process")
    only = parser.parse_args().only
    if only:
        run_size(next(size for size in SIZES if size.evs == only))
    else:
        measure(SIZES)
