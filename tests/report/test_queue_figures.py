"""Pictures of queueing studies: files that are there, say their units, and draw nothing for nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_study import plan

from cosim.errors import QueueError
from cosim.queueing.pictured import seen_of
from cosim.queueing.study import Request
from cosim.report.queue_figures import COLOURS, Curve, check_figures, draw_curve, draw_station


def test_every_picture_of_a_station_in_both_forms(tmp_path: Path) -> None:
    (seen,) = seen_of(plan(tmp_path), Request(3, limits_h=(0.1,)))
    check_figures(tmp_path / "figures")
    files = draw_station(tmp_path / "figures", seen)
    assert [file.name for file in files] == [
        f"A-{name}.{form}" for name in ("queue", "waiting", "chargers", "utilisation") for form in ("svg", "png")
    ]
    assert all(file.stat().st_size > 1_000 for file in files)
    with pytest.raises(QueueError, match="must be a new or empty folder"):
        check_figures(tmp_path / "figures")


def test_numbers_that_are_drawn_are_those_of_the_records(tmp_path: Path) -> None:
    made = plan(
        tmp_path,
        station={"chargers": 1},
        hours=2.0,
        arrivals={"kind": "listed", "at_h": [0.0, 0.25]},
        service_h={"kind": "constant", "value": 0.5},
    )
    (seen,) = seen_of(made, Request(1))
    assert seen.in_use.tolist() == pytest.approx([1.0, 0.0])
    assert sorted(seen.waited_h.tolist()) == pytest.approx([0.0, 0.25])
    waiting = (seen.time_h >= 0.25) & (seen.time_h < 0.5)
    assert seen.queue[0].tolist() == waiting.astype(float).tolist()
    assert (seen.charger_names, seen.groups) == (["charger 1"], ["cars"])


def test_nothing_is_drawn_of_a_station_that_nobody_came_to(tmp_path: Path) -> None:
    made = plan(tmp_path, hours=1.0, arrivals={"kind": "listed", "at_h": [5.0]})
    (seen,) = seen_of(made, Request(2))
    assert draw_station(tmp_path / "figures", seen) == []
    assert not (tmp_path / "figures").exists()


def test_a_curve_over_designs(tmp_path: Path) -> None:
    curve = Curve("stations.0.chargers", "waiting_time_p90_h [h]", [1, 2], [0.5, 0.1], [0.4, 0.0], [0.6, 0.2], 0.2)
    svg, png = draw_curve(tmp_path, curve)
    assert svg.read_text().startswith("<?xml")
    assert png.read_bytes().startswith(b"\x89PNG")
    # The same picture has the same bytes but for names that matplotlib makes up.
    assert len(COLOURS) == 6
