"""The state of EVs as columns: what a slot counts, who drives, who stands where."""

import numpy as np

from cosim.charging.battery import Battery, BatteryKind
from cosim.charging.visit import Visit
from cosim.interface import EvState
from cosim.traffic.fleet import Fleet, FleetColumns, wanted_kw
from cosim.traffic.routing import Drive, Leg, Place
from cosim.traffic.trip import Trip

KIND = BatteryKind(energy_min_kwh=6.0, energy_max_kwh=57.0, charge_efficiency=0.9, discharge_efficiency=0.9)
TRIP = Trip(1, Drive([Leg(0, 0.0, 4.0)], 4.0, Place(1)), 0.0, 360.0, from_station=-1, destination=2)


def fleet_of(size: int, columns: FleetColumns | None = None, replica: int = 0) -> Fleet:
    batteries, places = [Battery(KIND, 30.0) for _ in range(size)], [Place(ev) for ev in range(size)]
    return Fleet(batteries, places, columns or FleetColumns(1, size), replica)


def test_a_new_fleet_stands_parked_at_no_station() -> None:
    columns = FleetColumns(1, 2)
    fleet = fleet_of(2, columns)
    assert len(fleet) == 2
    assert columns.state.tolist() == [[EvState.PARKED] * 2]
    assert (fleet.station.tolist(), fleet.destination.tolist()) == ([-1, -1], [-1, -1])
    assert fleet.place == [Place(0), Place(1)]


def test_a_fleet_of_nobody_is_a_fleet() -> None:
    columns = FleetColumns(3, 0)
    fleet = fleet_of(0, columns)
    columns.begin_slot(np.empty((3, 0)))
    assert (len(fleet), fleet.station.tolist(), columns.state.shape) == (0, [], (3, 0))


def test_who_departs_is_on_a_trip_and_at_no_station() -> None:
    columns = FleetColumns(1, 2)
    fleet = fleet_of(2, columns)
    fleet.stop(1, Place(7), Visit(1, 3, 0.0))
    assert (fleet.station.tolist(), fleet.place[1]) == ([-1, 3], Place(7))
    fleet.depart(1, TRIP)
    assert columns.state.tolist() == [[EvState.PARKED, EvState.DRIVING]]
    assert (fleet.station.tolist(), fleet.destination.tolist()) == ([-1, -1], [-1, 2])
    assert (fleet.visit, fleet.trip) == ([None] * 2, [None, TRIP])


def test_who_stops_at_a_station_is_there_and_on_its_way_nowhere() -> None:
    columns = FleetColumns(1, 2)
    fleet = fleet_of(2, columns)
    fleet.depart(1, TRIP)
    visit = Visit(1, 2, 360.0)
    fleet.stop(1, Place(1), visit)
    assert (fleet.trip[1], fleet.destination[1], fleet.station[1], fleet.visit[1]) == (None, -1, 2, visit)
    assert (fleet.place[1], columns.state[0, 1]) == (Place(1), EvState.PARKED)


def test_who_stops_elsewhere_is_at_no_station() -> None:
    fleet = fleet_of(2)
    fleet.stop(1, Place(7), Visit(1, 3, 0.0))
    fleet.stop(1, Place(1, 0, 2.0), None)
    assert (fleet.station[1], fleet.visit[1], fleet.place[1]) == (-1, None, Place(1, 0, 2.0))


def test_a_fleet_writes_into_its_row_of_the_columns_only() -> None:
    columns = FleetColumns(2, 2)
    first, second = fleet_of(2, columns, 0), fleet_of(2, columns, 1)
    second.stop(0, Place(7, 3, 2.5), None)
    second.stop(1, Place(4), Visit(1, 2, 0.0))
    first.depart(0, TRIP)
    second.driven_km[1], second.driven_s[1] = 4.0, 360.0
    assert columns.node[1].tolist() == [7, 4]
    assert columns.road.tolist() == [[-1, -1], [3, -1]]
    assert columns.offset_km.tolist() == [[0.0, 0.0], [2.5, 0.0]]
    assert columns.station.tolist() == [[-1, -1], [-1, 2]]
    assert columns.destination.tolist() == [[2, -1], [-1, -1]]
    assert columns.state.tolist() == [[EvState.DRIVING, EvState.PARKED], [EvState.PARKED] * 2]
    assert columns.driven_km.tolist() == [[0.0, 0.0], [0.0, 4.0]]
    assert columns.driven_s.tolist() == [[0.0, 0.0], [0.0, 360.0]]


def test_a_slot_gives_orders_to_those_who_stand_only() -> None:
    columns = FleetColumns(1, 3)
    fleet = fleet_of(3, columns)
    columns.begin_slot(np.array([[5.0, 6.0, 7.0]]))
    fleet.depart(1, TRIP)
    columns.begin_slot(np.array([[-1.0, -2.0, -3.0]]))
    assert fleet.wanted_kw.tolist() == [-1.0, 6.0, -3.0]
    fleet.stop(1, Place(1), None)
    assert fleet.wanted_kw[1] == 6.0  # it does what it was told when it left
    columns.begin_slot(np.array([[0.0, 1.0, 2.0]]))
    assert fleet.wanted_kw.tolist() == [0.0, 1.0, 2.0]


def test_a_slot_counts_from_nought() -> None:
    columns = FleetColumns(1, 2)
    fleet = fleet_of(2, columns)
    fleet.driven_km[0], fleet.driven_s[0] = 4.0, 360.0
    columns.begin_slot(np.zeros((1, 2)))
    assert (fleet.driven_km.tolist(), fleet.driven_s.tolist()) == ([0.0, 0.0], [0.0, 0.0])


def test_a_share_means_its_power_in_its_direction_and_next_to_nothing_means_no_charger() -> None:
    share = np.array([[0.5, -0.5, 1e-3, -1e-3, 1.1e-3, 0.0]])
    assert wanted_kw(share, charge_kw=60.0, discharge_kw=40.0).tolist() == [[30.0, -20.0, 0.0, 0.0, 1.1e-3 * 60.0, 0.0]]
