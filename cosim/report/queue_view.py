"""Tables for the terminal, from the summary of a queueing study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

#: What is shown of a station, in order: measure and its words. What is 0 in all of it is left out where marked.
ROWS = (
    ("arrivals", "customers", False),
    ("served", "served", False),
    ("balked_share", "balked, share", True),
    ("blocked_share", "no place to wait, share", True),
    ("reneged_share", "left the queue, share", True),
    ("waiting_probability", "waited at all, share", False),
    ("waiting_time_mean_h", "wait, mean", False),
    ("waiting_time_median_h", "wait, median", False),
    ("waiting_time_p90_h", "wait, 90 % below", False),
    ("waiting_time_p95_h", "wait, 95 % below", False),
    ("waiting_time_p99_h", "wait, 99 % below", False),
    ("time_in_system_mean_h", "time at the station, mean", False),
    ("queue_length_mean", "queue, mean", False),
    ("queue_length_max", "queue, longest", False),
    ("utilisation", "chargers in use", False),
    ("energy_kwh", "energy", False),
    ("site_limit_h", "site limit held cars back", True),
    ("interruptions", "chargers lost while charging", True),
)


def study_view(summary: Mapping[str, Any]) -> Group:
    """What `cosim queue` shows of one design.

    Args:
        summary: What `Study.summary` gives.
    """
    parts: list[Text | Table] = [Text(_headline(summary))]
    for name, found in summary["stations"].items():
        parts += [Text(f"\n{name}", style="bold"), _station(found, summary["theory"].get(name))]
        parts += _remark(summary["theory"].get(name))
    if len(summary["stations"]) > 1:
        parts += [Text("\nall stations", style="bold"), _station(summary["total"], None)]
    return Group(*parts)


def designs_view(summary: Mapping[str, Any], station: str, measure: str) -> Group:
    """What `cosim queue --vary` shows: a row for each design, and the answer.

    Args:
        summary: What `Designs.summary` gives.
        station: Station that is shown; empty for all together.
        measure: The measure that is asked for, shown beside the usual ones; empty for none.
    """
    points, answer = summary["points"], summary["answer"]
    path = next(iter(points[0]["vary"]))
    first = measure or "waiting_time_p90_h"
    others = [name for name in ("waiting_time_mean_h", "utilisation") if name != first]
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(Text(path.rpartition(".")[2]))
    table.add_column(Text(first), justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    for name in others:
        table.add_column(Text(name), justify="right", no_wrap=True)
    for point in points:
        value = Text(str(next(iter(point["vary"].values()))))
        if "why_not" in point:
            table.add_row(value, Text("no steady state", style="italic"))
            continue
        found = point["stations"][station] if station else point["total"]
        table.add_row(value, *_cells(found.get(first)), *(_cells(found.get(name))[0] for name in others))
    of = f" of {station}" if station else ""
    return Group(Text(f"{path}{of}, the same customers for all"), table, *map(Text, _answer(answer, path)))


def _answer(answer: Mapping[str, Any] | None, path: str) -> list[str]:
    if answer is None:
        return []
    target = answer["target"]
    if not answer["met"]:
        if answer["best"] is None:
            return [f"\nno design has a value for {target}"]
        return [f"\nno design meets {target}; nearest is {path} = {answer['best']} with {_interval(answer)}"]
    confidence, fails = answer["confidence"], answer["confidence_that_smaller_fails"]
    lines = [f"\nsmallest that meets {target}: {path} = {answer['value']}, {_interval(answer)}"]
    if confidence is not None:
        lines.append(f"it does so with a confidence of {_percent(confidence)}")
    if fails is not None:
        lines[-1] += f"; the next smaller one does not with {_percent(fails)}"
    sure = answer["smallest_that_is_sure"]
    if confidence is not None and sure != answer["value"]:
        lines.append(
            "more replications would say more; "
            + (f"{path} = {sure} meets it with 95 % or more" if sure is not None else "no design meets it with 95 %")
        )
    return lines


def _headline(summary: Mapping[str, Any]) -> str:
    count, hours = summary["replications"], summary["hours"]
    runs = f"{count} independent replications" if count > 1 else "1 replication, so no intervals"
    what = f"{summary['study']}: {runs} of {hours:g} h"
    if not summary["steady_state"]:
        return f"{what}, a transient study: it has no warm-up, all counts"
    found = " (found by MSER-5)" if summary["warm_up_by"] == "mser-5" else ""
    return f"{what}, the first {summary['warm_up_h']:.3g} h are warm-up{found}"


def _station(found: Mapping[str, Any], theory: Mapping[str, Any] | None) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column()
    table.add_column("mean", justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("unit")
    model = theory["model"] if theory else None
    if theory and model:
        table.add_column(f"{model}{'' if theory['exact'] else ', approx.'}", justify="right", no_wrap=True)
    more = [(name, _words(name), False) for name in found if name.startswith(("utilisation_", "waiting_over_"))]
    for name, label, may_miss in (*ROWS, *more):
        estimate = found.get(name)
        if estimate is None or (may_miss and not estimate["mean"]):
            continue
        cells = [Text(label), *_cells(estimate), Text("" if estimate["unit"] == "1" else estimate["unit"])]
        if theory and model:
            cells.append(Text(_short(theory[name]) if name in theory else ""))
        table.add_row(*cells)
    return table


def _words(name: str) -> str:
    if name.startswith("utilisation_"):
        return f"chargers {name.removeprefix('utilisation_')} in use"
    return f"waited longer than {name.removeprefix('waiting_over_').removesuffix('h_share')} h, share"


def _remark(theory: Mapping[str, Any] | None) -> list[Text]:
    if not theory:
        return []
    if theory["model"] is None:
        return [Text(f"no exact value: {theory['why_not']}")]
    return [Text(f"{theory['model']}: {theory['assumption']} ({theory['source']})")]


def _cells(estimate: Mapping[str, Any] | None) -> Sequence[Text]:
    if estimate is None or estimate["mean"] is None:
        return (Text("none"), Text(""))
    low, high = estimate["low"], estimate["high"]
    interval = "" if low is None else f"[{_short(low)}, {_short(high)}]"
    return (Text(_short(estimate["mean"])), Text(interval))


def _interval(answer: Mapping[str, Any]) -> str:
    interval = "" if answer["low"] is None else f" [{_short(answer['low'])}, {_short(answer['high'])}]"
    return f"{_short(answer['mean'])}{interval}"


def _short(value: float) -> str:
    """Four digits, and no power of ten."""
    if value == 0.0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.4g}" if abs(value) >= 1e-3 else f"{value:.5f}"


def _percent(share: float) -> str:
    return "more than 99.9 %" if share > 0.999 else f"{100.0 * share:.1f} %"
