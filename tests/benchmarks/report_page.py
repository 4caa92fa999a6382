"""What the page of a run of 64 episodes takes: CPU time, memory and size.

python tests/benchmarks/report_page.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
EPISODES = 64
SCENARIOS = ("outage_33bus", "day_33bus")


def main() -> None:
    print("| scenario | CPU [s] | wall [s] | memory at most [MB] | page [MB] |\n|---|---|---|---|---|")
    for scenario in SCENARIOS:
        with tempfile.TemporaryDirectory() as folder:
            run, page = Path(folder) / "run", Path(folder) / "page.html"
            made = [str(ROOT / "scenarios" / f"{scenario}.yaml"), "--controller", "coordinated"]
            cosim("run", *made, "--episodes", str(EPISODES), "--out", str(run))
            before, begun_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            memory_kb = cosim("report", str(run), "--out", str(page))
            wall_s, after = time.perf_counter() - begun_s, resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            size_mb = page.stat().st_size / 1e6
            print(f"| `{scenario}` | {cpu_s:.1f} | {wall_s:.1f} | {memory_kb / 1e3:.0f} | {size_mb:.1f} |", flush=True)


def cosim(*words: str) -> int:
    """Run a command of ours; gives the memory that it took at most [kB]."""
    program = (
        "import resource, sys; from cosim.cli import main; code = main(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(printed.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
