"""Every metric by hand, on records of a few slots."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from cosim import metrics
from cosim.metrics import DAY_METRICS, METRICS, EpisodeTotals, Estimate, MetricContext, estimate
from cosim.records.schema import table_kind
from cosim.records.table import Records, Table, row_table, slot_table

#: Two slots of half an hour, two stations with 3 and 1 chargers.
CONTEXT = MetricContext(slot_h=0.5, slots=2, chargers=[3, 1], consumption_kwh_per_km=0.2)
SLOT_TABLES = {
    "microgrid_slots": 2,
    "reference_slots": 2,
    "bus_slots": 2,
    "ev_slots": 2,
    "station_slots": 2,
}
Values = dict[str, Any]


def table(name: str, episodes: int, values: Values) -> Table:
    """Columns that are not given are 0; those given have shape [episodes, 2 slots, 2 units] or broadcast to it."""
    kind = table_kind(name)
    cubes = {
        f.name: np.broadcast_to(np.asarray(values.get(f.name, 0.0), dtype=float), (episodes, 2, SLOT_TABLES[name]))
        for f in fields(kind.columns)
    }
    return slot_table(name, range(episodes), kind.columns(**{n: cube.swapaxes(0, 1) for n, cube in cubes.items()}))


def records(episodes: int = 1, visits: list[tuple[Any, ...]] | None = None, **tables: Values) -> Records:
    slot_tables = [table(name, episodes, tables.get(name, {})) for name in SLOT_TABLES]
    return Records([*slot_tables, row_table("visits", visits or [])])


def value(name: str, given: Records) -> list[float]:
    metric, _ = METRICS[name]
    return metric(given, CONTEXT).tolist()


def shed(with_ev: Any, without_ev: Any, episodes: int = 1) -> Records:
    return records(episodes, microgrid_slots={"shed_kw": with_ev}, reference_slots={"shed_kw": without_ev})


def asked(episode: int, request_s: float | None, plug_in_s: float | None, plug_out_s: float | None) -> tuple[Any, ...]:
    return (episode, 0, 0, 0.0, request_s, plug_in_s, plug_out_s, None, 0, 0.0, 0.0)


def test_load_restoration_ratio() -> None:
    # Without: (10 + 20 + 30 + 0) / 2 = 30 kWh; with: (4 + 20 + 18 + 0) / 2 = 21 kWh; 9 / 30.
    assert value("load_restoration_ratio", shed([[[4, 20], [18, 0]]], [[[10, 20], [30, 0]]])) == [pytest.approx(0.3)]


def test_restoration_may_be_negative() -> None:
    assert value("load_restoration_ratio", shed([[[15, 0], [0, 0]]], [[[10, 0], [0, 0]]])) == [pytest.approx(-0.5)]


def test_an_episode_without_reference_shedding_has_no_ratio_and_no_fairness() -> None:
    nothing = shed(0.0, 0.0)
    assert math.isnan(value("load_restoration_ratio", nothing)[0])
    assert math.isnan(value("restoration_fairness", nothing)[0])


def test_restoration_fairness() -> None:
    # Over the episode: 6 of 20 and 30 of 50 kWh, shares 0.3 and 0.6: 0.9^2 / (2 x (0.09 + 0.36)) = 0.9.
    given = shed([[[14, 10], [14, 30]]], [[[20, 50], [20, 50]]])
    assert value("restoration_fairness", given) == [pytest.approx(0.9)]


def test_fairness_leaves_out_microgrids_that_shed_at_most_1_kwh() -> None:
    # 2 kW for half an hour is 1 kWh: does not count, although nothing of it is restored.
    assert value("restoration_fairness", shed([[[5, 2], [0, 0]]], [[[20, 2], [0, 0]]])) == [pytest.approx(1.0)]
    assert value("restoration_fairness", shed([[[20, 20], [0, 0]]], [[[20, 20], [0, 0]]])) == [pytest.approx(0.5)]


def test_energy_consumption_ratio() -> None:
    # 10 + 5 + 0 + 15 km at 0.2 kWh/km over the 30 + 20 kWh at the start of the first slot.
    evs = {"driven_km": [[[10, 5], [0, 15]]], "energy_start_kwh": [[[30, 20], [28, 19]]]}
    assert value("energy_consumption_ratio", records(ev_slots=evs)) == [pytest.approx(6.0 / 50.0)]


def test_saving_ratios() -> None:
    # Without: 4 x (10 + 20 + 1 + 4) = 140; with: 4 x (12 + 9 + 2 + 5) = 112 CNY; EVs: 4 x (1 + 2 + 0.5) = 14 CNY.
    # Losses stand apart.
    costs = ("dg_cny", "shedding_cny", "ess_cny", "curtailment_cny", "losses_cny")
    given = records(
        reference_slots=dict(zip(costs, (10, 20, 1, 4, 50), strict=True)),
        microgrid_slots=dict(zip(costs, (12, 9, 2, 5, 50), strict=True)),
        ev_slots={"battery_cny": 1.0, "distance_cny": 2.0, "time_cny": 0.5},
    )
    assert value("saving_ratio", given) == [pytest.approx(28 / 140)]
    assert value("saving_ratio_with_ev_cost", given) == [pytest.approx(14 / 140)]
    assert math.isnan(value("saving_ratio", records())[0])


def test_waiting_times() -> None:
    # An hour is 3600 s: waits of 0, 0.5 and 1 h, mean 0.5 h; 95th percentile 0.95 of the way to 1 h: 0.95 h.
    visits = [asked(0, 0.0, 0.0, 900.0), asked(0, 600.0, 2400.0, None), asked(0, 0.0, 3600.0, None)]
    assert value("waiting_time_mean_h", records(visits=visits)) == [pytest.approx(0.5)]
    assert value("waiting_time_p95_h", records(visits=visits)) == [pytest.approx(0.95)]


def test_who_is_never_served_waits_until_it_gives_up_or_the_end() -> None:
    # 0.25 h until it left the queue; 0.75 h until the end at 3600 s.
    visits = [asked(0, 900.0, None, 1800.0), asked(0, 900.0, None, None)]
    assert value("waiting_time_mean_h", records(visits=visits)) == [pytest.approx(0.5)]


def test_a_stay_without_a_request_is_no_wait_and_episodes_are_kept_apart() -> None:
    visits = [asked(1, 0.0, 1800.0, None), asked(0, None, None, None), asked(2, 0.0, 0.0, None)]
    none, half, zero = value("waiting_time_mean_h", records(3, visits=visits))
    assert math.isnan(none)
    assert (half, zero) == (0.5, 0.0)


def test_charger_utilisation() -> None:
    # (2 + 1 + 1 + 0) charger-slots of 4 chargers x 2 slots.
    busy = {"busy_mean": [[[2, 1], [1, 0]]]}
    assert value("charger_utilisation", records(station_slots=busy)) == [pytest.approx(0.5)]


def test_voltages() -> None:
    buses = {"vm_pu": [[[1.0, 0.97], [0.99, 1.02]], [[1.0, 1.0], [1.0, 1.0]]], "reference_vm_pu": 0.5}
    given = records(2, bus_slots=buses)
    assert value("voltage_min_pu", given) == [0.97, 1.0]
    assert value("voltage_max_pu", given) == [1.02, 1.0]


def totals(*batches: Records) -> EpisodeTotals:
    kept = EpisodeTotals()
    for batch in batches:
        first = len(kept.episode)
        kept.add(range(first, first + len(batch["ev_slots"]) // 4), batch, CONTEXT)
    return kept


#: Ratios 1/2, 1/10 and none; pooled (10 + 8) / (20 + 80).
UNEVEN = shed(
    [[[10, 0], [0, 0]], [[72, 0], [0, 0]], [[0, 0], [0, 0]]],
    [[[20, 0], [0, 0]], [[80, 0], [0, 0]], [[0, 0], [0, 0]]],
    3,
)


def test_the_pooled_ratio_is_that_of_the_sums() -> None:
    found = totals(UNEVEN).estimates(1)
    assert found["load_restoration_ratio"].mean == pytest.approx(0.3)
    assert found["load_restoration_ratio_pooled"].mean == pytest.approx(0.18)


def test_an_episode_without_shedding_is_left_out_and_counted() -> None:
    kept = totals(UNEVEN)
    assert kept.episodes_without_shedding == 1
    pooled = kept.estimates(1)["load_restoration_ratio_pooled"]
    # A resample of that episode alone has no ratio, least of all 0.
    assert pooled.low == pytest.approx(0.1)
    assert pooled.high == pytest.approx(0.5)


def test_one_episode_with_shedding_has_no_interval_whatever_is_beside_it() -> None:
    kept = totals(shed(0.0, 0.0, 2), shed(5.0, 10.0))
    found = kept.estimates(1)
    assert found["load_restoration_ratio"] == Estimate(0.5, None, None, "1")
    assert found["load_restoration_ratio_pooled"] == Estimate(0.5, None, None, "1")


def test_no_episode_with_shedding_has_no_mean() -> None:
    found = totals(shed(0.0, 0.0, 2)).estimates(1)
    for name in ("load_restoration_ratio", "load_restoration_ratio_pooled", "restoration_fairness"):
        assert found[name] == Estimate(None, None, None, "1"), name


def test_batches_add_up_to_the_same_totals() -> None:
    parts = [shed(1.0, 3.0, 2), shed(2.0, 3.0, 1)]
    both = shed([[[1.0] * 2] * 2] * 2 + [[[2.0] * 2] * 2], 3.0, 3)
    assert totals(*parts).estimates(1) == totals(both).estimates(1)
    assert totals(*parts).episode.tolist() == [0, 1, 2]


def test_energies_and_flags_are_kept_per_episode() -> None:
    flagged = {"shed_kw": [[[1, 2], [3, 4]]], "curtailed_kw": 8.0, "voltage_violated": [[[1, 0], [1, 1]]]}
    kept = totals(records(microgrid_slots=flagged))
    assert kept.shed_kwh["microgrid_slots"][0][0].tolist() == [2.0, 3.0]
    assert kept.curtailed_kwh["microgrid_slots"][0][0].tolist() == [8.0, 8.0]
    assert kept.flags == {"redispatched": 0, "voltage_violated": 3, "line_overloaded": 0, "slack_beyond_limit": 0}


def test_an_interval_of_equal_values_is_a_point() -> None:
    assert estimate(np.full(5, 0.25), "h", 3) == Estimate(0.25, 0.25, 0.25, "h")


def test_an_interval_of_two_values_spans_them() -> None:
    # Means of resamples are 0, 0.5 and 1 with 1/4, 1/2 and 1/4: both ends lie in a quarter.
    assert estimate(np.array([0.0, 1.0]), "1", 3) == Estimate(0.5, 0.0, 1.0, "1")


def test_an_interval_of_many_values_is_that_of_the_normal_distribution() -> None:
    # 400 values of 0 or 1: the mean has a standard deviation of 0.5 / 20, so 0.5 ± 1.96 x 0.025 = 0.451 to 0.549.
    found = estimate(np.tile([0.0, 1.0], 200), "1", 3)
    assert found.low == pytest.approx(0.451, abs=0.004)
    assert found.high == pytest.approx(0.549, abs=0.004)


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    assert estimate(np.array([2.0]), "h", 3) == Estimate(2.0, None, None, "h")
    assert estimate(np.array([]), "h", 3) == Estimate(None, None, None, "h")


def test_intervals_depend_on_the_seed_alone() -> None:
    values = np.random.default_rng(0).random(20)
    assert estimate(values, "1", 3) == estimate(values, "1", 3)
    assert estimate(values, "1", 3) != estimate(values, "1", 4)


def test_every_metric_says_what_it_is() -> None:
    for name, (metric, unit) in METRICS.items():
        assert metric is getattr(metrics, name)
        assert metric.__doc__
        assert unit == ("h" if name.endswith("_h") else "p.u." if name.endswith("_pu") else "1")


def of_day(name: str, given: Records) -> list[float]:
    context = replace(CONTEXT, energy_needed_kwh=48.0, tariff=True)
    metric, _ = context.metrics[name]
    return metric(given, context).tolist()


# Two slots of two microgrids: net load 100 + 0 + 20 - 30 = 90 kW, then 100 + 60 - 10 = 150 kW.
DAY = {
    "microgrid_slots": {
        "load_kw": [[[100, 0], [100, 60]]],
        "ev_kw": [[[20, 0], [0, -10]]],
        "pv_available_kw": [[[30, 0], [0, 0]]],
        "pv_kw": [[[24, 0], [0, 0]]],
        "supply_kw": [[[96, 0], [150, 0]]],
        "dg_kw": [[[0, 4], [0, 0]]],
    },
    "ev_slots": {"energy_end_kwh": [[[10, 10], [24, 60]]], "energy_cny": [[[3, -1], [0, 2]]]},
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("net_load_std_kw", 30.0),
        ("net_load_peak_ratio", 150.0 / 120.0),
        ("net_load_ramp_kw", 60.0),
        ("renewable_utilisation", 0.8),
        ("fossil_kwh", 125.0),
        ("satisfaction", (0.5 + 1.0) / 2.0),
        ("energy_cost_cny", 4.0),
    ],
)
def test_metrics_of_a_day_of_commuters(name: str, expected: float) -> None:
    assert of_day(name, records(**DAY)) == [pytest.approx(expected)]


def test_who_does_not_commute_has_no_day() -> None:
    assert not set(CONTEXT.metrics) & set(DAY_METRICS)


def test_energy_costs_nothing_where_it_has_no_price() -> None:
    assert "energy_cost_cny" not in replace(CONTEXT, energy_needed_kwh=48.0).metrics
    assert "energy_cost_cny" in replace(CONTEXT, tariff=True).metrics
