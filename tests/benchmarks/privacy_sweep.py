"""What rounding, noise and sums protect, and what they cost: the table and the picture of docs/guides/privacy.md.

python tests/benchmarks/privacy_sweep.py [--controller team-ppo] [--episodes 64] [--svg docs/privacy_sweep.svg]
                                         [--kept sweep.json]

Attacks the fleet on held-out episodes with `cosim privacy`, once for each protection. `--kept` keeps what was found,
and takes from there what is in it already.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from picture import Line, svg

from cosim.privacy import privacy

SCENARIO, ENGINE = ROOT / "scenarios" / "outage_33bus.yaml", "lindistflow"
#: Options of the board that are tried [kWh]; each with the other one at 0.
UNITS_KWH, NOISES_KWH = (0, 5, 10, 20, 40), (0, 5, 10, 20)
#: Who attacks: what stands for him in the table, what he hears, and how he guesses. `sequence` reads all slots so far.
SINGLE = ("neighbours", "network")
VIEWS = {
    "one message": ("messages", SINGLE),
    "four messages": ("messages of four slots", SINGLE),
    "all messages": ("messages", ("sequence",)),
    "sums": ("sums", (*SINGLE, "sequence")),
    "a guess": ("nothing", (*SINGLE, "sequence")),
}
Found = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--controller", default="team-ppo")
    parser.add_argument("--episodes", type=int, default=64)
    parser.add_argument("--svg", type=Path, default=ROOT / "docs" / "privacy_sweep.svg")
    parser.add_argument("--kept", type=Path)
    asked = parser.parse_args()
    kept: dict[str, Found] = json.loads(asked.kept.read_text()) if asked.kept and asked.kept.exists() else {}
    for unit_kwh, noise_kwh in tried():
        name = key(unit_kwh, noise_kwh)
        if name not in kept:
            kept[name] = attacked(asked.controller, asked.episodes, unit_kwh, noise_kwh)
            if asked.kept:
                asked.kept.write_text(json.dumps(kept))
    print(table(kept))
    asked.svg.write_text(picture(kept), encoding="utf-8")


def tried() -> Iterator[tuple[int, int]]:
    """Unit and noise of each run [kWh]."""
    yield from ((unit_kwh, 0) for unit_kwh in UNITS_KWH)
    yield from ((0, noise_kwh) for noise_kwh in NOISES_KWH if noise_kwh)


def key(unit_kwh: int, noise_kwh: int) -> str:
    return f"unit {unit_kwh}, noise {noise_kwh}"


def attacked(controller: str, episodes: int, unit_kwh: int, noise_kwh: int) -> Found:
    """What `cosim privacy` finds."""
    options = [f"controller.options.offer_unit_kwh={unit_kwh}", f"controller.options.offer_noise_kwh={noise_kwh}"]
    return privacy(SCENARIO, controller=controller, episodes=episodes, engine=ENGINE, overrides=options).summary()


def charge_points(found: Mapping[str, Any], view: str) -> float:
    """How far the best of the attackers is off the charge [points]."""
    hears, attackers = VIEWS[view]
    attacks = [attack for attack in found["attacks"] if attack["hears"] == hears and attack["attacker"] in attackers]
    return float(min(attack["charge_points"] for attack in attacks))


def table(kept: Mapping[str, Found]) -> str:
    """Restoration, the attackers' errors and what is guaranteed, as Markdown."""
    heads = ["unit [kWh]", "noise [kWh]", "load restored", *VIEWS, "member", "epsilon"]
    rows = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for unit_kwh, noise_kwh in tried():
        found = kept[key(unit_kwh, noise_kwh)]
        errors = [f"{charge_points(found, view):.1f}" for view in VIEWS]
        epsilon = f"{found['guarantee']['epsilon']:,.0f}" if found["guarantee"] else "none"
        member = f"{found['membership']['mean']:.2f}"
        cells = [str(unit_kwh), str(noise_kwh), f"{restored(found):.3f}", *errors, member, epsilon]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def restored(found: Mapping[str, Any]) -> float:
    return float(found["metrics"]["load_restoration_ratio"]["mean"])


def picture(kept: Mapping[str, Found]) -> str:
    """Restoration over the attackers' error: rounding and noise for those who hear messages, and sums as they are.

    Points at one height are of one run, so amounts stand at one of them; small units lie too close for words.
    """
    units = [("" if unit_kwh < 10 else f"{unit_kwh} kWh", kept[key(unit_kwh, 0)]) for unit_kwh in UNITS_KWH]
    noises = [(f"{noise_kwh} kWh" if noise_kwh else "", kept[key(0, noise_kwh)]) for noise_kwh in NOISES_KWH]
    lines = [
        line(f"{protection}, {view}", runs, view)
        for protection, runs in (("rounded", units), ("noise", noises))
        for view in ("one message", "all messages")
    ]
    lines.append(line("nothing added, sums", units[:1], "sums"))
    return svg(lines, "best attacker's error of the state of charge [points]", "load restored")


def line(name: str, runs: Sequence[tuple[str, Found]], view: str) -> Line:
    x = [charge_points(found, view) for _, found in runs]
    marks = [mark + promised(found) if view == "one message" else "" for mark, found in runs]
    return Line(name, x, [restored(found) for _, found in runs], marks=marks)


def promised(found: Mapping[str, Any]) -> str:
    return f", epsilon {found['guarantee']['epsilon']:.0f}" if found["guarantee"] else ""


if __name__ == "__main__":
    main()
