"""The traffic against a textbook version of it (`oracle.py`): the same events, times and energies."""

from pathlib import Path

import numpy as np
import pytest
from oracle import Oracle
from small_roads import SCENARIOS

from cosim.interface import Action
from cosim.system import System, load_system

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


def compare(system: System, episode: int, directed: float) -> tuple[int, int, int]:
    """Run both; gives the numbers of trips, of trips that cross slots, and of requests that waited."""
    generator = np.random.default_rng(episode)
    spec, size, slots = system.spec, system.spec.fleet_size, system.clock.slots
    model = system.traffic_model()
    model.begin([episode])
    base_flow_vph = np.array([model._base_flow_vph(slot)[0] for slot in range(slots)])
    fleet = model._replicas[0].fleet
    starts = [(place.node, battery.energy_kwh) for place, battery in zip(fleet.place, fleet.battery, strict=True)]
    oracle = Oracle(system, base_flow_vph, starts)
    for slot in range(slots):
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
        moving = np.array([ev.driving for ev in oracle.evs])
        assert (moving == (result.evs.state[0] == 1)).all(), f"slot {slot}"
        at_rest = ~moving
        assert result.evs.energy_end_kwh[0, at_rest] == pytest.approx(
            np.array([ev.energy_kwh for ev in oracle.evs])[at_rest], abs=1e-9
        )
    (trips,), (visits,) = result.trips, result.visits

    def close(ours: list[float | None], theirs: list[float | None]) -> None:
        assert [value is None for value in ours] == [value is None for value in theirs]
        assert [v for v in ours if v is not None] == pytest.approx(
            [v for v in theirs if v is not None], rel=0, abs=1e-9
        )

    assert [trip.ev for trip in trips] == [drive.ev for drive in oracle.drives]
    assert [[leg.road for leg in trip.legs] for trip in trips] == [[r for r, _, _ in d.way] for d in oracle.drives]
    close([trip.depart_s for trip in trips], [drive.depart_s for drive in oracle.drives])
    close([t for trip in trips for t in trip.enter_s], [t for drive in oracle.drives for t in drive.enter_s])
    close([trip.arrive_s for trip in trips], [drive.arrive_s for drive in oracle.drives])
    close([trip.length_km for trip in trips], [sum(b - a for _, a, b in drive.way) for drive in oracle.drives])

    ours = sorted(((r.request_s, r.ev, v.station, r) for v in visits for r in v.requests), key=lambda row: row[1::-1])
    theirs = sorted(oracle.stays, key=lambda stay: (stay.ev, stay.asked_s))
    assert [(ev, station) for _, ev, station, _ in ours] == [(stay.ev, stay.station) for stay in theirs]
    requests = [request for *_, request in ours]
    close([r.request_s for r in requests], [stay.asked_s for stay in theirs])
    close([r.plug_in_s for r in requests], [stay.plug_in_s for stay in theirs])
    close([r.plug_out_s for r in requests], [stay.plug_out_s for stay in theirs])
    for name in ("charged_kwh", "discharged_kwh"):
        found = [getattr(r, name) for r in requests]
        assert found == pytest.approx([getattr(stay, name) for stay in theirs], abs=1e-9)
    crossing = sum(int(t.depart_s // 1800) != int((t.arrive_s or 1e9) // 1800) for t in trips)
    waited = sum(r.plug_in_s is not None and r.plug_in_s > r.request_s for r in requests)
    return len(trips), crossing, waited


@pytest.mark.parametrize(("episode", "directed"), [(0, 0.0), (1, 0.7), (2, 0.9)])
def test_the_default_scenario_is_that_of_the_oracle(episode: int, directed: float) -> None:
    trips, _, _ = compare(load(DEFAULT), episode, directed)
    assert trips > 50


@pytest.mark.parametrize(("episode", "directed"), [(0, 0.3), (1, 0.9), (2, 0.8), (3, 0.9)])
def test_the_stress_scenario_is_that_of_the_oracle(episode: int, directed: float) -> None:
    trips, crossing, waited = compare(load(STRESS), episode, directed)
    assert trips > 50
    assert crossing > 20
    assert waited > (10 if directed > 0.5 else 0)


def test_sioux_falls_is_that_of_the_oracle() -> None:
    trips, _, _ = compare(load(DEFAULT, "outage_siouxfalls.yaml"), 0, 0.6)
    assert trips > 50
