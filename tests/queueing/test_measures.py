"""Measures of a station's records, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_study import plan

from cosim.queueing.measures import Period, measures, queue_over_time
from cosim.queueing.replication import replicate


def found(tmp_path: Path, period: Period, **changes) -> dict[str, float]:
    made = plan(
        tmp_path,
        arrivals={"kind": "listed", "at_h": [0.0, 0.5, 0.75, 3.0]},
        service_h={"kind": "listed", "values": [1.0, 0.5, 0.25, 1.0]},
        **changes,
    )
    return measures(replicate(made, 0), period, (0.25,))


def test_a_day_by_hand(tmp_path: Path) -> None:
    day = found(tmp_path, Period(0.0, 4.0), station={"chargers": 1})
    # Waits of 0, 0.5, 0.75 and 0 h; the charger is in use for 2.75 of 4 h.
    assert (day["arrivals"], day["served"]) == (4, 4)
    assert day["waiting_time_mean_h"] == pytest.approx(0.3125)
    assert day["waiting_probability"] == 0.5
    assert day["waiting_over_0.25h_share"] == 0.5
    assert day["queue_length_mean"] == pytest.approx(1.25 / 4.0)
    assert day["queue_length_max"] == 2.0
    assert day["utilisation"] == pytest.approx(2.75 / 4.0)
    assert day["time_in_system_mean_h"] == pytest.approx((1.0 + 1.0 + 1.0 + 1.0) / 4.0)


def test_what_was_before_does_not_count(tmp_path: Path) -> None:
    day = found(tmp_path, Period(0.6, 4.0), station={"chargers": 1})
    assert day["arrivals"] == 2
    assert day["waiting_time_mean_h"] == pytest.approx(0.375)
    assert day["queue_length_mean"] == pytest.approx((0.4 + 0.75) / 3.4)
    assert day["utilisation"] == pytest.approx((0.4 + 0.75 + 1.0) / 3.4)


def test_a_period_without_customers_has_no_waits(tmp_path: Path) -> None:
    day = found(tmp_path, Period(3.5, 4.0), station={"chargers": 1})
    assert day["arrivals"] == 0
    assert "waiting_time_mean_h" not in day
    assert day["queue_length_max"] == 0.0


def test_kinds_of_chargers_one_by_one(tmp_path: Path) -> None:
    kinds = [{"name": "fast", "count": 1}, {"name": "slow", "count": 1}]
    day = found(tmp_path, Period(0.0, 4.0), station={"chargers": None, "kinds": kinds})
    assert day["utilisation_fast"] == pytest.approx((1.0 + 0.25 + 1.0) / 4.0)
    assert day["utilisation_slow"] == pytest.approx(0.5 / 4.0)
    assert day["utilisation"] == pytest.approx((day["utilisation_fast"] + day["utilisation_slow"]) / 2.0)


def test_shares_of_those_who_go_without(tmp_path: Path) -> None:
    day = found(tmp_path, Period(0.0, 4.0), station={"chargers": 1, "waiting_places": 1})
    assert (day["blocked"], day["blocked_share"]) == (1.0, 0.25)
    shy = found(tmp_path, Period(0.0, 4.0), station={"chargers": 1}, balks_at=1)
    assert (shy["balked"], shy["balked_share"], shy["blocked"]) == (1.0, 0.25, 0.0)


def test_the_site_limit_holds_back_while_two_charge(tmp_path: Path) -> None:
    day = found(tmp_path, Period(0.0, 4.0), station={"chargers": 2, "site_limit_kw": 80.0})
    # Two at once from 0.5 to 1 h.
    assert day["site_limit_h"] == pytest.approx(0.5)


def test_the_queue_over_time() -> None:
    waits = np.array([[0.0, 1.0], [0.5, 2.0]])
    assert queue_over_time(waits, np.array([0.0, 0.75, 1.0, 3.0])).tolist() == [1.0, 2.0, 1.0, 0.0]
