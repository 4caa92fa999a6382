"""The state of EVs as lists: what a slot counts, who drives, who stands where."""

from cosim.charging.battery import Battery, BatteryKind
from cosim.charging.visit import Request, Visit
from cosim.interface import EvState
from cosim.traffic.fleet import Fleet
from cosim.traffic.routing import Drive, Leg, Place
from cosim.traffic.trip import Trip

KIND = BatteryKind(energy_min_kwh=6.0, energy_max_kwh=57.0, charge_efficiency=0.9, discharge_efficiency=0.9)
TRIP = Trip(1, Drive([Leg(0, 0.0, 4.0)], 4.0, Place(1)), 0.0, 360.0, from_station=-1, destination=2)


def fleet_of(size: int) -> Fleet:
    return Fleet([Battery(KIND, 30.0) for _ in range(size)], [Place(ev) for ev in range(size)])


def test_a_new_fleet_stands_parked_at_no_station() -> None:
    fleet = fleet_of(2)
    assert len(fleet) == 2
    assert fleet.states() == [EvState.PARKED] * 2
    assert (fleet.station, fleet.destination) == ([-1, -1], [-1, -1])
    assert fleet.place == [Place(0), Place(1)]


def test_a_fleet_of_nobody_is_a_fleet() -> None:
    fleet = fleet_of(0)
    fleet.begin_slot([])
    assert (len(fleet), fleet.states()) == (0, [])


def test_who_departs_is_on_a_trip_and_at_no_station() -> None:
    fleet = fleet_of(2)
    fleet.stop(1, Place(7), Visit(1, 3, 0.0))
    assert (fleet.station, fleet.place[1]) == ([-1, 3], Place(7))
    fleet.depart(1, TRIP)
    assert fleet.states() == [EvState.PARKED, EvState.DRIVING]
    assert (fleet.station, fleet.destination, fleet.visit, fleet.trip) == ([-1, -1], [-1, 2], [None] * 2, [None, TRIP])


def test_who_stops_at_a_station_is_there_and_on_its_way_nowhere() -> None:
    fleet = fleet_of(2)
    fleet.depart(1, TRIP)
    visit = Visit(1, 2, 360.0)
    fleet.stop(1, Place(1), visit)
    assert (fleet.trip[1], fleet.destination[1], fleet.station[1], fleet.visit[1]) == (None, -1, 2, visit)
    assert fleet.place[1] == Place(1)


def test_who_stops_elsewhere_is_at_no_station() -> None:
    fleet = fleet_of(2)
    fleet.stop(1, Place(7), Visit(1, 3, 0.0))
    fleet.stop(1, Place(1, 0, 2.0), None)
    assert (fleet.station[1], fleet.visit[1], fleet.place[1]) == (-1, None, Place(1, 0, 2.0))


def test_states_follow_requests() -> None:
    fleet = fleet_of(5)
    requests = [None, *(Request(ev, fleet.battery[ev], wanted_kw, 0.0) for ev, wanted_kw in enumerate([9, 9, -9, 9]))]
    for ev, request in enumerate(requests):
        fleet.stop(ev, Place(0), Visit(ev, 0, 0.0, requests=[] if request is None else [request]))
        if request is not None and ev > 1:
            request.plug_in_s = 0.0
    requests[4].plug_out_s = 5.0
    assert fleet.states() == [
        EvState.PARKED,
        EvState.QUEUEING,
        EvState.CHARGING,
        EvState.DISCHARGING,
        EvState.PARKED,
    ]


def test_a_slot_gives_orders_to_those_who_stand_only() -> None:
    fleet = fleet_of(3)
    fleet.begin_slot([0.5, 0.6, 0.7])
    fleet.depart(1, TRIP)
    fleet.begin_slot([-0.1, -0.2, -0.3])
    assert fleet.power_share == [-0.1, 0.6, -0.3]
    fleet.stop(1, Place(1), None)
    assert fleet.power_share[1] == 0.6  # it does what it was told when it left
    fleet.begin_slot([0.0, 0.1, 0.2])
    assert fleet.power_share == [0.0, 0.1, 0.2]


def test_a_slot_counts_from_nought_but_keeps_the_energy() -> None:
    fleet = fleet_of(2)
    fleet.driven_km[0], fleet.driven_s[0] = 4.0, 360.0
    fleet.battery[1].flow(36.0, 100.0)
    fleet.battery[1].flow(-36.0, 50.0)
    assert (fleet.battery[1].drawn_kwh, fleet.battery[1].fed_kwh) == (1.0, 0.5)
    energy_kwh = fleet.battery[1].energy_kwh
    fleet.begin_slot([0.0, 0.0])
    assert (fleet.driven_km, fleet.driven_s) == ([0.0, 0.0], [0.0, 0.0])
    assert (fleet.battery[1].drawn_kwh, fleet.battery[1].fed_kwh) == (0.0, 0.0)
    assert fleet.battery[1].energy_kwh == energy_kwh
