"""The band is kept in whole episodes, with each engine's own voltages."""

import numpy as np
import pytest
from grid_cases import ENGINE_NAMES, column, outage, run, total_kwh

from cosim.grid import voltage
from cosim.grid.accounts import GridSlot
from cosim.ledger import Ledger
from cosim.scenario import checks
from cosim.system import System

LOW = "network.vm_min_pu=0.985"
HIGH = "network.vm_max_pu=1.0005"
#: Tolerance of the band [p.u.].
NEAR = 1e-6


def in_island(system: System, slots: list[GridSlot], island: int) -> np.ndarray:
    """Voltages of an island [p.u.], shape [T, R, n]."""
    return np.stack([slot.buses.vm_pu for slot in slots])[..., system.network.microgrid == island]


def check_ledger(system: System, slots: list[GridSlot]) -> None:
    ledger, together = Ledger(0.5), GridSlot.together(slots)
    nothing_kw = np.zeros((len(slots), 2 * together.replicas, 5))
    replicas = range(together.replicas)
    ledger.check_grid(together.cases, nothing_kw, np.arange(5), system.microgrids, replicas, range(len(slots)))
    assert ledger.max_error_kwh < 1e-9


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_low_voltages_are_raised_to_the_band(engine: str) -> None:
    system = outage(f"network.engine={engine}", LOW)
    slots = run(system.grid_model(), [0], slots=4)
    assert column(slots, "redispatched").sum(axis=0).tolist() == [[0, 0, 4, 0, 0]]
    assert column(slots, "voltage_violated").sum() == 0
    # The band binds: not a volt more than it takes, in any slot.
    assert in_island(system, slots, 2).min(axis=(1, 2)) == pytest.approx(0.985, abs=NEAR)
    check_ledger(system, slots)


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_high_voltages_are_lowered_to_the_band(engine: str) -> None:
    system = outage(f"network.engine={engine}", HIGH)
    slots = run(system.grid_model(), [0], slots=4)
    assert column(slots, "redispatched").sum(axis=0).tolist() == [[4, 0, 0, 0, 0]]
    assert column(slots, "voltage_violated").sum() == 0
    assert in_island(system, slots, 0).max(axis=(1, 2)) == pytest.approx(1.0005, abs=NEAR)
    # Only curtailing helps; nothing is shed for it.
    assert total_kwh(slots, "shed_kw")[0, 0] == 0
    # The rule alone curtails 252.11 kW in slot 0.
    assert slots[0].microgrids.curtailed_kw[0, 0] > 253
    check_ledger(system, slots)


@pytest.mark.parametrize(
    ("engine", "shed_kwh"), [("lindistflow", 499.87), ("lindistflow-losses", 522.58), ("power-grid-model", 522.58)]
)
def test_shedding_for_the_voltage_is_no_more_than_needed(engine: str, shed_kwh: float) -> None:
    # Measured; the first correction alone sheds 542.05 kWh with the AC engine.
    slots = run(outage(f"network.engine={engine}", LOW).grid_model(), [0])
    assert total_kwh(slots, "shed_kw")[0, 2] == pytest.approx(shed_kwh, abs=0.1)


@pytest.mark.parametrize("scale", [3, 5, 8])
def test_correction_converges_near_voltage_collapse(scale: int) -> None:
    # With 8 times its load the island is near collapse; the first correction alone sheds 93 % of it.
    system = outage(f"network.microgrids.2.load.scale={scale}", "network.microgrids.2.dg.p_max_kw=9000")
    slots = run(system.grid_model(), [0])
    assert in_island(system, slots, 2).min(axis=(1, 2)) == pytest.approx(0.95, abs=NEAR)
    assert column(slots, "voltage_violated").sum() == 0
    check_ledger(system, slots)


def test_storage_goes_before_load_for_the_voltage() -> None:
    slots = run(outage(LOW).grid_model(), [0])
    # 500 kWh * (0.5 - 0.1) * 0.95 = 190 kWh, all that storage holds; the rule alone takes 49.7 of it.
    assert total_kwh(slots, "ess_discharge_kw")[0, 2] == pytest.approx(190)


def test_islands_within_the_band_keep_their_bits() -> None:
    wide, narrow = (run(outage(*band).grid_model(), [0]) for band in ((), (LOW,)))
    for before, after in zip(wide, narrow, strict=True):
        for name, value in vars(before.microgrids).items():
            others = [0, 1, 3, 4]
            assert getattr(after.microgrids, name)[:, others].tobytes() == value[:, others].tobytes(), name


def test_wide_band_changes_nothing() -> None:
    slots = run(outage("network.vm_min_pu=0.977").grid_model(), [0])
    assert column(slots, "redispatched").sum() == 0


def test_replicas_within_the_band_keep_their_bits() -> None:
    # In noisy episodes some slots of some replicas leave the band, each as it would alone.
    system = outage("network.vm_min_pu=0.9785", name="outage_33bus")
    together = run(system.grid_model(), [0, 1, 2])
    assert 0 < column(together, "redispatched")[:, :, 2].sum() < 36
    for replica in range(3):
        alone = run(system.grid_model(), [replica])
        for name in vars(alone[0].microgrids):
            assert column(alone, name)[:, 0].tobytes() == column(together, name)[:, replica].tobytes(), name


def test_evs_that_draw_too_much_at_a_far_bus_are_seen() -> None:
    # The station of MG3 at bus 28, 600 kW; the reference has no EVs and stays within the band.
    system = outage("network.vm_min_pu=0.977", "network.microgrids.2.dg.p_max_kw=2000")
    slots = run(system.grid_model(), [0], np.array([[0, 0, 600.0, 0, 0]]))
    assert column(slots, "redispatched")[:, 0, 2].all()
    assert not any(slot.reference.redispatched.any() for slot in slots)


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_band_that_cannot_be_kept_is_flagged(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The slack bus itself is held outside, which a scenario's check refuses.
    monkeypatch.setattr(checks, "CHECKS", ())
    system = outage(f"network.engine={engine}", "network.microgrids.3.dg.vm_pu=1.06")
    slots = run(system.grid_model(), [0], slots=1)
    assert slots[0].microgrids.redispatched.tolist() == [[0, 0, 0, 1, 0]]
    assert slots[0].microgrids.voltage_violated.tolist() == [[0, 0, 0, 1, 0]]
    check_ledger(system, slots)


def test_bound_on_corrections_leaves_a_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    # After one correction of an overvoltage, which falls short of the band, nothing is hidden.
    monkeypatch.setattr(voltage, "ROUNDS", 1)
    slots = run(outage(HIGH).grid_model(), [0])
    assert column(slots, "voltage_violated")[:, 0, 0].any()


def test_nothing_recorded_is_below_zero() -> None:
    for band in (LOW, HIGH, "network.vm_min_pu=0.999"):
        slots = run(outage(band).grid_model(), [0])
        for name in ("shed_kw", "curtailed_kw", "dg_kw", "ess_charge_kw", "ess_discharge_kw", "pv_kw", "wt_kw"):
            assert column(slots, name).min() >= 0, name
