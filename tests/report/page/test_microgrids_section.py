"""What serves a microgrid's load stands in a stack that adds up."""

from __future__ import annotations

import pytest

from cosim.report.page.chart import LEGEND_ENTRIES, Chart
from cosim.report.page.microgrids_section import microgrids_section
from cosim.report.page.outages import outages
from cosim.report.page.shown_run import ShownRun


def stacks(chart: Chart, panel: int) -> list[dict[str, float]]:
    """Rectangles of a panel."""
    spec = chart.panels[panel].to_dict()
    layer = next(layer for layer in spec["layer"] if layer["mark"].get("style") == "segment")
    rows: list[dict[str, float]] = spec["datasets"][layer["data"]["name"]]
    return rows


def test_what_stands_above_the_load_is_what_stands_below_zero(shown: ShownRun) -> None:
    balances = [chart for chart in microgrids_section(shown).charts if chart.name.startswith("microgrid-")]
    assert len(balances) == len(shown.microgrids)
    for number, chart in enumerate(balances):
        for panel, table in enumerate(("reference_slots", "microgrid_slots")):
            above, below = [0.0] * shown.clock.slots, [0.0] * shown.clock.slots
            for row in stacks(chart, panel):
                slot = shown.slot_times_h.index(row["start_h"])
                above[slot] = max(above[slot], row["to_kw"])
                below[slot] = min(below[slot], row["from_kw"])
            curtailed = shown.cube(table, "curtailed_kw")[:, number]
            expected = shown.cube(table, "load_kw")[:, number] - below - curtailed
            # Powers below 0.05 kW are not drawn.
            assert above == pytest.approx(expected, abs=0.35), (chart.name, table)


def test_legends_are_short(shown: ShownRun) -> None:
    assert all(len(chart.legend) <= LEGEND_ENTRIES for chart in microgrids_section(shown).charts)


def test_the_outage_is_shaded(shown: ShownRun) -> None:
    spans = {tuple(outages(shown, number)) for number in range(len(shown.microgrids))}
    if shown.label == "day":
        assert ((10.0, 16.0),) in spans
        assert all(spans_of[0][0] == 10.0 for spans_of in spans)
    elif shown.label == "commuters":
        assert spans == {()}
    else:
        assert spans == {((10.0, 16.0),)}


def test_unserved_energy_adds_up_to_what_is_shed(shown: ShownRun) -> None:
    charts = {chart.name: chart for chart in microgrids_section(shown).charts}
    if shown.label == "commuters":
        # The utility serves all.
        assert "unserved-by-reason" not in charts
        return
    chart = charts["unserved-by-reason"]
    for case, table in (("without EVs", "reference_slots"), ("with EVs", "microgrid_slots")):
        rows = chart.numbers[chart.numbers["case"] == case]
        shed_kwh = shown.cube(table, "shed_kw").sum() * shown.clock.slot_h
        assert rows["energy_kwh"].sum() == pytest.approx(shed_kwh, abs=1.0)
