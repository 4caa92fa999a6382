"""No policy exceeds the bound of any episode: `python tests/benchmarks/bound.py`.

Runs each controller on the same episodes and compares episode by episode; exits with 1 if a ratio is above its bound.
lindistflow, 16 episodes side by side. Prints the bound's mean, and for each controller its mean, the smallest
difference from the bound, and the time of a decision (all EVs of one episode, one slot).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np

import cosim
from cosim.bound import restoration_bound
from cosim.metrics import Estimate

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"
CONTROLLERS = ("greedy", "coordinated", "best_response", "mpc")
#: Rounding that a ratio may be above its bound.
ROUNDING = 1e-9


def compare(scenario: Path, size: int, episodes: int, controllers: list[str]) -> bool:
    """Print a table for a size of the fleet; whether no controller exceeds the bound."""
    overrides = [f"fleet.size={size}", 'network.engine="lindistflow"']
    bound = restoration_bound(scenario, episodes=episodes, overrides=overrides)
    highest = np.array([np.nan if (b := e.load_restoration_ratio) is None else b for e in bound.per_episode])
    of_bound = interval(bound.load_restoration_ratio)
    print(f"{size:4} EVs  {'bound':14} {of_bound} {bound.wall_s / episodes:20.2f} s an episode", flush=True)
    kept = True
    for name in controllers:
        begun_s = time.perf_counter()
        results = cosim.run(scenario, episodes=episodes, controller=name, overrides=overrides, records=False)
        ratio = np.array(results.totals.metric["load_restoration_ratio"])
        least = float(np.nanmin(highest - ratio))
        kept &= least >= -ROUNDING
        timing = results.summary["timing"]
        decision_ms = 1e3 * timing["by_component"]["controller"] / timing["slots"]
        print(f"{'':9} {name:14} {interval(results.metrics['load_restoration_ratio'])}", end=" ")
        print(f"below by {least:.6f} at least, {decision_ms:8.2f} ms a decision", end=" ")
        print(f"({time.perf_counter() - begun_s:.0f} s)", flush=True)
    return kept


def interval(found: Estimate) -> str:
    """A mean with its interval, where it has one."""
    values = (found.mean, found.low, found.high)
    return "none" if None in values else "{:.4f} [{:.4f}, {:.4f}]".format(*values)


def main() -> int:
    """Read the options, run, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", type=Path, default=SCENARIO, help="scenario file")
    parser.add_argument("--episodes", type=int, default=200, help="number of episodes")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 30, 40, 60], help="numbers of EVs")
    parser.add_argument("--controllers", nargs="+", default=list(CONTROLLERS), help="their names")
    options = parser.parse_args()
    kept = [compare(options.scenario, size, options.episodes, options.controllers) for size in options.sizes]
    print("no controller exceeds the bound" if all(kept) else "EXCEEDED: the bound is none")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
