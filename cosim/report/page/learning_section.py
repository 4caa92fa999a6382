"""Learning curves, with their spread over training seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from cosim.interface import Floats
from cosim.records.stored_training import CurvePoint, StoredTraining
from cosim.report.page.chart import LEGEND_ENTRIES, Chart, LegendEntry, colours_of, upwards
from cosim.report.page.section import Note, Part, Section, TableView
from cosim.report.page.wording import percent
from cosim.units import SECONDS_PER_MINUTE

#: A value within this of the last one has converged.
_CONVERGED = 0.01


def learning_section(trainings: Sequence[StoredTraining]) -> Section:
    """The section.

    Args:
        trainings: The trainings; those of one algorithm and order, which differ in their seeds, are one line.
    """
    groups = _groups(trainings)
    kinds = ({name: of for name, of in groups.items() if _earns(of) is earns} for earns in (False, True))
    parts: list[Part] = [chart for of_kind in kinds if (chart := _curves(of_kind)) is not None]
    if not parts:
        parts.append(Note("No training has looked at held-out episodes yet."))
    return Section("learning", "Learning", _sentence(groups), [*parts, _table(trainings)])


def _earns(trainings: Sequence[StoredTraining]) -> bool:
    """Whether trainings are judged by reward, because nothing is restored."""
    points = [point for training in trainings for point in _validation(training)]
    return bool(points) and all(np.isnan(point.restoration) for point in points)


def _groups(trainings: Sequence[StoredTraining]) -> dict[str, list[StoredTraining]]:
    groups: dict[str, list[StoredTraining]] = {}
    several = len({training.about.get("order") for training in trainings}) > 1
    for training in trainings:
        about = training.about
        name = str(about["algorithm"]) + (f", {about.get('order')}" if several else "")
        groups.setdefault(name, []).append(training)
    return groups


def _sentence(groups: Mapping[str, Sequence[StoredTraining]]) -> str:
    said = []
    for name, trainings in groups.items():
        lasts = [points[-1].score for training in trainings if (points := _validation(training))]
        if lasts:
            seeds = "1 seed" if len(trainings) == 1 else f"{len(trainings)} seeds"
            last = float(np.mean(lasts))
            reached = (
                f"earned {last:.1f} per EV in held-out episodes"
                if _earns(trainings)
                else f"restored {percent(last)} of held-out episodes' load"
            )
            said.append(f"{name} {reached} in the end ({seeds})")
    return f"{'; '.join(said)}." if said else "Trainings that have just begun."


def _validation(training: StoredTraining) -> list[CurvePoint]:
    return [point for point in training.curve if point.validates and not np.isnan(point.score)]


def _curve(training: StoredTraining) -> tuple[Floats, Floats]:
    """Episodes, and restoration or reward on held-out episodes, the mean over variants."""
    by_episodes: dict[int, list[float]] = {}
    for point in _validation(training):
        by_episodes.setdefault(point.episodes, []).append(point.score)
    episodes = sorted(by_episodes)
    return np.array(episodes, dtype=float), np.array([np.mean(by_episodes[count]) for count in episodes])


def _curves(groups: Mapping[str, Sequence[StoredTraining]]) -> Chart | None:
    """Restoration or reward on held-out episodes over episodes of training: mean over seeds, and their spread."""
    frames = [frame for name, trainings in groups.items() if (frame := _band(name, trainings)) is not None]
    if not frames:
        return None
    shown = frames[:LEGEND_ENTRIES]
    frame = pd.concat(shown)
    names = list(dict.fromkeys(frame["algorithm"]))
    x = alt.X("episodes:Q", axis=alt.Axis(title="episodes of training", tickCount=8), scale=alt.Scale(zero=True))
    earns = _earns([training for trainings in groups.values() for training in trainings])
    title = f"{'reward of an EV' if earns else 'load restored'} on held-out episodes"
    domain = None if earns else (0.0, 1.0)
    base = alt.Chart(frame).encode(
        x=x, color=alt.Color("algorithm:N", scale=colours_of(names), legend=alt.Legend(title=None))
    )
    panel = alt.layer(
        base.mark_area(style="band").encode(y=upwards("low", title, domain=domain), y2="high:Q"),
        base.mark_line().encode(y=upwards("mean", title, domain=domain)),
    )
    left_out = len(frames) - len(shown)
    return Chart(
        name="reward-curves" if earns else "learning-curves",
        title="Learning curves, by reward" if earns else "Learning curves",
        about="Line: mean over training seeds; band: from the lowest to the highest seed."
        + (f" {left_out} more are in the table only." if left_out else ""),
        panels=[panel.properties(height=300)],
        numbers=pd.concat(frames),
        legend=[LegendEntry(name, place, "line") for place, name in enumerate(names)],
    )


def _band(name: str, trainings: Sequence[StoredTraining]) -> pd.DataFrame | None:
    """Mean, lowest and highest of all seeds, where the first one was looked at, as far as all have got."""
    curves = [curve for curve in map(_curve, trainings) if len(curve[0])]
    if not curves:
        return None
    first = max(episodes[0] for episodes, _ in curves)
    last = min(episodes[-1] for episodes, _ in curves)
    episodes = curves[0][0][(curves[0][0] >= first) & (curves[0][0] <= last)]
    if not len(episodes):
        episodes = np.array([last])
    values = np.array([np.interp(episodes, *curve) for curve in curves])
    return pd.DataFrame(
        {
            "algorithm": name,
            "episodes": episodes.astype(int),
            "mean": values.mean(axis=0).round(5),
            "low": values.min(axis=0).round(5),
            "high": values.max(axis=0).round(5),
            "seeds": len(curves),
        }
    )


def _table(trainings: Sequence[StoredTraining]) -> TableView:
    rows = []
    for training in trainings:
        episodes, values = _curve(training)
        trained = training.curve[-1].episodes if training.curve else 0
        cpu_min = training.curve[-1].cpu_s / SECONDS_PER_MINUTE if training.curve else None
        best, last = (float(values.max()), float(values[-1])) if len(values) else (None, None)
        converged = (
            int(episodes[np.argmax(abs(values - values[-1]) <= _CONVERGED * values[-1])]) if len(values) else None
        )
        about = training.about
        rows.append(
            (
                str(about["algorithm"]),
                about.get("seed"),
                f"{trained} of {about['episodes']}",
                best,
                last,
                converged,
                cpu_min,
            )
        )
    return TableView(
        name="trainings",
        title="Trainings",
        headings=("algorithm", "seed", "episodes", "best", "last", "within 1 % of the last from episode", "CPU [min]"),
        rows=rows,
        digits=(0, 0, 0, 3, 3, 0, 1),
        sortable=True,
    )
