"""Stations: who waited, who was plugged in when, and how long it took to get a charger."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt
import numpy as np
import pandas as pd

from cosim.interface import Floats
from cosim.report.page.chart import LEGEND_ENTRIES, Chart, LegendEntry, clock_x, colours_of, plain_name, upwards
from cosim.report.page.occupancy import CUSTOMER, Occupancy, chargers_taken, occupancy, plugged
from cosim.report.page.section import Note, Part, Section
from cosim.report.page.shown_run import ShownRun
from cosim.report.page.wording import percent
from cosim.units import SECONDS_PER_MINUTE, hours

CHARGING, DISCHARGING, IDLE, SOMEBODY = "EV charges", "EV discharges", "EV plugged in, no power", "customer"
_STATES = {CHARGING: 0, DISCHARGING: 4, IDLE: 3, SOMEBODY: 1}
#: Shares of those who wait that are marked, and below which energy is none [kWh].
QUANTILES = (0.5, 0.9, 0.95)
NOTHING_KWH = 1e-6
_MINUTES_PER_H = hours(1.0) ** -1 / SECONDS_PER_MINUTE


def stations_section(run: ShownRun) -> Section:
    """The section.

    Args:
        run: The run.
    """
    parts: list[Part] = []
    queues = _queues(run)
    if queues is not None:
        parts.append(queues)
    parts += [chart for station in range(len(run.stations)) if (chart := _strip(run, station)) is not None]
    waits = _waits(run)
    if waits is not None:
        parts.append(waits)
    if not parts and len(run.waits_h) + len(run.customer_waits_h):
        parts.append(Note(f"In episode {run.episode} nobody came to a station to charge or discharge."))
    return Section("stations", "Stations", _sentence(run), parts)


def _sentence(run: ShownRun) -> str:
    waited = {who: values for who, values in (("EV", run.waits_h), ("customer", run.customer_waits_h)) if len(values)}
    if not waited:
        return "Nobody asked for a charger."
    return " ".join(_of_those(run, who, values) for who, values in waited.items())


def _of_those(run: ShownRun, who: str, waits_h: Floats) -> str:
    asked = f"{len(waits_h):,} times a{'n' if who == 'EV' else ''} {who} asked for a charger, in all episodes"
    late = float((waits_h * _MINUTES_PER_H > NOTHING_KWH).mean())
    if late == 0.0:
        return f"{asked}, and none had to wait."
    minutes = [float(np.quantile(waits_h, share)) * _MINUTES_PER_H for share in QUANTILES]
    return (
        f"{asked}; {percent(late)} had to wait, half of all at most {minutes[0]:.0f} min, 90 % at most "
        f"{minutes[1]:.0f} min, 95 % at most {minutes[2]:.0f} min."
    )


def _queues(run: ShownRun) -> Chart | None:
    """Vehicles that wait, over time, at those stations where any did."""
    steps = {
        station: steps
        for station in range(len(run.stations))
        if (steps := occupancy(run.records, station, run.end_s)).queue.any()
    }
    longest = sorted(steps, key=lambda station: -int(steps[station].queue.max()))[:LEGEND_ENTRIES]
    shown = sorted(longest)
    if not shown:
        return None
    rows = [
        (run.stations[station], run.time_of_day_h(time_s), int(count))
        for station in shown
        for time_s, count in _with_end(steps[station], run.end_s)
    ]
    frame = pd.DataFrame(rows, columns=["station", "time_h", "waiting"])
    names = [run.stations[station] for station in shown]
    panel = (
        alt.Chart(frame)
        .mark_line(interpolate="step-after")
        .encode(
            x=clock_x("time_h", *run.ends_h),
            y=alt.Y("waiting:Q", axis=alt.Axis(title="vehicles waiting", tickMinStep=1, format="d")),
            color=alt.Color("station:N", scale=colours_of(names), legend=alt.Legend(title=None)),
        )
    )
    left_out = len(steps) - len(shown)
    return Chart(
        name="queues",
        title="Queues",
        about="Vehicles that wait for a charger, at stations where any did."
        + (f" {left_out} with shorter queues are left out." if left_out else ""),
        panels=[panel],
        numbers=frame,
        legend=[LegendEntry(name, place, "line") for place, name in enumerate(names)],
    )


def _with_end(steps: Occupancy, end_s: float) -> Iterator[tuple[float, int]]:
    """Times and numbers waiting, up to the episode's end."""
    queue = steps.queue.tolist()
    return zip([*steps.times_s.tolist(), end_s], [*queue, queue[-1]], strict=True)


def _strip(run: ShownRun, station: int) -> Chart | None:
    """Who was plugged in when, at which charger; nothing for a station where nobody was."""
    spells = plugged(run.records, station, run.end_s)
    if not len(spells):
        return None
    rows = []
    for who, start_s, end_s, charger in zip(
        spells.who, spells.start_s, spells.end_s, chargers_taken(spells), strict=True
    ):
        for from_s, to_s, state in _states(run, int(who), float(start_s), float(end_s)):
            name = SOMEBODY if who == CUSTOMER else f"EV {who}"
            rows.append((int(charger) + 1, name, state, run.time_of_day_h(from_s), run.time_of_day_h(to_s)))
    frame = pd.DataFrame(rows, columns=["charger", "vehicle", "state", "start_h", "end_h"])
    present = [state for state in _STATES if state in set(frame["state"])]
    places = [_STATES[state] for state in present]
    chargers = max(int(run.records["stations"].columns["chargers"][station]), int(frame["charger"].max()))
    used = int(frame["charger"].max())
    panel = (
        alt.Chart(frame)
        .mark_bar(style="segment")
        .encode(
            x=clock_x("start_h", *run.ends_h),
            x2="end_h",
            y=alt.Y("charger:O", axis=alt.Axis(title="charger"), scale=alt.Scale(domain=list(range(1, used + 1)))),
            color=alt.Color("state:N", scale=colours_of(present, places), legend=alt.Legend(title=None)),
            tooltip=["vehicle:N", "state:N", "charger:O"],
        )
        .properties(height=max(15 * used, 60))
    )
    were = "was" if chargers - used == 1 else "were"
    free = f" {chargers - used} of its {chargers} chargers {were} never in use." if used < chargers else ""
    return Chart(
        name=plain_name("chargers", run.stations[station]),
        title=f"{run.stations[station]}: chargers",
        about=f"Each bar is a vehicle plugged in, at the lowest charger that was free.{free}",
        panels=[panel],
        numbers=frame,
        legend=[LegendEntry(state, place) for state, place in zip(present, places, strict=True)],
        wide=False,
    )


def _states(run: ShownRun, who: int, start_s: float, end_s: float) -> list[tuple[float, float, str]]:
    """A stay at a charger, cut where the vehicle begins to do something else; records tell what, slot by slot."""
    if who == CUSTOMER:
        return [(start_s, end_s, SOMEBODY)]
    slot_s = run.clock.slot_s
    charged, discharged = (run.cube("ev_slots", column)[:, who] for column in ("charged_kwh", "discharged_kwh"))
    pieces: list[tuple[float, float, str]] = []
    for slot in range(int(start_s // slot_s), min(run.clock.slots, int(-(-end_s // slot_s)))):
        state = CHARGING if charged[slot] > NOTHING_KWH else DISCHARGING if discharged[slot] > NOTHING_KWH else IDLE
        from_s, to_s = max(start_s, slot * slot_s), min(end_s, (slot + 1) * slot_s)
        if pieces and pieces[-1][2] == state:
            from_s = pieces.pop()[0]
        if to_s > from_s:
            pieces.append((from_s, to_s, state))
    return pieces


def _waits(run: ShownRun) -> Chart | None:
    """Distribution of the waiting times of all episodes, with what half, 90 % and 95 % do not exceed."""
    waited = {
        name: values for name, values in (("EVs", run.waits_h), ("customers", run.customer_waits_h)) if len(values)
    }
    if not any((values * _MINUTES_PER_H > NOTHING_KWH).any() for values in waited.values()):
        return None
    groups = {_marked(name, values): values for name, values in waited.items()}
    lines = pd.concat([_distribution(values, name) for name, values in groups.items()])
    marks = pd.DataFrame(
        [
            (name, share, round(float(np.quantile(values, share)) * _MINUTES_PER_H, 2))
            for name, values in groups.items()
            for share in QUANTILES
        ],
        columns=["group", "share", "minutes"],
    )
    x = alt.X("minutes:Q", axis=alt.Axis(title="waiting time [min]"), scale=alt.Scale(nice=False, zero=True))
    y = upwards("share", "share that waits no longer", domain=(0.0, 1.02), number=".0%")
    colour = alt.Color("group:N", scale=colours_of(list(groups)), legend=alt.Legend(title=None))
    panel = alt.layer(
        alt.Chart(lines).mark_line(interpolate="step-after").encode(x=x, y=y, color=colour),
        alt.Chart(marks).mark_point(filled=True, size=50, opacity=1).encode(x=x, y=y, color=colour),
    )
    return Chart(
        name="waiting-times",
        title="Waiting times",
        about="All requests of all episodes; the dots are p50, p90 and p95: what half, 90 % and 95 % do not exceed.",
        panels=[panel],
        numbers=lines,
        legend=[LegendEntry(name, place, "line") for place, name in enumerate(groups)],
        wide=False,
    )


def _marked(name: str, values: Floats) -> str:
    """A group's name with what half, 90 % and 95 % of it do not exceed."""
    minutes = (float(np.quantile(values, share)) * _MINUTES_PER_H for share in QUANTILES)
    marks = (f"p{100 * share:.0f} {value:.0f}" for share, value in zip(QUANTILES, minutes, strict=True))
    return f"{name}: {', '.join(marks)} min"


def _distribution(values: Floats, name: str) -> pd.DataFrame:
    """Shares that wait no longer, from none on, at most a few hundred steps."""
    minutes = np.sort(values) * _MINUTES_PER_H
    share = np.arange(1, len(minutes) + 1) / len(minutes)
    last = np.append(np.flatnonzero(np.diff(minutes) > NOTHING_KWH), len(minutes) - 1)
    kept = last[:: max(1, len(last) // 300)]
    kept = np.unique(np.append(kept, len(minutes) - 1))
    from_zero = [np.concatenate([[0.0], values[kept]]) for values in (minutes, share)]
    return pd.DataFrame({"group": name, "minutes": from_zero[0].round(3), "share": from_zero[1].round(5)})
