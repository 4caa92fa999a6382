"""Islands that join and part, and go dark: the same by all AC engines, and with the ledger closed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from grid_cases import column, outage, run

import cosim
from cosim.errors import CouplingError

DAY = Path(__file__).parents[2] / "scenarios" / "day_33bus.yaml"
TIMETABLE = (
    "network.opened_lines=[[1, 2], [4, 5], [5, 6]]",
    "network.microgrids.4.buses=null",
    "network.microgrids.4.wt=null",
    'network.timetable=[{line: [11, 12], back: "12:00"}, {line: [15, 16], out: "13:00", back: "14:30"}, '
    '{unit: MG4.dg, out: "15:00"}]',
)
STATIONS_KW = np.array([[120.0, -30.0, 40.0, -60.0, -20.0]])


@pytest.mark.parametrize("engine", ["power-grid-model", "opendss"])
def test_ac_engines_find_the_same_voltages_in_every_stage(engine: str) -> None:
    expected, found = (
        run(outage(f"network.engine={name}", *TIMETABLE).grid_model(), [0], STATIONS_KW)
        for name in ("pandapower", engine)
    )
    for here, there in zip(found, expected, strict=True):
        assert here.buses.vm_pu == pytest.approx(there.buses.vm_pu, abs=1e-6)
        assert here.microgrids.losses_kwh == pytest.approx(there.microgrids.losses_kwh, abs=1e-4)


def test_the_dark_has_no_voltage_and_no_power() -> None:
    slots = run(outage(*TIMETABLE).grid_model(), [0], STATIONS_KW)
    island = column(slots, "island")[:, 0]
    assert island[:, 5].tolist() == [4, 4, 4, 4, 3, 3, -1, -1, -1, 3, 4, 4]
    dark = island[:, 5] < 0
    for name in ("served_kw", "exchange_kw", "dg_kw", "losses_kwh", "surplus_kw", "deficit_kw", "discharge_limit_kw"):
        assert not column(slots, name)[dark, 0, 5].any(), name
    vm_pu = np.stack([slot.buses.vm_pu[0] for slot in slots])
    assert (vm_pu[dark][:, [16, 17]] == 0.0).all()
    assert (vm_pu[~dark] > 0.9).all()


def test_microgrids_that_are_together_help_each_other() -> None:
    parted, joined = (
        run(outage(*TIMETABLE[:3], f"network.timetable=[{entry}]").grid_model(), [0], np.zeros((1, 5)))
        for entry in ('{line: [11, 12], back: "15:30"}', '{line: [11, 12], out: "15:30"}')
    )
    # Diesel of 200 and 120 kW, storage of 50 kW each.
    for name in ("load_kw", "pv_available_kw", "wt_available_kw"):
        assert column(joined, name).tolist() == column(parted, name).tolist()
    missing_kw = sum(column(joined, "load_kw")[0, 0, [3, 4]]) - sum(
        column(joined, name)[0, 0, k] for name in ("pv_available_kw", "wt_available_kw") for k in (3, 4)
    )
    assert column(joined, "shed_kw")[0, 0, [3, 4]].sum() == pytest.approx(missing_kw - 200 - 120 - 50 - 50)
    # Shed in proportion to load; what is exchanged adds up to nothing.
    shed, load = (column(joined, name)[:11, 0][:, [3, 4]] for name in ("shed_kw", "load_kw"))
    assert shed[:, 0] * load[:, 1] == pytest.approx(shed[:, 1] * load[:, 0])
    assert column(joined, "exchange_kw").sum(axis=2) == pytest.approx(0.0, abs=1e-9)
    assert column(parted, "exchange_kw")[:11] == pytest.approx(0.0, abs=1e-9)


def test_diesel_beside_diesel_gives_its_part_of_the_reactive_power() -> None:
    entry = '{line: [11, 12], out: "15:30"}'
    system = outage("network.engine=lindistflow", *TIMETABLE[:3], f"network.timetable=[{entry}]")
    slots = run(system.grid_model(), [0], STATIONS_KW, slots=11)
    drawn_kvar = column(slots, "load_kvar") * column(slots, "served_kw") / column(slots, "load_kw")
    given_kvar = column(slots, "slack_kvar")[:, 0, [3, 4]]
    assert given_kvar.sum(axis=1) == pytest.approx(drawn_kvar[:, 0, 3:].sum(axis=1))
    most_kvar = system.microgrids.dg_q_max_kvar[[3, 4]]
    assert given_kvar[:, 0] * most_kvar[1] == pytest.approx(given_kvar[:, 1] * most_kvar[0])
    assert column(slots, "dg_kvar")[:, 0, [3, 4]] == pytest.approx(given_kvar)
    assert given_kvar.min() > 0.0


def test_rule_and_slot_program_agree_on_joined_islands() -> None:
    rule, slot = (
        run(outage(f"network.dispatch={{kind: {kind}}}", *TIMETABLE).grid_model(), [0], STATIONS_KW)
        for kind in ("rule", "slot")
    )
    for name in ("shed_kw", "dg_kw", "ess_charge_kw", "ess_discharge_kw", "curtailed_kw"):
        assert column(slot, name) == pytest.approx(column(rule, name), abs=1e-6), name


def test_foresight_costs_less_where_islands_join() -> None:
    costs = {}
    for kind in ("rule", "horizon"):
        slots = run(outage(f"network.dispatch={{kind: {kind}}}", *TIMETABLE).grid_model(), [0])
        parts = ("dg_cny", "shedding_cny", "ess_cny", "curtailment_cny")
        costs[kind] = sum(float(getattr(slot.reference, part).sum()) for slot in slots for part in parts)
    assert costs["horizon"] < costs["rule"]


def test_stations_of_an_island_share_its_limit_by_chargers() -> None:
    model = outage(*TIMETABLE).grid_model()
    model.begin([0])
    for _ in range(4):
        model.step(np.zeros((1, 5)))
    # From 12:00 on microgrids 4 and 5 are one island, with one station of ten chargers each.
    outlook = model.outlook()
    assert outlook.station_limit_kw[0, 3].tolist() == outlook.station_limit_kw[0, 4].tolist()
    assert outlook.deficit_forecast_kw[0, 3, 0] == outlook.deficit_forecast_kw[0, 4, 0] > 0.0


def test_episodes_are_the_same_beside_others() -> None:
    overrides = ["controller.name=coordinated", "network.engine=lindistflow"]
    alone, together = (cosim.run(DAY, episodes=2, replicas=r, overrides=overrides) for r in (1, 2))
    for table in ("microgrid_slots", "reference_slots", "bus_slots", "ev_slots"):
        assert getattr(alone, table).equals(getattr(together, table)), table


def test_a_day_has_the_utility_until_the_storm_and_after_it() -> None:
    found = cosim.run(DAY, episodes=1, overrides=["controller.name=idle", "network.engine=lindistflow"])
    slots = found.microgrid_slots
    supplied = slots.groupby("slot").supply_kw.sum() > 0.0
    assert supplied.tolist() == [not 20 <= slot < 32 for slot in range(48)]
    assert not slots[slots.slot < 20].shed_kw.any()
    assert slots[(slots.slot == 25) & (slots.microgrid == 5)].shed_kw.item() > 100.0
    assert found.summary["ledger_max_error_kwh"] < 1e-6
    assert found.summary["metrics"]["voltage_min_pu"]["mean"] > 0.9


def test_an_engine_that_cannot_be_reached_shows_before_the_run() -> None:
    system = outage("grid.simulator={command: [no-such-program, '%(addr)s']}", *TIMETABLE)
    with pytest.raises(CouplingError, match="cannot be started"):
        replace(system, allow_code=True).grid_model()
