"""Targets: the nearest point of a road against trying all roads; many EVs at once against one by one."""

import math

import numpy as np
import pytest
from small_fleet import ActionFinder
from small_roads import LATTICE, SIOUX_ROADS, TRIANGLE, random_one_way_roads

from cosim.scenario.schema import LatticeRoads
from cosim.traffic import target
from cosim.traffic.cells import CellMap
from cosim.traffic.road_network import RoadNetwork, build_lattice
from cosim.traffic.routing import Place, Router
from cosim.traffic.target import ActionOutcome, RoadSnap, TargetFinder

NO_ROADS = build_lattice(LatticeRoads(kind="lattice", columns=1, rows=1))


CELLS: dict[RoadSnap, CellMap] = {}


def snap(roads: RoadNetwork, reach_km: float) -> RoadSnap:
    cells = CellMap((-1.0, -1.0), (20.0, 20.0), 2.0 * reach_km)
    index = RoadSnap(roads, reach_km, cells)
    CELLS[index] = cells
    return index


def nearest(index: RoadSnap, x_km: float, y_km: float) -> tuple[int, float] | None:
    point_km = np.array([[x_km, y_km]])
    road, offset_km = index.nearest(CELLS[index].cell(point_km), point_km)
    return (int(road[0]), float(offset_km[0])) if road[0] >= 0 else None


def nearest_by_brute_force(roads: RoadNetwork, x_km: float, y_km: float) -> tuple[float, int, float]:
    best = (math.inf, -1, 0.0)
    for road, (tail, head) in enumerate(zip(roads.tail, roads.head, strict=True)):
        first, along = roads.node_km[tail], roads.node_km[head] - roads.node_km[tail]
        share = float(np.clip(((x_km, y_km) - first) @ along / (along @ along), 0.0, 1.0))
        distance_km = math.dist((x_km, y_km), first + share * along)
        if distance_km < best[0] - 1e-12:
            best = (distance_km, road, share * float(roads.length_km[road]))
    return best


@pytest.mark.parametrize("roads", [LATTICE, SIOUX_ROADS, random_one_way_roads(1), TRIANGLE])
@pytest.mark.parametrize("reach_km", [0.3, 1.0])
def test_the_nearest_point_is_that_of_brute_force(roads: RoadNetwork, reach_km: float) -> None:
    index = snap(roads, reach_km)
    generator = np.random.default_rng(7)
    found_some = 0
    for x_km, y_km in generator.uniform(-1.5, roads.node_km.max() + 1.5, (150, 2)).tolist():
        distance_km, road, offset_km = nearest_by_brute_force(roads, x_km, y_km)
        found = nearest(index, x_km, y_km)
        if distance_km > reach_km:
            assert found is None
        else:
            assert found is not None
            router = Router(roads)
            assert router.position_km(Place(-1, *found)) == pytest.approx(
                router.position_km(Place(-1, road, offset_km)), abs=1e-9
            )
            found_some += 1
    assert found_some > 0


def test_a_point_exactly_in_reach_is_snapped() -> None:
    index = snap(TRIANGLE, 1.0)
    assert nearest(index, 0.0, -1.0) == (0, 0.0)
    assert nearest(index, 2.0, -1.0) == (0, 2.0)
    assert nearest(index, 2.0, -1.0 - 1e-9) is None


def test_the_lowest_number_wins_among_roads_equally_near() -> None:
    road, _ = nearest(snap(TRIANGLE, 1.0), 4.0, 0.0) or (-1, 0.0)
    assert road == 0


def test_where_there_are_no_roads_nothing_is_near() -> None:
    assert nearest(snap(NO_ROADS, 1.0), 0.0, 0.0) is None


# ----------------------------------------------------------------------------------------- many at once


@pytest.mark.parametrize("roads", [LATTICE, SIOUX_ROADS, random_one_way_roads(1)])
def test_many_evs_at_once_have_the_targets_that_each_has_alone(roads: RoadNetwork) -> None:
    generator = np.random.default_rng(3)
    stations = generator.choice(roads.nodes, 5, replace=False)
    finder = TargetFinder(roads, stations, 10.0)
    one_by_one = ActionFinder(roads, stations.tolist(), 10.0, 0.0)
    node = generator.integers(roads.nodes, size=(4, 50))
    heading_rad, distance_km = generator.uniform(0, 2 * np.pi, (4, 50)), generator.uniform(0, 10, (4, 50))
    distance_km[generator.random((4, 50)) < 0.1] = 0.0
    found = finder.find(roads.node_km[node], heading_rad, distance_km)
    places = {(replica, ev): place for replica, of in enumerate(found.places) for ev, place in of}
    seen = set()
    for at in np.ndindex(4, 50):
        alone = one_by_one.target(Place(int(node[at])), float(heading_rad[at]), float(distance_km[at]))
        outcome = ActionOutcome(int(found.outcome[at]))
        seen.add(outcome)
        if isinstance(alone, ActionOutcome):
            assert outcome is alone
        else:
            assert outcome is ActionOutcome.DEPARTED
            assert alone == places.pop(at)
    assert not places
    assert seen == {ActionOutcome.STAYED, ActionOutcome.DEPARTED, ActionOutcome.OUTSIDE, ActionOutcome.OFF_ROAD}


def test_a_fleet_of_nobody_has_no_targets() -> None:
    nothing = np.zeros((3, 0))
    found = TargetFinder(LATTICE, np.array([20]), 10.0).find(np.zeros((3, 0, 2)), nothing, nothing)
    assert (found.outcome.shape, found.places) == ((3, 0), [[], [], []])


@pytest.mark.parametrize("most", [0, 30, 10_000])
def test_what_is_remembered_is_what_would_be_found_anew(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "MOST_TARGETS", most)
    generator = np.random.default_rng(5)
    stations = np.array([4, 20, 33])
    finder = TargetFinder(LATTICE, stations, 10.0)
    position_km = generator.choice(LATTICE.node_km, (6, 20))
    heading_rad, distance_km = generator.uniform(0, 2 * np.pi, (6, 20)), generator.uniform(0, 10, (6, 20))
    for wanted in (slice(2), slice(4), slice(None), slice(1, 5)):
        moves = position_km[wanted], heading_rad[wanted], distance_km[wanted]
        found, anew = finder.find(*moves), TargetFinder(LATTICE, stations, 10.0).find(*moves)
        assert found.outcome.tolist() == anew.outcome.tolist()
        assert found.places == anew.places


def test_where_there_are_no_roads_every_target_is_off_road_or_a_station() -> None:
    finder = ActionFinder(NO_ROADS, (0,), 10.0, 0.0)
    assert finder.target(Place(0), 0.0, 0.5) in (ActionOutcome.OUTSIDE, Place(0))
    assert finder.target(Place(0), 0.0, 0.0) is ActionOutcome.STAYED
