"""User equilibria: by hand on two roads, against the published one of Sioux Falls, and trips without a way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cosim
from cosim.errors import ScenarioError, SimulationError
from cosim.traffic import tntp
from cosim.traffic.equilibrium import AllOrNothing, user_equilibrium
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.travel_time import TravelTime

ROOT = Path(__file__).parents[2]
DATA = ROOT / "scenarios" / "data" / "siouxfalls"


def network(
    ends: list[tuple[int, int]], free_s: list[float], power: float = 1.0, closed: tuple[int, ...] = ()
) -> RoadNetwork:
    """Roads of capacity 100 whose time doubles there."""
    nodes = 1 + max(map(max, ends))
    ones = np.ones(len(ends))
    return RoadNetwork(
        node_number=np.arange(1, nodes + 1),
        node_km=np.zeros((nodes, 2)),
        tail=np.array([tail for tail, _ in ends]),
        head=np.array([head for _, head in ends]),
        length_km=ones,
        free_time_s=np.array(free_s),
        capacity_vph=100.0 * ones,
        bpr_b=ones,
        bpr_power=power * ones,
        area_km=(1.0, 1.0),
        closed_to_transit=np.isin(np.arange(nodes), closed),
    )


#: From 0 to 3 by 1 or by 2.
TWO_WAYS = [(0, 1), (1, 3), (0, 2), (2, 3)]


def test_both_ways_take_as_long_by_hand() -> None:
    # 10 (1 + f / 100) on one way, 20 (1 + g / 100) on the other, f + g = 200: f = 166.67, both take 53.33 s.
    roads = network(TWO_WAYS, [5.0, 5.0, 10.0, 10.0])
    found = user_equilibrium(roads, {(0, 3): 200.0}, gap=1e-8)
    assert found.flow_vph.tolist() == pytest.approx([500 / 3, 500 / 3, 100 / 3, 100 / 3], rel=1e-5)
    assert TravelTime(roads).of_all_s(found.flow_vph).tolist() == pytest.approx(
        [40 / 3, 40 / 3, 40 / 3, 40 / 3], rel=1e-5
    )


def test_a_way_that_is_always_slower_is_not_used() -> None:
    found = user_equilibrium(network(TWO_WAYS, [5.0, 5.0, 50.0, 50.0]), {(0, 3): 10.0})
    assert found.flow_vph.tolist() == [10.0, 10.0, 0.0, 0.0]
    assert (found.relative_gap, found.iterations) == (0.0, 0)


def test_nobody_passes_a_closed_node_but_trips_may_begin_there() -> None:
    roads = network(TWO_WAYS, [5.0, 5.0, 50.0, 50.0], closed=(1,))
    found = user_equilibrium(roads, {(0, 3): 10.0, (1, 3): 4.0, (0, 1): 2.0})
    assert found.flow_vph.tolist() == [2.0, 4.0, 10.0, 10.0]


def test_trips_without_a_way_are_named() -> None:
    with pytest.raises(SimulationError, match="there is no way for the trips from 4 to 1"):
        user_equilibrium(network(TWO_WAYS, [1.0] * 4), {(3, 0): 1.0, (0, 3): 1.0})


def test_a_gap_that_is_not_reached_is_an_error() -> None:
    with pytest.raises(SimulationError, match="after 0 iterations the relative gap is"):
        user_equilibrium(network(TWO_WAYS, [5.0, 5.0, 6.0, 6.0], power=4.0), {(0, 3): 500.0}, gap=1e-12, iterations=0)


def test_all_or_nothing_takes_the_quickest_way_and_says_how_long_all_take() -> None:
    flow_vph, total = AllOrNothing(network(TWO_WAYS, [1.0] * 4), {(0, 3): 3.0, (0, 0): 9.0}).assign(
        np.array([1.0, 5.0, 2.0, 2.0])
    )
    assert (flow_vph.tolist(), total) == ([0.0, 0.0, 3.0, 3.0], 12.0)


def test_sioux_falls_is_the_published_equilibrium() -> None:
    roads = cosim.load(ROOT / "scenarios" / "outage_siouxfalls.yaml").roads
    node = {number: k for k, number in enumerate(roads.node_number.tolist())}
    trips = {(node[a], node[b]): v for (a, b), v in tntp.read_trips(DATA / "SiouxFalls_trips.tntp").items()}
    best = tntp.read_flow(DATA / "SiouxFalls_flow.tntp")
    ends = zip(roads.node_number[roads.tail].tolist(), roads.node_number[roads.head].tolist(), strict=True)
    published = np.array([best[pair][0] for pair in ends])
    found = user_equilibrium(roads, trips, gap=1e-4)
    assert found.relative_gap <= 1e-4
    assert np.abs(found.flow_vph / published - 1.0).max() < 0.01
    # What goes in comes out, at every node.
    balance = np.bincount(roads.head, found.flow_vph, roads.nodes) - np.bincount(
        roads.tail, found.flow_vph, roads.nodes
    )
    for (origin, destination), volume in trips.items():
        balance[origin] += volume
        balance[destination] -= volume
    assert np.abs(balance).max() < 1e-6


def test_a_scenario_with_a_trip_table_has_its_equilibria_by_hour() -> None:
    flow = "congestion.base_flow={kind: equilibrium, trips: data/siouxfalls/SiouxFalls_trips.tntp, profile: traffic}"
    scenario = ROOT / "scenarios" / "outage_siouxfalls.yaml"
    found, published = cosim.load(scenario, [flow]), cosim.load(scenario)
    assert found.base_flow_vph.shape == published.base_flow_vph.shape
    total = found.base_flow_vph.sum(axis=1) / published.base_flow_vph.sum(axis=1)
    # In lighter traffic fewer drivers take the long ways that the whole trip table drives them to.
    assert ((total > 0.85) & (total < 1.01)).all()
    results = cosim.run(found, episodes=2)
    assert results.summary["ledger_max_error_kwh"] < 1e-6


def test_a_trip_table_that_does_not_fit_is_a_mistake_of_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "trips.tntp").write_text("<NUMBER OF ZONES> 99\n<END OF METADATA>\nOrigin 1\n99 : 5.0;\n")
    flow = f"congestion.base_flow={{kind: equilibrium, trips: {tmp_path / 'trips.tntp'}}}"
    with pytest.raises(ScenarioError, match=r"base_flow\.trips: .* has zone 99, which the road network lacks"):
        cosim.load(ROOT / "scenarios" / "outage_siouxfalls.yaml", [flow])
    with pytest.raises(ScenarioError, match="'equilibrium' needs roads of kind 'tntp' or 'list', got 'lattice'"):
        cosim.load(ROOT / "scenarios" / "outage_33bus.yaml", [flow])
