"""When trips end, in slots of ten kilometres."""

from __future__ import annotations

import numpy as np
import pytest
from planning_fleet import fleet

from cosim.planning.trips import Trips


@pytest.mark.parametrize(
    ("distance_km", "time_h", "slots", "rest_h"),
    [
        pytest.param(0.0, 0.0, 0, 0.5, id="there already"),
        pytest.param(4.0, 0.1, 0, 0.4, id="within the slot"),
        pytest.param(10.0, 0.25, 0, 0.25, id="all kilometres of a slot"),
        pytest.param(12.0, 0.3, 1, 0.45, id="two kilometres in the second slot"),
        pytest.param(20.0, 0.5, 1, 0.25, id="all kilometres of two slots"),
        pytest.param(4.0, 0.7, 1, 0.3, id="longer than a slot for the traffic"),
        pytest.param(12.0, 1.0, 2, 0.5, id="traffic up to a slot's end"),
    ],
)
def test_a_trip_ends_when_its_kilometres_and_its_time_allow(
    distance_km: float, time_h: float, slots: int, rest_h: float
) -> None:
    trips = Trips.of(fleet(), np.array([distance_km]), np.array([time_h]), 40.0)
    assert trips.slots.tolist() == [slots]
    assert trips.rest_h.tolist() == pytest.approx([rest_h])
    assert trips.energy_kwh.tolist() == pytest.approx([0.2 * distance_km])


def test_where_there_is_no_way_a_trip_takes_more_than_an_episode() -> None:
    trips = Trips.usual(fleet(), np.array([np.inf, 4.0]), np.array([np.inf, 0.1]))
    assert trips.slots.tolist() == [5, 0]
    assert trips.energy_kwh.tolist() == pytest.approx([0.0, 0.8])
