"""Runs are compared on the same episodes, and never on others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cosim.report.page.comparison_section import comparison_section
from cosim.report.page.section import Note, TableView
from cosim.report.page.shown_run import ShownRun, show_run


def table(runs: list[ShownRun], name: str) -> TableView | None:
    parts = comparison_section(runs).parts
    return next((part for part in parts if isinstance(part, TableView) and part.name == name), None)


def test_differences_are_of_the_episodes_that_both_have(outage: Path, coordinated: Path) -> None:
    runs = [show_run(outage, "greedy"), show_run(coordinated, "coordinated")]
    differences = table(runs, "differences")
    assert differences is not None
    row = next(row for row in differences.rows if row[0] == "load restored, share")
    ratios = [run.metric("load_restoration_ratio")[:3] for run in runs]
    assert row[1] == "coordinated"
    assert row[2] == pytest.approx(np.mean(ratios[1] - ratios[0]))
    assert row[3] < row[2] < row[4]
    assert row[5] == 3


def test_other_seeds_are_not_paired(outage: Path, tmp_path: Path, run_into: Callable[..., Path]) -> None:
    other = run_into(tmp_path / "other", "outage_33bus", "greedy", 2, "seed=5")
    runs = [show_run(outage, "one"), show_run(other, "two")]
    assert table(runs, "differences") is None
    notes = [part.text for part in comparison_section(runs).parts if isinstance(part, Note)]
    assert notes == ["No run has episodes in common with one: their seeds differ, so there are no paired differences."]


def test_a_number_that_varies_gives_curves(outage: Path, tmp_path: Path, run_into: Callable[..., Path]) -> None:
    larger = run_into(tmp_path / "larger", "outage_33bus", "greedy", 2, "fleet.size=40")
    runs = [show_run(larger, "forty"), show_run(outage, "thirty")]
    charts = {chart.name: chart for chart in comparison_section(runs).charts}
    numbers = charts["over-fleet-size-load-restoration-ratio"].numbers
    assert numbers["value"].tolist() == [30.0, 40.0]
    assert numbers["mean"].tolist() == [run.estimates["load_restoration_ratio"].mean for run in reversed(runs)]
