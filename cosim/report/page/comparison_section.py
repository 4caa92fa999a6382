"""Several runs beside each other: metrics, differences on the same episodes, and curves over what varies."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from cosim.metrics import ALL_METRICS, Estimate
from cosim.report.page.chart import (
    LEGEND_ENTRIES,
    Chart,
    LegendEntry,
    colours_of,
    names_height_px,
    names_y,
    plain_name,
    upwards,
)
from cosim.report.page.run_labels import value_at, varied_number
from cosim.report.page.section import Note, Part, Section, TableView
from cosim.report.page.shown_run import ShownRun
from cosim.report.page.wording import percent
from cosim.statistics import bootstrap, mean_difference

#: What runs are compared by, and drawn.
COMPARED = (
    "load_restoration_ratio",
    "critical_restoration_ratio",
    "restoration_fairness",
    "energy_consumption_ratio",
    "saving_ratio_with_ev_cost",
    "waiting_time_p95_h",
    "customer_waiting_time_p90_h",
    "customers_lost_share",
)
SHORT_NAMES = {
    "load_restoration_ratio": "load restored, share",
    "critical_restoration_ratio": "critical load restored, share",
    "restoration_fairness": "fairness (Jain)",
    "energy_consumption_ratio": "energy driven away, share",
    "saving_ratio_with_ev_cost": "net cost saved, share",
    "waiting_time_p95_h": "wait of EVs, 95 % below [h]",
    "customer_waiting_time_p90_h": "wait of customers, 90 % below [h]",
    "customers_lost_share": "customers lost, share",
}
#: Letters of a line of an axis's title, beside names on a narrow screen.
_TITLE_LETTERS = 28


def comparison_section(runs: Sequence[ShownRun]) -> Section:
    """The section.

    Args:
        runs: The runs, the one that the others are held against first.
    """
    varied = varied_number([run.scenario for run in runs])
    parts: list[Part] = [_table(runs)]
    differences = _differences(runs)
    parts.append(differences if differences is not None else Note(_why_not_paired(runs)))
    if varied is not None:
        parts += [_curve(runs, varied, name) for name in _compared(runs)]
    else:
        parts += [_dots(runs, name) for name in _compared(runs)]
    return Section("comparison", "Comparison", _sentence(runs), parts)


def _compared(runs: Sequence[ShownRun]) -> list[str]:
    """Metrics that all runs have, and that are not the same nothing in all of them."""
    names = [name for name in COMPARED if all(name in run.totals.metric for run in runs)]
    return [name for name in names if any(run.estimates[name].mean for run in runs)]


def _title(name: str) -> str:
    """A metric as a heading."""
    return SHORT_NAMES[name][0].upper() + SHORT_NAMES[name][1:]


def _sentence(runs: Sequence[ShownRun]) -> str:
    means = [run.estimates["load_restoration_ratio"].mean for run in runs]
    known = [(mean, run) for mean, run in zip(means, runs, strict=True) if mean is not None]
    if not known:
        return f"{len(runs)} runs; in none of them anything would have been shed without EVs."
    (best, best_run), (worst, worst_run) = max(known, key=lambda pair: pair[0]), min(known, key=lambda pair: pair[0])
    if best == worst:
        return (
            f"{len(runs)} runs; all restore {percent(best)} of the load that would have been shed. The other sections "
            f"show {runs[0].label}."
        )
    return (
        f"Of {len(runs)} runs {best_run.label} restores most ({percent(best)} of the load that would have been shed), "
        f"{worst_run.label} least ({percent(worst)}). The other sections show {runs[0].label}."
    )


def _table(runs: Sequence[ShownRun]) -> TableView:
    rows = []
    for name in _compared(runs):
        for run in runs:
            estimate = run.estimates[name]
            rows.append(
                (SHORT_NAMES[name], run.label, estimate.mean, estimate.low, estimate.high, len(run.totals.episode))
            )
    return TableView(
        name="comparison",
        title="Metrics of each run",
        headings=("metric", "run", "mean", "95 % from", "to", "episodes"),
        rows=rows,
        digits=(0, 0, 3, 3, 3, 0),
        sortable=True,
    ).without_empty_columns()


def _paired(first: ShownRun, other: ShownRun) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Numbers of the episodes that two runs share: the same chance, which takes the same seed."""
    if first.seed != other.seed or first.scenario["clock"] != other.scenario["clock"]:
        return np.empty(0, dtype=np.int64)
    return np.intersect1d(np.array(first.totals.episode), np.array(other.totals.episode))


def _why_not_paired(runs: Sequence[ShownRun]) -> str:
    return (
        f"No run has episodes in common with {runs[0].label}: their seeds differ, so there are no paired differences."
    )


def _differences(runs: Sequence[ShownRun]) -> TableView | None:
    first, rows = runs[0], []
    for name in _compared(runs):
        for other in runs[1:]:
            episodes = _paired(first, other)
            if not len(episodes):
                continue
            estimate = _difference(first, other, name, episodes)
            rows.append((SHORT_NAMES[name], other.label, estimate.mean, estimate.low, estimate.high, len(episodes)))
    if not rows:
        return None
    return TableView(
        name="differences",
        title=f"Differences from {first.label}, on the same episodes",
        headings=("metric", "run", "difference", "95 % from", "to", "episodes"),
        rows=rows,
        digits=(0, 0, 3, 3, 3, 0),
        sortable=True,
    ).without_empty_columns()


def _difference(first: ShownRun, other: ShownRun, name: str, episodes: Any) -> Estimate:
    values = [run.metric(name)[np.searchsorted(np.array(run.totals.episode), episodes)] for run in (other, first)]
    return bootstrap(mean_difference, values[0][None], values[1][None], unit=ALL_METRICS[name][1], seed=first.seed)


def _rows(runs: Sequence[ShownRun], name: str) -> list[tuple[str, str, float, float, float]]:
    rows = []
    for run in runs:
        estimate = run.estimates[name]
        if estimate.mean is not None:
            low, high = (estimate.mean if end is None else end for end in (estimate.low, estimate.high))
            rows.append((run.label, str(run.scenario["controller"]["name"]), estimate.mean, low, high))
    return rows


def _dots(runs: Sequence[ShownRun], name: str) -> Chart:
    """Means with their intervals, a row for each run."""
    frame = pd.DataFrame(_rows(runs, name), columns=["run", "controller", "mean", "low", "high"])
    axis = alt.Axis(title=textwrap.wrap(SHORT_NAMES[name], _TITLE_LETTERS), tickCount=5)
    base = alt.Chart(frame).encode(y=names_y("run", list(frame["run"])))
    panel = alt.layer(
        base.mark_rule(style="ink").encode(
            x=alt.X("low:Q", axis=axis, scale=_around(frame, share=ALL_METRICS[name][1] == "1")), x2="high:Q"
        ),
        base.mark_point(filled=True, size=60, style="dot", opacity=1).encode(
            x=alt.X("mean:Q", axis=axis),
            tooltip=["run:N", *(alt.Tooltip(f"{k}:Q", format=".4f") for k in ("mean", "low", "high"))],
        ),
    ).properties(height=names_height_px(list(frame["run"])))
    return Chart(
        name=plain_name("compared", name),
        title=_title(name),
        about="Dot: mean over episodes; line: 95 % interval.",
        panels=[panel],
        numbers=frame,
        wide=False,
    )


def _around(frame: pd.DataFrame, *, share: bool) -> alt.Scale:
    """A scale with room on both sides, also where all is one number; no less than nothing, and no share above all."""
    low, high = float(frame["low"].min()), float(frame["high"].max())
    room = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    left = max(low - room, 0.0) if low >= 0.0 else low - room
    right = min(high + room, 1.0) if share and high <= 1.0 else high + room
    return alt.Scale(domain=[left, right], nice=5, zero=False)


def _curve(runs: Sequence[ShownRun], path: str, name: str) -> Chart:
    """A metric over what varies, a line for each controller."""
    values = [value_at(run.scenario, path) for run in runs if run.estimates[name].mean is not None]
    frame = pd.DataFrame(_rows(runs, name), columns=["run", "controller", "mean", "low", "high"]).assign(value=values)
    controllers = list(dict.fromkeys(frame["controller"]))[:LEGEND_ENTRIES]
    frame = frame[frame["controller"].isin(controllers)].sort_values(["controller", "value"])
    colour = alt.Color("controller:N", scale=colours_of(controllers), legend=alt.Legend(title=None))
    x = alt.X("value:Q", axis=alt.Axis(title=path, values=sorted(set(values))), scale=alt.Scale(zero=False))
    base = alt.Chart(frame).encode(x=x, color=colour)
    panel = alt.layer(
        base.mark_area(style="band").encode(y=upwards("low", SHORT_NAMES[name], zero=False), y2="high:Q"),
        base.mark_line(point=True).encode(
            y=upwards("mean", SHORT_NAMES[name], zero=False),
            tooltip=["run:N", "value:Q", alt.Tooltip("mean:Q", format=".4f")],
        ),
    )
    return Chart(
        name=plain_name("over", path, name),
        title=f"{_title(name)}, over {path}",
        about="Line: mean over episodes; band: 95 % interval.",
        panels=[panel],
        numbers=frame,
        legend=[LegendEntry(controller, place, "line") for place, controller in enumerate(controllers)],
        wide=False,
    )
