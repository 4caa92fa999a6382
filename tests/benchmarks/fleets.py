"""What trained fleets reach, as the Markdown tables of docs/results.md: `python tests/benchmarks/fleets.py`.

Parts, all of them unless some are named:

- `sizes`: all controllers with 20 to 60 EVs, and what the policy restores more than each other;
- `power`: the policy with P_max 0.4 to 0.8 at l_max 1.0; `distance`: with l_max 0.6 to 1.4 at P_max 0.8; not retrained;
- `engines`: all controllers with the AC and the linear engine, and whether their ranking is the same;
- `training`: episodes and CPU time of training until validation is within 1 % of its last value, and time to decide;
- `curves`: validation over the episodes of training, drawn to a file.

Fleets are those that ship unless `--weights` and `--curves` name others, one file per training seed. Episodes are the
held-out ones of `cosim compare`; the last two parts read curve.csv files of `cosim train`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np
from learning_curve import InputError, read_curve, together
from picture import Line, svg

import cosim
from agents.registry import CONTROLLERS
from agents.trained import FOLDER
from cosim.contenders import contenders_of
from cosim.episodes import VALIDATION
from cosim.errors import CosimError
from cosim.evaluation import RATIOS, Comparison, Evaluation, Point
from cosim.experiment import Tally, run_episodes
from cosim.interface import Floats
from cosim.loading import load_controller
from cosim.metrics import Estimate
from cosim.schedule import Schedule
from cosim.statistics import bootstrap, mean

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"
RULES = ("greedy", "coordinated")
LINES = tuple(entry.name for entry in CONTROLLERS if entry.target.startswith("agents.trained:"))
RATIO_NAMES = dict(zip(RATIOS, ("restoration", "fairness", "energy ratio"), strict=True))
RESTORATION = RATIOS[0]
QUICK, AC = "lindistflow", "power-grid-model"
#: The last step of a sweep saturates if it adds less than this share of what the first one adds.
SATURATED = 0.25
CONVERGENCE = """\
- Convergence: the first validation that is within 1 % of the last one, or above it; mean over training seeds (least to
  most). CPU time is that of simulation, updates and validation. A line that begins with the weights of another one
  comes on top of that one's training. To decide: CPU time of one slot of one episode, all EVs."""
#: Episodes that time to decide is measured on.
TIMED = 16


@dataclass(frozen=True)
class Sweep:
    """What is compared, and how.

    Attributes:
        scenario: Scenario file.
        controllers: Who is compared, as in `cosim compare`.
        weights: Files with weights by name.
        curves: Learning curves by name, one file per training seed.
        policy: Name of the one fleet that is looked at closely.
        episodes: Number of held-out episodes.
        workers: Number of processes.
        picture: Where the curves are drawn.
    """

    scenario: Path
    controllers: Sequence[str]
    weights: Mapping[str, Sequence[str]]
    curves: Mapping[str, Sequence[str]]
    policy: str
    episodes: int
    workers: int
    picture: Path

    @property
    def fleets(self) -> list[str]:
        """Those that have learned, by name."""
        return [name for name in map(name_of, self.controllers) if name in self.curves]

    def compare(self, controllers: Sequence[str], engine: str = QUICK, **more: object) -> Comparison:
        """Compare some of them."""
        names = set(map(name_of, controllers))
        choices = {
            "episodes": self.episodes,
            "workers": self.workers,
            "engine": engine,
            "weights": {name: files for name, files in self.weights.items() if name in names},
            **more,
        }
        return cosim.compare(self.scenario, controllers, **choices)  # type: ignore[arg-type]

    @property
    def policy_alone(self) -> list[str]:
        """The policy, as `cosim compare` names it."""
        return [text for text in self.controllers if name_of(text) == self.policy]


def name_of(text: str) -> str:
    """Name in the results of `CONTROLLER` or `NAME=CONTROLLER`."""
    return text.partition("=")[0]


def cell(estimate: Estimate, sign: str = "") -> str:
    """A mean with its interval, if it has one."""
    if estimate.mean is None:
        return "none"
    low, high = estimate.low, estimate.high
    interval = "" if low is None or high is None else f" [{low:{sign}.3f}, {high:{sign}.3f}]"
    return f"{estimate.mean:{sign}.3f}{interval}"


def spread(values: Sequence[float]) -> str:
    """A mean over training seeds, with the least and the most."""
    middle = f"{np.mean(values):,.0f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.0f} to {max(values):,.0f})"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    for row in (heads, ["---"] * len(heads), *rows):
        print(f"| {' | '.join(row)} |" if row[0] != "---" else f"|{'|'.join(row)}|")
    print(flush=True)


def code(names: Sequence[str]) -> list[str]:
    """Names as code."""
    return [f"`{name}`" for name in names]


def value_of(point: Point) -> str:
    """The number that varies."""
    return ", ".join(f"{value:g}" for value in point.vary.values())


def sizes(sweep: Sweep) -> None:
    """All controllers over the size of the fleet."""
    comparison = sweep.compare(sweep.controllers, vary="fleet.size=20:60:10", against=sweep.policy)
    names = list(comparison.points[0].controllers)
    for ratio, title in RATIO_NAMES.items():
        print(f"**{title[0].upper()}{title[1:]}**\n")
        rows = [[value_of(p), *(cell(p.controllers[name].means[ratio]) for name in names)] for p in comparison.points]
        table(["EVs", *code(names)], rows)
    others = [name for name in names if name != sweep.policy]
    print(f"**Restoration less that of `{sweep.policy}`**, on the same episodes\n")
    rows = [
        [value_of(p), *(cell(p.controllers[name].differences[RESTORATION], "+") for name in others)]
        for p in comparison.points
    ]
    table(["EVs", *code(others)], rows)
    for ratio, title in RATIO_NAMES.items():
        mine, *theirs = (means_of(comparison, name, ratio) for name in (sweep.policy, *others))
        gains = [f"`{name}` {np.mean(mine / their) - 1.0:+.1%}" for name, their in zip(others, theirs, strict=True)]
        print(f"- {title} of `{sweep.policy}` over that of others, mean over the sizes: {', '.join(gains)}")
    for name in names:
        seeds = comparison.points[1].controllers[name].seed_means[RESTORATION]
        if len(seeds) > 1:
            each = ", ".join(f"{value:.3f}" for value in seeds)
            print(f"- `{name}`, 30 EVs, restoration with each of its {len(seeds)} training seeds: {each}")
    print(flush=True)


def means_of(comparison: Comparison, name: str, ratio: str) -> Floats:
    """Mean at each point, shape [P]."""
    return np.array([np.nanmean(point.controllers[name].values[ratio]) for point in comparison.points])


def power(sweep: Sweep) -> None:
    """The policy over the share of the discharging power that may be scheduled."""
    _policy_over(sweep, "P_max", "fleet.p_sch_max=0.4:0.8:0.1", ["fleet.l_max=1.0"], saturates=False)


def distance(sweep: Sweep) -> None:
    """The policy over the distance that an EV may drive in a slot."""
    _policy_over(sweep, "l_max", "fleet.l_max=0.6:1.4:0.2", ["fleet.p_sch_max=0.8"], saturates=True)


def _policy_over(sweep: Sweep, name: str, vary: str, overrides: list[str], *, saturates: bool) -> None:
    comparison = sweep.compare(sweep.policy_alone, vary=vary, overrides=overrides)
    found = [(value_of(point), point.controllers[sweep.policy]) for point in comparison.points]
    print(f"`{sweep.policy}`, 30 EVs, {', '.join(overrides)}, not retrained\n")
    rows = [[value, *(cell(evaluation.means[ratio]) for ratio in RATIOS)] for value, evaluation in found]
    table([name, *RATIO_NAMES.values()], rows)
    steps = steps_of([evaluation for _, evaluation in found], comparison.points[0].seed)
    for ((before, _), (after, _)), step in zip(pairwise(found), steps, strict=True):
        print(f"- {name} from {before} to {after} adds {cell(step, '+')} of restoration, on the same episodes")
    print(f"- **{'Rises' if rises(steps) else 'DOES NOT RISE'} with {name}.**")
    if saturates:
        print(f"- **{'Saturates' if flattens(steps) else 'DOES NOT SATURATE'} in {name}**:", end=" ")
        print(f"the last step adds {steps[-1].mean:+.3f}, the first one {steps[0].mean:+.3f}.")
    print(flush=True)


def steps_of(evaluations: Sequence[Evaluation], seed: int) -> list[Estimate]:
    """What each point restores more than the one before it: the same training seeds, the same episodes."""
    values = [evaluation.values[RESTORATION] for evaluation in evaluations]
    return [bootstrap(mean, after - before, seed=seed) for before, after in pairwise(values)]


def rises(steps: Sequence[Estimate]) -> bool:
    """Whether nothing falls, as far as the intervals tell, and something rises."""
    return all((step.high or 0.0) >= 0.0 for step in steps) and any((step.low or 0.0) > 0.0 for step in steps)


def flattens(steps: Sequence[Estimate]) -> bool:
    """Whether the last step adds little beside the first."""
    return (steps[-1].mean or 0.0) < SATURATED * (steps[0].mean or 0.0)


def engines(sweep: Sweep) -> None:
    """All controllers with two engines."""
    rows, orders = [], []
    for engine in (AC, QUICK):
        comparison = sweep.compare(sweep.controllers, engine)
        of_name = comparison.points[0].controllers
        rows.append([f"`{engine}`", *(cell(evaluation.means[RESTORATION]) for evaluation in of_name.values())])
        means = {name: float(np.nanmean(evaluation.values[RESTORATION])) for name, evaluation in of_name.items()}
        orders.append(sorted(means, key=means.__getitem__, reverse=True))
    table(["engine", *code(list(map(name_of, sweep.controllers)))], rows)
    print(f"- **The ranking is {'the same' if orders[0] == orders[1] else 'NOT THE SAME'}**:", end=" ")
    print("; ".join(" > ".join(code(order)) for order in (orders[:1] if orders[0] == orders[1] else orders)))
    print(flush=True)


def training(sweep: Sweep) -> None:
    """What training and deciding take."""
    found = {name: [read_curve(file) for file in sweep.curves[name]] for name in sweep.fleets}
    fleets = [text for text in sweep.controllers if name_of(text) in found]
    timed = {
        replicas: sweep.compare(fleets, episodes=TIMED, replicas=replicas, workers=1).points[0].controllers
        for replicas in (TIMED, 1)
    }
    rows = []
    for name, curves in found.items():
        ends = [curve.converged() for curve in curves]
        until = [(curve.episodes[end], curve.cpu_s[end]) for curve, end in zip(curves, ends, strict=True)]
        rows.append(
            [
                f"`{name}`",
                str(len(curves)),
                spread([episodes for episodes, _ in until]),
                spread([cpu_s for _, cpu_s in until]),
                spread([curve.episodes[-1] for curve in curves]),
                spread([curve.cpu_s[-1] for curve in curves]),
                *(f"{1e3 * evaluations[name].decision_time_s:.2f}" for evaluations in timed.values()),
            ]
        )
    heads = ["fleet", "training seeds", "episodes to convergence", "CPU s to convergence", "episodes", "CPU s"]
    table([*heads, f"ms to decide, {TIMED} episodes side by side", "ms to decide, one episode"], rows)
    print(f"{CONVERGENCE}\n", flush=True)


def curves(sweep: Sweep) -> None:
    """The learning curves, and beside them the rule that sees what the others intend."""
    lines = []
    for name in sweep.fleets:
        episodes, restoration = together([read_curve(file) for file in sweep.curves[name]])
        band = (
            (restoration.min(axis=0).tolist(), restoration.max(axis=0).tolist()) if len(restoration) > 1 else ((), ())
        )
        lines.append(Line(name, episodes.tolist(), restoration.mean(axis=0).tolist(), *band))
    ends = [min(line.x[0] for line in lines), max(line.x[-1] for line in lines)]
    lines.append(Line("coordinated", ends, [rule_on_validation(sweep.scenario)] * 2, dashed=True))
    sweep.picture.parent.mkdir(parents=True, exist_ok=True)
    part = sweep.picture.with_name(sweep.picture.name + ".part")
    part.write_text(svg(lines, "episodes of training", "load restoration ratio in validation"), encoding="utf-8")
    part.replace(sweep.picture)
    print(f"{sweep.picture}: mean over training seeds, band from the least to the most\n", flush=True)


def rule_on_validation(scenario: Path) -> float:
    """What `coordinated` restores in episodes of validation."""
    system = cosim.load(scenario, [f"network.engine={QUICK}", "controller.name=coordinated"])
    tally = Tally(system, keep=False)
    run_episodes(
        system,
        load_controller(system, allow_code=False),
        Schedule(tuple(VALIDATION[:64]), 16, system.clock.slots),
        on_batch=lambda numbers, records, _: tally.add(numbers, records),
    )
    return float(np.nanmean(tally.totals.metric[RESTORATION]))


PARTS: Mapping[str, Callable[[Sweep], None]] = {
    "sizes": sizes,
    "power": power,
    "distance": distance,
    "engines": engines,
    "training": training,
    "curves": curves,
}


def files_by_name(texts: Sequence[str]) -> dict[str, list[str]]:
    """Files by name, `NAME=FILE,FILE`."""
    found = {}
    for text in texts:
        name, equals, files = text.partition("=")
        if not equals or not files:
            raise InputError(f"{text!r}: must have the form NAME=FILE,FILE,...")
        found[name] = files.split(",")
    return found


def read_options(words: Sequence[str] | None) -> tuple[list[str], Sweep]:
    """The parts, and what is compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="which parts; default: all")
    parser.add_argument("--scenario", type=Path, default=SCENARIO, help="scenario file")
    parser.add_argument(
        "--controllers", default=",".join((*RULES, *LINES)), help="who is compared, as in cosim compare"
    )
    parser.add_argument("--weights", action="append", default=[], metavar="NAME=FILE,...", help="weights of a fleet")
    parser.add_argument("--curves", action="append", default=[], metavar="NAME=FILE,...", help="its learning curves")
    parser.add_argument("--policy", default="team-ppo", help="the fleet that is looked at closely")
    parser.add_argument("--episodes", type=int, default=256, help="number of held-out episodes")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--picture", type=Path, default=Path("curves.svg"), help="where the curves are drawn")
    options = parser.parse_args(words)
    unknown = next((part for part in options.parts if part not in PARTS), None)
    if unknown is not None:
        raise InputError(f"there is no part {unknown!r}; there are {', '.join(PARTS)}")
    controllers = options.controllers.split(",")
    if options.policy not in map(name_of, controllers):
        raise InputError(f"--policy {options.policy}: is none of the controllers: {options.controllers}")
    lines = {name_of(text): text.partition("=")[2] or text for text in controllers}
    shipped = {name: [str(FOLDER / f"{line}.csv")] for name, line in lines.items() if line in LINES}
    weights, given = files_by_name(options.weights), files_by_name(options.curves)
    try:
        contenders_of(controllers, weights)
    except ValueError as error:
        raise InputError(str(error)) from error
    # Curves that ship are not those of other weights.
    of_lines = {**{name: files for name, files in shipped.items() if name not in weights}, **given}
    sweep = Sweep(
        scenario=options.scenario,
        controllers=controllers,
        weights=weights,
        curves=of_lines,
        policy=options.policy,
        episodes=options.episodes,
        workers=options.workers,
        picture=options.picture,
    )
    parts = options.parts or list(PARTS)
    without = next((name for name in weights if name not in of_lines), None)
    if without is not None and {"training", "curves"} & set(parts):
        raise InputError(f"{without}: has weights but no learning curves; name them with --curves {without}=FILE,...")
    stranger = next((name for name in of_lines if name not in map(name_of, controllers)), None)
    if stranger is not None:
        raise InputError(f"--curves are for {stranger!r}, which is none of the controllers: {options.controllers}")
    return parts, sweep


def main(words: Sequence[str] | None = None) -> int:
    """Read the options, run the parts."""
    try:
        parts, sweep = read_options(words)
        print(f"{sweep.scenario.name}, {sweep.episodes} held-out episodes, engine `{QUICK}` unless said otherwise\n")
        for part in parts:
            begun_s = time.perf_counter()
            print(f"## {part}\n", flush=True)
            PARTS[part](sweep)
            print(f"{part}: {time.perf_counter() - begun_s:.0f} s", file=sys.stderr, flush=True)
    except (InputError, CosimError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
