"""Which load is served, where, and why the rest is not."""

from __future__ import annotations

import numpy as np
import pytest
from grid_cases import SCENARIOS, column, outage, run

import cosim
from cosim.errors import ScenarioError
from cosim.grid.accounts import GridSlot
from cosim.grid.conditions import Conditions

REASONS = ("unserved_dark_kw", "unserved_power_kw", "unserved_energy_kw", "unserved_voltage_kw", "unserved_line_kw")
DARK = (
    "network.microgrids.4.buses=null",
    "network.microgrids.4.wt=null",
    "network.opened_lines=[[1, 2], [4, 5], [5, 6], [11, 12], [15, 16]]",
)
CRITICAL = "network.critical={share: 0.2, buses: [8, 14]}"
IDLE_KW = np.zeros((1, 5))
DAY = SCENARIOS / "day_33bus.yaml"


def test_reasons_add_up_to_what_is_shed() -> None:
    slots = run(outage(*DARK, "network.vm_min_pu=0.99").grid_model(), [0], IDLE_KW)
    of_reasons = {reason: column(slots, reason) for reason in REASONS}
    assert sum(of_reasons.values()) == pytest.approx(column(slots, "shed_kw"), abs=1e-9)
    assert not of_reasons.pop("unserved_line_kw").any()
    for reason, kw in of_reasons.items():
        assert kw.min() >= 0.0, reason
        assert kw.sum() > 1.0, reason


def test_storage_that_is_empty_is_the_reason_up_to_its_power() -> None:
    slots = run(outage().grid_model(), [0], IDLE_KW)
    # Microgrid 4: 50 kW; (0.5 - 0.1) x 200 kWh x 0.95 last for three half hours and a bit.
    energy_kw, shed_kw, given_kw = (
        column(slots, name)[:, 0, 3] for name in ("unserved_energy_kw", "shed_kw", "ess_discharge_kw")
    )
    assert energy_kw[:3].tolist() == [0.0, 0.0, 0.0]
    assert energy_kw == pytest.approx(np.minimum(50.0 - given_kw, shed_kw))
    assert energy_kw[4:] == pytest.approx(50.0)


def test_storage_of_an_island_is_the_reason_for_all_its_microgrids() -> None:
    joined = (
        "network.opened_lines=[[1, 2], [4, 5], [5, 6]]",
        'network.timetable=[{line: [11, 12], out: "15:30"}]',
    )
    slots = run(outage(*joined).grid_model(), [0], IDLE_KW, slots=11)
    assert column(slots, "island")[0, 0].tolist() == [0, 1, 2, 3, 3]
    shed_kw, energy_kw, given_kw = (
        column(slots, name)[:, 0, 3:] for name in ("shed_kw", "unserved_energy_kw", "ess_discharge_kw")
    )
    # Two storages of 50 kW; each microgrid has its part by what it sheds.
    idle_kw = 100.0 - given_kw.sum(axis=1)
    assert energy_kw.sum(axis=1) == pytest.approx(np.minimum(idle_kw, shed_kw.sum(axis=1)))
    assert energy_kw.sum() > 100.0
    assert energy_kw[:, :1] * shed_kw == pytest.approx(energy_kw * shed_kw[:, :1])


def test_everything_in_the_dark_is_for_that_reason() -> None:
    slots = run(outage(*DARK).grid_model(), [0], IDLE_KW)
    assert column(slots, "unserved_dark_kw")[..., 5].tolist() == column(slots, "load_kw")[..., 5].tolist()
    assert not column(slots, "unserved_dark_kw")[..., :5].any()


def test_a_slot_alone_is_booked_as_among_others() -> None:
    changes = (
        "network.opened_lines=[[1, 2], [4, 5], [5, 6]]",
        'network.timetable=[{line: [11, 12], back: "12:00"}, {line: [15, 16], out: "13:00", back: "14:30"}, '
        '{unit: MG4.dg, out: "15:00"}]',
    )
    slots = run(outage(*DARK[:2], *changes).grid_model(), [0], IDLE_KW)
    together = GridSlot.together(slots).cases
    for name in vars(together):
        alone = np.stack([getattr(slot.cases, name) for slot in slots])
        assert getattr(together, name).tobytes() == alone.tobytes(), name


def test_islands_have_in_all_what_those_of_their_stage_have() -> None:
    system = cosim.load(DAY, [])
    conditions = Conditions.of(system.network, system.microgrids)
    values = np.random.default_rng(1).random((system.clock.slots, 3, len(system.microgrids)))
    totals = conditions.island_totals(np.arange(system.clock.slots), values)
    assert len({conditions.number(slot) for slot in range(system.clock.slots)}) > 2
    for slot in range(system.clock.slots):
        assert totals[slot].tolist() == conditions.islands(slot).total(values[slot]).tolist()
        assert conditions.island_totals(slot, values[slot]).tolist() == totals[slot].tolist()
    assert not np.array_equal(totals, values)


@pytest.mark.parametrize("dispatch", ["rule", "slot", "horizon"])
@pytest.mark.parametrize("vm_min_pu", [0.95, 0.985])
def test_load_shed_at_buses_is_that_of_their_microgrid_by_class(dispatch: str, vm_min_pu: float) -> None:
    system = outage(CRITICAL, f"network.dispatch={{kind: {dispatch}}}", f"network.vm_min_pu={vm_min_pu}", *DARK)
    slots = run(system.grid_model(), [0], IDLE_KW)
    of_microgrid = system.network.microgrid
    for name in ("shed_kw", "critical_shed_kw", "load_kw"):
        at_buses = np.stack([getattr(slot.buses, name)[0] for slot in slots])
        sums = np.stack([at_buses[:, of_microgrid == m].sum(axis=1) for m in range(len(system.microgrids))], axis=1)
        assert sums == pytest.approx(column(slots, name)[:, 0], abs=1e-6), name
    shed, critical_shed, load, critical = (
        column(slots, name)[:, 0] for name in ("shed_kw", "critical_shed_kw", "load_kw", "critical_kw")
    )
    assert critical.sum() > 0.0
    # Critical load is shed only where no normal load of the island is left (or voltages ask for it).
    if vm_min_pu == 0.95:
        assert critical_shed == pytest.approx(np.maximum(shed - (load - critical), 0.0), abs=1e-6)
    costs = column(slots, "shedding_cny")[:, 0]
    assert costs == pytest.approx(0.5 * (20.0 * (shed - critical_shed) + 100.0 * critical_shed))


def test_critical_load_must_not_be_cheaper() -> None:
    with pytest.raises(ScenarioError) as caught:
        outage(CRITICAL, "network.costs.critical_cny_per_kwh=10")
    (issue,) = caught.value.issues
    assert str(issue.path) == "network.costs.critical_cny_per_kwh"
    with pytest.raises(ScenarioError, match="there is no bus 40; buses are 0 to 32"):
        outage("network.critical={buses: [40]}")
