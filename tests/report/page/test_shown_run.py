"""A run that is read for a page comes to what its summary says, also where it has not ended."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from cosim.errors import RecordError
from cosim.report.page.shown_run import show_run


@pytest.mark.parametrize("name", ["outage", "customers", "day"])
def test_estimates_are_those_of_the_summary(name: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(name)
    summary = json.loads((folder / "summary.json").read_text())
    run = show_run(folder, "run")
    assert {metric: asdict(found) for metric, found in run.estimates.items()} == summary["metrics"]
    assert run.ended


def test_the_episode_nearest_to_the_median_is_shown(outage: Path) -> None:
    run = show_run(outage, "run")
    ratios = run.metric("load_restoration_ratio")
    assert ratios[run.episode] == np.median(ratios)
    assert set(run.records["ev_slots"].columns["episode"]) == {run.episode}
    assert show_run(outage, "run", 4).episode == 4


def test_a_wrong_episode_is_refused(outage: Path) -> None:
    with pytest.raises(RecordError, match=r"outage has no episode 5; there are 0 to 4"):
        show_run(outage, "run", 5)


def test_a_run_that_was_interrupted_is_shown_as_far_as_it_got(outage: Path, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    shutil.copytree(outage, folder)
    (folder / "summary.json").unlink()
    metadata = folder / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("episodes: 5", "episodes: 50", 1))
    run = show_run(folder, "run")
    assert not run.ended
    assert len(run.totals.episode) == 5


def test_times_are_those_of_the_clock(day: Path, outage: Path) -> None:
    run = show_run(outage, "run")
    assert run.ends_h == (10.0, 16.0)
    assert run.slot_times_h[1] == 10.5
    assert run.clock_time(90.0 * 60.0) == "11:30"
    assert show_run(day, "run").clock_time(24.0 * 3600.0) == "00:00"


def test_progress_is_told(outage: Path) -> None:
    told: list[tuple[int, int]] = []
    show_run(outage, "run", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (5, 5)
