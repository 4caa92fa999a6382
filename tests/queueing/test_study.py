"""Studies: against exact values, repeatable, with honest intervals; and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from small_study import plan

from cosim.errors import QueueError
from cosim.queueing.replication import replicate
from cosim.queueing.study import Request, estimate, estimates, run_study

EXPONENTIAL = {"kind": "exponential", "mean": 0.5}
#: Station, customers, hours of a replication; the benchmark of the steady state does the same at length.
STEADY = {
    "M/M/1": ({"chargers": 1}, {"arrivals": {"kind": "poisson", "per_h": 1.2}}, 2_000),
    "M/M/4": ({}, {}, 1_000),
    "M/D/4": ({}, {"service_h": {"kind": "constant", "value": 0.5}}, 1_000),
    "M/M/4/7": ({"waiting_places": 3}, {"arrivals": {"kind": "poisson", "per_h": 8.0}}, 1_000),
    "M/M/4/4": ({"waiting_places": 0}, {}, 1_000),
    "M/M/4+M": ({}, {"arrivals": {"kind": "poisson", "per_h": 9.0}, "patience_h": EXPONENTIAL}, 1_000),
    "M/M/4/6": ({}, {"balks_at": 2}, 1_000),
}
COMPARED = ("waiting_probability", "waiting_time_mean_h", "queue_length_mean", "utilisation")


@pytest.mark.parametrize("model", STEADY)
def test_the_steady_state_is_the_exact_one(model: str, tmp_path: Path) -> None:
    station, cars, hours = STEADY[model]
    study = run_study(plan(tmp_path, station=station, hours=hours, **cars), Request(20, warm_up_h=20.0, theory=True))
    exact = study.theory["A"].values
    assert exact is not None
    assert exact.model == model
    found = study.stations["A"]
    expected = {name: getattr(exact, name) for name in COMPARED}
    lost = "balked_share" if "balks_at" in cars else "blocked_share"
    expected |= {lost: exact.blocked_share, "reneged_share": exact.reneged_share}
    # Simultaneous intervals (Bonferroni), 99.9 % for all seven models together.
    level = 1.0 - 0.001 / len(STEADY) / len(expected)
    widen = scipy.stats.t.ppf(0.5 + level / 2.0, 19) / scipy.stats.t.ppf(0.975, 19)
    for name, value in expected.items():
        half = (found[name].high - found[name].mean) * widen
        assert found[name].mean == pytest.approx(value, abs=half + 1e-12), name
        assert half <= 0.35 * value or value < 0.01, f"{name}: the test says nothing"


def test_the_same_seed_gives_the_same_bits_and_another_one_others(tmp_path: Path) -> None:
    made = plan(tmp_path, hours=50.0)
    first, again, other = replicate(made, 0)[0], replicate(made, 0)[0], replicate(made, 1)[0]
    assert np.array_equal(first.waited_h, again.waited_h)
    assert not np.array_equal(first.arrive_h[:50], other.arrive_h[:50])


def test_designs_meet_the_same_customers(tmp_path: Path) -> None:
    few, many = (replicate(plan(tmp_path, station={"chargers": n}), 0)[0] for n in (2, 6))
    assert np.array_equal(few.arrive_h, many.arrive_h)
    assert few.waited_h.sum() > many.waited_h.sum()


def test_a_transient_study_has_no_warm_up_and_says_so(tmp_path: Path) -> None:
    summary = run_study(plan(tmp_path), Request(3, theory=True)).summary()
    assert (summary["steady_state"], summary["warm_up_h"], summary["warm_up_by"]) == (False, 0.0, "none")
    assert "transient" in summary["theory"]["A"]["why_not"]
    # A load beyond 1 is no matter then.
    assert run_study(plan(tmp_path, station={"chargers": 1}), Request(2)).stations["A"]["served"].mean > 0.0


def test_warm_up_is_found_where_the_queue_has_filled(tmp_path: Path) -> None:
    made = plan(tmp_path, hours=200.0, arrivals={"kind": "poisson", "per_h": 7.2})
    study = run_study(made, Request(10, warm_up_by="mser-5"))
    assert 0.0 <= study.warm_up_h <= 100.0
    assert study.summary()["warm_up_by"] == "mser-5"


def test_measures_that_are_asked_for(tmp_path: Path) -> None:
    found = run_study(plan(tmp_path), Request(4, limits_h=(0.1, 0.5))).stations["A"]
    assert found["waiting_over_0.5h_share"].mean <= found["waiting_over_0.1h_share"].mean
    assert found["waiting_over_0.1h_share"].mean <= found["waiting_probability"].mean
    assert found["waiting_time_p90_h"].unit == "h"


def test_the_queue_over_time(tmp_path: Path) -> None:
    made = plan(
        tmp_path,
        station={"chargers": 1},
        hours=2.0,
        arrivals={"kind": "listed", "at_h": [0.0, 0.25]},
        service_h={"kind": "constant", "value": 0.5},
    )
    series = run_study(made, Request(3)).queue_over_time["A"]
    waiting = [float(0.25 <= time_h < 0.5) for time_h in series.time_h]
    assert (series.time_h[0], series.time_h[-1]) == (0.0, 2.0)
    assert list(series.mean) == list(series.low) == list(series.high) == waiting
    steady = run_study(plan(tmp_path, hours=50.0), Request(8, warm_up_h=10.0)).queue_over_time["A"]
    assert steady.time_h[0] == 10.0
    assert all(low <= mean <= high for low, mean, high in zip(steady.low, steady.mean, steady.high, strict=True))
    assert np.mean(steady.mean) == pytest.approx(1.53, rel=0.6)
    assert run_study(made, Request(1)).queue_over_time["A"].low == ()


def test_intervals_are_those_of_student(tmp_path: Path) -> None:
    found = estimate([1.0, 2.0, 3.0], "h")
    half = 4.302652729911275 / math.sqrt(3.0)
    assert (found.mean, found.high, found.unit) == (2.0, pytest.approx(2.0 + half), "h")
    # What is never negative has no interval that is.
    assert found.low == 0.0
    assert estimate([1.0], "h").low is None
    # A replication without a measure does not count for it.
    assert estimates([{"a": 1.0}, {"a": 3.0, "b": 5.0}])["b"].mean == 5.0


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (Request(0), "at least 1 replication, got 0"),
        (Request(2, warm_up_h=24.0), r"below the 24 h of the study \(clock.hours\), got 24 h"),
        (Request(2, warm_up_h=-1.0), "the warm-up must be at least 0"),
    ],
)
def test_questions_without_an_answer(tmp_path: Path, request_: Request, problem: str) -> None:
    with pytest.raises(QueueError, match=problem):
        run_study(plan(tmp_path), request_)


@pytest.mark.parametrize("chargers", [2, 3])
def test_a_steady_state_that_does_not_exist_is_refused(tmp_path: Path, chargers: int) -> None:
    load = {2: "1.5", 3: "1"}[chargers]
    made = plan(tmp_path, station={"chargers": chargers})
    with pytest.raises(
        QueueError, match=rf"station 'A' is loaded by {load}, .* add chargers or power, set waiting_places"
    ):
        run_study(made, Request(2, warm_up_h=1.0))
    with pytest.raises(QueueError, match="is loaded by"):
        run_study(made, Request(2, warm_up_by="mser-5"))
