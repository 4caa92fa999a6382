from dataclasses import replace

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
    idle = dict.fromkeys(("ev", "dg", "supply", "ess_charge", "ess_discharge", "shed", "curtailed"), 0.0)
    expected = idle | {"pv": given_.get("pv", 0.0), "wt": given_.get("wt", 0.0)} | changed
    assert decide(**given_) == pytest.approx(expected, abs=1e-12)


def test_energy_in_storage_by_hand() -> None:
    charging = Dispatch(*(np.array([[kw]]) for kw in (0, 0, 0, 0, 0, 40, 0, 0, 0)))
    discharging = Dispatch(*(np.array([[kw]]) for kw in (0, 0, 0, 0, 0, 0, 45, 0, 0)))
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
