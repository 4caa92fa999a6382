"""From an action to a drive, or to the reason why there is none."""

import math

import pytest
from small_fleet import ActionFinder, Found
from small_roads import LATTICE, both_ways, roads_of

from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.routing import Leg, Place, Router
from cosim.traffic.target import PENALISED, ActionOutcome

EAST, NORTH, WEST, SOUTH = (k * math.pi / 2 for k in range(4))
LATTICE_TIME_S = LATTICE.free_time_s.tolist()
STATION_NODE = (20, 24)  # (8, 8) and (24, 8)


def finder(
    roads: RoadNetwork = LATTICE, stations: tuple[int, ...] = STATION_NODE, budget_km: float = 10.0
) -> ActionFinder:
    return ActionFinder(roads, stations, budget_km, consumption_kwh_per_km=0.5)


def find(
    place: Place, heading_rad: float, distance_km: float, spare_kwh: float = 100.0, budget_km: float = 10.0
) -> Found:
    return finder(budget_km=budget_km).find(place, heading_rad, distance_km, spare_kwh, LATTICE_TIME_S)


def end(move: Found) -> tuple[float, float]:
    return Router(LATTICE).position_km(Router(LATTICE).place_on(move.legs[-1].road, move.legs[-1].to_km))


def km(move: Found) -> float:
    return sum(leg.length_km for leg in move.legs)


# ------------------------------------------------------------------------------------------- outcomes


@pytest.mark.parametrize("distance_km", [0.0, 1e-6])
@pytest.mark.parametrize("place", [Place(20), Place(1, 0, 2.0)])
def test_distance_zero_stays(place: Place, distance_km: float) -> None:
    assert find(place, 1.0, distance_km) == Found(ActionOutcome.STAYED)


def test_it_departs_for_the_point_of_the_road_nearest_to_the_target() -> None:
    # From (0, 0) to (6, 0.9): snapped to (6, 0), 2 km along the second road.
    move = find(Place(0), math.atan2(0.9, 6.0), math.hypot(0.9, 6.0))
    assert (move.outcome, move.station) == (ActionOutcome.DEPARTED, -1)
    assert end(move) == pytest.approx((6.0, 0.0))
    assert km(move) == pytest.approx(6.0)
    assert move.planned_s == pytest.approx(540.0)  # 6 km at 40 km/h


def test_a_target_outside_the_area_is_penalised() -> None:
    for place, heading_rad in ((Place(0), WEST), (Place(0), SOUTH), (Place(80), EAST), (Place(80), NORTH)):
        assert find(place, heading_rad, 0.01) == Found(ActionOutcome.OUTSIDE)


def test_the_edge_of_the_area_is_inside() -> None:
    # cos(pi / 2) is not quite 0: the target is a hair beyond the edge.
    assert find(Place(8), NORTH, 4.0).outcome is ActionOutcome.DEPARTED
    assert find(Place(0), NORTH, 4.0).outcome is ActionOutcome.DEPARTED


@pytest.mark.parametrize(("y_km", "outcome"), [(0.999, "DEPARTED"), (1.0, "DEPARTED"), (1.001, "OFF_ROAD")])
def test_a_target_more_than_a_kilometre_from_any_road_is_penalised(y_km: float, outcome: str) -> None:
    move = find(Place(0), math.atan2(y_km, 2.0), math.hypot(y_km, 2.0))
    assert move.outcome is ActionOutcome[outcome]


def test_a_target_that_no_road_leads_to_is_penalised() -> None:
    roads = roads_of([(0, 0), (4, 0), (8, 0)], [(0, 1, 4, 400), (2, 1, 4, 400)])
    move = finder(roads, (0,)).find(Place(1), EAST, 3.0, 100.0, [400.0, 400.0])
    assert move == Found(ActionOutcome.NO_WAY)


def test_what_is_penalised() -> None:
    assert set(PENALISED) == {ActionOutcome.OUTSIDE, ActionOutcome.OFF_ROAD, ActionOutcome.NO_WAY}


@pytest.mark.parametrize(("spare_kwh", "outcome"), [(3.0, "DEPARTED"), (2.999, "LOW_ENERGY"), (0.0, "LOW_ENERGY")])
def test_it_stays_if_the_energy_would_fall_below_its_minimum(spare_kwh: float, outcome: str) -> None:
    # 6 km need 3 kWh.
    move = find(Place(0), EAST, 6.0, spare_kwh)
    assert move.outcome is ActionOutcome[outcome]
    assert bool(move.legs) == (outcome == "DEPARTED")


def test_energy_need_reach_no_farther_than_the_slots_kilometres() -> None:
    # The way to (0, 8) and on is cut at 5 km: 2.5 kWh.
    assert find(Place(0), NORTH, 8.0, 2.5, budget_km=5.0).outcome is ActionOutcome.DEPARTED
    assert find(Place(0), NORTH, 8.0, 2.4, budget_km=5.0).outcome is ActionOutcome.LOW_ENERGY


def test_energy_just_sufficient_suffices_whatever_the_rounding() -> None:
    roads = roads_of([(0.1 * k, 0) for k in range(4)], both_ways(*((k, k + 1, 0.1, 10) for k in range(3))))
    spare_kwh = 0.3 * 0.5
    assert spare_kwh < 3 * 0.1 * 0.5
    move = finder(roads, (0,), 0.3).find(Place(3), WEST, 0.3, spare_kwh, roads.free_time_s.tolist())
    assert (move.outcome, move.station) == (ActionOutcome.DEPARTED, 0)


# -------------------------------------------------------------------------------------------- stations


@pytest.mark.parametrize(("miss_km", "at_station"), [(0.0, True), (1.0999, True), (1.1001, False)])
@pytest.mark.parametrize("side", [NORTH, EAST, SOUTH])
def test_a_target_within_eleven_hundred_metres_means_the_station(miss_km: float, at_station: bool, side: float) -> None:
    # From (4, 8) towards the station at (8, 8), missing it by some distance.
    dx, dy = 4.0 + miss_km * math.cos(side), miss_km * math.sin(side)
    move = find(Place(19), math.atan2(dy, dx), math.hypot(dx, dy))
    assert move.outcome is ActionOutcome.DEPARTED
    assert (move.station == 0) == at_station
    assert (end(move) == (8.0, 8.0)) == at_station


def test_a_station_is_meant_even_where_a_target_is_far_from_any_road() -> None:
    # The only road ends at the station, 1.05 km short of the target.
    roads = roads_of([(0, 0), (8, 0)], both_ways((0, 1, 8, 800)))
    move = finder(roads, (1,)).find(Place(0), EAST, 9.05, 100.0, roads.free_time_s.tolist())
    assert (move.outcome, move.station) == (ActionOutcome.DEPARTED, 0)


def test_the_nearest_of_two_stations_is_meant_and_the_first_of_two_equally_near() -> None:
    roads = roads_of([(0, 0), (4, 0), (6, 0)], both_ways((0, 1, 4, 400), (1, 2, 2, 200)))
    time_s = roads.free_time_s.tolist()
    both = finder(roads, (2, 1))
    assert [both.find(Place(0), EAST, x_km, 100.0, time_s).station for x_km in (4.99, 5.0, 5.01)] == [1, 0, 0]


def test_a_target_within_reach_of_its_own_station_stays_there() -> None:
    assert find(Place(20), EAST, 1.0) == Found(ActionOutcome.STAYED)


# ---------------------------------------------------------------------------------------------- budget


def test_the_budget_may_end_between_two_nodes_and_from_there_it_goes_on_or_back() -> None:
    # 10 km towards the station at (24, 8), 12 km ahead of (12, 8), with 6 km a slot: ends at (18, 8).
    first = find(Place(21), EAST, 10.0, budget_km=6.0)
    place = Router(LATTICE).place_on(first.legs[-1].road, first.legs[-1].to_km)
    assert (first.station, end(first), place.offset_km) == (-1, (18.0, 8.0), 2.0)
    on = find(place, EAST, 6.0, budget_km=6.0)
    assert (on.station, end(on), km(on)) == (1, (24.0, 8.0), pytest.approx(6.0))
    back = find(place, WEST, 6.0, budget_km=6.0)
    assert (end(back), km(back)) == ((12.0, 8.0), pytest.approx(6.0))
    assert back.legs[0] == Leg(LATTICE.opposite[place.road], 2.0, 4.0)


def test_the_station_is_not_reached_where_the_budget_ends_before_it() -> None:
    move = find(Place(21), WEST, 4.0, budget_km=3.9)
    assert (move.outcome, move.station) == (ActionOutcome.DEPARTED, -1)
    assert end(move) == pytest.approx((8.1, 8.0))


def test_the_straight_distance_may_be_longer_by_road() -> None:
    # (0, 0) to (4, 4): straight 5.66 km, by road 8 km.
    move = find(Place(0), math.pi / 4, math.hypot(4, 4))
    assert (end(move), km(move)) == ((4.0, 4.0), 8.0)


def test_the_way_avoids_the_traffic_of_the_instant() -> None:
    jam_s = [*LATTICE_TIME_S]
    jam_s[0] = 1e5  # from (0, 0) to (4, 0)
    move = finder().find(Place(0), math.pi / 4, math.hypot(4, 4), 100.0, jam_s)
    assert [(int(LATTICE.tail[leg.road]), int(LATTICE.head[leg.road])) for leg in move.legs] == [(0, 9), (9, 10)]
