"""Slots per CPU second of the default scenario, beside a yardstick: `python tests/benchmarks/speed.py`.

30 EVs, greedy controller, records off, 144 episodes, one thread. A target holds for a machine whose yardstick is
0.41 us; for another one it is scaled by its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

from yardstick import REFERENCE_US, heap_us

from cosim.experiment import run
from cosim.loading import load

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"
EPISODES = 144


class Case(NamedTuple):
    """What is measured.

    Attributes:
        engine: Power flow engine.
        replicas: Episodes side by side.
        target: Slots per CPU second on the reference machine.
    """

    engine: str
    replicas: int
    target: float


CASES = (Case("lindistflow", 16, 3000.0), Case("power-grid-model", 16, 2000.0), Case("lindistflow", 1, 1200.0))


def timing(case: Case, controller: str) -> dict[str, Any]:
    """The `timing` of one run in this process, after start-up."""
    system = load(SCENARIO, [f"network.engine={case.engine}", f"controller.name={controller}"])
    summary = run(system, episodes=EPISODES, replicas=case.replicas, records=False).summary
    found: dict[str, Any] = summary["timing"]
    return found


def command_cpu_s(case: Case, controller: str) -> float:
    """CPU time of the whole command, start-up included [s]."""
    options = ["--engine", case.engine, "--replicas", str(case.replicas), "--controller", controller, "--json"]
    command = [sys.executable, "-m", "cosim", "run", str(SCENARIO), "--episodes", str(EPISODES), *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(rounds: int, controller: str) -> None:
    """Measure all cases in turn, several times, and print the best of each beside its yardstick."""
    best: dict[Case, tuple[dict[str, Any], float]] = {}
    for _ in range(rounds):
        for case in CASES:
            yardstick_us = heap_us()
            found = timing(case, controller)
            if case not in best or found["slots_per_cpu_s"] > best[case][0]["slots_per_cpu_s"]:
                best[case] = found, yardstick_us
    print(f"{controller}, {EPISODES} episodes, best of {rounds}; a slot's time by component in us")
    for case, (found, yardstick_us) in best.items():
        speed, target = found["slots_per_cpu_s"], case.target * REFERENCE_US / yardstick_us
        parts = ", ".join(f"{name} {1e6 * s / found['slots']:.0f}" for name, s in found["by_component"].items())
        print(
            f"{case.engine:17} R={case.replicas:<3} {speed:6.0f} slots/CPU s; target {case.target:.0f}, "
            f"scaled {target:.0f} (yardstick {yardstick_us:.3f} us); {parts}"
        )
    for case in CASES:
        cpu_s = min(command_cpu_s(case, controller) for _ in range(2))
        slots = best[case][0]["slots"]
        print(
            f"whole command: {case.engine:17} R={case.replicas:<3} {cpu_s:.2f} CPU s, {slots / cpu_s:.0f} slots/CPU s"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each case is measured")
    parser.add_argument("--controller", default="greedy", help="who decides")
    options = parser.parse_args()
    measure(options.rounds, options.controller)
