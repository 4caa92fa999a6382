"""Every balance of the ledger, broken on purpose, stops the run with the entry that does not close."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from cosim.charging.battery import BatteryKind
from cosim.errors import LedgerError
from cosim.grid.microgrid import Microgrids
from cosim.ledger import Ledger
from cosim.records.schema import EvSlots, MicrogridSlots, StationSlots

EPISODES = (7, 8)
SLOT = 5
BATTERY = BatteryKind(energy_min_kwh=6.0, energy_max_kwh=57.0, charge_efficiency=0.9, discharge_efficiency=0.8)
SLOT_H = 0.5


def slots_of(kind: type, units: int, **values: float) -> Any:
    columns = {f.name: np.full((1, 2, units), values.get(f.name, 0.0)) for f in fields(kind)}
    if kind is EvSlots:
        columns["station"] = np.zeros((1, 2, units), dtype=int)
    return kind(**columns)


# Two EVs at one station draw 10 kWh, feed 4 in, and drive 15 km at 0.2 kWh/km: each gains 9 - 5 - 3 = 1 kWh.
EVS = slots_of(
    EvSlots,
    2,
    energy_start_kwh=30.0,
    energy_end_kwh=31.0,
    charged_kwh=10.0,
    discharged_kwh=4.0,
    driven_km=15.0,
)
STATIONS = slots_of(
    StationSlots,
    1,
    power_kw=24.0,
    charged_kwh=20.0,
    discharged_kwh=8.0,
    charge_limit_kw=40.0,
    discharge_limit_kw=16.0,
)
# Supplied: 30 + 20 + 40 + 10; used: 90 - 14 + 24; 50 of 60 kW renewable; storage gains -10 / 0.8 x 0.5 h = -6.25 kWh.
GRID = slots_of(
    MicrogridSlots,
    1,
    load_kw=90.0,
    served_kw=76.0,
    shed_kw=14.0,
    unserved_power_kw=14.0,
    ev_kw=24.0,
    pv_available_kw=35.0,
    wt_available_kw=25.0,
    pv_kw=30.0,
    wt_kw=20.0,
    curtailed_kw=10.0,
    dg_kw=40.0,
    slack_kw=42.0,
    losses_kwh=1.0,
    ess_discharge_kw=10.0,
    ess_start_kwh=50.0,
    ess_end_kwh=43.75,
)
#: Storage of 0 to 100 kWh and efficiencies of 0.8; nothing else of the units matters here.
VALUES = {"ess_max_kwh": 100.0, "ess_charge_efficiency": 0.8, "ess_discharge_efficiency": 0.8}
UNITS = Microgrids(
    name=("A",), **{f.name: np.array([VALUES.get(f.name, 0.0)]) for f in fields(Microgrids) if f.name != "name"}
)


def check_traffic(evs: EvSlots = EVS, stations: StationSlots = STATIONS) -> float:
    ledger = Ledger(SLOT_H)
    ledger.check_traffic(evs, stations, BATTERY, 0.2, EPISODES, [SLOT])
    return ledger.max_error_kwh


def check_grid(slots: MicrogridSlots = GRID, station_kw: float = 24.0) -> float:
    ledger = Ledger(SLOT_H)
    ledger.check_grid(slots, np.full((1, 2, 1), station_kw), np.zeros(1, dtype=int), UNITS, EPISODES, [SLOT])
    return ledger.max_error_kwh


def nudged(slots: Any, column: str, by: float) -> Any:
    """The same with one value of the second replica's last unit changed."""
    values = getattr(slots, column).copy()
    values[0, 1, -1] += by
    return replace(slots, **{column: values})


def test_what_balances_closes() -> None:
    assert check_traffic() < 1e-12
    assert check_grid() < 1e-12


@pytest.mark.parametrize(
    ("column", "by", "entry"),
    [
        ("charged_kwh", 1e-3, "EV 1: 'stored - driven = gained' misses 0.0009 kWh"),
        ("discharged_kwh", 1e-3, "EV 1: 'stored - driven = gained' misses -0.00125 kWh"),
        ("driven_km", 5e-3, "EV 1: 'stored - driven = gained' misses -0.001 kWh"),
        ("energy_start_kwh", 1e-3, "EV 1: 'stored - driven = gained' misses 0.001 kWh"),
        ("energy_end_kwh", 1e-3, "EV 1: 'stored - driven = gained' misses -0.001 kWh"),
        ("energy_end_kwh", float("nan"), "EV 1: 'stored - driven = gained' misses nan kWh"),
    ],
)
def test_an_ev_that_does_not_close_is_named(column: str, by: float, entry: str) -> None:
    with pytest.raises(LedgerError) as caught:
        check_traffic(nudged(EVS, column, by))
    assert str(caught.value) == f"episode 8, slot 5, {entry}"


@pytest.mark.parametrize(("bound_kwh", "beyond_kwh"), [(6.0, -1e-3), (57.0, 1e-3)])
def test_a_battery_out_of_its_bounds_is_named(bound_kwh: float, beyond_kwh: float) -> None:
    def moved(end_kwh: float) -> EvSlots:
        return replace(
            EVS,
            energy_start_kwh=EVS.energy_start_kwh * 0 + end_kwh - 1,
            energy_end_kwh=EVS.energy_end_kwh * 0 + end_kwh,
        )

    check_traffic(moved(bound_kwh))
    with pytest.raises(LedgerError, match=r"episode 7, slot 5, EV 0: 'energy within its bounds' misses 0.001 kWh"):
        check_traffic(moved(bound_kwh + beyond_kwh))


@pytest.mark.parametrize("column", ["charged_kwh", "discharged_kwh"])
def test_a_station_that_differs_from_its_evs_is_found(column: str) -> None:
    roomy = replace(
        STATIONS, charge_limit_kw=STATIONS.charge_limit_kw * 2, discharge_limit_kw=STATIONS.discharge_limit_kw * 2
    )
    check_traffic(stations=roomy)
    name = column.removesuffix("_kwh")
    with pytest.raises(
        LedgerError, match=rf"episode 8, slot 5, station 0: '{name} = {name} by its EVs' misses 0.001 kWh"
    ):
        check_traffic(stations=nudged(roomy, column, 1e-3))


@pytest.mark.parametrize(("column", "word"), [("charge_limit_kw", "charged"), ("discharge_limit_kw", "discharged")])
def test_a_station_beyond_its_limit_is_named(column: str, word: str) -> None:
    with pytest.raises(LedgerError, match=rf"episode 8, slot 5, station 0: '{word} within its limit' misses 0.001 kWh"):
        check_traffic(stations=nudged(STATIONS, column, -2e-3))


@pytest.mark.parametrize(
    ("column", "entry"),
    [
        ("load_kw", "microgrid 0: 'served + shed = load' misses -0.001 kWh"),
        ("shed_kw", "microgrid 0: 'served + shed = load' misses 0.001 kWh"),
        ("served_kw", "microgrid 0: 'supplied = used' misses -0.001 kWh"),
        ("ev_kw", "microgrid 0: 'supplied = used' misses -0.001 kWh"),
        ("pv_kw", "microgrid 0: 'supplied = used' misses 0.001 kWh"),
        ("wt_kw", "microgrid 0: 'supplied = used' misses 0.001 kWh"),
        ("dg_kw", "microgrid 0: 'supplied = used' misses 0.001 kWh"),
        ("ess_charge_kw", "microgrid 0: 'supplied = used' misses -0.001 kWh"),
        ("ess_discharge_kw", "microgrid 0: 'supplied = used' misses 0.001 kWh"),
        ("pv_available_kw", "microgrid 0: 'available = used + curtailed' misses 0.001 kWh"),
        ("wt_available_kw", "microgrid 0: 'available = used + curtailed' misses 0.001 kWh"),
        ("curtailed_kw", "microgrid 0: 'available = used + curtailed' misses -0.001 kWh"),
        ("slack_kw", "microgrid 0: 'slack = diesel + utility + losses' misses 0.001 kWh"),
        ("losses_kwh", "microgrid 0: 'slack = diesel + utility + losses' misses -0.002 kWh"),
        ("ess_start_kwh", "storage 0: 'stored - taken = gained' misses 0.002 kWh"),
        ("ess_end_kwh", "storage 0: 'stored - taken = gained' misses -0.002 kWh"),
    ],
)
def test_a_microgrid_that_does_not_close_is_named(column: str, entry: str) -> None:
    with pytest.raises(LedgerError) as caught:
        check_grid(nudged(GRID, column, 2e-3))
    assert str(caught.value) == f"episode 8, slot 5, {entry}"


def test_energy_booked_at_another_station_is_found() -> None:
    elsewhere = replace(EVS, station=np.array([[[0, -1], [0, 0]]]))
    with pytest.raises(LedgerError, match=r"slot 5, station 0: 'charged = charged by its EVs' misses 10 kWh"):
        check_traffic(elsewhere)


def test_losses_below_0_are_found() -> None:
    with pytest.raises(LedgerError, match=r"microgrid 0: 'losses not below 0' misses 49 kWh"):
        check_grid(replace(GRID, losses_kwh=GRID.losses_kwh - 50.0, slack_kw=GRID.slack_kw - 100.0))


def test_power_lost_between_stations_and_microgrids_is_found() -> None:
    with pytest.raises(LedgerError, match=r"microgrid 0: 'EVs = its stations' misses 0.001 kWh"):
        check_grid(station_kw=24.002)


def test_an_error_below_the_tolerance_is_remembered() -> None:
    assert check_grid(nudged(GRID, "dg_kw", 1e-6)) == pytest.approx(5e-7)


def test_no_ev_and_no_charging_closes() -> None:
    empty = slots_of(EvSlots, 0)
    assert check_traffic(empty, slots_of(StationSlots, 3)) == 0.0


def test_the_first_slot_that_does_not_close_is_named_though_a_later_one_misses_more() -> None:
    charged_kwh = np.repeat(EVS.charged_kwh, 3, axis=0)
    charged_kwh[1, 0, 0] += 0.5
    charged_kwh[2, 1, 1] += 9.0
    evs = EvSlots(*(np.repeat(getattr(EVS, f.name), 3, axis=0) for f in fields(EvSlots)))
    stations = StationSlots(*(np.repeat(getattr(STATIONS, f.name), 3, axis=0) for f in fields(StationSlots)))
    with pytest.raises(LedgerError, match=r"episode 7, slot 5, EV 0: 'stored - driven = gained' misses 0.45 kWh"):
        Ledger(SLOT_H).check_traffic(replace(evs, charged_kwh=charged_kwh), stations, BATTERY, 0.2, EPISODES, [4, 5, 6])
