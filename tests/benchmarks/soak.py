"""Memory and time of very many episodes in one World: `python tests/benchmarks/soak.py`.

lindistflow, greedy controller, 16 episodes side by side, records off. What grows after the first thousand episodes
would grow for ever. `--totals` adds up the metrics too, as `cosim.run` does: these keep some numbers of each episode,
about 0.5 kB, so that memory grows a little with their number by design.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import sys
import time
import tracemalloc
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

from cosim.experiment import metric_context
from cosim.loading import load, load_controller
from cosim.metrics import EpisodeTotals
from cosim.records.table import Records
from cosim.schedule import Schedule
from cosim.world import make_simulators, run_world

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"
REPLICAS = 16
#: Resident memory may grow by this share after the first line of the table.
ALLOWED_GROWTH = 0.05


def resident_mb() -> float:
    """Resident memory of this process now [MB]."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


class Watch:
    """Prints a line of the table whenever some episodes more have ended.

    Args:
        every: How many.
        trace: Whether to compare what is allocated, too; makes the run several times slower.
    """

    def __init__(self, every: int, trace: bool) -> None:
        self._every = every
        self._trace = trace
        self._done = 0
        self._begun_s = time.process_time()
        self._first: tracemalloc.Snapshot | None = None
        self.resident_mb: list[float] = []

    def count(self, episodes: int) -> None:
        """Count episodes that have ended."""
        before, self._done = self._done, self._done + episodes
        if before // self._every == self._done // self._every:
            return
        gc.collect()
        now_s = time.process_time()
        self.resident_mb.append(resident_mb())
        episode_ms = 1e3 * (now_s - self._begun_s) / self._every
        share = self.resident_mb[-1] / self.resident_mb[0] - 1.0
        print(f"{self._done:8} {self.resident_mb[-1]:11.1f} {share:+8.1%} {episode_ms:13.2f}", flush=True)
        if self._trace:
            self._compare()
        self._begun_s = time.process_time()

    def _compare(self) -> None:
        snapshot = tracemalloc.take_snapshot()
        if self._first is None:
            self._first = snapshot
            return
        for line in snapshot.compare_to(self._first, "lineno")[:5]:
            print(f"         {line}")

    @property
    def growth(self) -> float:
        """Growth of resident memory after the first line, as a share."""
        return self.resident_mb[-1] / self.resident_mb[0] - 1.0


def soak(episodes: int, every: int, *, totals: bool, trace: bool) -> float:
    """Run the episodes and print the table.

    Args:
        episodes: Number of episodes.
        every: Episodes from one line to the next.
        totals: Whether metrics are added up too.
        trace: Whether to say what was allocated.

    Returns:
        Growth of resident memory after the first line, as a share.
    """
    system = load(SCENARIO, ["network.engine=lindistflow", "controller.name=greedy"])
    context, added = metric_context(system), EpisodeTotals()
    schedule = Schedule(tuple(range(episodes)), REPLICAS, system.clock.slots)
    if trace:
        tracemalloc.start()
    watch = Watch(every, trace)

    def on_batch(numbers: tuple[int, ...], records: Records) -> None:
        if totals:
            added.add(numbers, records, context)
        watch.count(len(numbers))

    print(f"{'episodes':>8} {'resident MB':>11} {'growth':>8} {'ms an episode':>13}", flush=True)
    simulators = make_simulators(
        system,
        load_controller(system, allow_code=False),
        schedule,
        complete=False,
        on_slot=lambda replicas: None,
        on_batch=on_batch,
    )
    run_world(simulators, schedule, system.clock.slot_s)
    return watch.growth


def main() -> int:
    """Read the options, run, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=20_000, help="number of episodes")
    parser.add_argument("--every", type=int, default=1_000, help="episodes from one line to the next")
    parser.add_argument("--totals", action="store_true", help="add up the metrics too")
    parser.add_argument("--trace", action="store_true", help="say which lines hold more memory; slow")
    options = parser.parse_args()
    if options.every > options.episodes:
        parser.error("--every must not be greater than --episodes")
    growth = soak(options.episodes, options.every, totals=options.totals, trace=options.trace)
    good = growth <= ALLOWED_GROWTH or options.totals
    verdict = "as totals do" if options.totals else "good" if good else "too much"
    print(f"grown by {growth:+.1%} after the first {options.every} episodes: {verdict}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
