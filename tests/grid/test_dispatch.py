from dataclasses import fields, replace

import numpy as np
import pytest
from grid_cases import alone, available, one_microgrid
from hypothesis import given
from hypothesis import strategies as st

from cosim.grid.dispatch import (
    Dispatch,
    dispatch_by_rule,
    ess_after,
    ess_charge_limit_kw,
    ess_discharge_limit_kw,
)
from cosim.grid.islands import Islands
from cosim.grid.microgrid import Availability, Microgrids
from cosim.grid.outlook import EvLimits

UNITS = one_microgrid()
ALONE = Islands(np.arange(1))


def decide(load: float, pv: float = 0.0, wt: float = 0.0, ev: float = 0.0, ess: float = 100.0) -> dict[str, float]:
    dispatch = dispatch_by_rule(UNITS, available(load, pv, wt), np.array([[ev]]), np.array([[ess]]), 0.5, ALONE)
    return {name.removesuffix("_kw"): float(value[0, 0]) for name, value in vars(dispatch).items()}


# DG 100 kW; storage 50 kW, 20 to 180 kWh, efficiencies 0.8 and 0.9; half an hour.
@pytest.mark.parametrize(
    ("given_", "changed"),
    [
        # Renewables first: nothing else runs, nothing is left over.
        ({"load": 60, "pv": 40, "wt": 20}, {}),
        # 70 are missing: diesel.
        ({"load": 100, "pv": 20, "wt": 10}, {"dg": 70}),
        # 130 are missing: diesel at its limit, then storage.
        ({"load": 160, "pv": 20, "wt": 10}, {"dg": 100, "ess_discharge": 30}),
        # 170 are missing: storage at its power limit, then shedding.
        ({"load": 200, "pv": 20, "wt": 10}, {"dg": 100, "ess_discharge": 50, "shed": 20}),
        # Storage holds 30 - 20 = 10 kWh: 10 * 0.9 / 0.5 = 18 kW.
        ({"load": 200, "pv": 20, "wt": 10, "ess": 30}, {"dg": 100, "ess_discharge": 18, "shed": 52}),
        # Storage is empty.
        ({"load": 160, "pv": 20, "wt": 10, "ess": 20}, {"dg": 100, "shed": 30}),
        # Dark and still.
        ({"load": 120}, {"dg": 100, "ess_discharge": 20}),
        # EVs feed in before diesel runs.
        ({"load": 200, "ev": -80}, {"ev": -80, "dg": 100, "ess_discharge": 20}),
        # EVs draw: diesel serves them too.
        ({"load": 50, "ev": 40}, {"ev": 40, "dg": 90}),
        # 30 too much: into storage.
        ({"load": 30, "pv": 40, "wt": 20}, {"ess_charge": 30}),
        # 90 too much: 50 into storage, 40 of 120 curtailed, a third of each.
        (
            {"load": 30, "pv": 90, "wt": 30},
            {"ess_charge": 50, "curtailed": 40, "pv": 60, "wt": 20},
        ),
        # Room for 180 - 168 = 12 kWh: 12 / (0.8 * 0.5) = 30 kW.
        ({"load": 60, "pv": 90, "wt": 30, "ess": 168}, {"ess_charge": 30, "curtailed": 30, "pv": 67.5, "wt": 22.5}),
        # Storage is full; EVs draw before anything is curtailed.
        ({"load": 40, "pv": 100, "ev": 35, "ess": 180}, {"ev": 35, "curtailed": 25, "pv": 75}),
        # No load at all.
        ({"load": 0}, {}),
    ],
)
def test_rule_by_hand(given_: dict[str, float], changed: dict[str, float]) -> None:
    idle = dict.fromkeys(
        ("ev", "dg", "supply", "ess_charge", "ess_discharge", "shed", "critical_shed", "curtailed"), 0.0
    )
    expected = idle | {"pv": given_.get("pv", 0.0), "wt": given_.get("wt", 0.0)} | changed
    assert decide(**given_) == pytest.approx(expected, abs=1e-12)


def test_energy_in_storage_by_hand() -> None:
    charging = Dispatch(*(np.array([[kw]]) for kw in (0, 0, 0, 0, 0, 40, 0, 0, 0, 0)))
    discharging = Dispatch(*(np.array([[kw]]) for kw in (0, 0, 0, 0, 0, 0, 45, 0, 0, 0)))
    # 100 + 40 * 0.8 * 0.5 and 100 - 45 / 0.9 * 0.5
    assert ess_after(UNITS, charging, np.array([[100.0]]), 0.5) == pytest.approx(116)
    assert ess_after(UNITS, discharging, np.array([[100.0]]), 0.5) == pytest.approx(75)


@pytest.mark.parametrize(
    ("ess_kwh", "charge_kw", "discharge_kw"), [(20, 50, 0), (100, 50, 50), (172, 20, 50), (180, 0, 50), (29, 50, 16.2)]
)
def test_limits_of_storage_by_hand(ess_kwh: float, charge_kw: float, discharge_kw: float) -> None:
    assert ess_charge_limit_kw(UNITS, np.array([[ess_kwh]]), 0.5) == pytest.approx(charge_kw)
    assert ess_discharge_limit_kw(UNITS, np.array([[ess_kwh]]), 0.5) == pytest.approx(discharge_kw)


power = st.floats(0.0, 1000.0)


@given(load=power, pv=power, wt=power, ess=st.floats(20.0, 180.0), share=st.floats(-1.0, 1.0), spare_dg=st.booleans())
def test_rule_keeps_balance_bounds_and_priorities(
    load: float, pv: float, wt: float, ess: float, share: float, spare_dg: bool
) -> None:
    limits = EvLimits(alone(UNITS), np.ones(1), charge_from_dg=spare_dg, displace_dg=True)
    now, ess_kwh = available(load, pv, wt), np.array([[ess]])
    ev_kw = share * (limits.surplus_kw(now) if share > 0 else limits.feed_in_kw(now))
    dispatch = dispatch_by_rule(UNITS, now, ev_kw, ess_kwh, 0.5, ALONE)
    d = {name.removesuffix("_kw"): float(value[0, 0]) for name, value in vars(dispatch).items()}
    supplied = d["pv"] + d["wt"] + d["dg"] + d["ess_discharge"]
    assert supplied == pytest.approx(load - d["shed"] + d["ev"] + d["ess_charge"], abs=1e-9)
    assert d["pv"] + d["wt"] + d["curtailed"] == pytest.approx(pv + wt, abs=1e-9)
    assert min(value for name, value in d.items() if name != "ev") >= -1e-9
    assert d["shed"] <= load + 1e-9
    room_kw = float(ess_discharge_limit_kw(UNITS, ess_kwh, 0.5)[0, 0])
    if d["shed"] > 1e-9:
        assert d["dg"] == 100
        assert d["ess_discharge"] == pytest.approx(room_kw)
        assert ev_kw <= 0
    if d["ess_discharge"] > 1e-9:
        assert d["dg"] == 100
        assert ev_kw <= 1e-9
    if d["curtailed"] > 1e-9:
        assert d["dg"] == d["ess_discharge"] == d["shed"] == 0
        assert d["ess_charge"] == pytest.approx(float(ess_charge_limit_kw(UNITS, ess_kwh, 0.5)[0, 0]))
    assert 20 - 1e-9 <= ess_after(UNITS, dispatch, ess_kwh, 0.5)[0, 0] <= 180 + 1e-9


def test_microgrids_and_cases_do_not_mix() -> None:
    loads = np.array([[200.0], [30.0], [0.0]])
    now = available(0.0, 90.0, 30.0)
    now = replace(now, load_kw=loads, pv_kw=now.pv_kw + 0 * loads, wt_kw=now.wt_kw + 0 * loads)
    together = dispatch_by_rule(UNITS, now, 0 * loads, loads * 0 + 100, 0.5, ALONE)
    for case, load in enumerate(loads[:, 0]):
        assert {n.removesuffix("_kw"): v[case, 0] for n, v in vars(together).items()} == decide(load, 90.0, 30.0)


# --------------------------------------------------------------------------------------------- critical load


def decide_together(load_kw: list[float], critical_share: list[float]) -> Dispatch:
    """Two microgrids that are one island: diesel of 100 and 50 kW, no storage."""
    one = one_microgrid()
    pair = {f.name: np.repeat(getattr(one, f.name), 2) for f in fields(one) if f.name != "name"}
    units = Microgrids(name=("A", "B"), **pair)
    units = replace(
        units,
        dg_p_max_kw=np.array([100.0, 50.0]),
        ess_power_kw=np.zeros(2),
        critical_share=np.array(critical_share),
    )
    nothing = np.zeros((1, 2))
    now = Availability(np.array([load_kw]), nothing, nothing, nothing, nothing + 1, nothing + 1)
    return dispatch_by_rule(units, now, nothing, np.full((1, 2), 20.0), 0.5, Islands(np.zeros(2, dtype=int)))


def test_normal_load_of_the_whole_island_is_shed_before_critical_load() -> None:
    # 300 kW of load, 150 of diesel; 50 of A's 100 kW and 40 of B's 200 kW are critical: normal load of 210 is enough.
    found = decide_together([100.0, 200.0], [0.5, 0.2])
    assert found.dg_kw.tolist() == [[100.0, 50.0]]
    assert found.critical_shed_kw.tolist() == [[0.0, 0.0]]
    assert found.shed_kw[0] == pytest.approx([150 * 50 / 210, 150 * 160 / 210])


def test_critical_load_is_shed_in_proportion_once_no_other_is_left() -> None:
    # 80 + 160 of 300 kW are critical: all 60 of normal load go, and 90 of critical load.
    found = decide_together([100.0, 200.0], [0.8, 0.8])
    assert found.critical_shed_kw[0] == pytest.approx([30.0, 60.0])
    assert found.shed_kw[0] == pytest.approx([20.0 + 30.0, 40.0 + 60.0])


@given(load=power, pv=power, ess=st.floats(20.0, 180.0), share=st.floats(0.0, 1.0))
def test_which_load_is_critical_does_not_change_how_much_is_shed(
    load: float, pv: float, ess: float, share: float
) -> None:
    now, ess_kwh, nobody_kw = available(load, pv), np.array([[ess]]), np.zeros((1, 1))
    plain, with_critical = (
        dispatch_by_rule(replace(UNITS, critical_share=np.array([s])), now, nobody_kw, ess_kwh, 0.5, ALONE)
        for s in (0.0, share)
    )
    assert with_critical.shed_kw == pytest.approx(plain.shed_kw, abs=1e-9)
    expected = max(plain.shed_kw.item() - load * (1.0 - share), 0.0)
    assert with_critical.critical_shed_kw.item() == pytest.approx(expected, abs=1e-9)
