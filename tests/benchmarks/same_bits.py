"""The same bits however a run is made: `python tests/benchmarks/same_bits.py`.

Runs the same episodes with several numbers of replicas, hash seeds and worker processes, with and without records,
each in a process of its own, and compares a hash over every value that is left behind.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cosim.records.store import read_records

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"
REPLICAS, HASH_SEEDS, WORKERS = (1, 7, 16), (0, 1, 4242), (1, 2)


def digest(values: str | bytes) -> str:
    """The first digits of a hash."""
    return hashlib.sha256(values.encode() if isinstance(values, str) else values).hexdigest()[:12]


def run(options: list[str], hash_seed: int) -> str:
    """Run the command in a process of its own; gives a hash of all numbers it prints but times."""
    command = [sys.executable, "-m", "cosim", "run", str(SCENARIO), "--json", *options]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    summary = json.loads(done.stdout)
    del summary["timing"]
    return digest(json.dumps(summary, sort_keys=True))


def hash_of_records(folder: Path) -> str:
    """A hash of every value of every table of a run folder."""
    total = hashlib.sha256()
    records = read_records(folder)
    for name in records:
        for column, values in records[name].columns.items():
            data = values.tobytes() if hasattr(values, "tobytes") else repr(values).encode()
            total.update(f"{name}.{column}".encode() + data)
    return total.hexdigest()[:12]


def compare(episodes: int, controller: str, engine: str) -> bool:
    """Make all runs and print a line for each; says whether all were the same."""
    base = ["--episodes", str(episodes), "--controller", controller, "--engine", engine]
    summaries, tables = set(), set()
    print(f"{episodes} episodes, {controller}, {engine}\n  R  workers  hash seed  records  summary       tables")
    for replicas, workers, seed, kept in itertools.product(REPLICAS, WORKERS, HASH_SEEDS, (False, True)):
        options = [*base, "--replicas", str(replicas), "--workers", str(workers)]
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            summaries.add(found := run([*options, *(["--out", str(out)] if kept else [])], seed))
            of_tables = hash_of_records(out) if kept else ""
        if kept:
            tables.add(of_tables)
        print(f"{replicas:3} {workers:8} {seed:10}  {'on ' if kept else 'off'}      {found}  {of_tables}", flush=True)
    same = len(summaries) == len(tables) == 1
    print("all the same" if same else "NOT the same")
    return same


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--controller", default="coordinated")
    parser.add_argument("--engine", default="power-grid-model")
    options = parser.parse_args()
    sys.exit(0 if compare(options.episodes, options.controller, options.engine) else 1)
