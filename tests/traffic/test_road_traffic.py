"""Trips on roads, every time worked by hand; and at random, every time explained by who was on the road."""

import numpy as np
import pytest
from small_roads import LATTICE, both_ways, roads_of

from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.road_traffic import RoadTraffic
from cosim.traffic.routing import Drive, Leg, Router
from cosim.traffic.travel_time import TravelTime
from cosim.traffic.trip import Trip

# A (0) -- 6 km -- B (1) -- 3 km -- C (2). Roads: AB 0, BA 1, BC 2, CB 3. An EV counts 100 of 200 vehicles/h.
# A-B: 600 s free, 637.5 s alone, 1200 s as the second, 3637.5 s as the third; B-C: half of that.
LINE = roads_of([(0, 0), (6, 0), (9, 0)], both_ways((0, 1, 6, 600), (1, 2, 3, 300)), capacity_vph=200.0, bpr_b=1.0)
AB, BA, BC, CB = range(4)
FREE_S = LINE.free_time_s.tolist()


def empty(roads: RoadNetwork = LINE, ev_flow_vph: float = 100.0, base_vph: float = 0.0) -> RoadTraffic:
    travel_time = TravelTime(roads)
    traffic = RoadTraffic(travel_time, roads.length_km.tolist(), ev_flow_vph)
    flow_vph = np.full(roads.roads, base_vph)
    traffic.begin_slot(flow_vph.tolist(), travel_time.of_all_s(flow_vph))
    return traffic


def trip_of(ev: int, *legs: Leg, depart_s: float = 0.0, roads: RoadNetwork = LINE) -> Trip:
    length_km = sum(leg.length_km for leg in legs)
    end = Router(roads).place_on(legs[-1].road, legs[-1].to_km)
    return Trip(ev, Drive(legs, length_km, end), depart_s, 0.0, from_station=-1, destination=-1)


def whole(road: int) -> Leg:
    return Leg(road, 0.0, float(LINE.length_km[road]))


def test_who_enters_a_road_counts_itself() -> None:
    traffic = empty()
    trip = trip_of(0, whole(AB))
    traffic.depart(trip)
    assert trip.leg_s == 637.5
    assert traffic.on_road == [1, 0, 0, 0]


def test_who_enters_a_road_counts_those_who_are_on_it_already() -> None:
    traffic = empty()
    trips = [trip_of(ev, whole(AB)) for ev in range(3)]
    for trip in trips:
        traffic.depart(trip)
    assert [trip.leg_s for trip in trips] == [637.5, 1200.0, 3637.5]
    assert traffic.on_road == [3, 0, 0, 0]


def test_who_leaves_a_road_counts_there_no_more() -> None:
    traffic = empty()
    first, second = trip_of(0, whole(AB)), trip_of(1, whole(AB), depart_s=1800.0)
    traffic.depart(first)
    assert traffic.run(1800.0) == [first]
    assert traffic.on_road == [0, 0, 0, 0]
    traffic.depart(second)
    assert second.leg_s == 637.5


def test_part_of_a_road_takes_its_share_but_counts_as_one_ev() -> None:
    traffic = empty()
    third, rest = trip_of(0, Leg(AB, 2.0, 4.0)), trip_of(1, Leg(AB, 4.0, 6.0))
    traffic.depart(third)
    traffic.depart(rest)
    assert (third.leg_s, rest.leg_s) == (pytest.approx(212.5, abs=1e-12), pytest.approx(400.0, abs=1e-12))
    assert traffic.run(1e9) == [third, rest]
    assert third.arrive_s == pytest.approx(212.5, abs=1e-12)


def test_the_legs_of_a_trip_are_driven_one_after_the_other() -> None:
    traffic = empty()
    trip = trip_of(0, whole(AB), whole(BC))
    traffic.depart(trip)
    assert traffic.run(637.5) == []  # what happens at that very time happens later
    assert (trip.leg, trip.enter_s, trip.done_km) == (whole(AB), [0.0], 0.0)
    assert traffic.run(956.25) == []
    assert (trip.leg, trip.enter_s, trip.done_km) == (whole(BC), [0.0, 637.5], 6.0)
    assert traffic.on_road == [0, 0, 1, 0]
    assert traffic.run(956.26) == [trip]
    assert (trip.arrive_s, trip.enter_s) == (956.25, [0.0, 637.5])
    assert traffic.on_road == [0, 0, 0, 0]
    assert traffic.run(1e9) == []


def test_trips_arrive_in_the_order_of_their_times() -> None:
    traffic = empty()
    slow, quick = trip_of(0, whole(AB), whole(BC)), trip_of(1, whole(CB))
    for trip in (slow, quick):
        traffic.depart(trip)
    assert [(trip.ev, trip.arrive_s) for trip in traffic.run(1800.0)] == [(1, 318.75), (0, 956.25)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_at_equal_times_the_lower_number_comes_first_whoever_departed_first(order: tuple[int, int]) -> None:
    # Without weight of their own, both need 300 s for B-C and C-B, and 600 s for B-A.
    traffic = empty(ev_flow_vph=0.0)
    trips = {0: trip_of(0, whole(CB), whole(BA)), 1: trip_of(1, whole(BC), whole(CB))}
    for ev in order:
        traffic.depart(trips[ev])
    assert [(trip.ev, trip.arrive_s) for trip in traffic.run(1e9)] == [(1, 600.0), (0, 900.0)]
    traffic = empty(ev_flow_vph=0.0)
    trips = {0: trip_of(0, whole(AB)), 1: trip_of(1, whole(BA))}
    for ev in order:
        traffic.depart(trips[ev])
    assert [(trip.ev, trip.arrive_s) for trip in traffic.run(1e9)] == [(0, 600.0), (1, 600.0)]


def test_one_who_leaves_just_as_another_enters_counts_if_its_number_is_higher() -> None:
    for leaving, entering, leg_s in ((0, 1, 318.75), (1, 0, 600.0)):
        traffic = empty()
        # One EV leaves B-C at 318.75 s; at that time the other has driven the second half of A-B, and enters B-C.
        traffic.depart(trip_of(leaving, whole(BC)))
        trip = trip_of(entering, Leg(AB, 3.0, 6.0), whole(BC))
        traffic.depart(trip)
        traffic.run(1e9)
        assert trip.enter_s == [0.0, 318.75]
        assert trip.leg_s == leg_s


def test_other_vehicles_count_as_of_the_slot_in_which_a_road_is_entered() -> None:
    traffic = empty()
    trip = trip_of(0, whole(AB), whole(BC))
    traffic.depart(trip)
    traffic.run(600.0)
    # 100 vehicles/h and the EV's own 100 make B-C take 600 s; A-B was entered before.
    traffic.begin_slot([100.0] * 4, TravelTime(LINE).of_all_s(np.full(4, 100.0)))
    traffic.run(700.0)
    assert (trip.enter_s, trip.leg_s) == ([0.0, 637.5], 600.0)


def test_the_roads_that_evs_are_on_are_known() -> None:
    traffic = empty()
    assert (traffic.occupied(), traffic.any_on([AB, BC])) == ({}, False)
    for trip in (trip_of(0, whole(AB), whole(BC)), trip_of(1, whole(AB))):
        traffic.depart(trip)
    assert (traffic.occupied(), traffic.any_on([AB]), traffic.any_on([BA, BC])) == ({AB: 2}, True, False)
    traffic.run(640.0)
    assert (traffic.occupied(), traffic.any_on([BC]), traffic.any_on([])) == ({AB: 1, BC: 1}, True, False)
    traffic.run(1e9)
    assert (traffic.occupied(), traffic.any_on([AB, BC])) == ({}, False)


def test_times_for_routing_count_evs_on_their_roads_but_not_the_one_that_asks() -> None:
    traffic = empty()
    assert list(traffic.start_time_s()) == FREE_S
    traffic.depart(trip_of(0, whole(AB)))
    traffic.begin_slot([0.0] * 4, np.array(FREE_S))
    assert list(traffic.start_time_s()) == [637.5, 600.0, 300.0, 300.0]


def test_times_for_routing_are_those_of_the_present_slot() -> None:
    traffic = empty()
    traffic.depart(trip_of(0, whole(AB)))
    traffic.begin_slot([0.0] * 4, np.array(FREE_S))
    traffic.start_time_s()
    traffic.run(1800.0)
    busy_s = TravelTime(LINE).of_all_s(np.full(4, 200.0)).tolist()
    traffic.begin_slot([200.0] * 4, np.array(busy_s))
    assert list(traffic.start_time_s()) == busy_s == [1200.0, 1200.0, 600.0, 600.0]


@pytest.mark.parametrize("seed", range(4))
def test_every_time_is_explained_by_who_was_on_the_road(seed: int) -> None:
    """Trips of random roads (that need not meet) over three slots; each leg is looked at after all is over."""
    generator = np.random.default_rng(seed)
    travel_time, slot_s, slots = TravelTime(LATTICE), 1800.0, 3
    base_vph = generator.uniform(0.0, 800.0, (slots, LATTICE.roads))
    traffic = RoadTraffic(travel_time, LATTICE.length_km.tolist(), ev_flow_vph=100.0)
    trips: list[Trip] = []
    busy_roads = generator.choice(LATTICE.roads, 8, replace=False)
    for slot in range(slots):
        traffic.begin_slot(base_vph[slot].tolist(), travel_time.of_all_s(base_vph[slot]))
        for ev in range(20 * slot, 20 * slot + 20):
            roads = generator.choice(busy_roads, 4, replace=False).tolist()
            legs = [Leg(roads[0], float(generator.uniform(0, 4)), 4.0), *(Leg(road, 0.0, 4.0) for road in roads[1:])]
            trips.append(trip_of(ev, *legs, depart_s=slot * slot_s, roads=LATTICE))
            traffic.depart(trips[-1])
        traffic.run((slot + 1) * slot_s)
        present = np.bincount([trip.leg.road for trip in trips if trip.arrive_s is None], minlength=LATTICE.roads)
        assert traffic.on_road == present.tolist()
    stays = [
        (leg, trip.ev, enter_s, leave_s)
        for trip in trips
        for leg, enter_s, leave_s in zip(
            trip.legs, trip.enter_s, [*trip.enter_s[1:], trip.arrive_s or np.inf], strict=False
        )
    ]
    assert len(stays) > 100
    for leg, ev, enter_s, leave_s in stays:
        # Among those who depart together, the lower numbers are on the road already.
        others = sum(
            other.road == leg.road and (since_s, other_ev) < (enter_s, ev) and until_s > enter_s
            for other, other_ev, since_s, until_s in stays
        )
        flow_vph = base_vph[int(enter_s // slot_s), leg.road] + 100.0 * (others + 1)
        expected_s = travel_time.of_road_s(leg.road, flow_vph) * leg.length_km / 4.0
        if leave_s < np.inf:
            assert leave_s - enter_s == pytest.approx(expected_s, abs=1e-9)
    assert max(len([s for s in stays if s[0].road == road]) for road in busy_roads) > 10
