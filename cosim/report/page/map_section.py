"""The map, replayed."""

from __future__ import annotations

import numpy as np

from cosim.report.page.chart import Chart
from cosim.report.page.map_chart import map_chart
from cosim.report.page.map_replay import ReplayTerms, replay_of
from cosim.report.page.section import Part, Replay, Section
from cosim.report.page.shown_run import ShownRun
from cosim.report.page.wording import percent


def map_section(run: ShownRun) -> Section:
    """The section.

    Args:
        run: The run.
    """
    fleet = run.scenario["fleet"]
    terms = ReplayTerms(
        start_s=run.clock.start_s,
        slot_s=run.clock.slot_s,
        slots=run.clock.slots,
        energy_min_kwh=fleet["battery_kwh"] * fleet["soc_min"],
        energy_max_kwh=fleet["battery_kwh"] * fleet["soc_max"],
        consumption_kwh_per_km=fleet["consumption_kwh_per_km"],
        commutes=bool(fleet.get("commute")),
    )
    parts: list[Part] = [Replay(replay_of(run.records, terms), _still(run, terms))]
    return Section("map", "The map, replayed", _sentence(run), parts)


def _still(run: ShownRun, terms: ReplayTerms) -> Chart:
    """The map for a paper."""
    capacity_vph = np.asarray(run.records["roads"].columns["capacity_vph"])
    share = run.cube("road_slots", "flow_vph").mean(axis=0) / capacity_vph
    numbers = run.records["roads"].frame()[["tail", "head", "length_km", "capacity_vph"]]
    return Chart(
        name="map",
        title="Roads and stations",
        about="Roads by their mean flow over capacity, stations, and where EVs begin.",
        panels=[map_chart(run.records, terms)],
        numbers=numbers.assign(mean_flow_over_capacity=share.round(5)),
    )


def _sentence(run: ShownRun) -> str:
    trips = run.records["trips"].columns
    flow = run.cube("road_slots", "flow_vph") / np.asarray(run.records["roads"].columns["capacity_vph"])
    slot, _ = np.unravel_index(int(flow.argmax()), flow.shape)
    count = len(trips["ev"])
    km = float(run.cube("ev_slots", "driven_km").sum())
    return (
        f"Episode {run.episode}: {count} trips over {km:,.0f} km; the busiest road carried {percent(flow.max(), 0)} of "
        f"its capacity, at {run.clock.label(int(slot))}."
    )
