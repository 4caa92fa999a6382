"""What EVs could do at stations if there were no others, by hand on a line of three stations."""

from __future__ import annotations

import numpy as np
import pytest
from line_fleet import fleet, observe

from agents.reach import MODES, Reach
from agents.trips import Trips, station_outlook

A, B, C = range(3)


def reach_of(node: int, energy_kwh: float, slot: int = 0) -> Reach:
    spec, observation = fleet(), observe([[node]], energy_kwh, slot=slot)
    return Reach.of(spec, slot, Trips.of(spec, observation), *station_outlook(spec, observation))


def test_an_ev_at_the_first_station() -> None:
    reach = reach_of(0, 57.0)
    assert reach.wait[0, 0].tolist() == [0, 1, 3]
    assert reach.rest_h[0, 0].tolist() == pytest.approx([0.5, 0.45, 0.35])
    # At 40 kW from 3 min into the second slot on; A has no deficit.
    assert reach.salable_kwh[0, 0, B, :3].tolist() == pytest.approx([0.0, 18.0, 20.0])
    assert reach.needed_kwh[0, 0, B, :3].tolist() == pytest.approx([0.0, 18.0, 38.0])
    assert not reach.needed_kwh[0, 0, A].any()
    # It is full at A; 2.4 kWh less when it arrives at B, where there is no surplus.
    assert reach.room_kwh[0, 0].tolist() == pytest.approx([0.0, 2.4 / 0.9, 7.2 / 0.9])
    assert not reach.charge_kwh[0, 0].any()


def test_charging_goes_on_until_the_battery_is_full() -> None:
    reach = reach_of(0, 30.0)
    assert reach.charge_kwh[0, 0, A, :3].tolist() == pytest.approx([20.0, 10.0, 0.0])


def test_a_trip_that_does_not_end_in_time_waits_for_no_more_than_the_end() -> None:
    reach = reach_of(0, 57.0, slot=10)
    assert reach.wait[0, 0].tolist() == [0, 1, 2]
    assert reach.possible[0, 0, C].tolist() == [False] * MODES
    assert not reach.salable_kwh[0, 0, C].any()


def test_the_reach_of_some_evs_is_theirs() -> None:
    spec, observation = fleet(2), observe([[0, 12]], [[57.0, 30.0]])
    reach = Reach.of(spec, 0, Trips.of(spec, observation), *station_outlook(spec, observation))
    one = reach.of_evs(np.array([0]), np.array([1]))
    assert one.distance_km.tolist() == [[12.0, 0.0, 24.0]]
    assert np.array_equal(one.needed_kwh[0], reach.needed_kwh[0, 1])
