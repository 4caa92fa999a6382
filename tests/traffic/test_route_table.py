"""Remembered ways against searches: at any traffic, with EVs on the roads and without."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from small_roads import LATTICE, SIOUX_ROADS, TRIANGLE, both_ways, random_one_way_roads, roads_of

from cosim.scenario.schema import LatticeRoads
from cosim.traffic import route_table
from cosim.traffic.congestion import base_time_range
from cosim.traffic.road_network import RoadNetwork, build_lattice
from cosim.traffic.road_traffic import RoadTraffic
from cosim.traffic.route_table import RouteTable, TimeRange
from cosim.traffic.routing import Drive, Leg, Place, Router
from cosim.traffic.travel_time import TravelTime
from cosim.traffic.trip import Trip

FACTORS = (0.4, 1.9)
EV_FLOW_VPH = 60.0


def congested(roads: RoadNetwork, closed: int = 0, seed: int = 3) -> RoadNetwork:
    """The same roads, slowed down by traffic; some nodes may be closed to transit."""
    generator = np.random.default_rng(seed)
    shut = np.isin(np.arange(roads.nodes), generator.choice(roads.nodes, closed, replace=False))
    b = generator.uniform(0.3, 1.5, roads.roads)
    return replace(roads, bpr_b=b, capacity_vph=np.full(roads.roads, 200.0), closed_to_transit=shut)


class Scene:
    """Roads at one strength of their usual traffic, with EVs on some; and a table that knows the range of strengths."""

    def __init__(self, roads: RoadNetwork, pattern_vph: np.ndarray) -> None:
        self.roads, self.router, self.travel_time = roads, Router(roads), TravelTime(roads)
        self.pattern_vph = pattern_vph
        times = base_time_range(self.travel_time, pattern_vph[None], FACTORS)
        assert times is not None
        self.times = TimeRange(times[0].tolist(), times[1].tolist())
        self.table = RouteTable(self.router, self.times)

    def traffic(self, factor: float, busy: list[int]) -> RoadTraffic:
        flow_vph = factor * self.pattern_vph
        traffic = RoadTraffic(self.travel_time, self.router.length_km, EV_FLOW_VPH)
        traffic.begin_slot(flow_vph.tolist(), self.travel_time.of_all_s(flow_vph))
        for ev, road in enumerate(busy):
            leg = Leg(road, 0.0, self.router.length_km[road])
            drive = Drive([leg], leg.length_km, Place(int(self.roads.head[road])))
            traffic.depart(Trip(ev, drive, 0.0, 0.0, from_station=-1, destination=-1))
        return traffic

    def time_s(self, factor: float, busy: list[int]) -> list[float]:
        """Travel times by the formula, road by road."""
        evs = np.bincount(busy, minlength=self.roads.roads) if busy else np.zeros(self.roads.roads)
        return self.travel_time.of_all_s(factor * self.pattern_vph + EV_FLOW_VPH * evs).tolist()

    def place(self, generator: np.random.Generator) -> Place:
        if generator.random() < 0.4:
            return Place(int(generator.integers(self.roads.nodes)))
        road = int(generator.integers(self.roads.roads))
        share = 0.25 if generator.random() < 0.3 else float(generator.random())
        return self.router.place_on(road, share * self.router.length_km[road])


NETWORKS = {
    "lattice": congested(build_lattice(LatticeRoads(kind="lattice", columns=5, rows=5))),
    "sioux falls": congested(SIOUX_ROADS),
    "one-way": congested(random_one_way_roads(1)),
    "sparse": congested(random_one_way_roads(2, nodes=12, links=20)),
    "closed nodes": congested(SIOUX_ROADS, closed=6),
    "one-way, closed": congested(random_one_way_roads(4, nodes=15, links=60), closed=4),
    "triangle": congested(TRIANGLE),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("evs", [0, 1, 4])
def test_what_the_table_gives_is_what_a_search_finds(name: str, evs: int) -> None:
    generator = np.random.default_rng(11)
    roads = NETWORKS[name]
    scene = Scene(roads, generator.uniform(0.0, 200.0, roads.roads))
    given, none = 0, 0
    for factor in (*FACTORS, *generator.uniform(*FACTORS, 98)):
        busy: list[int] = generator.integers(0, roads.roads, evs).tolist()
        traffic, time_s = scene.traffic(factor, busy), scene.time_s(factor, busy)
        for _ in range(10):
            start, target = scene.place(generator), scene.place(generator)
            way = scene.table.route(start, target, traffic)
            if way is None:
                none += 1
                continue
            given += 1
            searched = scene.router.route(start, target, time_s)
            assert searched is not None
            # The way from the middle of a road to that very point may be a leg of 0 km.
            assert [leg for leg in way.legs if leg.length_km > 0.0] == searched
            assert not set(way.roads) & set(busy)
    assert given > 20
    assert none > 0 or evs == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_between_nodes_it_knows_just_the_ways_that_are_quickest_at_both_ends(name: str) -> None:
    roads = NETWORKS[name]
    scene = Scene(roads, np.random.default_rng(5).uniform(0.0, 200.0, roads.roads))
    traffic = scene.traffic(1.0, [])
    for start, target in itertools.product(range(0, roads.nodes, 2), range(0, roads.nodes, 3)):
        low, high = (scene.router.route(Place(start), Place(target), time_s) for time_s in scene.times)
        way = scene.table.route(Place(start), Place(target), traffic)
        assert (None if way is None else list(way.legs)) == (low if low == high else None)


def test_most_ways_are_known_when_traffic_is_about_the_usual() -> None:
    scene = Scene(LATTICE, np.random.default_rng(2).uniform(160.0, 240.0, LATTICE.roads))
    generator, traffic = np.random.default_rng(3), scene.traffic(1.0, [])
    known = [scene.table.route(scene.place(generator), scene.place(generator), traffic) for _ in range(300)]
    assert sum(way is not None for way in known) > 200


# -------------------------------------------------------------------------------------------- by hand

# From 0 to 3: by 1, 200 s whatever the traffic; by 2, 180 s free but slow in traffic. One EV counts 60 vehicles/h.
FORK = roads_of(
    [(0, 0), (1, 1), (1, -1), (2, 0)],
    [(0, 1, 1, 100), (1, 3, 1, 100), (0, 2, 1, 90), (2, 3, 1, 90)],
    capacity_vph=60.0,
)
FORK.bpr_b[:] = [0.0, 0.0, 1.0, 1.0]
BY_1, BY_2 = [Leg(0, 0.0, 1.0), Leg(1, 0.0, 1.0)], [Leg(2, 0.0, 1.0), Leg(3, 0.0, 1.0)]


def fork(low_vph: float, high_vph: float) -> RouteTable:
    travel_time = TravelTime(FORK)
    times = [travel_time.of_all_s(np.full(4, vph)).tolist() for vph in (low_vph, high_vph)]
    return RouteTable(Router(FORK), TimeRange(*times))


def quiet(roads: RoadNetwork) -> RoadTraffic:
    traffic = RoadTraffic(TravelTime(roads), roads.length_km.tolist(), EV_FLOW_VPH)
    traffic.begin_slot([0.0] * roads.roads, roads.free_time_s)
    return traffic


def on_road(road: int) -> RoadTraffic:
    traffic = quiet(FORK)
    drive = Drive([Leg(road, 0.0, 1.0)], 1.0, Place(int(FORK.head[road])))
    traffic.depart(Trip(7, drive, 0.0, 0.0, from_station=-1, destination=-1))
    return traffic


def test_a_way_that_is_the_quickest_at_one_end_only_is_not_known() -> None:
    assert fork(0.0, 0.0).route(Place(0), Place(3), quiet(FORK)).legs == BY_2
    assert fork(60.0, 60.0).route(Place(0), Place(3), quiet(FORK)).legs == BY_1
    assert fork(0.0, 60.0).route(Place(0), Place(3), quiet(FORK)) is None
    assert fork(60.0, 0.0).route(Place(0), Place(3), quiet(FORK)) is None


def test_so_it_is_for_places_in_the_middle_of_roads() -> None:
    # Half of the way to 2 is behind; the other ways lead there only by 3.
    start, target = Place(2, 2, 0.5), Place(3, 3, 0.5)
    assert fork(0.0, 60.0).route(start, target, quiet(FORK)).legs == [Leg(2, 0.5, 1.0), Leg(3, 0.0, 0.5)]
    # Two ways lead to the middle of a two-way road: either by its one end or by its other.
    roads = roads_of([(0, 0), (4, 0), (4, 3)], both_ways((0, 1, 4, 400), (1, 2, 2, 200), (0, 2, 4, 410)))
    times = TimeRange(roads.free_time_s.tolist(), [400, 400, 200, 200, 590, 590])
    middle = Place(2, 2, 1.0)
    assert RouteTable(Router(roads), times).route(Place(0), middle, quiet(roads)).legs == [
        Leg(0, 0.0, 4.0),
        Leg(2, 0.0, 1.0),
    ]
    near_2 = Place(2, 2, 1.8)  # 400 + 180 s by node 1; by node 2 410 + 20 s, or 590 + 20 s in traffic
    assert RouteTable(Router(roads), times).route(Place(0), near_2, quiet(roads)) is None


@pytest.mark.parametrize(("road", "given"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_way_is_given_while_no_ev_is_on_it(road: int, given: bool) -> None:
    table = fork(0.0, 0.0)
    for start in (Place(0), Place(2, 2, 0.5)):
        way = table.route(start, Place(3), on_road(road))
        assert (way is not None) == given
        # It is not forgotten either.
        assert table.route(start, Place(3), quiet(FORK)) is not None


def test_once_the_ev_has_left_the_way_is_given_again() -> None:
    traffic = on_road(2)
    table = fork(0.0, 0.0)
    assert table.route(Place(0), Place(3), traffic) is None
    traffic.run(1800.0)
    assert table.route(Place(0), Place(3), traffic) is not None


def test_where_no_way_leads_the_table_knows_nothing() -> None:
    table = fork(0.0, 0.0)
    assert table.route(Place(3), Place(0), quiet(FORK)) is None
    assert table.route(Place(1, 0, 0.5), Place(1, 0, 0.2), quiet(FORK)) is None
    # From the middle of a road to a node that only one of the two ends leads to.
    roads = roads_of([(0, 0), (1, 0), (2, 0)], [*both_ways((0, 1, 1, 60)), (1, 2, 1, 60)])
    table = RouteTable(Router(roads), TimeRange(roads.free_time_s.tolist(), roads.free_time_s.tolist()))
    assert table.route(Place(1, 0, 0.5), Place(2), quiet(roads)).legs == [Leg(0, 0.5, 1.0), Leg(2, 0.0, 1.0)]
    assert table.route(Place(2), Place(1, 0, 0.5), quiet(roads)) is None


def test_the_way_to_where_one_is_has_no_length() -> None:
    table = fork(0.0, 60.0)
    for place in (Place(1), Place(1, 0, 0.5)):
        way = table.route(place, place, quiet(FORK))
        assert way is None or sum(leg.length_km for leg in way.legs) == 0.0


def test_among_equally_quick_ways_the_answer_is_as_quick_and_always_the_same() -> None:
    # On a plain lattice with equal traffic on all roads nearly every way has equals.
    roads = build_lattice(LatticeRoads(kind="lattice", columns=5, rows=5))
    generator = np.random.default_rng(4)
    scene = Scene(roads, np.full(roads.roads, 200.0))
    again = RouteTable(scene.router, scene.times)
    pairs = [(scene.place(generator), scene.place(generator)) for _ in range(150)]
    traffic, time_s = scene.traffic(1.3, []), scene.time_s(1.3, [])
    ways = [scene.table.route(*pair, traffic) for pair in pairs]
    for pair, way in zip(pairs, ways, strict=True):
        if way is not None:
            searched = scene.router.route(*pair, time_s)
            assert searched is not None
            ours_s, theirs_s = (scene.router.time_of_s(legs, time_s) for legs in (way.legs, searched))
            assert ours_s == pytest.approx(theirs_s, rel=1e-13)
    # Whatever it was asked before.
    backwards = [again.route(*pair, traffic) for pair in reversed(pairs)][::-1]
    assert [way and way.legs for way in backwards] == [way and way.legs for way in ways]
    assert sum(way is not None for way in ways) > 100


# ---------------------------------------------------------------------------------------------- limits


def test_without_a_range_of_times_nothing_is_known() -> None:
    assert RouteTable(Router(FORK), None).route(Place(0), Place(3), quiet(FORK)) is None


def test_in_a_network_too_large_to_remember_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route_table, "MOST_NODES", FORK.nodes)
    assert fork(0.0, 0.0).route(Place(0), Place(3), quiet(FORK)) is not None
    monkeypatch.setattr(route_table, "MOST_NODES", FORK.nodes - 1)
    assert fork(0.0, 0.0).route(Place(0), Place(3), quiet(FORK)) is None


def test_beyond_the_most_ways_answers_stay_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(LATTICE, np.random.default_rng(2).uniform(160.0, 240.0, LATTICE.roads))
    generator, traffic = np.random.default_rng(9), scene.traffic(1.0, [])
    pairs = [(scene.place(generator), scene.place(generator)) for _ in range(60)]
    expected = [scene.table.route(*pair, traffic) for pair in pairs]
    monkeypatch.setattr(route_table, "MOST_PLACE_WAYS", 5)
    small = RouteTable(scene.router, scene.times)
    for _ in range(2):
        found = [small.route(*pair, traffic) for pair in pairs]
        assert [way and way.legs for way in found] == [way and way.legs for way in expected]
    assert len(small._of_places) == 5
