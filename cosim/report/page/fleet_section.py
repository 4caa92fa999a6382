"""The fleet: energy, distance and restored energy of each EV, and how fairly microgrids were served."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from cosim.interface import Floats
from cosim.report.page.chart import INK, Chart, LegendEntry, clock_x, upwards
from cosim.report.page.section import Note, Part, Section, TableView
from cosim.report.page.shown_run import ShownRun
from cosim.reward import COUNTED_KWH, jain_fairness


def fleet_section(run: ShownRun) -> Section:
    """The section.

    Args:
        run: The run.
    """
    if not _size(run):
        return Section("fleet", "Fleet", "There are no EVs in this scenario.")
    parts: list[Part] = [_fan(run)]
    # Who commutes drives nowhere on the map, and there is nothing to restore.
    if not run.scenario["fleet"].get("commute"):
        parts += [_restored(run) or _NOTHING_DONE, _fairness(run) or _NOTHING_TO_SHARE]
    return Section("fleet", "Fleet", _sentence(run), [*parts, _table(run)])


#: Least length of an axis of distances [km].
_LEAST_KM = 1.0
_NOTHING_DONE = Note("No EV drove anywhere or fed anything into a microgrid.")
_NOTHING_TO_SHARE = Note("No microgrid would have shed load without EVs, so there is no fairness over time.")


def _size(run: ShownRun) -> int:
    return int(run.cube("ev_slots", "energy_end_kwh").shape[1])


def _energy_kwh(run: ShownRun) -> Floats:
    """Energy at the ends of slots, the episode's start first, shape [T + 1, I]."""
    start, end = (run.cube("ev_slots", f"energy_{when}_kwh") for when in ("start", "end"))
    return np.concatenate([start[:1], end])


def _sentence(run: ShownRun) -> str:
    energy = _energy_kwh(run)
    driven = run.cube("ev_slots", "driven_km").sum(axis=0)
    given = run.cube("ev_slots", "discharged_kwh").sum(axis=0)
    from_kwh, to_kwh = (f"{np.median(energy[when]):.0f}" for when in (0, -1))
    fed, drove = f"fed {given.sum():,.0f} kWh into microgrids", f"drove {driven.sum():,.0f} km"
    if len(given) == 1:
        return f"The EV {fed} and {drove}; its battery went from {from_kwh} to {to_kwh} kWh."
    return (
        f"{np.count_nonzero(given > 0)} of {len(given)} EVs {fed}; all together {drove}, and the median battery went "
        f"from {from_kwh} to {to_kwh} kWh."
    )


def _fan(run: ShownRun) -> Chart:
    energy, times_h = _energy_kwh(run), run.slot_times_h
    shares = {"lowest": 0.0, "quarter": 0.25, "median": 0.5, "three_quarters": 0.75, "highest": 1.0}
    frame = pd.DataFrame({"time_h": times_h, **{k: np.quantile(energy, q, axis=1).round(3) for k, q in shares.items()}})
    fleet = run.scenario["fleet"]
    limits = pd.DataFrame({"limit": [fleet["battery_kwh"] * fleet[key] for key in ("soc_min", "soc_max")]})
    x = clock_x("time_h", *run.ends_h)

    def energy_y(column: str) -> alt.Y:
        return upwards(column, "energy in the battery [kWh]", domain=(0.0, fleet["battery_kwh"]))

    base = alt.Chart(frame).encode(x=x)
    panel = alt.layer(
        base.mark_area(style="fan-outer").encode(y=energy_y("lowest"), y2="highest:Q"),
        base.mark_area(style="fan-inner").encode(y=energy_y("quarter"), y2="three_quarters:Q"),
        base.mark_line(style=INK).encode(y=energy_y("median")),
        alt.Chart(limits).mark_rule(style="limit").encode(y=energy_y("limit")),
    )
    return Chart(
        name="fleet-energy",
        title="Energy of the fleet",
        about="Line: median; dark: the middle half; light: all EVs. Grey lines: what a battery may hold.",
        panels=[panel],
        numbers=frame,
        legend=(LegendEntry("all EVs and their middle half", 0),),
    )


def _restored(run: ShownRun) -> Chart | None:
    """Energy fed in against distance, one dot for each EV."""
    frame = _per_ev(run)
    if not frame[["driven_km", "discharged_kwh"]].to_numpy().any():
        return None
    farthest_km = max(float(frame["driven_km"].max()), _LEAST_KM)
    panel = (
        alt.Chart(frame)
        .mark_point(filled=True, size=45, opacity=0.75, style="dot")
        .encode(
            x=alt.X(
                "driven_km:Q", axis=alt.Axis(title="distance driven [km]"), scale=alt.Scale(domain=[0.0, farthest_km])
            ),
            y=upwards("discharged_kwh", "fed into microgrids [kWh]"),
            tooltip=["ev:O", alt.Tooltip("driven_km:Q", format=".1f"), alt.Tooltip("discharged_kwh:Q", format=".1f")],
        )
    )
    return Chart(
        name="restored-by-ev",
        title="Restored energy of each EV",
        about="A dot is an EV: how far it drove, and what it fed into microgrids.",
        panels=[panel],
        numbers=frame,
        wide=False,
    )


def _fairness(run: ShownRun) -> Chart | None:
    """Jain's index over the shares of load that microgrids have had restored so far."""
    shed, reference = (run.cube(table, "shed_kw").cumsum(axis=0) for table in ("microgrid_slots", "reference_slots"))
    reference_kwh, shed_kwh = reference * run.clock.slot_h, shed * run.clock.slot_h
    counted = (reference_kwh > COUNTED_KWH).any(axis=1)
    if not counted.any():
        return None
    index = jain_fairness(reference_kwh - shed_kwh, reference_kwh)
    times_h = run.slot_times_h
    frame = pd.DataFrame({"time_h": np.array(times_h[1:])[counted], "fairness": index[counted].round(4)})
    panel = (
        alt.Chart(frame)
        .mark_line(point={"size": 30})
        .encode(
            x=clock_x("time_h", *run.ends_h),
            y=upwards("fairness", "fairness so far (Jain)", domain=(0.0, 1.02)),
        )
    )
    return Chart(
        name="fairness",
        title="Fairness over time",
        about="1: all microgrids have had the same share of their load restored so far; drawn from the moment on at "
        "which any would have shed load.",
        panels=[panel],
        numbers=frame,
        wide=False,
    )


def _per_ev(run: ShownRun) -> pd.DataFrame:
    energy = _energy_kwh(run)
    summed = {
        column: run.cube("ev_slots", column).sum(axis=0).round(3)
        for column in ("driven_km", "charged_kwh", "discharged_kwh", "battery_cny", "distance_cny", "time_cny")
    }
    trips = np.bincount(np.asarray(run.records["trips"].columns["ev"], dtype=np.int64), minlength=energy.shape[1])
    return pd.DataFrame(
        {
            "ev": np.arange(energy.shape[1]),
            "start_kwh": energy[0].round(3),
            "lowest_kwh": energy.min(axis=0).round(3),
            "end_kwh": energy[-1].round(3),
            "trips": trips,
            **{name: summed[name] for name in ("driven_km", "charged_kwh", "discharged_kwh")},
            "cost_cny": (summed["battery_cny"] + summed["distance_cny"] + summed["time_cny"]).round(3),
        }
    )


def _table(run: ShownRun) -> TableView:
    headings = ("EV", "start [kWh]", "lowest [kWh]", "end [kWh]", "trips", "driven [km]", "charged [kWh]")
    return TableView(
        name="evs",
        title="Each EV",
        headings=(*headings, "fed in [kWh]", "cost [CNY]"),
        rows=_per_ev(run).to_numpy().tolist(),
        digits=(0, 1, 1, 1, 0, 1, 1, 1, 1),
        sortable=True,
    )
