"""Mistakes of queueing studies: where, what was given, what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosim.errors import ScenarioError
from cosim.scenario.study_loader import is_study, load_study

SCENARIOS = Path(__file__).parents[2] / "scenarios"
HEAD = "version: 1\nkind: queue\nname: x\n"
STATION = "stations:\n  - {name: A, chargers: 2}\n"
CARS = "arrivals: {kind: poisson, per_h: 2}, service_h: {kind: constant, value: 1}"
CUSTOMERS = f"customers:\n  - {{name: cars, station: A, {CARS}}}\n"


def mistakes(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_study(path)
    return [f"{issue.path}: {issue.problem}" for issue in caught.value.issues]


@pytest.mark.parametrize(
    ("station", "mistake"),
    [
        ("name: A", "stations.0: needs either `chargers`, their number, or `kinds`"),
        ("name: A, chargers: 2, kinds: [{name: a, count: 1}]", "stations.0: needs either `chargers`"),
        ("name: A, chargers: 0", "stations.0.chargers: must be at least 1, got 0"),
        ("name: A, chargers: 2, preemptive: true", "stations.0.preemptive: goes with `discipline: priority` only"),
        (
            "name: A, kinds: [{name: a, count: 1}, {name: a, count: 1}]",
            "stations.0.kinds.1.name: 'a' is already the name of stations.0.kinds.0",
        ),
        (
            "name: A, chargers: 2, faults: {kind: listed, faults: [{charger: 2, from_h: 1, until_h: 2}]}",
            "stations.0.faults.faults.0.charger: must be below 2, got 2",
        ),
        (
            "name: A, chargers: 2, faults: {kind: listed, faults: [{charger: 0, from_h: 2, until_h: 2}]}",
            "stations.0.faults.faults.0.until_h: must be after from_h (2), got 2",
        ),
        (
            "name: A, chargers: 2, faults: {kind: listed, faults: [{charger: 0, from_h: 1, until_h: 3}, "
            "{charger: 0, from_h: 2, until_h: 4}]}",
            "stations.0.faults.faults.1.from_h: charger 0 has not been repaired by then",
        ),
        (
            "name: A, chargers: 2, faults: {kind: random, until_failure_h: {kind: uniform, low: 3, high: 2}, "
            "repair_h: {kind: constant, value: 1}}",
            "stations.0.faults.until_failure_h.low: must be below high (2), got 3",
        ),
        ("name: B, chargers: 2", "customers.0.station: there is no station 'A'; known: B"),
    ],
)
def test_mistakes_in_stations(tmp_path: Path, station: str, mistake: str) -> None:
    found = mistakes(tmp_path, f"{HEAD}stations:\n  - {{{station}}}\n{CUSTOMERS}")
    assert any(line.startswith(mistake) for line in found)


@pytest.mark.parametrize(
    ("cars", "mistake"),
    [
        ("arrivals: {kind: poisson, per_h: 2}", "customers.0: customers want either `service_h`, or `energy_kwh`"),
        (f"{CARS}, energy_kwh: {{kind: constant, value: 1}}", "customers.0: customers want either"),
        (f"{CARS}, stay_h: {{kind: constant, value: 1}}", "customers.0.stay_h: does not go with `service_h`"),
        (f"{CARS}, station: B", "customers.0.station: there is no station 'B'"),
        (
            f"{CARS}, curve: {{soc: [0.5, 0.2], power_kw: [1, 2, 3]}}",
            "customers.0.curve.soc.1: must be above 0.5",
        ),
        (
            f"{CARS}, curve: {{soc: [0, 1], power_kw: [1, 2, 3]}}",
            "customers.0.curve.power_kw: must have as many",
        ),
        (
            f"{CARS}, arrival_soc: {{kind: constant, value: 30}}",
            "customers.0.arrival_soc: must be a share of the battery",
        ),
        (f"{CARS}, patience: 3", "customers.0.patience: unknown key; did you mean 'patience_h'?"),
        (
            "arrivals: {kind: hourly, hours: [8, 7], per_h: [1, 1]}, service_h: {kind: constant, value: 1}",
            "customers.0.arrivals.hours.1: must be above 8, got 7",
        ),
        (
            "arrivals: {kind: hourly, hours: [8], per_h: [0]}, service_h: {kind: constant, value: 1}",
            "customers.0.arrivals.per_h: must not all be 0",
        ),
        (
            "arrivals: {kind: listed, at_h: [2, 1]}, service_h: {kind: constant, value: 1}",
            "customers.0.arrivals.at_h.1: must not be before 2, got 1",
        ),
        (
            "arrivals: {kind: csv, file: cars.csv}, service_h: {kind: constant, value: 1}",
            "customers.0.service_h: is in the file of these customers; leave it out",
        ),
    ],
)
def test_mistakes_in_customers(tmp_path: Path, cars: str, mistake: str) -> None:
    group = "name: cars, " + ("" if "station:" in cars else "station: A, ") + cars
    found = mistakes(tmp_path, f"{HEAD}{STATION}customers:\n  - {{{group}}}\n")
    assert any(line.startswith(mistake) for line in found)


def test_a_plug_that_no_charger_has_and_a_station_that_nobody_comes_to(tmp_path: Path) -> None:
    stations = "stations:\n  - {name: A, kinds: [{name: a, count: 1, plugs: [ccs]}]}\n  - {name: B, chargers: 1}\n"
    customers = f"customers:\n  - {{name: cars, station: A, plug: type2, {CARS}}}\n"
    assert mistakes(tmp_path, HEAD + stations + customers) == [
        "stations.1: no customers come here; leave it out or give it some",
        "customers.0.plug: A has no charger with 'type2'; it has ccs",
    ]


def test_a_study_is_told_from_an_outage() -> None:
    study, outage = SCENARIOS / "queue_station_day.yaml", SCENARIOS / "outage_33bus.yaml"
    assert is_study(study)
    assert not is_study(outage)
    with pytest.raises(ScenarioError, match="is an outage scenario, not a queueing study"):
        load_study(outage)


def test_every_study_that_ships_is_good() -> None:
    for path in SCENARIOS.glob("queue_*.yaml"):
        assert load_study(path).study.name == path.stem


def test_a_plug_that_no_customer_fits(tmp_path: Path) -> None:
    kinds = "kinds: [{name: a, count: 1, plugs: [ccs]}, {name: b, count: 1, plugs: [chademo]}, {name: c, count: 1}]"
    stations = f"stations:\n  - {{name: A, {kinds}}}\n"
    customers = f"customers:\n  - {{name: cars, station: A, plug: ccs, {CARS}}}\n"
    found = mistakes(tmp_path, f"{HEAD}{stations}{customers}")
    assert found == ["stations.0.kinds.1.plugs: no customer fits chademo; those who come need ccs"]
