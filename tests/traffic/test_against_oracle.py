"""The traffic against a textbook version of it (`oracle.py`): the same events, times and energies."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from oracle import Oracle
from small_roads import SCENARIOS

from cosim.charging.visit import Visit
from cosim.interface import Action, EvState
from cosim.system import System, load_system
from cosim.traffic.model import FleetState, TrafficSlot
from cosim.traffic.trip import Trip

DEFAULT: list[str] = []
# Slow roads that few EVs fill, so that trips cross slots; few chargers for many EVs, so that they queue.
STRESS = [
    "roads.bpr_b=1.0",
    "roads.speed_kmh=15",
    "congestion.ev_flow_vph=60",
    "fleet.size=60",
    "fleet.p_sch_max=1.0",
    *(f"stations.{k}.chargers=3" for k in range(5)),
]


def load(overrides: list[str], file: str = "outage_33bus.yaml") -> System:
    return load_system(Path(SCENARIOS) / file, overrides)


class Count(NamedTuple):
    """What an episode had in it.

    Attributes:
        trips: Trips.
        crossing: Those that were under way at a slot's end.
        waited: Requests that waited and were served.
    """

    trips: int
    crossing: int
    waited: int


def compare(system: System, episode: int, directed: float) -> Count:
    """Run both with the same orders, all but some at random; every time and every energy must be the same."""
    generator = np.random.default_rng(episode)
    spec, size, slots = system.spec, system.spec.fleet_size, system.clock.slots
    model = system.traffic_model()
    model.begin([episode])
    base_flow_vph = np.array([model._base_flow_vph(slot)[0] for slot in range(slots)])
    fleet = model._replicas[0].fleet
    starts = [(place.node, battery.energy_kwh) for place, battery in zip(fleet.place, fleet.battery, strict=True)]
    oracle = Oracle(system, base_flow_vph, starts)
    for _ in range(slots):
        state = model.state()
        heading_rad = generator.uniform(0, 2 * np.pi, (1, size))
        distance_km = generator.uniform(0, spec.max_move_km, (1, size)) * (generator.random((1, size)) < 0.7)
        if directed:
            station = generator.integers(0, len(spec.station_name), (1, size))
            aim = spec.navigator.aim(state.edge, state.node, state.offset_km, station)
            to_station = generator.random((1, size)) < directed
            heading_rad, distance_km = (
                np.where(to_station, there, here) for there, here in zip(aim, (heading_rad, distance_km), strict=True)
            )
            stay = (state.station >= 0) & (generator.random((1, size)) < 0.6)
            distance_km[stay] = 0.0
        share = generator.uniform(-spec.max_discharge_share, 1.0, (1, size)) * (generator.random((1, size)) < 0.9)
        limits_kw = generator.uniform(0, 150, (1, len(spec.station_name), 2)) * (
            generator.random((1, len(spec.station_name), 2)) < 0.9
        )
        result = model.step(Action(heading_rad, distance_km, share), limits_kw)
        oracle.run_slot(np.stack([heading_rad, distance_km, share], axis=-1)[0], limits_kw[0])
        compare_slot(result, model.state(), oracle)
    (trips,), (visits,) = result.trips, result.visits
    compare_trips(trips, oracle)
    compare_visits(visits, oracle)
    requests = [request for visit in visits for request in visit.requests]
    compare_requests(visits, oracle)
    slot_s = system.clock.slot_s
    return Count(
        trips=len(trips),
        crossing=sum(trip.arrive_s is None or trip.arrive_s >= trip.depart_s + slot_s for trip in trips),
        waited=sum(r.plug_in_s is not None and r.plug_in_s > r.request_s for r in requests),
    )


def same(ours: Sequence[float | None], theirs: Sequence[float | None]) -> None:
    """Equal to 1e-9 s, km or kWh, whatever their size."""
    assert [value is None for value in ours] == [value is None for value in theirs]
    assert [v for v in ours if v is not None] == pytest.approx([v for v in theirs if v is not None], rel=0, abs=1e-9)


def compare_slot(result: TrafficSlot, end: FleetState, oracle: Oracle) -> None:
    """Where everybody is at the slot's end, and how full; an oracle's EV is somewhere only when it stands."""
    moving = [ev.driving for ev in oracle.evs]
    assert (result.evs.state[0] == EvState.DRIVING).tolist() == moving, f"slot {oracle.slot - 1}"
    at_rest = ~np.array(moving)
    same(result.evs.energy_end_kwh[0, at_rest], np.array([ev.energy_kwh for ev in oracle.evs])[at_rest])
    ours_km = np.stack([result.evs.x_km, result.evs.y_km], axis=-1)[0, at_rest]
    theirs_km = np.array([oracle.spot(ev) for ev in oracle.evs]).reshape(-1, 2)[at_rest]
    same(ours_km.ravel(), theirs_km.ravel())
    assert end.queue_length[0].tolist() == [len(queue) for queue in oracle.queue]
    assert end.chargers_busy[0].tolist() == [len(plugged) for plugged in oracle.plugged]


def compare_trips(trips: Sequence[Trip], oracle: Oracle) -> None:
    assert [trip.ev for trip in trips] == [drive.ev for drive in oracle.drives]
    assert [[leg.road for leg in trip.legs] for trip in trips] == [[r for r, _, _ in d.way] for d in oracle.drives]
    same([trip.depart_s for trip in trips], [drive.depart_s for drive in oracle.drives])
    same([trip.planned_s for trip in trips], [drive.planned_s for drive in oracle.drives])
    same([t for trip in trips for t in trip.enter_s], [t for drive in oracle.drives for t in drive.enter_s])
    same([trip.arrive_s for trip in trips], [drive.arrive_s for drive in oracle.drives])
    same([trip.length_km for trip in trips], [sum(b - a for _, a, b in drive.way) for drive in oracle.drives])


def compare_visits(visits: Sequence[Visit], oracle: Oracle) -> None:
    ours = sorted(visits, key=lambda visit: (visit.ev, visit.arrive_s))
    theirs = sorted(oracle.presences, key=lambda presence: (presence.ev, presence.arrive_s))
    assert [(v.ev, v.station) for v in ours] == [(p.ev, p.station) for p in theirs]
    same([v.arrive_s for v in ours], [p.arrive_s for p in theirs])
    same([v.depart_s for v in ours], [p.depart_s for p in theirs])


def compare_requests(visits: Sequence[Visit], oracle: Oracle) -> None:
    ours = sorted(((v, r) for v in visits for r in v.requests), key=lambda pair: (pair[1].ev, pair[1].request_s))
    theirs = sorted(oracle.stays, key=lambda stay: (stay.ev, stay.asked_s))
    assert [(r.ev, v.station) for v, r in ours] == [(stay.ev, stay.station) for stay in theirs]
    requests = [request for _, request in ours]
    same([r.request_s for r in requests], [stay.asked_s for stay in theirs])
    same([r.plug_in_s for r in requests], [stay.plug_in_s for stay in theirs])
    same([r.plug_out_s for r in requests], [stay.plug_out_s for stay in theirs])
    same([r.charged_kwh for r in requests], [stay.charged_kwh for stay in theirs])
    same([r.discharged_kwh for r in requests], [stay.discharged_kwh for stay in theirs])


DEFAULT_CASES = [(0, 0.0), (1, 0.7), (2, 0.9), (3, 0.5), (4, 1.0), (5, 0.9)]
STRESS_CASES = [(0, 0.3), (1, 0.9), (2, 0.8), (3, 0.9), (4, 1.0), (5, 0.6)]
SIOUX_CASES = [(0, 0.6), (1, 0.9)]


def many(cases: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Twenty cases that are none of those given."""
    shares = [directed for _, directed in cases]
    return [(100 + k, shares[k % len(shares)]) for k in range(20)]


@pytest.mark.parametrize(("episode", "directed"), DEFAULT_CASES)
def test_the_default_scenario_is_that_of_the_oracle(episode: int, directed: float) -> None:
    assert compare(load(DEFAULT), episode, directed).trips > 50


@pytest.mark.parametrize(("episode", "directed"), STRESS_CASES)
def test_the_stress_scenario_is_that_of_the_oracle(episode: int, directed: float) -> None:
    count = compare(load(STRESS), episode, directed)
    assert count.trips > 50
    assert count.crossing > 20
    assert count.waited > (10 if directed > 0.5 else 0)


@pytest.mark.parametrize(("episode", "directed"), SIOUX_CASES)
def test_sioux_falls_is_that_of_the_oracle(episode: int, directed: float) -> None:
    assert compare(load(DEFAULT, "outage_siouxfalls.yaml"), episode, directed).trips > 50


@pytest.mark.benchmark
@pytest.mark.parametrize(("episode", "directed"), many(DEFAULT_CASES))
def test_twenty_more_of_the_default_scenario(episode: int, directed: float) -> None:
    compare(load(DEFAULT), episode, directed)


@pytest.mark.benchmark
@pytest.mark.parametrize(("episode", "directed"), many(STRESS_CASES))
def test_twenty_more_of_the_stress_scenario(episode: int, directed: float) -> None:
    compare(load(STRESS), episode, directed)


@pytest.mark.benchmark
@pytest.mark.parametrize(("episode", "directed"), many(SIOUX_CASES))
def test_twenty_more_of_sioux_falls(episode: int, directed: float) -> None:
    compare(load(DEFAULT, "outage_siouxfalls.yaml"), episode, directed)
