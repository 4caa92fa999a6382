"""Loads of stations whose queue has no limit, whether a formula applies to them or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_study import plan

from cosim.errors import QueueError
from cosim.queueing.load import check_steady, offered_load

HALF_AN_HOUR = {"kind": "constant", "value": 0.5}
ENERGY = {"service_h": None, "energy_kwh": {"kind": "constant", "value": 25.0}}


@pytest.mark.parametrize(
    ("station", "cars", "load"),
    [
        # Six an hour for half an hour each at 4 chargers.
        ({}, {"service_h": HALF_AN_HOUR}, 0.75),
        ({"discipline": "lowest_soc", "site_limit_kw": 10.0}, {"service_h": HALF_AN_HOUR}, 0.75),
        ({}, {"arrivals": {"kind": "hourly", "hours": [6, 18], "per_h": [10.0, 2.0]}, "service_h": HALF_AN_HOUR}, 0.75),
        # 25 kWh at 50 kW.
        ({}, ENERGY, 0.75),
        # 150 kW are wanted on average.
        ({"site_limit_kw": 120.0}, ENERGY, 1.25),
        ({}, ENERGY | {"curve": {"soc": [0, 1], "power_kw": [25.0, 10.0]}}, 1.5),
        # A battery of 20 kWh has room for 16.
        ({}, ENERGY | {"battery_kwh": 20.0}, 0.48),
        ({"chargers": None, "kinds": [{"name": "a", "count": 1}, {"name": "b", "count": 2}]}, ENERGY, 1.0),
        # Queues that have a limit.
        ({"waiting_places": 5, "chargers": 1}, {}, 0.0),
        ({"chargers": 1}, {"patience_h": HALF_AN_HOUR}, 0.0),
        ({"chargers": 1}, {"balks_at": 3}, 0.0),
        ({"chargers": 1}, {"arrivals": {"kind": "listed", "at_h": [1, 2]}}, 0.0),
    ],
)
def test_load(tmp_path: Path, station, cars, load: float) -> None:
    made = plan(tmp_path, station=station, **cars)
    assert offered_load(made, 0) == pytest.approx(load)
    if load < 1.0:
        check_steady(made, 0)
    else:
        with pytest.raises(QueueError, match=f"station 'A' is loaded by {load:.4g}, and its queue has no limit"):
            check_steady(made, 0)
