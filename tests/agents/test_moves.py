"""What literal actions mean: numbers, stations, intentions; by hand on a line of three stations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from line_fleet import fleet, observe

from agents.board import Intentions
from agents.moves import STATION_KM, Moves
from agents.options import Outlook
from cosim.interface import Action, Observation
from cosim.traffic import target

A, B, C = range(3)
EAST, WEST, NORTH = 0.0, 0.5, 0.25


def moves(*actions: tuple[float, float, float]) -> Moves:
    return Moves(fleet(), np.array(actions, dtype=np.float32))


def intentions(observation: Observation, *actions: tuple[float, float, float]) -> Intentions:
    replica, ev = np.arange(len(actions)), np.zeros(len(actions), dtype=np.int64)
    return moves(*actions).intentions(Outlook(fleet(), observation), replica, ev)


def test_shares_become_an_action_within_its_ranges() -> None:
    made = moves((0.25, 0.5, -0.8), (1.0, 1.0, 1.0))
    assert made.heading_rad.tolist() == pytest.approx([math.pi / 2.0, 0.0])
    assert made.distance_km.tolist() == [5.0, 10.0]
    # -0.8 in 32 bits lies below -0.8.
    assert made.power_share.tolist() == [-0.8, 1.0]
    action = Action.stay(2, 3)
    made.write(action, np.array([1, 0]), np.array([2, 1]))
    assert action.distance_km.tolist() == [[0.0, 10.0, 0.0], [0.0, 0.0, 5.0]]
    assert action.power_share.tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, -0.8]]


def test_a_target_near_a_station_means_it_as_on_the_roads() -> None:
    assert STATION_KM == target.STATION_KM
    # B is 5 km ahead: 6 km are within 1.1 of it, 6.2 are not; A is 7 km behind, and 1 km to the north is neither.
    observation = observe([[7]] * 6, 57.0)
    found = intentions(
        observation, (EAST, 0.4, 0), (EAST, 0.6, 0), (EAST, 0.62, 0), (WEST, 0.7, 0), (WEST, 0.5, 0), (NORTH, 0.1, 0)
    )
    assert found.station.tolist() == [B, B, -1, A, -1, -1]


def test_who_stays_means_the_station_where_it_is() -> None:
    observation = observe([[12], [12], [12], [12], [7]], 57.0)
    # No distance; one that ends near the same station; one off the map; one to nowhere; and no distance on the road.
    found = intentions(
        observation, (EAST, 0.0, -0.8), (EAST, 0.1, -0.8), (NORTH, 1.0, -0.8), (EAST, 1.0, -0.8), (EAST, 0.0, -0.8)
    )
    assert found.station.tolist() == [B, B, B, -1, -1]
    assert found.offer_kwh.sum(axis=1).tolist() == pytest.approx([-20.0, -20.0, -20.0, 0.0, 0.0])


def test_offers_are_of_this_slot_and_within_the_battery() -> None:
    # B is 12 km from 0 and 10 from 2: from there it takes 0.25 h, and half of the slot is left.
    observation = observe([[12], [12], [12], [2], [2], [12]], [[57.0], [16.0], [50.0], [57.0], [52.0], [57.0]], slot=3)
    found = intentions(
        observation,
        (EAST, 0.0, -0.4),
        (EAST, 0.0, -0.8),
        (EAST, 0.0, 1.0),
        (EAST, 1.0, -0.8),
        (EAST, 1.0, 1.0),
        (EAST, 0.0, 0.0005),
    )
    # 0.4 of 50 kW for half an hour; 10 kWh above the minimum at 0.8; room for 7 at 0.9; half an hour less 15 minutes.
    wanted = [-10.0, -8.0, 7.0 / 0.9, -10.0, 7.0 / 0.9, 0.0]
    assert found.offer_kwh[:, 3].tolist() == pytest.approx(wanted)
    assert not np.delete(found.offer_kwh, 3, axis=1).any()
    assert found.arrival.tolist() == [3] * 6


def test_a_station_out_of_the_batterys_reach_is_not_meant() -> None:
    found = intentions(observe([[2]], 7.9), (EAST, 1.0, -0.8))
    assert (found.station.tolist(), found.arrival.tolist()) == ([-1], [0])
    assert not found.offer_kwh.any()
