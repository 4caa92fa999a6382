"""Size and time of a checkpoint when the replay is full, for every line at its defaults.

python tests/benchmarks/checkpoints.py
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np

import cosim
from agents.catalogue import LINES
from agents.episode_replay import EpisodeReplay
from agents.training import Trainer

#: Episodes of a round that on-policy lines keep until they have learned from it.
ROUND = 64


def main() -> None:
    spec = cosim.load(ROOT / "scenarios" / "outage_33bus.yaml").spec
    print("| line | replay | size [MB] | writing [s] | of it CPU [s] | reading [s] |\n|---|---|---|---|---|---|")
    for line in LINES:
        trainer = Trainer(
            [spec], algorithm=line.name, settings={}, order="sequential", episodes=10_000, seed=0, command=""
        )
        learner = trainer.learner
        settings = learner._algorithm.settings
        count = ROUND if learner._algorithm.on_policy else settings.replay_episodes
        replay = EpisodeReplay(count, learner._shapes)
        # Noise, because what is never touched takes neither memory nor time.
        for values in replay.arrays.values():
            values[...] = np.random.default_rng(0).integers(0, 2, values.shape)
        replay.stored = count
        learner._replay = replay
        with tempfile.TemporaryDirectory() as folder:
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            trainer.save(Path(folder))
            wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
            size_mb = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
            begun_s = time.perf_counter()
            trainer.load(Path(folder))
            reading_s = time.perf_counter() - begun_s
        print(f"| `{line.name}` | {count} | {size_mb:.0f} | {wall_s:.2f} | {cpu_s:.2f} | {reading_s:.2f} |", flush=True)


if __name__ == "__main__":
    main()
