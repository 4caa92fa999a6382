"""The reward of a day of commuters, by hand and against the records of a run."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.day_reward import day_terms, net_load_kw
from cosim.experiment import run
from cosim.interface import DayRule
from cosim.records.schema import EvSlots, MicrogridSlots
from cosim.system import load_system

DAY = Path(__file__).parents[1] / "scenarios" / "v2g_day.yaml"
RULE = DayRule(
    stability=1.0,
    fossil=2.0,
    renewable=3.0,
    satisfaction=10.0,
    revenue=0.5,
    net_mean_kw=100.0,
    net_spread_kw=50.0,
    fossil_mean_kw=80.0,
    trade_most_cny=6.0,
    energy_needed_kwh=48.0,
    feed_in_share=1.0,
)


def slots_of(kind: type, **values: list[float]) -> Any:
    """One slot of one replica; columns that are not given are 0."""
    units = len(next(iter(values.values())))
    return kind(**{f.name: np.array([[values.get(f.name, [0.0] * units)]]) for f in fields(kind)})


# Net load 260 + 20 - 130 = 150 kW, one spread above its mean; 160 kW from elsewhere; 10 of 130 kW are not used.
GRID = slots_of(
    MicrogridSlots,
    load_kw=[200.0, 60.0],
    ev_kw=[20.0, 0.0],
    pv_available_kw=[30.0, 0.0],
    wt_available_kw=[0.0, 100.0],
    curtailed_kw=[10.0, 0.0],
    supply_kw=[100.0, 0.0],
    dg_kw=[0.0, 60.0],
)
# The first gains 12 kWh of 48 for 3 CNY; the second is above what it needs and earns 1.5 CNY; the third is away.
EVS = slots_of(
    EvSlots,
    energy_start_kwh=[24.0, 54.0, 30.0],
    energy_end_kwh=[36.0, 50.0, 30.0],
    energy_cny=[3.0, -1.5, 0.0],
)


def test_terms_by_hand() -> None:
    terms = day_terms(RULE, EVS, GRID)
    assert net_load_kw(GRID) == pytest.approx(np.array([[150.0]]))
    assert terms.stability[0, 0] == pytest.approx([-1.0] * 3)
    assert terms.fossil[0, 0] == pytest.approx([-2.0 * 160.0 / 80.0] * 3)
    assert terms.renewable[0, 0] == pytest.approx([3.0 * 120.0 / 130.0] * 3)
    assert terms.satisfaction[0, 0] == pytest.approx([10.0 * 12.0 / 48.0, 0.0, 0.0])
    assert terms.revenue[0, 0] == pytest.approx([-0.5 * 3.0 / 6.0, 0.5 * 1.5 / 6.0, 0.0])
    assert terms.total == pytest.approx(sum(vars(terms).values()))


def test_all_is_used_where_nothing_is_to_be_had() -> None:
    nothing = np.zeros((1, 1, 2))
    dark = replace(GRID, pv_available_kw=nothing, wt_available_kw=nothing, curtailed_kw=nothing)
    assert day_terms(RULE, EVS, dark).renewable[0, 0] == pytest.approx([3.0] * 3)


def test_satisfaction_sums_up_to_what_metrics_say() -> None:
    found = run(DAY, episodes=2, controller="on_arrival", overrides=["fleet.size=4"])
    evs, rewards = found.records["ev_slots"], found.records["rewards"]
    began = np.minimum(evs.cube("energy_start_kwh")[:, 0] / 48.0, 1.0).mean(axis=1)
    gained = rewards.cube("satisfaction").sum(axis=1).mean(axis=1) / 10.0
    assert found.totals.metric["satisfaction"] == pytest.approx(began + gained)
    parts = [rewards.cube(name) for name in ("stability", "fossil", "renewable", "satisfaction", "revenue")]
    assert rewards.cube("total") == pytest.approx(sum(parts))
    assert not rewards.cube("shedding").any()


def test_a_perfect_day_without_evs_has_the_norms_of_the_rule() -> None:
    calm = ["uncertainty.load.std=0", "uncertainty.pv.std=0", "uncertainty.wt.std=0", "controller.name=idle"]
    system = load_system(DAY, calm)
    rule = system.spec.day
    assert rule is not None
    reference = run(system, episodes=1).records["reference_slots"]
    renewable_kw = (reference.cube("pv_available_kw") + reference.cube("wt_available_kw")).sum(axis=2)
    net_kw = reference.cube("load_kw").sum(axis=2) - renewable_kw
    assert rule.net_mean_kw == pytest.approx(net_kw.mean())
    assert rule.net_spread_kw == pytest.approx(net_kw.std())
    assert rule.fossil_mean_kw == pytest.approx(reference.cube("supply_kw").sum(axis=2).mean())
    # About 45 % of what loads need, as the scenario says.
    assert renewable_kw.sum() / reference.cube("load_kw").sum() == pytest.approx(0.45, abs=0.03)


def test_who_does_not_commute_has_no_rule() -> None:
    assert load_system(DAY.with_name("outage_33bus.yaml")).spec.day is None
