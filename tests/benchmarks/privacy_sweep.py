"""What rounding, noise and rounds protect, and what they cost: the table and the picture of docs/guides/privacy.md.

python tests/benchmarks/privacy_sweep.py [--controller dt-maddpg] [--episodes 128] [--svg docs/privacy_sweep.svg]
                                         [--kept sweep.json]

Attacks the fleet on held-out episodes with `cosim privacy`, once for each protection. `--kept` keeps what was found,
and takes from there what is in it already.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from picture import Line, svg

from cosim.privacy import privacy

SCENARIO, ENGINE = ROOT / "scenarios" / "outage_33bus.yaml", "lindistflow"


class Protection(NamedTuple):
    """What is done: energies rounded, noise on them, and EVs that decide in rounds; 0 rounds are one after another."""

    unit_kwh: int = 0
    noise_kwh: int = 0
    rounds: int = 0


BARE = Protection()
UNITS = (BARE, *(Protection(unit_kwh=unit) for unit in (5, 10, 20, 40)))
NOISES = (BARE, *(Protection(noise_kwh=noise) for noise in (5, 10, 20)))
ROUNDS = (BARE, *(Protection(rounds=rounds) for rounds in (15, 10, 6, 5, 4, 3, 2)))
BOTH = tuple(Protection(unit_kwh=unit, rounds=6) for unit in (5, 10, 20))
TRIED = (*UNITS, *NOISES[1:], *ROUNDS[1:], *BOTH)
#: Who attacks: what stands for him in the table, what he hears, and how he guesses. `sequence` reads all slots so far.
SINGLE = ("neighbours", "network")
VIEWS = {
    "one message": ("messages", SINGLE),
    "four messages": ("messages of four slots", SINGLE),
    "all messages": ("messages", ("sequence",)),
    "core": ("turns", (*SINGLE, "sequence")),
    "late reader": ("sums", (*SINGLE, "sequence")),
    "a guess": ("nothing", (*SINGLE, "sequence")),
}
Found = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--controller", default="dt-maddpg")
    parser.add_argument("--episodes", type=int, default=128)
    parser.add_argument("--svg", type=Path, default=ROOT / "docs" / "privacy_sweep.svg")
    parser.add_argument("--kept", type=Path)
    asked = parser.parse_args()
    kept: dict[str, Found] = json.loads(asked.kept.read_text()) if asked.kept and asked.kept.exists() else {}
    for protection in TRIED:
        if key(protection) not in kept:
            kept[key(protection)] = attacked(asked.controller, asked.episodes, protection)
            if asked.kept:
                asked.kept.write_text(json.dumps(kept))
    print(table(kept))
    asked.svg.write_text(picture(kept), encoding="utf-8")


def key(protection: Protection) -> str:
    return f"unit {protection.unit_kwh}, noise {protection.noise_kwh}, rounds {protection.rounds}"


def attacked(controller: str, episodes: int, protection: Protection) -> Found:
    """What `cosim privacy` finds."""
    options = [
        f"controller.options.offer_unit_kwh={protection.unit_kwh}",
        f"controller.options.offer_noise_kwh={protection.noise_kwh}",
        f"controller.options.rounds={protection.rounds}",
    ]
    return privacy(SCENARIO, controller=controller, episodes=episodes, engine=ENGINE, overrides=options).summary()


def charge_points(found: Mapping[str, Any], view: str) -> float:
    """How far the best of the attackers is off the charge [points]."""
    hears, attackers = VIEWS[view]
    attacks = [attack for attack in found["attacks"] if attack["hears"] == hears and attack["attacker"] in attackers]
    return float(min(attack["charge_points"] for attack in attacks))


def table(kept: Mapping[str, Found]) -> str:
    """Restoration, the attackers' errors and what is guaranteed, as Markdown."""
    heads = ["unit [kWh]", "noise [kWh]", "rounds", "load restored", *VIEWS, "member", "epsilon"]
    rows = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for protection in TRIED:
        found = kept[key(protection)]
        errors = [f"{charge_points(found, view):.1f}" for view in VIEWS]
        epsilon = f"{found['guarantee']['epsilon']:,.0f}" if found["guarantee"] else "none"
        member = f"{found['membership']['mean']:.2f}"
        done = [str(protection.unit_kwh), str(protection.noise_kwh), str(protection.rounds or "in turn")]
        rows.append("| " + " | ".join([*done, f"{restored(found):.3f}", *errors, member, epsilon]) + " |")
    return "\n".join(rows)


def restored(found: Mapping[str, Any]) -> float:
    return float(found["metrics"]["load_restoration_ratio"]["mean"])


def picture(kept: Mapping[str, Found]) -> str:
    """Restoration over the error of the best attacker who hears what the core hears: rounding, noise and rounds.

    Small units lie too close for words; two rounds restore too little for the picture's scale.
    """
    units = [(f"{p.unit_kwh} kWh" if p.unit_kwh >= 40 else "", kept[key(p)]) for p in UNITS]
    noises = [(f"{p.noise_kwh} kWh" if p.noise_kwh else "", kept[key(p)]) for p in NOISES]
    rounds = [(f"{p.rounds} rounds" if p.rounds else "", kept[key(p)]) for p in ROUNDS if p.rounds != 2]
    lines = [line("rounding", units), line("noise", noises), line("rounds", rounds)]
    return svg(lines, "best attacker's error of the state of charge [points]", "load restored")


def line(name: str, runs: Sequence[tuple[str, Found]]) -> Line:
    x = [charge_points(found, "core") for _, found in runs]
    marks = [mark + promised(found) for mark, found in runs]
    return Line(name, x, [restored(found) for _, found in runs], marks=marks)


def promised(found: Mapping[str, Any]) -> str:
    return f", epsilon {found['guarantee']['epsilon']:.0f}" if found["guarantee"] else ""


if __name__ == "__main__":
    main()
