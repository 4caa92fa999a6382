"""Which exact value applies to which station, and why none does to the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_study import plan

from cosim.queueing.exact import exact_values

CONSTANT = {"kind": "constant", "value": 0.5}


@pytest.mark.parametrize(
    ("station", "cars", "model"),
    [
        ({}, {}, "M/M/4"),
        ({"waiting_places": 2}, {}, "M/M/4/6"),
        ({}, {"service_h": CONSTANT}, "M/D/4"),
        ({}, {"patience_h": CONSTANT | {"kind": "exponential", "mean": 1.0, "value": None}}, "M/M/4+M"),
        ({}, {"service_h": {"kind": "gamma", "mean": 0.5, "scv": 0.5}}, "GI/G/4"),
        ({}, {"arrivals": {"kind": "renewal", "between_h": {"kind": "constant", "value": 0.2}}}, "GI/G/4"),
        # 25 kWh at 50 kW are half an hour.
        ({}, {"service_h": None, "energy_kwh": {"kind": "constant", "value": 25.0}}, "M/D/4"),
    ],
)
def test_the_model_of_a_station(tmp_path: Path, station, cars, model) -> None:
    cars = {k: {n: x for n, x in v.items() if x is not None} if isinstance(v, dict) else v for k, v in cars.items()}
    values = exact_values(plan(tmp_path, station=station, **cars), 0, steady=True).values
    assert values is not None
    assert values.model == model
    assert values.exact == (not model.startswith("GI"))


@pytest.mark.parametrize(
    ("station", "cars", "why"),
    [
        ({}, {"arrivals": {"kind": "hourly", "hours": [0], "per_h": [3.0]}}, "arrivals are hourly"),
        ({"site_limit_kw": 100.0}, {}, "vehicles share a site limit"),
        ({"discipline": "lowest_soc"}, {}, "served by lowest_soc, not in order of arrival"),
        ({"chargers": None, "kinds": [{"name": "a", "count": 2}, {"name": "b", "count": 2}]}, {}, "several kinds"),
        ({"faults": {"kind": "listed", "faults": [{"charger": 0, "from_h": 1, "until_h": 2}]}}, {}, "chargers fail"),
        ({"waiting_places": 2}, {"service_h": CONSTANT}, "no formula here for waiting places"),
        ({"waiting_places": 2}, {"balks_at": 4}, "no formula here for balking"),
        ({"chargers": 3}, {}, "the load is 1, not below 1"),
        ({}, {"service_h": None, "energy_kwh": {"kind": "exponential", "mean": 20.0}}, "full before they have what"),
    ],
)
def test_why_there_is_none(tmp_path: Path, station, cars, why) -> None:
    made = plan(tmp_path, station=station, **cars)
    exact = exact_values(made, 0, steady=True)
    assert exact.values is None
    assert why in exact.assumption
    assert exact.summary() == {"model": None, "why_not": exact.assumption}
