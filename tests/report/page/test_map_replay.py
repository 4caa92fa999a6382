"""Data of the replayed map are what the records say, at slots' ends and in between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import cosim
from cosim.records.table import Records, Table
from cosim.report.page.map_chart import map_chart
from cosim.report.page.map_replay import ReplayTerms, replay_of

SCENARIOS = Path(__file__).parents[3] / "scenarios"
#: Slow roads, so that drives go on over slots' ends and beyond the last one; few chargers, so that EVs queue.
CASES = {
    "outage_33bus": ("roads.speed_kmh=12", *(f"stations.{h}.chargers=1" for h in range(5))),
    "outage_33bus_customers": ("roads.speed_kmh=12", *(f"stations.{h}.chargers=2" for h in range(5))),
    "outage_siouxfalls": ("roads.minutes_per_time=4", "stations.3.chargers=1"),
}


class Case(NamedTuple):
    records: Records
    terms: ReplayTerms
    replay: dict[str, Any]


def terms_of(system: cosim.System) -> ReplayTerms:
    scenario = system.scenario
    hours, minutes = scenario.clock.start.split(":")
    fleet = scenario.fleet
    return ReplayTerms(
        start_s=3600 * int(hours) + 60 * int(minutes),
        slot_s=scenario.clock.slot_s,
        slots=scenario.clock.slots,
        energy_min_kwh=fleet.soc_min * fleet.battery_kwh,
        energy_max_kwh=fleet.soc_max * fleet.battery_kwh,
        consumption_kwh_per_km=fleet.consumption_kwh_per_km,
        commutes=fleet.commute is not None,
    )


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    overrides = ["controller.name=random", "network.engine=lindistflow", *CASES[request.param]]
    system = cosim.load(SCENARIOS / f"{request.param}.yaml", overrides)
    records = cosim.run(system, episodes=1).records
    assert records is not None
    terms = terms_of(system)
    return Case(records, terms, replay_of(records, terms))


def slot_ends_s(terms: ReplayTerms) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return terms.slot_s * np.arange(1.0, terms.slots + 1.0)


def test_positions_at_slot_ends_are_those_of_the_records(case: Case) -> None:
    ev_slots, ends_s = case.records["ev_slots"], slot_ends_s(case.terms)
    moved = 0
    for ev, drawn in enumerate(case.replay["evs"]):
        times_s, *axes = drawn["motion"]
        assert times_s[0] == 0.0 and times_s[-1] == case.terms.end_s
        assert np.all(np.diff(times_s) >= 0.0)
        for values, column in zip(axes, ("x_km", "y_km"), strict=True):
            known = ev_slots.cube(column)[0, :, ev]
            assert np.interp(ends_s, times_s, values) == pytest.approx(known, abs=1e-3), (ev, column)
        moved += len(times_s) > 2
    assert moved > 20, "too easy: hardly an EV moves"


def test_energy_at_slot_ends_is_that_of_the_records(case: Case) -> None:
    known_kwh = case.records["ev_slots"].cube("energy_end_kwh")[0]
    for ev, drawn in enumerate(case.replay["evs"]):
        times_s, energy_kwh = drawn["energy"]
        assert np.all(np.diff(times_s) >= 0.0)
        found_kwh = np.interp(slot_ends_s(case.terms), times_s, energy_kwh)
        assert found_kwh == pytest.approx(known_kwh[:, ev], abs=1e-3), ev


def test_energy_is_even_while_driving_and_rests_while_parked(case: Case) -> None:
    parked = driven = 0
    for drawn in case.replay["evs"]:
        plugged = drawn["plugged"]
        for begin_s, end_s, _, x_km, y_km in drawn["stays"]:
            if not any(a < end_s and b > begin_s for a, b, _ in plugged):
                span_kwh = np.interp([begin_s, end_s], *drawn["energy"])
                assert span_kwh[1] == pytest.approx(span_kwh[0], abs=2e-3)
                parked += 1
            assert np.interp(begin_s, *drawn["motion"][:2]) == pytest.approx(x_km, abs=1e-3)
            assert np.interp(begin_s, drawn["motion"][0], drawn["motion"][2]) == pytest.approx(y_km, abs=1e-3)
        for stay, following in zip(drawn["stays"], drawn["stays"][1:], strict=False):
            at_s = np.linspace(stay[1], following[0], 9)
            energy_kwh = np.interp(at_s, *drawn["energy"])
            assert np.all(np.diff(energy_kwh) <= 1e-3), "an EV gains energy on the road"
            driven += energy_kwh[0] > energy_kwh[-1]
    assert parked > 10
    assert driven > 10


def test_driven_energy_is_that_of_the_kilometres(case: Case) -> None:
    trips = case.records["trips"].columns
    checked = 0
    for row, ev in enumerate(trips["ev"]):
        if np.isnan(trips["arrive_s"][row]):
            continue
        span_s = (trips["depart_s"][row], trips["arrive_s"][row])
        energy_kwh = np.interp(span_s, *case.replay["evs"][ev]["energy"])
        known_kwh = case.terms.consumption_kwh_per_km * trips["length_km"][row]
        assert energy_kwh[0] - energy_kwh[1] == pytest.approx(known_kwh, abs=3e-3)
        checked += 1
    assert checked > 10


def count(spans_s: list[tuple[float, float]], time_s: float) -> int:
    return sum(begin <= time_s < (np.inf if np.isnan(end) else end) for begin, end in spans_s)


def test_chargers_and_queues_are_those_of_visits_and_customers(case: Case) -> None:
    visits, customers = case.records["visits"].columns, case.records["customers"].columns
    names = ((visits, "request_s", "plug_out_s"), (customers, "arrive_s", "leave_s"))
    queued = 0
    for number, station in enumerate(case.replay["stations"]):
        charging, waiting = [], []
        for columns, asks, leaves in names:
            for row in np.flatnonzero(np.asarray(columns["station"]) == number):
                asked_s, plugged_s, left_s = (columns[name][row] for name in (asks, "plug_in_s", leaves))
                charging.append((plugged_s, left_s))
                waiting.append((asked_s, left_s if np.isnan(plugged_s) else plugged_s))
        for time_s in np.linspace(0.0, case.terms.end_s - 1.0, 400) + 0.37:
            busy, queue = (at(station[name], time_s) for name in ("busy", "queue"))
            plugged = count(charging, time_s)
            assert busy == min(plugged, station["chargers"])
            assert busy + queue == plugged + count(waiting, time_s)
            queued += queue
    assert queued > 0, "too easy: nobody queued"


def at(steps: list[list[float]], time_s: float) -> float:
    times_s, counts = steps
    return counts[int(np.searchsorted(times_s, time_s, side="right")) - 1]


def test_chargers_and_queues_have_the_means_of_slots(case: Case) -> None:
    slots, customers = case.records["station_slots"], case.records["customers"].columns
    interrupted = set(np.asarray(customers["station"])[np.asarray(customers["interrupted"]) > 0])
    for number, station in enumerate(case.replay["stations"]):
        # Where a customer lost its charger, the records do not tell when.
        for name in ("busy", "queue") if number not in interrupted else ():
            times_s, counts = station[name]
            total = np.concatenate([[0.0], np.cumsum(np.diff([*times_s, case.terms.end_s]) * counts)])
            edges_s = np.concatenate([[0.0], slot_ends_s(case.terms)])
            mean = np.diff(np.interp(edges_s, [*times_s, case.terms.end_s], total)) / case.terms.slot_s
            assert mean == pytest.approx(slots.cube(f"{name}_mean")[0, :, number], abs=1e-3), (number, name)


def test_states_and_events_are_at_exact_times(case: Case) -> None:
    visits = case.records["visits"].columns
    known = sorted(
        (ev, round(time_s, 2), what)
        for column, what in (("request_s", "asks for a charger"), ("plug_in_s", "plugs in"))
        for ev, time_s in zip(visits["ev"], visits[column], strict=True)
        if not np.isnan(time_s)
    )
    told = sorted(
        (ev, time_s, what)
        for ev, drawn in enumerate(case.replay["evs"])
        for time_s, what, _ in drawn["events"]
        if what in ("asks for a charger", "plugs in")
    )
    assert told == known
    assert any(time_s % case.terms.slot_s for _, time_s, _ in told), "too easy: all at slots' beginnings"
    for drawn in case.replay["evs"]:
        times_s = [time_s for time_s, _, _ in drawn["events"]]
        assert times_s == sorted(times_s)


def test_slots_of_roads_and_microgrids(case: Case) -> None:
    roads, flow = case.records["roads"].columns, case.records["road_slots"].cube("flow_vph")[0]
    assert np.asarray(case.replay["roads"]["share"]) == pytest.approx(flow / roads["capacity_vph"], abs=1e-3)
    for number, microgrid in enumerate(case.replay["microgrids"]):
        for column in ("shed_kw", "surplus_kw"):
            known = case.records["microgrid_slots"].cube(column)[0, :, number]
            assert microgrid[column] == pytest.approx(known, abs=1e-2)


def test_it_is_plain_and_small(case: Case) -> None:
    text = json.dumps(case.replay, allow_nan=False, separators=(",", ":"))
    assert len(text) < 150_000
    assert json.loads(text) == case.replay


def test_names_are_kept_as_they_are(case: Case) -> None:
    stations = case.records["stations"]
    name = "</script><script>alert(1)</script>"
    columns = {**stations.columns, "name": [name, *stations.columns["name"][1:]]}
    changed = [Table(stations.kind, columns) if table is stations else table for table in case.records.values()]
    assert replay_of(Records(changed), case.terms)["stations"][0]["name"] == name


def test_the_picture_of_the_map(case: Case) -> None:
    pytest.importorskip("altair")
    picture = json.dumps(map_chart(case.records, case.terms).to_dict())
    assert "east [km]" in picture
    assert "north [km]" in picture
    for name in case.records["stations"].columns["name"]:
        assert f'"{name}' in picture


def test_one_that_commutes_is_at_home_in_between() -> None:
    at_home = [
        "network.engine=lindistflow",
        "controller.name=on_arrival",
        "fleet.size=2",
        # Never away at the end of a slot.
        "fleet.commute.arrival={mean: '12:10', std_h: 0}",
        "fleet.commute.departure={mean: '36:00', std_h: 0}",
    ]
    system = cosim.load(SCENARIOS / "v2g_day.yaml", at_home)
    records = cosim.run(system, episodes=1).records
    assert records is not None
    for number, ev in enumerate(replay_of(records, terms_of(system))["evs"]):
        assert ev["away"][0] == (0.0, 600.0)
        assert [stay[2] for stay in ev["stays"]] == [number]
