from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from grid_cases import available, one_microgrid
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.grid.dispatch import dispatch_by_rule, ess_charge_limit_kw, ess_discharge_limit_kw
from cosim.grid.islands import Islands
from cosim.grid.redispatch import IslandDispatch, IslandSlot, redispatch

#: Slack - near bus - far bus, 1e-4 p.u./kW for each of the two lines.
CHAIN = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 2]]) * 1e-4


def island(**changes: Any) -> IslandSlot:
    """No load and no units; diesel of 1000 kW at the slack bus, all units at the far bus."""
    none = np.zeros(3)
    slot = IslandSlot(
        load_kw=none,
        load_kvar=none,
        critical_kw=none,
        ev_kw=none,
        fed_kvar=none,
        pv_kw=np.zeros(1),
        wt_kw=np.zeros(1),
        dg_max_kw=np.full(1, 1000.0),
        supply_max_kw=0.0,
        ess_charge_max_kw=np.zeros(1),
        ess_discharge_max_kw=np.zeros(1),
        pv_bus=np.array([2]),
        wt_bus=np.array([2]),
        ess_bus=np.array([2]),
        dg_bus=np.array([0]),
        drop_per_kw=CHAIN,
        drop_per_kvar=CHAIN / 2,
        vm_no_load_pu=np.ones(3),
        vm_min_pu=0.95,
        vm_max_pu=1.05,
        line_share=np.zeros((0, 3), dtype=complex),
        line_max_kva=np.zeros(0),
    )
    # Of units there is one each.
    arrays = {
        key: value if np.ndim(getattr(slot, key)) == 0 else np.array(value, ndmin=1) for key, value in changes.items()
    }
    return replace(slot, **arrays)


def voltages(slot: IslandSlot, found: IslandDispatch) -> list[float]:
    p_kw = slot.load_kw - found.shed_kw + slot.ev_kw
    p_kw[slot.pv_bus] -= found.pv_kw
    p_kw[slot.wt_bus] -= found.wt_kw
    p_kw[slot.ess_bus] += found.ess_charge_kw - found.ess_discharge_kw
    served = 1.0 - found.shed_kw / np.where(slot.load_kw > 0, slot.load_kw, 1.0)
    return list(slot.vm_no_load_pu - slot.drop_per_kw @ p_kw - slot.drop_per_kvar @ (slot.load_kvar * served))


power = st.floats(0.0, 400.0)


@settings(max_examples=60)
@given(load=power, pv=power, wt=power, ess=st.floats(20.0, 180.0), ev=st.floats(0.0, 1.0))
def test_program_equals_the_rule_where_no_voltage_binds(
    load: float, pv: float, wt: float, ess: float, ev: float
) -> None:
    units, ess_kwh = one_microgrid(), np.array([[ess]])
    ev_kw = -ev * max(load - pv - wt, 0.0)
    rule = dispatch_by_rule(units, available(load, pv, wt), np.array([[ev_kw]]), ess_kwh, 0.5, Islands(np.arange(1)))
    found = redispatch(
        island(
            load_kw=[0.0, 0.3 * load, 0.7 * load],
            ev_kw=[0.0, 0.0, ev_kw],
            pv_kw=pv,
            wt_kw=wt,
            dg_max_kw=100.0,
            ess_charge_max_kw=float(ess_charge_limit_kw(units, ess_kwh, 0.5)[0, 0]),
            ess_discharge_max_kw=float(ess_discharge_limit_kw(units, ess_kwh, 0.5)[0, 0]),
        )
    )
    assert found.shed_kw.sum() == pytest.approx(rule.shed_kw[0, 0], abs=1e-6)
    assert found.dg_kw == pytest.approx(rule.dg_kw[0, 0], abs=1e-6)
    assert found.ess_charge_kw == pytest.approx(rule.ess_charge_kw[0, 0], abs=1e-6)
    assert found.ess_discharge_kw == pytest.approx(rule.ess_discharge_kw[0, 0], abs=1e-6)
    assert pv + wt - found.pv_kw - found.wt_kw == pytest.approx(rule.curtailed_kw[0, 0], abs=1e-6)


def test_undervoltage_sheds_at_the_far_bus_first() -> None:
    # 1 - (1e-4 * 200 + 2e-4 * 250) = 0.93; 0.02 / 2e-4 = 100 kW less at the far bus.
    slot = island(load_kw=[0, 200, 250])
    found = redispatch(slot)
    assert found.shed_kw == pytest.approx([0, 0, 100], abs=1e-6)
    assert found.dg_kw == pytest.approx(350, abs=1e-6)
    assert min(voltages(slot, found)) == pytest.approx(0.95, abs=1e-9)


def test_undervoltage_sheds_at_the_near_bus_when_the_far_one_is_dark() -> None:
    # EVs draw 250 kW at the far bus: 1 - 0.06 - 0.01 = 0.93. All of its 50 kW is 0.01, then 100 kW of the near bus.
    slot = island(load_kw=[0, 100, 50], ev_kw=[0, 0, 250])
    assert redispatch(slot).shed_kw == pytest.approx([0, 100, 50], abs=1e-6)


def test_reactive_load_is_shed_in_proportion() -> None:
    # 2e-4 * 250 + 1e-4 * 200 = 0.07; 1 kW shed takes 0.8 kvar with it: 0.02 / (2e-4 + 0.8e-4) = 71.43 kW.
    slot = island(load_kw=[0, 0, 250], load_kvar=[0, 0, 200])
    found = redispatch(slot)
    assert found.shed_kw == pytest.approx([0, 0, 0.02 / 2.8e-4], abs=1e-6)
    assert min(voltages(slot, found)) == pytest.approx(0.95, abs=1e-9)


def test_storage_holds_the_voltage_before_load_is_shed() -> None:
    # 100 kW are needed at the far bus: 60 from storage, though diesel has room, then 40 shed.
    found = redispatch(island(load_kw=[0, 200, 250], ess_discharge_max_kw=60.0))
    assert found.ess_discharge_kw == pytest.approx(60, abs=1e-6)
    assert found.shed_kw == pytest.approx([0, 0, 40], abs=1e-6)


def test_overvoltage_curtails_what_makes_it() -> None:
    # The far bus is at 1 - 1e-4 * 500 + 2e-4 p; with 1.02 allowed, p = 0.07 / 2e-4 = 350 kW. Diesel serves the rest.
    slot = island(load_kw=[0, 500, 0], pv_kw=450.0, vm_max_pu=1.02)
    found = redispatch(slot)
    assert found.pv_kw == pytest.approx(350, abs=1e-6)
    assert found.dg_kw == pytest.approx(150, abs=1e-6)
    assert found.shed_kw == pytest.approx([0, 0, 0], abs=1e-6)
    assert max(voltages(slot, found)) == pytest.approx(1.02, abs=1e-9)


def test_overvoltage_charges_storage_before_it_curtails() -> None:
    found = redispatch(island(load_kw=[0, 500, 0], pv_kw=450.0, vm_max_pu=1.02, ess_charge_max_kw=40.0))
    assert found.ess_charge_kw == pytest.approx(40, abs=1e-6)
    assert found.pv_kw == pytest.approx(390, abs=1e-6)


@pytest.mark.parametrize("kv", [0.4, 12.66, 110.0, 380.0])
def test_load_is_shed_before_the_band_is_left_at_any_voltage_level(kv: float) -> None:
    # A line of 1 ohm and a load that drops 0.1 p.u.: half of it has to go.
    per_kw = 1.0 / kv**2 / 1000
    load_kw = 0.1 / per_kw
    drop = np.array([[0, 0, 0], [0, 0, 0], [0, 0, per_kw]])
    found = redispatch(island(load_kw=[0, 0, load_kw], drop_per_kw=drop, drop_per_kvar=0 * drop, dg_max_kw=2 * load_kw))
    assert found.shed_kw[2] == pytest.approx(load_kw / 2, rel=1e-9)


def test_band_that_cannot_be_kept_is_missed_by_as_little_as_can_be() -> None:
    # EVs alone drop 0.08 p.u.; whatever load there is goes.
    slot = island(load_kw=[0, 100, 100], ev_kw=[0, 0, 400])
    found = redispatch(slot)
    assert found.shed_kw == pytest.approx([0, 100, 100], abs=1e-6)
    assert min(voltages(slot, found)) == pytest.approx(0.92, abs=1e-9)


def test_island_of_one_bus_is_dispatched() -> None:
    one = np.zeros((1, 1))
    slot = island(
        load_kw=[70],
        load_kvar=[0],
        critical_kw=[0],
        ev_kw=[0],
        fed_kvar=[0],
        drop_per_kw=one,
        drop_per_kvar=one,
        vm_no_load_pu=[1.06],
        line_share=np.zeros((0, 1), dtype=complex),
        pv_kw=50.0,
    )
    found = redispatch(replace(slot, **{f"{unit}_bus": np.zeros(1, dtype=int) for unit in ("pv", "wt", "ess")}))
    assert (found.pv_kw.item(), found.dg_kw.item()) == pytest.approx((50, 20), abs=1e-6)


@settings(max_examples=60)
@given(near=power, far=power, pv=power, charge=st.floats(0, 50), discharge=st.floats(0, 50), dg=st.floats(0.0, 300.0))
def test_program_closes_the_balance_within_its_bounds(
    near: float, far: float, pv: float, charge: float, discharge: float, dg: float
) -> None:
    slot = island(
        load_kw=[0, near, far],
        pv_kw=pv,
        dg_max_kw=dg,
        ess_charge_max_kw=charge,
        ess_discharge_max_kw=discharge,
        vm_min_pu=0.98,
        vm_max_pu=1.01,
    )
    found = redispatch(slot)
    supplied = found.pv_kw + found.wt_kw + found.dg_kw + found.ess_discharge_kw
    assert supplied == pytest.approx(near + far - found.shed_kw.sum() + found.ess_charge_kw, abs=1e-6)
    assert 0 <= found.pv_kw <= pv
    assert 0 <= found.dg_kw <= dg
    assert 0 <= found.ess_charge_kw <= charge
    assert 0 <= found.ess_discharge_kw <= discharge
    assert min(found.ess_charge_kw, found.ess_discharge_kw) == 0
    assert (found.shed_kw >= 0).all()
    assert (found.shed_kw <= slot.load_kw).all()
    assert min(voltages(slot, found)) >= 0.98 - 1e-9
    assert max(voltages(slot, found)) <= 1.01 + 1e-9


# ----------------------------------------------------------------------------------------------------- lines

#: What each bus draws flows through the lines between it and the slack.
SHARE = np.array([[0, 1, 1], [0, 0, 1]], dtype=complex)


def test_a_line_at_its_limit_sheds_what_is_behind_it() -> None:
    # 250 kW are drawn at the far bus, its line takes 150; the polygon is 2 % within the circle, but for its corners.
    found = redispatch(island(load_kw=[0, 100, 250], line_share=SHARE, line_max_kva=[1000.0, 150.0], vm_min_pu=0.5))
    assert found.shed_kw[:2] == pytest.approx([0, 0], abs=1e-6)
    assert found.shed_kw[2] == pytest.approx(250 - 150 * np.cos(np.pi / 16), abs=1e-6)


def test_a_unit_behind_a_line_relieves_it() -> None:
    slot = island(load_kw=[0, 100, 250], pv_kw=110.0, line_share=SHARE, line_max_kva=[1000.0, 150.0], vm_min_pu=0.5)
    assert redispatch(slot).shed_kw == pytest.approx([0, 0, 0], abs=1e-6)


def test_a_line_that_evs_overload_is_overloaded_all_the_same() -> None:
    slot = island(load_kw=[0, 0, 50], ev_kw=[0, 0, 300], line_share=SHARE, line_max_kva=[1000.0, 200.0], vm_min_pu=0.5)
    found = redispatch(slot)
    # All load behind it goes, and the island is still dispatched.
    assert found.shed_kw == pytest.approx([0, 0, 50], abs=1e-6)
    assert found.dg_kw.item() == pytest.approx(300, abs=1e-6)


@settings(max_examples=40)
@given(near=power, far=power, pf=st.floats(0.0, 1.0), pv=power, first=st.floats(50, 500), second=st.floats(50, 500))
def test_lines_stay_within_their_limits(
    near: float, far: float, pf: float, pv: float, first: float, second: float
) -> None:
    kvar = [0.0, pf * near, pf * far]
    slot = island(
        load_kw=[0, near, far],
        load_kvar=kvar,
        pv_kw=pv,
        line_share=SHARE,
        line_max_kva=[first, second],
        vm_min_pu=0.5,
        vm_max_pu=1.5,
    )
    found = redispatch(slot)
    served = 1.0 - found.shed_kw / np.where(slot.load_kw > 0, slot.load_kw, 1.0)
    drawn = (slot.load_kw + 1j * slot.load_kvar) * served
    drawn[2] -= found.pv_kw.item()
    assert (np.abs(SHARE @ drawn) <= np.array([first, second]) + 1e-6).all()
