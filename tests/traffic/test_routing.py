"""Quickest ways against Dijkstra of scipy."""

import itertools
import math

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from small_roads import LATTICE, SIOUX_ROADS, TRIANGLE, both_ways, random_one_way_roads, roads_of

from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.road_traffic import RoadTraffic
from cosim.traffic.route_table import RouteTable, TimeRange
from cosim.traffic.routing import AT_END_KM, Leg, Place, Router, Way, cut_to_budget
from cosim.traffic.travel_time import TravelTime

FREE_S = TRIANGLE.free_time_s.tolist()


def textbook_time_s(roads: RoadNetwork, start: Place, target: Place, time_s: np.ndarray) -> float:
    """Time of the quickest way: places between nodes become nodes of a larger graph."""
    weight: dict[tuple[int, int], float] = {}
    here, there = roads.nodes, roads.nodes + 1
    points = {here: start, there: target}

    def shares(place: Place) -> list[tuple[int, float]]:
        """The roads that a place lies on, and the share of each that is before it."""
        share = place.offset_km / float(roads.length_km[place.road])
        back = roads.opposite[place.road]
        return [(place.road, share)] + ([(back, 1.0 - share)] if back >= 0 else [])

    on_road: dict[int, list[tuple[float, int]]] = {}
    for point, place in points.items():
        if place.road < 0:
            weight[(point, place.node)] = weight[(place.node, point)] = 1e-12
        else:
            for road, share in shares(place):
                on_road.setdefault(road, []).append((share, point))
    for road, (tail, head) in enumerate(zip(roads.tail.tolist(), roads.head.tolist(), strict=True)):
        stops = [(0.0, tail), *sorted(on_road.get(road, [])), (1.0, head)]
        for (share, a), (next_share, b) in itertools.pairwise(stops):
            weight[(a, b)] = max((next_share - share) * time_s[road], 1e-12)
    rows, columns = zip(*weight, strict=True)
    graph = csr_array((list(weight.values()), (rows, columns)), shape=(roads.nodes + 2, roads.nodes + 2))
    return float(dijkstra(graph, indices=here)[there])


def check_way(roads: RoadNetwork, start: Place, target: Place, legs: list[Leg]) -> None:
    """Each leg begins where the one before ends; the first at the start, the last at the target."""
    router = Router(roads)
    here = router.position_km(start)
    for leg in legs:
        assert router.position_km(Place(-1, leg.road, leg.from_km)) == pytest.approx(here, abs=1e-9)
        assert leg.to_km >= leg.from_km
        here = router.position_km(Place(-1, leg.road, leg.to_km))
    assert here == pytest.approx(router.position_km(target), abs=1e-9)
    nodes_between = [int(roads.head[leg.road]) for leg in legs[:-1]]
    assert [int(roads.tail[leg.road]) for leg in legs[1:]] == nodes_between


def random_place(generator: np.random.Generator, router: Router, roads: RoadNetwork) -> Place:
    if generator.random() < 0.3:
        return Place(int(generator.integers(roads.nodes)))
    road = int(generator.integers(roads.roads))
    return router.place_on(road, generator.uniform(0.01, 0.99) * router.length_km[road])


NETWORKS = [LATTICE, SIOUX_ROADS, random_one_way_roads(1), random_one_way_roads(2, nodes=12, links=20), TRIANGLE]


@pytest.mark.parametrize("roads", NETWORKS, ids=["lattice", "sioux falls", "one-way", "sparse", "triangle"])
def test_ways_are_as_quick_as_those_of_dijkstra(roads: RoadNetwork) -> None:
    generator = np.random.default_rng(5)
    router = Router(roads)
    no_way = 0
    for _ in range(120):
        time_s = roads.free_time_s * generator.uniform(1.0, 4.0, roads.roads)
        start, target = (random_place(generator, router, roads) for _ in range(2))
        if generator.random() < 0.2 and start.road >= 0:  # both on the same road
            target = router.place_on(start.road, generator.uniform(0.01, 0.99) * router.length_km[start.road])
        way = router.route(start, target, time_s.tolist())
        expected_s = textbook_time_s(roads, start, target, time_s)
        if way is None:
            assert expected_s == math.inf
            no_way += 1
        else:
            assert router.time_of_s(way, time_s.tolist()) == pytest.approx(expected_s, rel=1e-12, abs=1e-8)
            check_way(roads, start, target, way)
    assert no_way > 0 or roads is not NETWORKS[3]  # the sparse network has places without a way


# ---------------------------------------------------------------------------------------- small cases


def test_the_way_from_a_place_to_itself_is_empty() -> None:
    assert Router(TRIANGLE).route(Place(1), Place(1), FREE_S) == []
    assert Router(TRIANGLE).route(Place(1, 0, 2.5), Place(1, 0, 2.5), FREE_S) == []


def test_on_the_same_road_one_goes_forward() -> None:
    assert Router(TRIANGLE).route(Place(1, 0, 1.0), Place(1, 0, 3.5), FREE_S) == [Leg(0, 1.0, 3.5)]


def test_on_the_same_road_one_goes_back_on_the_opposite() -> None:
    assert Router(TRIANGLE).route(Place(1, 0, 3.5), Place(1, 0, 1.0), FREE_S) == [Leg(1, 0.5, 3.0)]


def test_a_place_on_the_opposite_road_is_reached_on_ones_own() -> None:
    # 1 km from node 1 on the road from 1 to 0 is 3 km from node 0.
    assert Router(TRIANGLE).route(Place(1, 0, 1.0), Place(0, 1, 1.0), FREE_S) == [Leg(0, 1.0, 3.0)]


def test_one_turns_back_where_that_is_quicker() -> None:
    # From 1 km beyond node 0 towards node 1, node 0 is 100 s behind; ahead it is 300 + 300 + 500 s.
    assert Router(TRIANGLE).route(Place(1, 0, 1.0), Place(0), FREE_S) == [Leg(1, 3.0, 4.0)]


def test_one_goes_on_where_turning_back_is_slower() -> None:
    jam_s = [*FREE_S]
    jam_s[1] = 40_000.0
    way = Router(TRIANGLE).route(Place(1, 0, 1.0), Place(0), jam_s)
    assert way == [Leg(0, 1.0, 4.0), Leg(2, 0.0, 3.0), Leg(4, 0.0, 5.0)]


def test_a_jam_is_driven_around_even_on_the_same_road() -> None:
    # From 3.9 km on the road 0-1 back to 0.1 km of it: by nodes 1, 2 and 0, for the opposite road is jammed.
    jam_s = [*FREE_S]
    jam_s[1] = 40_000.0
    way = Router(TRIANGLE).route(Place(1, 0, 3.9), Place(1, 0, 0.1), jam_s)
    assert way == [Leg(0, 3.9, 4.0), Leg(2, 0.0, 3.0), Leg(4, 0.0, 5.0), Leg(0, 0.0, 0.1)]


def test_nobody_turns_back_on_a_one_way_road() -> None:
    # 1 km from node 2 on the one-way road from 2 to 0, one must go by nodes 0 and 1 to come back.
    way = Router(TRIANGLE).route(Place(0, 4, 1.0), Place(2), FREE_S)
    assert way == [Leg(4, 1.0, 5.0), Leg(0, 0.0, 4.0), Leg(2, 0.0, 3.0)]
    way = Router(TRIANGLE).route(Place(0, 4, 2.0), Place(0, 4, 1.0), FREE_S)
    assert way == [Leg(4, 2.0, 5.0), Leg(0, 0.0, 4.0), Leg(2, 0.0, 3.0), Leg(4, 0.0, 1.0)]


def test_where_no_road_leads_there_is_no_way() -> None:
    roads = roads_of([(0, 0), (1, 0), (2, 0)], [(0, 1, 1, 60), (2, 1, 1, 60)])
    router = Router(roads)
    assert router.route(Place(1), Place(0), [60.0, 60.0]) is None
    assert router.route(Place(0), Place(2), [60.0, 60.0]) is None
    assert router.route(Place(1, 0, 0.5), Place(1, 0, 0.2), [60.0, 60.0]) is None
    assert router.route(Place(0), Place(1), [60.0, 60.0]) == [Leg(0, 0.0, 1.0)]


def test_opposite_roads_may_differ_in_length() -> None:
    roads = roads_of([(0, 0), (4, 0)], [(0, 1, 4, 400), (1, 0, 8, 400)])
    # A quarter of the way to node 1; behind it lie a quarter of the other road's 8 km.
    assert Router(roads).route(Place(1, 0, 1.0), Place(0), [400.0, 400.0]) == [Leg(1, 6.0, 8.0)]
    assert Router(roads).route(Place(1, 0, 3.0), Place(1, 0, 1.0), [400.0, 400.0]) == [Leg(1, 2.0, 6.0)]


def test_nobody_passes_through_a_node_closed_to_transit() -> None:
    links = both_ways((0, 1, 1, 60), (1, 2, 1, 60), (0, 3, 5, 600), (3, 2, 5, 600))
    roads = roads_of([(0, 0), (1, 0), (2, 0), (1, 2)], links, closed=[1])
    router, time_s = Router(roads), roads.free_time_s.tolist()
    assert router.route(Place(0), Place(2), time_s) == [Leg(4, 0.0, 5.0), Leg(6, 0.0, 5.0)]
    assert router.route(Place(0), Place(1), time_s) == [Leg(0, 0.0, 1.0)]
    assert router.route(Place(1), Place(2), time_s) == [Leg(2, 0.0, 1.0)]


def test_nobody_passes_through_a_closed_node_in_two_moves_either() -> None:
    # 0 -- 1 -- 2, and 1 is closed: who is half-way to it may go there, or turn back; nobody gets beyond it.
    roads = roads_of([(0, 0), (1, 0), (2, 0)], both_ways((0, 1, 1, 60), (1, 2, 1, 60)), closed=[1])
    router, time_s = Router(roads), roads.free_time_s.tolist()
    half_way, beyond = Place(1, 0, 0.5), Place(2, 2, 0.5)
    assert router.route(half_way, Place(2), time_s) is None
    assert router.route(Place(0), beyond, time_s) is None
    assert router.route(half_way, beyond, time_s) is None
    assert router.route(half_way, Place(1), time_s) == [Leg(0, 0.5, 1.0)]
    assert router.route(half_way, Place(0), time_s) == [Leg(1, 0.5, 1.0)]
    assert router.route(Place(1), beyond, time_s) == [Leg(2, 0.0, 0.5)]
    table = RouteTable(router, TimeRange(time_s, time_s))
    traffic = RoadTraffic(TravelTime(roads), router.length_km, 0.0)
    traffic.begin_slot([0.0] * 4, roads.free_time_s)
    places = [*map(Place, range(3)), half_way, beyond, Place(0, 1, 0.2), Place(1, 3, 0.3)]
    for start, target in itertools.product(places, places):
        known, searched = table.route(start, target, traffic), router.route(start, target, time_s)
        if start != target:
            assert (None if known is None else list(known.legs)) == searched, (start, target)


# ----------------------------------------------------------------------------------- places and budgets


def test_a_place_near_the_end_of_a_road_is_the_node() -> None:
    router = Router(TRIANGLE)
    assert router.place_on(0, 0.0) == router.place_on(0, AT_END_KM) == Place(0)
    assert router.place_on(0, 4.0) == router.place_on(0, 4.0 - AT_END_KM / 2) == Place(1)
    assert router.place_on(0, 3.9) == Place(1, 0, 3.9)


def test_positions_lie_on_the_straight_between_the_ends() -> None:
    router = Router(TRIANGLE)
    assert router.position_km(Place(2)) == (4.0, 3.0)
    assert router.position_km(Place(1, 0, 1.0)) == (1.0, 0.0)
    assert router.position_km(Place(0, 4, 2.5)) == (2.0, 1.5)


def test_a_budget_cuts_between_two_nodes() -> None:
    legs = [Leg(0, 1.0, 4.0), Leg(2, 0.0, 3.0)]
    assert cut_to_budget(legs, 10.0) == legs
    assert cut_to_budget(legs, 6.0) == legs
    assert cut_to_budget(legs, 5.0) == [Leg(0, 1.0, 4.0), Leg(2, 0.0, 2.0)]
    assert cut_to_budget(legs, 3.0) == [Leg(0, 1.0, 4.0)]
    assert cut_to_budget(legs, 2.0) == [Leg(0, 1.0, 3.0)]
    assert cut_to_budget(legs, 0.0) == []
    assert cut_to_budget([], 5.0) == []


def test_rounding_does_not_cut_a_budget_that_suffices() -> None:
    legs = [Leg(k, 0.0, 0.1) for k in range(3)]  # 0.1 + 0.1 + 0.1 > 0.3
    assert cut_to_budget(legs, 0.3) == legs


def test_a_drive_reaches_as_far_as_some_kilometres() -> None:
    way = Way([Leg(0, 1.0, 4.0), Leg(2, 0.0, 3.0)])
    assert way.roads == [0, 2]
    router = Router(TRIANGLE)
    assert router.drive(way, 5.0) == ([Leg(0, 1.0, 4.0), Leg(2, 0.0, 2.0)], 5.0, Place(2, 2, 2.0))
    assert router.drive(way, 10.0) == (way.legs, 6.0, Place(2))
    assert router.drive(way, 0.0) == ([], 0.0, Place(1, 0, 1.0))
