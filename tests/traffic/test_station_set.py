"""Stations of a scenario: those that the fleet shares do for the fleet alone what its own do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from small_world import Case, arrays_of, cases

import cosim
from cosim.errors import QueueError, ScenarioError
from cosim.traffic.accounts import TrafficSlot

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus_customers.yaml"


def nearly_equal(one: object, other: object) -> None:
    expected = arrays_of(other)
    for name, values in arrays_of(one).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_a_shared_station_with_nobody_else_is_a_station(case: Case) -> None:
    own, shared = case.run((0, 3)), replace(case, shared=True).run((0, 3))
    for one, other in zip(own.slots, shared.slots, strict=True):
        nearly_equal(one.ev_book, other.ev_book)
        nearly_equal(one.station_book, other.station_book)
        assert visits(one) == visits(other)
    for before, after in zip(own.states, shared.states, strict=True):
        nearly_equal(before, after)


def visits(slot: TrafficSlot) -> list[tuple[object, ...]]:
    return [
        (
            visit.ev,
            visit.station,
            *(
                value if value is None else round(value, 6)
                for request in visit.requests
                for value in (request.request_s, request.plug_in_s, request.plug_out_s, request.queue_met)
            ),
        )
        for of_replica in slot.visits
        for visit in of_replica
    ]


FAULTS = "faults: {kind: listed, faults: [{charger: 0, from_h: 0, until_h: 6}, {charger: 1, from_h: 0, until_h: 6}]}"


@pytest.mark.parametrize("place", ["random_station", "random_node"])
def test_chargers_fail_although_nobody_is_there_yet(place: str) -> None:
    broken = [f"stations.{h}.{key}" for h in range(5) for key in ("chargers=2", FAULTS.replace(": ", "=", 1))]
    overrides = [*broken, f"fleet.start.place={place}", "network.engine=lindistflow"]
    results = cosim.run(SCENARIO, episodes=1, overrides=overrides)
    assert results.metrics["charger_utilisation"].mean == 0.0
    assert results.metrics["load_restoration_ratio"].mean == 0.0


def test_a_run_with_kinds_of_chargers_is_the_same_again(tmp_path: Path) -> None:
    kinds = "stations.0={name: CDS1, position_km: [8, 20], bus: 19, kinds: [{name: fast, count: 3, power_kw: 80}]}"
    overrides = [kinds, "network.engine=lindistflow"]
    assert cosim.load(SCENARIO, overrides).spec.station_chargers.tolist() == [3, 6, 6, 10, 10]
    cosim.run(SCENARIO, episodes=1, overrides=overrides, out=tmp_path / "run")
    assert cosim.verify(tmp_path / "run").same


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("stations.0.kinds=[{name: fast, count: 3}]", r"stations\.0\.chargers: must be left out when kinds are given"),
        ("stations.0.preemptive=true", r"stations\.0\.preemptive: goes with `discipline: priority` only"),
        ("customers.0.station=CDS9", r"customers\.0\.station: there is no station 'CDS9'; did you mean"),
        (
            "stations.0.faults={kind: random, until_failure_h: {kind: constant, value: 0}, "
            "repair_h: {kind: constant, value: 0}}",
            r"faults\.until_failure_h: and repair_h must be 0\.001 h or more together",
        ),
        (
            "stations.0.faults={kind: random, until_failure_h: {kind: listed, values: [1]}, "
            "repair_h: {kind: constant, value: 1}}",
            r"faults\.until_failure_h: cannot be listed; list the faults themselves",
        ),
    ],
)
def test_mistakes_of_stations_and_customers(section: str, problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem):
        cosim.load(SCENARIO, [section])


def test_too_few_listed_values_name_the_group_and_the_key() -> None:
    few = "customers.0.energy_kwh={kind: listed, values: [10]}"
    problem = r"customers 'shoppers', energy_kwh: 1 values are listed, but \d+ customers come"
    with pytest.raises(QueueError, match=problem):
        cosim.run(SCENARIO, episodes=1, overrides=[few])
