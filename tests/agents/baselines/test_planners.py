"""The planners on a line of three stations: A has surplus; B, 12 km on, and C, 36 km on, have deficits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from line_fleet import fleet, observe, only, replica_of

from agents.baselines.best_response import BestResponseController
from agents.baselines.mpc import MpcController
from agents.baselines.planned import go_and_trade, starts_now
from cosim.interface import Action, Controller, EvState, FleetSpec
from cosim.planning.walks import Levels

PLANNERS = [pytest.param(BestResponseController, id="best_response"), pytest.param(MpcController, id="mpc")]
Make = Callable[[FleetSpec], Controller]


@pytest.mark.parametrize("make", PLANNERS)
def test_a_full_ev_goes_to_the_nearest_deficit(make: Make) -> None:
    assert only(make(fleet()).act(observe([[0]], 57.0)))[:2] == (0.0, 10.0)
    heading, distance_km, share = only(make(fleet()).act(observe([[12]], 57.0)))
    assert (heading, distance_km) == (0.0, 0.0)
    assert share == pytest.approx(-0.8, abs=0.02)


@pytest.mark.parametrize("make", PLANNERS)
def test_an_empty_ev_charges_and_a_late_one_stays(make: Make) -> None:
    heading, distance_km, share = only(make(fleet()).act(observe([[0]], 10.0)))
    assert (heading, distance_km) == (0.0, 0.0)
    assert share == pytest.approx(1.0, abs=0.05)
    assert only(make(fleet()).act(observe([[0]], 57.0, slot=11))) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("make", PLANNERS)
def test_two_evs_do_not_both_go_where_one_is_enough(make: Make) -> None:
    action = make(fleet(2)).act(observe([[12, 12]], 57.0, deficit_kw=(0.0, 10.0, 40.0), slot=8))
    assert sorted(action.distance_km[0].tolist()) == [0.0, 10.0]


@pytest.mark.parametrize("make", PLANNERS)
def test_a_replica_does_not_depend_on_the_others(make: Make) -> None:
    rng = np.random.default_rng(1)
    together, alone = make(fleet(6)), [make(fleet(6)) for _ in range(2)]
    for slot in (0, 1, 2):
        state = np.where(rng.random((2, 6)) < 0.1, EvState.DRIVING, EvState.PARKED)
        observation = observe(rng.integers(0, 37, (2, 6)), rng.uniform(6.0, 57.0, (2, 6)), slot=slot, state=state)
        action = together.act(observation)
        for r in range(2):
            single = alone[r].act(replica_of(observation, r))
            for field in dataclasses.fields(Action):
                assert getattr(single, field.name)[0].tolist() == getattr(action, field.name)[r].tolist()


@pytest.mark.parametrize("make", PLANNERS)
def test_a_fleet_of_none(make: Make) -> None:
    action = make(fleet(0)).act(observe(np.zeros((2, 0)), 0.0))
    assert action.heading_rad.shape == action.distance_km.shape == action.power_share.shape == (2, 0)


def test_as_many_trade_as_there_are_chargers() -> None:
    spec = fleet(4, chargers=2)
    observation = observe([[12, 12, 12, 0]], 40.0)
    trips = starts_now(Levels(spec, 52, favourable=False), observation).trips
    station, power_kwh = np.array([[1, 1, 1, 0]]), np.array([[-4.0, -12.0, -8.0, 10.0]])
    action = go_and_trade(spec, observation, trips, station, power_kwh)
    assert action.power_share.tolist() == [pytest.approx([0.0, -24.0 / 50.0, -16.0 / 50.0, 20.0 / 40.0])]
