"""Mean flow of roads, by hand: an EV counts for the share of a slot that it is on a road."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_roads import TRIANGLE

from cosim.traffic.road_flow import RoadFlow
from cosim.traffic.travel_time import TravelTime

SLOT_S, EV_FLOW_VPH = 1000, 10.0


def traffic(slots: int, *trips: tuple[list[int], list[float], float | None]) -> Any:
    """The first slots of an episode with a base flow of 20 vehicles/h, and trips: roads, entries, arrival."""
    base_flow_vph = [np.full((1, TRIANGLE.roads), 20.0)] * slots
    driven = [
        SimpleNamespace(legs=[SimpleNamespace(road=road) for road in roads], enter_s=enter_s, arrive_s=arrive_s)
        for roads, enter_s, arrive_s in trips
    ]
    return SimpleNamespace(accounts=SimpleNamespace(slot_s=SLOT_S), base_flow_vph=base_flow_vph, trips=[driven])


@pytest.mark.parametrize(
    ("slots", "trip", "expected"),
    [
        # 400 s on road 0, then 500 s on road 2, of which 300 s are in the second slot.
        (2, ([0, 2], [400.0, 800.0], 1300.0), {(0, 0): 24.0, (0, 2): 22.0, (1, 2): 23.0}),
        # Still on its way as the slots so far end: the road that it has not entered yet has nothing of it.
        (1, ([0, 2], [400.0], None), {(0, 0): 26.0}),
        # A whole slot and its ends.
        (3, ([4], [900.0], 2100.0), {(0, 4): 21.0, (1, 4): 30.0, (2, 4): 21.0}),
    ],
)
def test_an_ev_counts_for_its_time_on_a_road(slots: int, trip: Any, expected: dict[tuple[int, int], float]) -> None:
    found = RoadFlow(TravelTime(TRIANGLE), EV_FLOW_VPH).of(traffic(slots, trip))
    flow_vph = np.full((slots, TRIANGLE.roads), 20.0)
    for place, value in expected.items():
        flow_vph[place] = value
    np.testing.assert_allclose(found.flow_vph[:, 0], flow_vph, rtol=0.0, atol=1e-12)
    np.testing.assert_array_equal(found.travel_time_s, TravelTime(TRIANGLE).of_all_s(found.flow_vph))
