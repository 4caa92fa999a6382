"""The scenarios that ship are good, run, and have what their comments promise."""

from __future__ import annotations

from pathlib import Path

import pytest

import cosim
from cosim.cli import main

FOLDER = Path(__file__).parents[1] / "scenarios"
SCENARIOS = sorted([*FOLDER.glob("outage_*.yaml"), *FOLDER.glob("day_*.yaml")])
STUDIES = sorted(FOLDER.glob("queue_*.yaml"))


@pytest.fixture(scope="module", params=SCENARIOS, ids=lambda path: path.stem)
def results(request: pytest.FixtureRequest) -> cosim.Results:
    overrides = ["network.engine=power-grid-model", "controller.name=random"]
    return cosim.run(request.param, episodes=2, overrides=overrides)


def test_there_are_scenarios() -> None:
    assert {"outage_33bus", "outage_33bus_customers", "outage_33bus_deterministic", "outage_siouxfalls"} <= {
        path.stem for path in SCENARIOS
    }


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_check_finds_nothing_wrong(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(path), "--set", "controller.name=random"]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: good ({path.stem}: ")


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_studies_are_good_and_answer(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: good ({path.stem}: ")
    assert main(["queue", str(path), "--replications", "3"]) == 0
    assert "transient study" in capsys.readouterr().out


def test_a_run_ends_with_closed_books(results: cosim.Results) -> None:
    assert results.summary["episodes"] == 2
    assert len(results.microgrid_slots) == 2 * results.summary["slots_per_episode"] * len(results.microgrids)
    assert results.summary["ledger_max_error_kwh"] < 1e-6


def test_voltages_are_within_5_percent(results: cosim.Results) -> None:
    voltages = results.bus_slots[["vm_pu", "reference_vm_pu"]]
    assert len(voltages) == 2 * results.summary["slots_per_episode"] * len(results.buses)
    # In the dark there is none.
    assert voltages[voltages > 0.0].min().min() >= 0.95
    assert voltages.max().max() <= 1.05
    assert results.summary["flagged_microgrid_slots"]["voltage_violated"] == 0


def test_there_is_something_to_restore_in_every_scenario(results: cosim.Results) -> None:
    shed_kwh, curtailed_kwh = (results.summary[key]["without_ev"] for key in ("shed_kwh", "curtailed_kwh"))
    dark = [m for m, kwh in enumerate(shed_kwh) if kwh > 100.0]
    assert len(dark) >= 2
    assert sum(shed_kwh) > 1500.0
    assert max(kwh for m, kwh in enumerate(curtailed_kwh) if m not in dark) > 900.0


def test_siouxfalls_sheds_and_curtails_what_its_comment_says() -> None:
    path = next(path for path in SCENARIOS if path.stem == "outage_siouxfalls")
    quiet = ["uncertainty={}", "controller.name=idle", "network.engine=lindistflow"]
    summary = cosim.run(path, episodes=1, overrides=quiet, records=False).summary
    assert summary["shed_kwh"]["without_ev"] == pytest.approx([0, 318.43, 0, 1155.67, 1069.50], abs=0.01)
    assert summary["curtailed_kwh"]["without_ev"] == pytest.approx([1515.12, 0, 0, 0, 0], abs=0.01)
    # What the contract asks for: 1,500 kWh in two microgrids together, 1,000 kWh of sun and wind in another.
    assert sum(summary["shed_kwh"]["without_ev"]) >= 1500.0
    assert summary["curtailed_kwh"]["without_ev"][0] >= 1000.0
    assert summary["cost"]["without_ev"]["total"] == pytest.approx(80137.78, abs=0.01)


def test_the_deterministic_scenario_has_no_noise() -> None:
    path = next(path for path in SCENARIOS if path.stem == "outage_33bus_deterministic")
    results = cosim.run(path, episodes=2, overrides=["controller.name=idle", "network.engine=lindistflow"])
    assert results.records is not None
    for table, column in (("reference_slots", "load_kw"), ("reference_slots", "shed_kw"), ("ev_slots", "station")):
        first, second = results.records[table].cube(column)
        assert (first == second).all(), column
    first_slot = results.ev_slots[(results.ev_slots.episode == 0) & (results.ev_slots.slot == 0)]
    assert first_slot.station.tolist() == [ev % 5 for ev in range(30)]
    assert first_slot.energy_start_kwh.tolist() == pytest.approx([36.0] * 30)
