"""What the plans of commuters' twins give away: the table of docs/guides/privacy.md.

python tests/benchmarks/v2g_attack.py [--episodes 128] [--weights FILE]

Held-out episodes; of the first half the attacker knows all, in the other half he guesses.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import cosim
from agents.commuters.attack import GUESSES, HEARS, PlanListener, Reconstruction, reconstruct
from agents.trained import V2gDtMaddpgFleet
from cosim.episodes import held_out_episodes
from cosim.experiment import run_episodes
from cosim.schedule import Schedule


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=128)
    parser.add_argument("--weights", default="")
    asked = parser.parse_args()
    print(table(attacked(asked.episodes, asked.weights)))


def attacked(episodes: int, weights: str = "", *overrides: str) -> dict[tuple[str, str], Reconstruction]:
    """All attacks, by what is heard and how it is guessed."""
    system = cosim.load(ROOT / "scenarios" / "v2g_day.yaml", ["network.engine=lindistflow", *overrides])
    listener = PlanListener(system.spec, V2gDtMaddpgFleet(system.spec, weights))
    run_episodes(
        system,
        listener,
        Schedule(held_out_episodes(episodes), min(episodes, 16), system.clock.slots),
    )
    samples = listener.samples()
    return {(hears, guess): reconstruct(samples, hears, guess) for hears in HEARS for guess in GUESSES}


def table(found: dict[tuple[str, str], Reconstruction]) -> str:
    """As Markdown."""
    rows = ["| hears | guesses by | charge [points] | departure [h] |", "|---|---|---|---|"]
    rows += [
        f"| {hears} | {guess} | {off.charge_points:.1f} | {off.departure_h:.2f} |"
        for (hears, guess), off in found.items()
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
