"""Commuters over the weight of their revenue: the table of docs/algorithms/v2g.md.

python tests/benchmarks/v2g_sweep.py OUT [--seeds 3] [--episodes 4000] [--held-out 256] [--json sweep.json]

Trains each line with each weight and seed, as far as OUT does not hold it already (a training that was stopped goes
on), and compares all on the same held-out episodes, beside what EVs do that nobody guides.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import cosim
from cosim.training import Training, train

SCENARIO, ENGINE = ROOT / "scenarios" / "v2g_day.yaml", "network.engine=lindistflow"
LINES = ("v2g-il", "v2g-maddpg", "v2g-dt-maddpg")
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
UNGUIDED = ("idle", "on_arrival")
AGAINST = "v2g-il"
#: Columns of the table: metric, heading, and decimals.
COLUMNS = (
    ("renewable_utilisation", "renewables used", 3),
    ("fossil_kwh", "fossil [kWh]", 0),
    ("net_load_std_kw", "net load std [kW]", 1),
    ("net_load_peak_ratio", "peak/mean", 2),
    ("net_load_ramp_kw", "ramp [kW]", 1),
    ("satisfaction", "satisfaction", 3),
    ("energy_cost_cny", "energy cost [CNY]", 0),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--episodes", type=int, default=4000)
    parser.add_argument("--held-out", type=int, default=256)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    points: dict[str, Any] = {}
    for weight in WEIGHTS:
        weights = {
            line: [trained(asked.out, line, weight, seed, asked.episodes) for seed in range(asked.seeds)]
            for line in LINES
        }
        found = cosim.compare(
            SCENARIO,
            [*UNGUIDED, *LINES],
            weights=weights,
            against=AGAINST,
            episodes=asked.held_out,
            overrides=[ENGINE, f"reward.weights.revenue={weight}"],
        )
        points[f"{weight:g}"] = found.summary()["points"][0]
        print(f"weight {weight:g} is compared", file=sys.stderr)
    if asked.json:
        asked.json.write_text(json.dumps(points))
    print(table(points))


def trained(out: Path, line: str, weight: float, seed: int, episodes: int) -> str:
    """The best weights of a training, which is run as far as it is not there."""
    folder = out / f"{line}-{weight:g}-{seed}"
    weights = folder / "best.safetensors"
    system = cosim.load(SCENARIO, [ENGINE, f"reward.weights.revenue={weight}"])
    asked = Training(line, episodes=episodes, seed=seed, command="python tests/benchmarks/v2g_sweep.py")
    if not (folder / "last.safetensors").exists():
        train(system, asked, folder, resume=folder.exists())
    return str(weights)


def table(points: Mapping[str, Mapping[str, Any]]) -> str:
    """The means as Markdown: who is not guided once, the lines for each weight."""
    heads = ["weight of revenue", "who", *(heading for _, heading, _ in COLUMNS)]
    rows = [heads, ["---"] * len(heads)]
    first = next(iter(points.values()))
    rows += [["", f"`{name}`", *cells(first["controllers"][name])] for name in UNGUIDED]
    for weight, point in points.items():
        rows += [[weight, f"`{line}`", *cells(point["controllers"][line])] for line in LINES]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def cells(found: Mapping[str, Mapping[str, float]]) -> Sequence[str]:
    """The means of one controller; the first two with their intervals."""
    written = []
    for place, (metric, _, digits) in enumerate(COLUMNS):
        estimate = found[metric]
        interval = f" [{estimate['low']:,.{digits}f}, {estimate['high']:,.{digits}f}]" if place < 2 else ""
        written.append(f"{estimate['mean']:,.{digits}f}{interval}")
    return written


if __name__ == "__main__":
    main()
