"""Dispatch over the slots to come, and the slot program: what they cost, and where they agree with the rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from grid_cases import alone, available, column, one_microgrid, outage, run
from scipy.optimize import linprog

import cosim
from cosim.grid.horizon import HorizonProgram
from cosim.grid.microgrid import Availability
from cosim.scenario.schema import GridCosts

DISPATCHED = ("dg_kw", "ess_charge_kw", "ess_discharge_kw", "shed_kw", "curtailed_kw", "pv_kw", "wt_kw", "ess_end_kwh")
COSTS = ("dg_cny", "shedding_cny", "ess_cny", "curtailment_cny")


def reference_cost_cny(dispatch: str, *overrides: str) -> float:
    """Cost of the deterministic outage without EVs."""
    slots = run(outage(f"network.dispatch={dispatch}", *overrides).grid_model(), [0])
    return sum(float(getattr(slot.reference, cost).sum()) for slot in slots for cost in COSTS)


def test_with_foresight_the_outage_costs_less() -> None:
    rule, slot, horizon = (reference_cost_cny(f"{{kind: {kind}}}") for kind in ("rule", "slot", "horizon"))
    assert (rule, slot) == (pytest.approx(81_789.69, abs=0.01), pytest.approx(rule, abs=1e-6))
    assert horizon == pytest.approx(81_326.70, abs=0.01)


def test_with_less_foresight_it_costs_more() -> None:
    perfect, noisy, persistence = (
        reference_cost_cny(f"{{kind: horizon, forecast: {kind}, error: 0.3}}")
        for kind in ("perfect", "noisy", "persistence")
    )
    assert perfect < noisy < persistence
    assert reference_cost_cny("{kind: horizon, forecast: noisy, error: 0}") == perfect


def test_the_rolling_program_is_as_good_as_one_over_everything() -> None:
    """All microgrids and slots in one program of another form: storage as a variable, not a sum."""
    system = outage("network.dispatch={kind: horizon}")
    slots = run(system.grid_model(), [0])
    units, slot_h, count = system.microgrids, 0.5, len(slots)
    price = GridCosts()
    total = 0.0
    for m in range(len(units)):
        load, pv, wt = (column(slots, name)[:, 0, m] for name in ("load_kw", "pv_available_kw", "wt_available_kw"))
        # Of each slot: diesel, charge, discharge, shed, curtailed, energy at its end.
        cost, upper, rows, right = [], [], [], []
        for t in range(count):
            cost += [price.dg_cny_per_kwh, 0.0, price.ess_cny_per_kwh, price.shedding_cny_per_kwh]
            cost += [price.curtailment_cny_per_kwh, 0.0]
            power = units.ess_power_kw[m]
            upper += [(0, units.dg_p_max_kw[m]), (0, power), (0, power), (0, load[t]), (0, pv[t] + wt[t])]
            upper += [(units.ess_min_kwh[m], units.ess_max_kwh[m])]
            balance, energy = np.zeros((2, 6 * count))
            balance[6 * t : 6 * t + 5] = 1.0, -1.0, 1.0, 1.0, -1.0
            energy[6 * t + 5] = 1.0
            energy[6 * t + 1] = -units.ess_charge_efficiency[m] * slot_h
            energy[6 * t + 2] = slot_h / units.ess_discharge_efficiency[m]
            if t:
                energy[6 * t - 1] = -1.0
            rows += [balance, energy]
            right += [load[t] - pv[t] - wt[t], 0.0 if t else units.ess_start_kwh[m]]
        total += slot_h * linprog(cost, A_eq=rows, b_eq=right, bounds=upper).fun
    found = sum(float(getattr(slot.microgrids, name).sum()) for slot in slots for name in COSTS)
    assert found == pytest.approx(total, rel=1e-7)


@pytest.mark.parametrize("name", ["outage_33bus", "outage_33bus_deterministic"])
def test_rule_and_slot_program_agree_where_no_limit_binds(name: str) -> None:
    stations_kw = np.array([[120.0, -30.0, 40.0, -200.0, -80.0], [0.0, 60.0, 0.0, 0.0, -10.0]])
    rule, slot = (
        run(outage(f"network.dispatch={{kind: {kind}}}", name=name).grid_model(), [0, 1], stations_kw)
        for kind in ("rule", "slot")
    )
    for field in DISPATCHED:
        assert column(slot, field) == pytest.approx(column(rule, field), abs=1e-6), field
    # Nothing was out of its band, so nothing counts as dispatched anew.
    assert not column(slot, "redispatched").any()


def test_storage_is_kept_for_the_dearest_slot() -> None:
    # 100 kW of diesel; 90 kW are short in the second of two slots of an hour, nothing in the first.
    units = one_microgrid(ess_start_kwh=60.0)
    program = HorizonProgram(alone(units), GridCosts(), 1.0)
    coming = Availability(
        *(np.array([[[a], [b]]]) for a, b in ((100.0, 190.0), (0, 0), (0, 0), (0, 0), (1, 1), (1, 1)))
    )
    now = program.dispatch(0, coming, np.zeros((1, 1)), np.array([[60.0]]))
    assert (now.dg_kw.item(), now.ess_discharge_kw.item(), now.shed_kw.item()) == (pytest.approx(100.0), 0.0, 0.0)
    # If it knows of nothing to come, storage spares diesel.
    one_slot = Availability(*(power[:, :1] for power in vars(coming).values()))
    now = program.dispatch(0, one_slot, np.zeros((1, 1)), np.array([[60.0]]))
    assert (now.dg_kw.item(), now.ess_discharge_kw.item()) == (pytest.approx(64.0), pytest.approx(36.0))


def test_storage_does_one_thing_at_a_time() -> None:
    """With losses, burning a surplus in storage would spare the price of curtailment."""
    units = one_microgrid(ess_start_kwh=180.0, ess_power_kw=75.0)
    program = HorizonProgram(alone(units), GridCosts(ess_cny_per_kwh=0.0), 1.0)
    slot = available(50.0, pv_kw=80.0)
    coming = Availability(*(power[:, None] for power in vars(slot).values()))
    now = program.dispatch(0, coming, np.zeros((1, 1)), np.array([[180.0]]))
    assert (now.ess_charge_kw.item(), now.ess_discharge_kw.item()) == (0.0, 0.0)
    assert now.curtailed_kw.item() == pytest.approx(30.0)
    assert now.pv_kw.item() + now.wt_kw.item() == pytest.approx(50.0)


def test_one_slot_without_a_shortage_needs_no_program() -> None:
    units = one_microgrid()
    slot = available(50.0, pv_kw=80.0)
    coming = Availability(*(power[:, None] for power in vars(slot).values()))
    now = HorizonProgram(alone(units), GridCosts(), 1.0).dispatch(0, coming, np.zeros((1, 1)), np.array([[100.0]]))
    assert (now.ess_charge_kw.item(), now.curtailed_kw.item(), now.pv_kw.item()) == (pytest.approx(30.0), 0.0, 80.0)


def test_episodes_are_the_same_beside_others() -> None:
    path = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"
    overrides = ["network.engine=lindistflow", "network.dispatch={kind: horizon, forecast: noisy}"]
    alone, together = (
        cosim.run(path, episodes=2, replicas=r, overrides=[*overrides, "controller.name=coordinated"]) for r in (1, 2)
    )
    assert alone.microgrid_slots.equals(together.microgrid_slots)
    assert alone.summary["ledger_max_error_kwh"] < 1e-6
