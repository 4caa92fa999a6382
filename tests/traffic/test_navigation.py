"""What the navigation knows, against Dijkstra; and whether it brings everybody to the station."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from small_fleet import ActionFinder
from small_roads import LATTICE, SIOUX_ROADS, both_ways, roads_of

from cosim.interface import Floats
from cosim.traffic.navigation import RoadNavigator
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.routing import Place, Router
from cosim.traffic.target import ActionOutcome

LATTICE_STATIONS = np.array([47, 58, 51, 30, 24])
SIOUX_STATIONS = np.array([0, 10, 5, 23, 18])
BUDGET_KM = 10.0


def usual_time_s(roads: RoadNetwork, seed: int = 1) -> Floats:
    return roads.free_time_s * np.random.default_rng(seed).uniform(1.0, 2.0, roads.roads)


def navigator(
    roads: RoadNetwork, stations: np.ndarray, time_s: Floats | None = None, budget_km: float = BUDGET_KM
) -> RoadNavigator:
    return RoadNavigator(roads, Router(roads), stations, usual_time_s(roads) if time_s is None else time_s, budget_km)


def places_of(places: list[Place]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.array([p.road for p in places]),
        np.array([p.node for p in places]),
        np.array([p.offset_km for p in places]),
    )


def all_nodes(roads: RoadNetwork) -> list[Place]:
    return [Place(node) for node in range(roads.nodes)]


def some_road_places(roads: RoadNetwork, count: int, seed: int = 2) -> list[Place]:
    generator = np.random.default_rng(seed)
    router = Router(roads)
    chosen = generator.integers(roads.roads, size=count).tolist()
    return [router.place_on(road, generator.uniform(0.05, 0.95) * router.length_km[road]) for road in chosen]


NETWORKS = pytest.mark.parametrize(
    ("roads", "stations"), [(LATTICE, LATTICE_STATIONS), (SIOUX_ROADS, SIOUX_STATIONS)], ids=["lattice", "sioux falls"]
)


@NETWORKS
def test_times_from_nodes_are_those_of_dijkstra(roads: RoadNetwork, stations: np.ndarray) -> None:
    time_s = usual_time_s(roads)
    expected_s = dijkstra(csr_array((time_s, (roads.tail, roads.head))))[:, stations]
    found_s = navigator(roads, stations).travel_time_h(*places_of(all_nodes(roads))) * 3600
    assert found_s == pytest.approx(expected_s, rel=1e-12)


@NETWORKS
def test_distances_are_lengths_of_the_quickest_ways(roads: RoadNetwork, stations: np.ndarray) -> None:
    time_s = usual_time_s(roads)
    _, before = dijkstra(csr_array((time_s, (roads.tail, roads.head))), return_predecessors=True)
    ends = zip(roads.tail.tolist(), roads.head.tolist(), strict=True)
    length_km = dict(zip(ends, roads.length_km, strict=True))
    found_km = navigator(roads, stations).distance_km(*places_of(all_nodes(roads)))
    for start in range(roads.nodes):
        for number, station in enumerate(stations):
            node, expected_km = int(station), 0.0
            while node != start:
                expected_km += length_km[(before[start, node], node)]
                node = before[start, node]
            assert found_km[start, number] == pytest.approx(expected_km)


@NETWORKS
def test_with_times_like_lengths_distances_are_the_shortest(roads: RoadNetwork, stations: np.ndarray) -> None:
    shortest_km = dijkstra(csr_array((roads.length_km, (roads.tail, roads.head))))[:, stations]
    found_km = navigator(roads, stations, roads.length_km * 60.0).distance_km(*places_of(all_nodes(roads)))
    assert found_km == pytest.approx(shortest_km)


@NETWORKS
def test_from_the_middle_of_a_road_times_are_those_of_the_router(roads: RoadNetwork, stations: np.ndarray) -> None:
    places = some_road_places(roads, 40)
    time_s = usual_time_s(roads)
    router = Router(roads)
    found_s = navigator(roads, stations).travel_time_h(*places_of(places)) * 3600
    found_km = navigator(roads, stations).distance_km(*places_of(places))
    for k, place in enumerate(places):
        for number, station in enumerate(stations.tolist()):
            way = router.route(place, Place(station), time_s.tolist())
            assert way is not None
            assert found_s[k, number] == pytest.approx(router.time_of_s(way, time_s.tolist()))
            assert found_km[k, number] == pytest.approx(sum(leg.length_km for leg in way))


def test_places_may_have_any_shape() -> None:
    found = navigator(LATTICE, LATTICE_STATIONS)
    flat = places_of(all_nodes(LATTICE)[:6])
    square = tuple(values.reshape(2, 3) for values in flat)
    assert found.distance_km(*square).shape == (2, 3, 5)
    assert (found.distance_km(*square).reshape(6, 5) == found.distance_km(*flat)).all()
    heading_rad, straight_km = found.aim(*square, np.zeros((2, 3), dtype=int))
    assert heading_rad.shape == straight_km.shape == (2, 3)
    nobody = np.zeros((2, 0), dtype=int)
    assert found.distance_km(nobody, nobody, nobody.astype(float)).shape == (2, 0, 5)


def test_where_there_is_no_way_the_distance_is_infinite_and_one_stays() -> None:
    roads = roads_of([(0, 0), (4, 0)], [(0, 1, 4, 400)])
    found = navigator(roads, np.array([0]))
    edge, node, offset_km = places_of([Place(0), Place(1)])
    assert found.distance_km(edge, node, offset_km).tolist() == [[0.0], [math.inf]]
    assert found.travel_time_h(edge, node, offset_km).tolist() == [[0.0], [math.inf]]
    _, straight_km = found.aim(edge, node, offset_km, np.array([0, 0]))
    assert straight_km.tolist() == [0.0, 0.0]


def test_ways_pass_no_node_that_is_closed_to_transit() -> None:
    links = both_ways((0, 1, 1, 60), (1, 2, 1, 60), (0, 3, 5, 600), (3, 2, 5, 600))
    roads = roads_of([(0, 0), (1, 0), (2, 0), (1, 2)], links, closed=[1])
    found = navigator(roads, np.array([2, 1]), roads.free_time_s)
    # To station 0 around the closed node 1; to station 1 at that node itself; from there nothing is closed.
    assert found.distance_km(*places_of(all_nodes(roads))).tolist() == [[10, 1], [1, 0], [0, 1], [5, 6]]
    found_s = found.travel_time_h(*places_of(all_nodes(roads))) * 3600
    assert found_s == pytest.approx(np.array([[1200, 60], [60, 0], [0, 60], [600, 660]]))


# ------------------------------------------------------------------------------------------------- aim


def test_the_aim_by_hand() -> None:
    found = navigator(LATTICE, LATTICE_STATIONS, LATTICE.free_time_s)
    # From (8, 16) to the station at (8, 20); from (0, 20) 8 km east; from (8, 8) 12 km north, of which 10.
    edge, node, offset_km = places_of([Place(38), Place(45), Place(20), Place(47)])
    heading_rad, straight_km = found.aim(edge, node, offset_km, np.array([0, 0, 0, 0]))
    assert heading_rad[[0, 1, 2]].tolist() == pytest.approx([math.pi / 2, 0.0, math.pi / 2])
    assert straight_km.tolist() == pytest.approx([4.0, 8.0, 10.0, 0.0])


def test_headings_lie_in_the_port_and_distances_within_the_reach() -> None:
    for roads, stations in ((LATTICE, LATTICE_STATIONS), (SIOUX_ROADS, SIOUX_STATIONS)):
        places = all_nodes(roads) + some_road_places(roads, 40)
        for budget_km in (2.5, BUDGET_KM):
            found = navigator(roads, stations, budget_km=budget_km)
            for number in range(5):
                heading_rad, straight_km = found.aim(*places_of(places), np.full(len(places), number))
                assert (heading_rad >= 0.0).all()
                assert (heading_rad < 2.0 * math.pi).all()
                assert (straight_km >= 0.0).all()
                assert (straight_km <= budget_km).all()


def follow(
    roads: RoadNetwork, stations: np.ndarray, place: Place, number: int, time_s: Floats, budget_km: float, slots: int
) -> float:
    """Follow the aim from slot to slot; gives the kilometres driven to the station."""
    router = Router(roads)
    nav = RoadNavigator(roads, router, stations, usual_time_s(roads), budget_km)
    finder = ActionFinder(roads, stations.tolist(), budget_km, consumption_kwh_per_km=0.0)
    driven_km = 0.0
    for _ in range(slots):
        heading_rad, straight_km = nav.aim(*places_of([place]), np.array([number]))
        move = finder.find(place, float(heading_rad[0]), float(straight_km[0]), 1.0, time_s.tolist())
        assert move.outcome in (ActionOutcome.DEPARTED, ActionOutcome.STAYED)
        if move.outcome is ActionOutcome.STAYED:
            break
        slot_km = sum(leg.length_km for leg in move.legs)
        assert slot_km <= budget_km + 1e-5
        driven_km += slot_km
        place = router.place_on(move.legs[-1].road, move.legs[-1].to_km)
    assert finder.station_at(place) == number, place
    return driven_km


@NETWORKS
def test_who_follows_the_aim_reaches_the_station(roads: RoadNetwork, stations: np.ndarray) -> None:
    places = all_nodes(roads)[:: max(1, roads.nodes // 24)] + some_road_places(roads, 24)
    for k, place in enumerate(places):
        follow(roads, stations, place, k % 5, usual_time_s(roads), BUDGET_KM, slots=40)


@NETWORKS
def test_who_follows_the_aim_in_other_traffic_reaches_the_station_too(roads: RoadNetwork, stations: np.ndarray) -> None:
    for k, place in enumerate(some_road_places(roads, 24, seed=4)):
        follow(roads, stations, place, k % 5, usual_time_s(roads, seed=k), BUDGET_KM, slots=60)


@NETWORKS
def test_who_follows_the_aim_in_small_steps_reaches_the_station(roads: RoadNetwork, stations: np.ndarray) -> None:
    for k, place in enumerate(some_road_places(roads, 12, seed=6)):
        follow(roads, stations, place, k % 5, usual_time_s(roads), 2.5, slots=100)


def test_a_station_beyond_a_closed_node_is_out_of_reach_from_the_road_to_it() -> None:
    # 0 -- 1 -- 2, and 1 is closed; stations at 1 and 2.
    roads = roads_of([(0, 0), (1, 0), (2, 0)], both_ways((0, 1, 1, 60), (1, 2, 1, 60)), closed=[1])
    found = RoadNavigator(roads, Router(roads), np.array([1, 2]), roads.free_time_s, 10.0)
    place = places_of([Place(1, 0, 0.25), Place(1), Place(0)])
    assert found.distance_km(*place).tolist() == [[0.75, np.inf], [0.0, 1.0], [1.0, np.inf]]
    assert (60.0 * found.travel_time_h(*place)).tolist() == [[0.75, np.inf], [0.0, 1.0], [1.0, np.inf]]
