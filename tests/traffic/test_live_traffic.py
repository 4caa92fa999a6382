"""Roads whose traffic drives by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_roads import both_ways, roads_of
from small_world import Case, arrays_of, cases

import cosim
from cosim.errors import ScenarioError
from cosim.traffic.live_traffic import LiveTraffic
from cosim.traffic.replica import Surroundings
from cosim.traffic.road_traffic import RoadTraffic
from cosim.traffic.routing import Drive, Leg, Place, Router
from cosim.traffic.travel_time import TravelTime
from cosim.traffic.trip import Trip

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_siouxfalls.yaml"
TRIPS = "trips: data/siouxfalls/SiouxFalls_trips.tntp"


def simulated(**more: object) -> str:
    others = ", ".join(f"{name}: {value}" for name, value in more.items())
    return f"congestion.base_flow={{kind: simulated, {TRIPS}, {others}}}"


@settings(max_examples=40, deadline=None)
@given(cases())
def test_without_anybody_else_it_is_road_traffic(case: Case) -> None:
    def live(around: Surroundings, departures: object = ()) -> RoadTraffic:
        chooses_again = around.chooses_again
        return LiveTraffic(around.travel_time, around.router, around.ev_flow_vph, chooses_again=chooses_again)

    plain = case.run((0, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Surroundings, "roads", live)
        other = case.run((0, 3))
    for one, two in zip(plain.states, other.states, strict=True):
        for name, values in arrays_of(one).items():
            assert np.array_equal(values, arrays_of(two)[name]), name


@given(st.floats(1e-3, 1e5), st.sampled_from([0.0, 0.15, 2.0]), st.sampled_from([1.0, 4.0, 7.5]))
def test_a_flow_keeps_as_many_on_the_road_as_were_asked_for(vehicles: float, b: float, power: float) -> None:
    roads = roads_of([(0, 0), (9, 0)], both_ways((0, 1, 9.0, 600.0)), capacity_vph=400.0, bpr_b=b)
    roads = replace(roads, bpr_power=np.full(2, power))
    travel_time = TravelTime(roads)
    flow_vph = travel_time.flow_with_vph(0, vehicles)
    assert flow_vph * travel_time.of_road_s(0, flow_vph) / 3600.0 == pytest.approx(vehicles, rel=1e-12)


def test_an_ev_takes_another_way_at_a_node_where_its_own_has_become_slow() -> None:
    # From 0 by 1 to 3: 10 + 10 min; from 1 by 2: 6 + 6 min more, 12 km for 10.
    links = [(0, 1, 10.0, 600.0), (1, 3, 10.0, 600.0), (1, 2, 6.0, 360.0), (2, 3, 6.0, 360.0)]
    roads = roads_of([(0, 0), (10, 0), (15, 3), (20, 0)], both_ways(*links), capacity_vph=100.0, bpr_b=1.0)
    router = Router(roads)
    direct = [Leg(0, 0.0, 10.0), Leg(roads.road_between[1, 3], 0.0, 10.0)]
    detour = [0, roads.road_between[1, 2], roads.road_between[2, 3]]
    for most_km, expected in ((30.0, detour), (21.0, [leg.road for leg in direct])):
        traffic = LiveTraffic(TravelTime(roads), router, ev_flow_vph=10.0, chooses_again=True)
        traffic.begin_slot([0.0] * roads.roads, roads.free_time_s)
        trip = Trip(0, Drive(direct, 20.0, Place(3)), 0.0, 0.0, -1, -1, most_km)
        traffic.depart(trip)
        # Others fill the direct road while it drives towards the node.
        for ev in range(1, 11):
            blocked = Drive(direct[1:], 10.0, Place(3))
            traffic.depart(Trip(ev, blocked, 300.0, 0.0, -1, -1))
        assert trip in traffic.run(1e5)
        assert [leg.road for leg in trip.legs] == expected
        assert trip.length_km == (22.0 if expected is detour else 20.0)


def test_others_are_all_somewhere() -> None:
    system = cosim.load(SCENARIO, [simulated(weight=50, warm_up_s=900)])
    model = system.traffic_model()
    model.begin((0,))
    traffic = model._replicas[0].traffic
    assert isinstance(traffic, LiveTraffic)
    # Who is on a road waits in the heap for its end, but for the next one to set out and the signposts.
    on_roads = sum(traffic.vehicles)
    assert on_roads > 100
    assert len(traffic._heap) == on_roads + 2
    before = traffic.vehicle_flow_vph().copy()
    traffic.run(600.0)
    assert traffic.vehicle_flow_vph() != before
    assert sum(traffic.entered) > 0


@pytest.mark.parametrize("routing", ["departure", "nodes", "fixed"])
def test_flows_are_recorded_and_repeat(routing: str) -> None:
    overrides = ["network.engine=lindistflow", "controller.name=greedy", simulated(weight=100, routing=routing)]
    one, many = (cosim.run(SCENARIO, episodes=2, replicas=r, overrides=overrides) for r in (1, 2))
    assert one.records is not None and many.records is not None
    flows = one.records["road_slots"].cube("flow_vph")
    assert np.array_equal(flows, many.records["road_slots"].cube("flow_vph"))
    assert not np.array_equal(flows[0], flows[1])
    assert one.summary["ledger_max_error_kwh"] < 1e-6


def test_drivers_who_know_the_traffic_come_near_the_equilibrium() -> None:
    """Nobody computes an equilibrium here: it comes of many who take the way that is the quickest now."""
    overrides = ["network.engine=lindistflow", "controller.name=idle", "fleet.size=1"]
    found = {}
    for routing in ("nodes", "fixed"):
        flow = simulated(weight=40, update_s=60, routing=routing)
        expected_vph = cosim.load(SCENARIO, [*overrides, flow]).base_flow_vph[0]
        records = cosim.run(SCENARIO, episodes=1, overrides=[*overrides, flow]).records
        assert records is not None
        flow_vph = records["road_slots"].cube("flow_vph")[0, 2:].mean(axis=0)
        found[routing] = np.abs(flow_vph - expected_vph).sum() / expected_vph.sum()
    assert found["nodes"] < 0.05
    assert found["fixed"] > 0.2


def test_a_road_that_takes_no_time_holds_nobody() -> None:
    roads = roads_of([(0, 0), (1, 0)], [(0, 1, 1.0, 0.0)], bpr_b=0.15)
    assert TravelTime(roads).flow_with_vph(0, 20.0) == 0.0


def test_too_many_vehicles_are_refused() -> None:
    with pytest.raises(ScenarioError, match=r"base_flow\.weight: makes .* vehicles an episode"):
        cosim.load(SCENARIO, [simulated(weight=0.1)])


def test_a_lattice_has_no_zones() -> None:
    with pytest.raises(ScenarioError, match="'simulated' needs roads of kind 'tntp' or 'list', got 'lattice'"):
        cosim.load(SCENARIO.with_name("outage_33bus.yaml"), [simulated().replace("data/siouxfalls/", "x")])
