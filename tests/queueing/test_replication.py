"""Replications: what a file or a list says happens, exactly; and stations that fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_study import plan, tree, written

from cosim.charging.customer import Outcome
from cosim.errors import ScenarioError
from cosim.queueing.plan import make_plan
from cosim.queueing.replication import replicate
from cosim.scenario.study_loader import load_study


def test_listed_customers_are_served_as_they_are_listed(tmp_path: Path) -> None:
    made = plan(
        tmp_path,
        station={"chargers": 1},
        arrivals={"kind": "listed", "at_h": [0.0, 0.5, 0.75]},
        service_h={"kind": "listed", "values": [1.0, 0.5, 0.25]},
        patience_h={"kind": "listed", "values": [9.0, 9.0, 0.5]},
    )
    (records,) = replicate(made, 0)
    assert records.waited_h.tolist() == pytest.approx([0.0, 0.5, 0.5])
    assert records.outcome.tolist() == [Outcome.SERVED, Outcome.SERVED, Outcome.RENEGED]
    assert records.left_h.tolist() == pytest.approx([1.0, 1.5, 1.25])
    assert records.spell_h.ravel().tolist() == pytest.approx([0.0, 1.0, 1.0, 1.5])
    assert records.wait_h.tolist() == [[0.5, 1.0], [0.75, 1.25]]


def test_customers_of_a_file_come_when_they_came_and_stay_as_long(tmp_path: Path) -> None:
    rows = "id,arrival,energy_kwh,stay_h\na,2026-11-25T08:00,20,2\nb,2026-11-25T09:00,60,0.5\nc,2026-11-26T09:00,5,1\n"
    (tmp_path / "cars.csv").write_text(rows)
    values = tree(station={"chargers": 1}, service_h=None, arrivals={"kind": "csv", "file": "cars.csv"})
    (records,) = replicate(make_plan(load_study(written(tmp_path, values))), 0)
    assert records.arrive_h.tolist() == [8.0, 9.0]
    # The first has its energy after 0.4 h at 50 kW, and stays; the second leaves before that.
    assert records.charged_kwh.tolist() == pytest.approx([20.0, 0.0])
    assert records.left_h.tolist() == pytest.approx([10.0, 9.5])
    assert records.outcome.tolist() == [Outcome.SERVED, Outcome.RENEGED]


def test_a_file_that_is_wrong_is_a_mistake_of_the_study(tmp_path: Path) -> None:
    values = tree(service_h=None, arrivals={"kind": "csv", "file": "none.csv"})
    with pytest.raises(ScenarioError, match=r"none\.csv: cannot be read"):
        make_plan(load_study(written(tmp_path, values)))
    (tmp_path / "none.csv").write_text("id,arrival,energy_kwh,stay_h\na,2026-11-25T08:00,20,2\n")
    values["clock"] = {"start": "09:00", "hours": 2.0}
    with pytest.raises(
        ScenarioError, match=r"study\.yaml:\d+: customers\.0\.arrivals\.file: no customer of none\.csv comes within"
    ):
        make_plan(load_study(written(tmp_path, values)))


def test_chargers_fail_and_are_repaired_at_random_and_nobody_is_lost(tmp_path: Path) -> None:
    faults = {
        "kind": "random",
        "until_failure_h": {"kind": "exponential", "mean": 3.0},
        "repair_h": {"kind": "constant", "value": 0.5},
    }
    sound, faulty = (replicate(plan(tmp_path, station=s, hours=200.0), 0)[0] for s in ({}, {"faults": faults}))
    assert np.array_equal(sound.arrive_h, faulty.arrive_h)
    assert faulty.interrupted.sum() > 10
    assert (faulty.outcome == Outcome.SERVED).all()
    assert faulty.waited_h.mean() > sound.waited_h.mean()
    # Who was interrupted goes on where it stopped: the time at chargers is the same.
    at_charger_h = [float((r.spell_h[:, 1] - r.spell_h[:, 0]).sum()) for r in (sound, faulty)]
    assert at_charger_h[0] == pytest.approx(at_charger_h[1])


def test_a_listed_fault_at_five_in_the_afternoon(tmp_path: Path) -> None:
    fault = {"kind": "listed", "faults": [{"charger": 0, "from_h": 1.0, "until_h": 3.0}]}
    made = plan(
        tmp_path,
        station={"chargers": 1, "faults": fault},
        arrivals={"kind": "listed", "at_h": [0.5]},
        service_h={"kind": "constant", "value": 1.0},
    )
    (records,) = replicate(made, 0)
    assert records.spell_h.tolist() == [[0.5, 1.0], [3.0, 3.5]]
    assert (records.waited_h[0], records.interrupted[0]) == (pytest.approx(2.0), 1)
