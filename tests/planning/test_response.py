"""EVs that respond to each other's walks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from planning_fleet import A, B, C, fleet, line_trips, slots_of, starts

from cosim.planning.response import FleetPlan, Room
from cosim.planning.walks import Levels, Walks


def plan(station: list[int], feed_kwh: tuple[float, float, float], slots: int = 8, chargers: int = 10) -> FleetPlan:
    spec = fleet(len(station), slots)
    levels = Levels(spec, 103, favourable=False)
    draw, feed = slots_of((100.0, 0.0, 0.0), slots)[None], slots_of(feed_kwh, slots)[None]
    room = Room(draw, feed, np.full(draw.shape, chargers))
    nothing = Walks.none(1, len(station), slots)
    return FleetPlan(levels, line_trips(spec), starts(spec, levels, station, 57.0), room, nothing)


def test_the_second_goes_where_the_first_leaves_something() -> None:
    fleet_plan = plan([B, B], (0.0, 5.0, 5.0))
    fleet_plan.respond(np.array([[0, 1]]))
    assert fleet_plan.walks.station[0, :, 0].tolist() == [B, C]


def test_one_charger_serves_one_ev() -> None:
    fleet_plan = plan([B, B], (0.0, 20.0, 0.0), slots=2, chargers=1)
    fleet_plan.respond(np.array([[0, 1]]))
    assert fleet_plan.walks.fed_kwh[0].sum(axis=1) == pytest.approx([40.0, 0.0], abs=0.5)


def test_responses_never_serve_less_and_come_to_an_end() -> None:
    fleet_plan = plan([A, A, A, B, B, C], (0.0, 16.0, 9.0), slots=12)
    served = []
    for _ in range(5):
        fleet_plan.respond(np.arange(6)[None])
        served.append(float(fleet_plan.served_kwh[0]))
    assert all(after >= before - 1e-9 for before, after in pairwise(served))
    assert served[-1] == served[-2]
    # No walk is counted twice or left behind.
    again = plan([A, A, A, B, B, C], (0.0, 16.0, 9.0), slots=12)
    again._add(fleet_plan.walks, +1.0)
    assert again.served_kwh[0] == pytest.approx(served[-1])
