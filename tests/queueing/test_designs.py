"""The smallest design that meets a target: by hand, over processes, and where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_study import tree, written

from cosim.errors import QueueError, ScenarioError
from cosim.metrics import Estimate
from cosim.queueing.designs import run_designs
from cosim.queueing.study import Request
from cosim.queueing.target import parse_target
from cosim.scenario.variation import parse_variation

CHARGERS = parse_variation("stations.0.chargers=3:7")
TARGET = parse_target("waiting_time_p90_h <= 0.1667")


def test_the_smallest_that_meets_a_target(tmp_path: Path) -> None:
    path = written(tmp_path, tree(hours=100.0))
    designs = run_designs(path, [], CHARGERS, Request(10, warm_up_h=10.0), TARGET)
    waits = [d.study.stations["A"]["waiting_time_p90_h"].mean if d.study else None for d in designs.designs]
    assert waits[0] is None
    assert "has a steady state only below 1" in designs.designs[0].why_not
    assert waits[1:] == sorted(waits[1:], reverse=True)
    answer = designs.answer()
    assert answer["met"]
    first = next(k for k, wait in enumerate(waits) if wait is not None and wait <= 0.1667)
    assert answer["value"] == CHARGERS.values[first]
    assert answer["station"] == "A"
    assert answer["confidence"] > 0.5
    assert answer["confidence_that_smaller_fails"] > 0.5


def test_processes_change_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, tree(hours=30.0))
    one, two = (run_designs(path, [], CHARGERS, Request(3), TARGET, workers=n).summary() for n in (1, 2))
    assert one == two


def test_a_target_that_no_design_meets_names_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path, tree(hours=60.0))
    target = parse_target("waiting_time_mean_h<=1e-9")
    answer = run_designs(path, [], parse_variation("stations.0.chargers=1,2"), Request(3), target).answer()
    assert (answer["met"], answer["best"]) == (False, 2)
    assert answer["mean"] > 0.0


def test_more_can_be_better(tmp_path: Path) -> None:
    path = written(tmp_path, tree(hours=60.0))
    answer = run_designs(path, [], CHARGERS, Request(3), parse_target("utilisation >= 0.2")).answer()
    assert answer["value"] == 3


def test_confidence_is_one_sided_by_student() -> None:
    found = Estimate(1.0, 0.5, 1.5, "h")
    target = parse_target("waiting_time_mean_h <= 1.5")
    assert target.confidence(found, 10) == pytest.approx(0.975)
    assert parse_target("waiting_time_mean_h >= 1.5").confidence(found, 10) == pytest.approx(0.025)
    assert parse_target("waiting_time_mean_h <= 1").confidence(found, 10) == pytest.approx(0.5)
    assert target.confidence(Estimate(1.0, None, None, "h"), 1) is None
    assert target.confidence(Estimate(1.0, 1.0, 1.0, "h"), 10) == 1.0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("wait <= 1", "there is no measure 'wait'; known: arrivals, "),
        ("waiting_time_men_h <= 1", "did you mean 'waiting_time_mean_h'?"),
        ("waiting_time_p90_h < 1", "must have the form MEASURE <= NUMBER"),
        ("waiting_time_p90_h <= soon", "'soon' is no number"),
        ("waiting_time_p90_h <= inf", "'inf' is no number"),
    ],
)
def test_targets_that_are_none(text: str, problem: str) -> None:
    with pytest.raises(QueueError) as caught:
        parse_target(text)
    assert problem in str(caught.value)


def test_a_design_that_is_wrong_and_a_measure_that_is_missing_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, tree(hours=10.0))
    with pytest.raises(
        ScenarioError, match=r"^--vary stations\.0\.chargers=0:2: stations\.0\.chargers: must be at least 1, got 0"
    ):
        run_designs(path, [], parse_variation("stations.0.chargers=0:2"), Request(2))
    with pytest.raises(QueueError, match="utilisation_fast was not measured here"):
        run_designs(path, [], CHARGERS, Request(2), parse_target("utilisation_fast <= 1"))
