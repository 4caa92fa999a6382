"""Voltages: every bus in every slot, with their band."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from cosim.report.page.chart import Chart, LegendEntry, clock_x, colours_of, upwards
from cosim.report.page.section import Part, Section
from cosim.report.page.shown_run import ShownRun

WITHOUT, WITH = "without EVs", "with EVs"
COLUMNS = {WITHOUT: "reference_vm_pu", WITH: "vm_pu"}
_LOW, _HIGH = "lowest of all buses", "highest of all buses"


def voltages_section(run: ShownRun) -> Section:
    """The section.

    Args:
        run: The run.
    """
    parts: list[Part] = [_by_bus(run), _extremes(run)]
    return Section("voltages", "Voltages", _sentence(run), parts)


def _band(run: ShownRun) -> tuple[float, float]:
    network = run.scenario["network"]
    return network["vm_min_pu"], network["vm_max_pu"]


def _sentence(run: ShownRun) -> str:
    vm_pu = run.cube("bus_slots", "vm_pu")
    low, high = _band(run)
    if not (vm_pu > 0.0).any():
        return "No bus had a voltage: all of the grid was dark."
    buses = run.records["buses"].columns["bus"]
    lit = np.where(vm_pu > 0.0, vm_pu, np.nan)
    (t_low, b_low), (t_high, b_high) = (
        divmod(int(place), vm_pu.shape[1]) for place in (np.nanargmin(lit), np.nanargmax(lit))
    )
    outside = int(((lit < low - 1e-9) | (lit > high + 1e-9)).sum())
    said = f"{outside} of {vm_pu.size} bus slots are out of the band" if outside else "all of them stay within the band"
    dark = int((vm_pu <= 0.0).sum())
    return (
        f"With EVs the lowest voltage was {lit[t_low, b_low]:.4f} p.u. at bus {buses[b_low]} "
        f"({run.clock.label(t_low)}), the highest {lit[t_high, b_high]:.4f} p.u. at bus {buses[b_high]} "
        f"({run.clock.label(t_high)}); {said} of {low:g} to {high:g} p.u."
        + (f" {dark} bus slots were dark." if dark else "")
    )


def _frame(run: ShownRun, column: str) -> pd.DataFrame:
    """A row for each bus and slot; the dark has no voltage."""
    vm_pu, buses = run.cube("bus_slots", column), np.asarray(run.records["buses"].columns["bus"])
    names = [run.microgrids[number] for number in run.records["buses"].columns["microgrid"]]
    times_h = run.slot_times_h
    slots = run.clock.slots
    frame = pd.DataFrame(
        {
            "start_h": np.repeat(times_h[:-1], len(buses)),
            "end_h": np.repeat(times_h[1:], len(buses)),
            "bus": np.tile(buses, slots),
            "microgrid": np.tile(names, slots),
            "vm_pu": vm_pu.ravel().round(5),
        }
    )
    return frame[frame["vm_pu"] > 0.0]


def _by_bus(run: ShownRun) -> Chart:
    frames = {heading: _frame(run, column) for heading, column in COLUMNS.items()}
    low, high = _band(run)
    order = [int(bus) for bus in run.records["buses"].columns["bus"]]
    colour = alt.Color(
        "vm_pu:Q",
        scale=alt.Scale(domain=[low, (low + high) / 2.0, high], scheme="purpleorange", clamp=True),
        legend=alt.Legend(title="voltage [p.u.]", orient="bottom", gradientLength=220, format=".2f"),
    )
    panels = [
        alt.Chart(frame)
        .mark_rect()
        .encode(
            x=clock_x("start_h", *run.ends_h),
            x2="end_h",
            y=alt.Y(
                "bus:O",
                sort=order,
                axis=alt.Axis(title="bus", labelOverlap="parity"),
                scale=alt.Scale(domain=order),
            ),
            color=colour,
            tooltip=["bus:O", "microgrid:N", alt.Tooltip("vm_pu:Q", title="voltage [p.u.]", format=".4f")],
        )
        .properties(height=max(120, min(9 * len(order), 420)))
        for frame in frames.values()
    ]
    numbers = pd.concat([frame.drop(columns=["end_h"]).assign(case=heading) for heading, frame in frames.items()])
    return Chart(
        name="voltages-by-bus",
        title="Voltage of each bus",
        about=f"The scale ends at the band's limits, {low:g} and {high:g} p.u.; a gap is a bus in the dark.",
        panels=panels,
        numbers=numbers,
        headings=tuple(COLUMNS),
    )


def _extremes(run: ShownRun) -> Chart:
    """The lowest and the highest voltage of all buses, and the band."""
    low, high = _band(run)
    times_h = run.slot_times_h
    numbers = []
    for heading, column in COLUMNS.items():
        vm_pu = run.cube("bus_slots", column)
        lit = np.where(vm_pu > 0.0, vm_pu, np.nan)
        alive = ~np.isnan(lit).all(axis=1)
        for name, extreme in ((_LOW, np.nanmin), (_HIGH, np.nanmax)):
            values = np.full(run.clock.slots, np.nan)
            values[alive] = extreme(lit[alive], axis=1)
            held = [*values.round(5), values[-1].round(5)]
            numbers += [(heading, name, times_h[t], held[t]) for t in range(len(times_h)) if not np.isnan(held[t])]
    frame = pd.DataFrame(numbers, columns=["case", "extreme", "start_h", "vm_pu"])
    rules = pd.DataFrame({"limit": [low, high]})
    panels = []
    span = [min(low, float(frame["vm_pu"].min())) - 0.005, max(high, float(frame["vm_pu"].max())) + 0.005]
    for heading in COLUMNS:
        vm_pu_y = upwards("vm_pu", "voltage [p.u.]", domain=span, number=".2f")
        limit_y = upwards("limit", "voltage [p.u.]", domain=span, number=".2f")
        lines = (
            alt.Chart(frame[frame["case"] == heading])
            .mark_line(interpolate="step-after")
            .encode(
                x=clock_x("start_h", *run.ends_h),
                y=vm_pu_y,
                color=alt.Color("extreme:N", scale=colours_of([_LOW, _HIGH], [0, 4]), legend=alt.Legend(title=None)),
                strokeDash=alt.StrokeDash(
                    "extreme:N", legend=None, scale=alt.Scale(domain=[_LOW, _HIGH], range=[[1, 0], [6, 3]])
                ),
            )
        )
        panels.append(alt.layer(alt.Chart(rules).mark_rule(style="limit").encode(y=limit_y), lines))
    return Chart(
        name="voltage-extremes",
        title="Lowest and highest voltage",
        about="The grey lines are the band's limits.",
        panels=panels,
        numbers=frame,
        headings=tuple(COLUMNS),
        legend=(LegendEntry(_LOW, 0, "line"), LegendEntry(_HIGH, 4, "line")),
    )
