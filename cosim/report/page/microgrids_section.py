"""Each microgrid: what served its load, what did not, and why; without and with EVs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from cosim.interface import Floats
from cosim.metrics import UNSERVED_REASONS
from cosim.report.page.chart import (
    INK,
    SUN,
    Chart,
    LegendEntry,
    Panel,
    clock_x,
    colours_of,
    names_height_px,
    names_y,
    plain_name,
    upwards,
)
from cosim.report.page.outages import outages
from cosim.report.page.section import Note, Part, Section
from cosim.report.page.shown_run import ShownRun
from cosim.report.terminal import UNSERVED_NAMES

WITHOUT, WITH = "without EVs", "with EVs"
TABLES = {WITHOUT: "reference_slots", WITH: "microgrid_slots"}
#: Below this a power is none [kW], and an energy [kWh].
NOTHING = 0.05


@dataclass(frozen=True)
class _Kind:
    """What stands in a stack.

    Attributes:
        label: Its name.
        serves: Columns that serve load, stacked above zero.
        takes: Columns that take power from the microgrid, stacked below.
        colour: Place of its colour in the palette.
    """

    label: str
    serves: tuple[str, ...]
    takes: tuple[str, ...]
    colour: int


#: From the bottom up.
_KINDS = (
    _Kind("diesel", ("dg_kw",), (), 5),
    _Kind("PV", ("pv_kw",), (), SUN),
    _Kind("wind", ("wt_kw",), (), 3),
    _Kind("storage", ("ess_discharge_kw",), ("ess_charge_kw",), 2),
    _Kind("EVs", ("ev_out_kw",), ("ev_in_kw",), 0),
    _Kind("shed above, curtailed below", ("shed_kw",), ("curtailed_kw",), 4),
)
#: Parts of a column that are above or below zero: the column, and the sign of what is meant.
_DERIVED = {
    "ev_out_kw": ("ev_kw", -1.0),
    "ev_in_kw": ("ev_kw", 1.0),
    "import_kw": ("exchange_kw", 1.0),
    "export_kw": ("exchange_kw", -1.0),
}


def microgrids_section(run: ShownRun) -> Section:
    """The section.

    Args:
        run: The run.
    """
    parts: list[Part] = [Note(_how_to_read(run)), *(_balance(run, number) for number in _active(run))]
    reasons = _reasons(run)
    parts.append(reasons if reasons is not None else Note("All load was served, without EVs and with them."))
    return Section("microgrids", "Microgrids", _sentence(run), parts)


def _active(run: ShownRun) -> list[int]:
    """Numbers of the microgrids that have any load or power."""
    return [
        number for number in range(len(run.microgrids)) if _is_seen(run, number, "load_kw") or _kinds_of(run, number)
    ]


def _sentence(run: ShownRun) -> str:
    hours = run.clock.slot_h
    without, with_ev = (run.cube(table, "shed_kw").sum(axis=0) * hours for table in TABLES.values())
    if without.sum() < NOTHING and with_ev.sum() < NOTHING:
        return "No microgrid had to leave load unserved, without EVs or with them."
    if not run.cube("ev_slots", "x_km").size:
        return f"{without.sum():,.0f} kWh of load stayed unserved; there are no EVs."
    gained = without - with_ev
    best = int(gained.argmax())
    fed = f"; most of it in {run.microgrids[best]} ({gained[best]:,.0f} kWh)" if gained[best] > NOTHING else ""
    return (
        f"Without EVs {without.sum():,.0f} kWh of load would have stayed unserved, with them {with_ev.sum():,.0f} kWh "
        f"did{fed}."
    )


def _balance(run: ShownRun, number: int) -> Chart:
    """What serves a microgrid's load, slot by slot, without and with EVs."""
    name = run.microgrids[number]
    kinds = _kinds_of(run, number)
    frames = {heading: _stack(run, table, number, kinds) for heading, table in TABLES.items()}
    loads = {heading: _load(run, table, number) for heading, table in TABLES.items()}
    top = max(1.0, *(max(f["to_kw"].max(), loads[h]["load_kw"].max()) for h, f in frames.items()))
    bottom = min(0.0, *(frame["from_kw"].min() for frame in frames.values()))
    labels, places = [kind.label for kind in kinds], [kind.colour for kind in kinds]
    panels = [
        _panel(run, number, frames[heading], loads[heading], (bottom * 1.05, top * 1.05), colours_of(labels, places))
        for heading in TABLES
    ]
    numbers = pd.concat([_numbers(run, table, number).assign(case=heading) for heading, table in TABLES.items()])
    return Chart(
        name=plain_name("microgrid", name),
        title=f"{name}: what serves its load",
        about="",
        panels=panels,
        numbers=numbers,
        headings=tuple(TABLES),
        legend=[LegendEntry(label, place) for label, place in zip(labels, places, strict=True)],
    )


def _how_to_read(run: ShownRun) -> str:
    shaded = any(outages(run, number) for number in range(len(run.microgrids)))
    return (
        "Stacked above zero: what serves the load, and what of it stays unserved; below zero: what takes power beside "
        "the load, and renewable power not used. The line is the load. Legends have the order of the stacks, from the "
        "bottom." + (" Shaded: cut off from the utility." if shaded else "")
    )


def _kinds_of(run: ShownRun, number: int) -> list[_Kind]:
    """The kinds that are more than nothing, six at most: with the utility or neighbours, PV and wind are one."""
    kinds = list(_KINDS)
    others = (("supply_kw",), ("import_kw", "export_kw"))
    seen = [any(_is_seen(run, number, column) for column in columns) for columns in others]
    if any(seen):
        label = " and ".join(word for word, there in zip(("utility", "neighbours"), seen, strict=True) if there)
        kinds[1:3] = [_Kind("PV and wind", ("pv_kw", "wt_kw"), (), SUN)]
        kinds.insert(1, _Kind(label, ("supply_kw", "import_kw"), ("export_kw",), 3))
    return [kind for kind in kinds if any(_is_seen(run, number, column) for column in (*kind.serves, *kind.takes))]


def _is_seen(run: ShownRun, number: int, column: str) -> bool:
    return any(bool((_power_kw(run, table, number, column) > NOTHING).any()) for table in TABLES.values())


def _power_kw(run: ShownRun, table: str, number: int, column: str) -> Floats:
    """A power of a microgrid in each slot [kW], not below 0, shape [T]."""
    source, sign = _DERIVED.get(column, (column, 1.0))
    power_kw: Floats = np.maximum(sign * run.cube(table, source)[:, number], 0.0)
    return power_kw


def _stack(run: ShownRun, table: str, number: int, kinds: Sequence[_Kind]) -> pd.DataFrame:
    """The rectangles of a stack."""
    times_h, slots = run.slot_times_h, run.clock.slots
    above_kw, below_kw = np.zeros(slots), np.zeros(slots)
    rows = []
    for kind in kinds:
        added_kw = sum((_power_kw(run, table, number, column) for column in kind.serves), np.zeros(slots))
        taken_kw = sum((_power_kw(run, table, number, column) for column in kind.takes), np.zeros(slots))
        for start_kw, power_kw in ((above_kw, added_kw), (below_kw - taken_kw, taken_kw)):
            rows += [
                (times_h[t], times_h[t + 1], kind.label, round(start_kw[t], 2), round(start_kw[t] + power_kw[t], 2))
                for t in np.flatnonzero(power_kw > NOTHING)
            ]
        above_kw, below_kw = above_kw + added_kw, below_kw - taken_kw
    return pd.DataFrame(rows, columns=["start_h", "end_h", "kind", "from_kw", "to_kw"])


def _load(run: ShownRun, table: str, number: int) -> pd.DataFrame:
    """The load as steps: its value holds from each moment on."""
    load_kw = run.cube(table, "load_kw")[:, number].round(2)
    return pd.DataFrame({"start_h": run.slot_times_h, "load_kw": [*load_kw, load_kw[-1]]})


def _numbers(run: ShownRun, table: str, number: int) -> pd.DataFrame:
    used = ("load_kw", "served_kw", "shed_kw", "dg_kw", "supply_kw", "exchange_kw", "pv_kw", "wt_kw")
    columns = (*used, "ess_discharge_kw", "ess_charge_kw", "ev_kw", "curtailed_kw")
    values = {column: run.cube(table, column)[:, number].round(3) for column in columns}
    times = [run.clock.label(slot) for slot in range(run.clock.slots)]
    return pd.DataFrame({"slot_start": times, **values})


def _panel(
    run: ShownRun,
    number: int,
    stack: pd.DataFrame,
    load: pd.DataFrame,
    range_kw: tuple[float, float],
    colours: alt.Scale,
) -> Panel:
    x = clock_x("start_h", *run.ends_h)

    def power_y(column: str) -> alt.Y:
        return upwards(column, "power [kW]", domain=range_kw)

    layers: list[alt.Chart] = []
    spans = outages(run, number)
    if spans:
        shade = pd.DataFrame(spans, columns=["start_h", "end_h"])
        layers.append(alt.Chart(shade).mark_rect(style="shade").encode(x=x, x2="end_h"))
    layers += [
        alt.Chart(stack)
        .mark_rect(style="segment")
        .encode(
            x=x,
            x2="end_h",
            y=power_y("from_kw"),
            y2="to_kw:Q",
            color=alt.Color("kind:N", scale=colours, legend=alt.Legend(title=None)),
            tooltip=["kind:N", alt.Tooltip("from_kw:Q", title="from [kW]"), alt.Tooltip("to_kw:Q", title="to [kW]")],
        ),
        alt.Chart(load).mark_line(interpolate="step-after", style=INK).encode(x=x, y=power_y("load_kw")),
        alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(style="axis-line").encode(y="zero:Q"),
    ]
    return alt.layer(*layers)


def _reasons(run: ShownRun) -> Chart | None:
    """Load not served in the whole episode, by microgrid and reason."""
    rows = []
    for heading, table in TABLES.items():
        for reason in UNSERVED_REASONS:
            energy_kwh = run.cube(table, f"unserved_{reason}_kw").sum(axis=0) * run.clock.slot_h
            rows += [
                (heading, name, UNSERVED_NAMES[reason], round(float(kwh), 2))
                for name, kwh in zip(run.microgrids, energy_kwh, strict=True)
                if kwh > NOTHING
            ]
    if not rows:
        return None
    frame = pd.DataFrame(rows, columns=["case", "microgrid", "reason", "energy_kwh"])
    present = [name for name in UNSERVED_NAMES.values() if name in set(frame["reason"])]
    places = [list(UNSERVED_NAMES.values()).index(name) for name in present]
    most_kwh = float(frame.groupby(["case", "microgrid"])["energy_kwh"].sum().max())
    named = [name for name in run.microgrids if name in set(frame["microgrid"])]
    cases = [case for case in TABLES if case in set(frame["case"])]
    served = "".join(f" {case[0].upper()}{case[1:]} all load was served." for case in TABLES if case not in cases)
    panels = [
        _reasons_panel(frame[frame["case"] == case], named, most_kwh, colours_of(present, places)) for case in cases
    ]
    return Chart(
        name="unserved-by-reason",
        title="Load not served, by reason",
        about=f"Energy of the whole episode; microgrids that served all are left out.{served}",
        panels=panels,
        numbers=frame,
        headings=cases,
        legend=[LegendEntry(name, place) for name, place in zip(present, places, strict=True)],
    )


def _reasons_panel(frame: pd.DataFrame, names: Sequence[str], most_kwh: float, colours: alt.Scale) -> Panel:
    panel: alt.Chart = (
        alt.Chart(frame)
        .mark_bar(style="segment")
        .encode(
            x=alt.X(
                "energy_kwh:Q",
                axis=alt.Axis(title="load not served [kWh]", tickCount=5),
                scale=alt.Scale(domain=[0, most_kwh]),
            ),
            y=names_y("microgrid", names),
            color=alt.Color("reason:N", scale=colours, legend=alt.Legend(title=None)),
            tooltip=["microgrid:N", "reason:N", alt.Tooltip("energy_kwh:Q", title="kWh")],
        )
        .properties(height=names_height_px(names))
    )
    return panel
