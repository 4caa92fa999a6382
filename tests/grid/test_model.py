import itertools

import numpy as np
import pytest
from grid_cases import ENGINE_NAMES, column, outage, run, total_kwh

from cosim.errors import PowerFlowError
from cosim.grid.accounts import GridSlot
from cosim.ledger import Ledger

COSTS = ("dg_cny", "shedding_cny", "ess_cny", "curtailment_cny")


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_outage_without_evs(engine: str) -> None:
    # The table of docs/model.md, kWh over the six hours.
    slots = run(outage(f"network.engine={engine}").grid_model(), [0])
    for name, expected in {
        "shed_kw": [0, 93.50, 0, 1595.38, 586.55],
        "curtailed_kw": [1883.28, 0, 0, 0, 0],
        "dg_kw": [0, 4200, 3405.50, 1200, 720],
        "ess_charge_kw": [126.32, 0, 0, 0, 0],
        "ess_discharge_kw": [0, 152, 49.70, 76, 76],
    }.items():
        assert total_kwh(slots, name)[0] == pytest.approx(expected, rel=1e-3), name
    assert sum(column(slots, name).sum() for name in COSTS) == pytest.approx(81_789.69, rel=1e-3)


def test_costs_by_hand() -> None:
    # Slot 0 of MG4 and MG1: 625 * 0.9075 = 567.1875 kW of load, 100 * 0.715 = 71.5 and 50 * 0.44375 = 22.1875 kW
    # of sun and wind; 200 diesel, 50 storage, 223.5 shed.
    slot = run(outage().grid_model(), [0])[0].microgrids
    assert slot.shed_kw[0, 3] == pytest.approx(223.5)
    assert slot.shedding_cny[0, 3] == pytest.approx(223.5 * 20 / 2)
    assert slot.dg_cny[0, 3] == pytest.approx(200 * 3.6 / 2)
    assert slot.ess_cny[0, 3] == pytest.approx(50 * 0.3 / 2)
    # 700 * 0.715 + 550 * 0.44375 - 460 * 0.9075 - 75 = 252.1125 kW curtailed
    assert slot.curtailment_cny[0, 0] == pytest.approx(252.1125 / 2)


def test_reference_is_the_run_without_evs() -> None:
    system = outage()
    without = run(system.grid_model(), [0])
    beside = run(system.grid_model(), [0], np.array([[150.0, 0, 90, -60, -20]]))
    for name in vars(without[0].microgrids):
        for slot, other in zip(without, beside, strict=True):
            assert getattr(other.reference, name).tobytes() == getattr(slot.microgrids, name).tobytes(), name
            assert other.buses.reference_vm_pu.tobytes() == slot.buses.vm_pu.tobytes()


def test_reference_keeps_its_own_storage() -> None:
    # EVs take 300 of the 327 kW to spare, so that storage of 75 kW fills more slowly than without them.
    slots = run(outage("network.microgrids.0.ess.soc_start=0.1").grid_model(), [0], np.array([[300.0, 0, 0, 0, 0]]))
    ended = [(slot.microgrids.ess_end_kwh[0, 0], slot.reference.ess_end_kwh[0, 0]) for slot in slots]
    assert ended[3][0] < ended[3][1]
    for before, after in itertools.pairwise(slots):
        for record in ("microgrids", "reference"):
            ended_kwh = getattr(before, record).ess_end_kwh
            assert getattr(after, record).ess_start_kwh.tobytes() == ended_kwh.tobytes()


def test_discharge_of_evs_lowers_the_shed_by_that_energy() -> None:
    # MG4 sheds more than 100 kW in every slot.
    slots = run(outage().grid_model(), [0], np.array([[0, 0, 0, -100.0, 0]]))
    saved_kw = np.stack([slot.reference.shed_kw - slot.microgrids.shed_kw for slot in slots])
    assert saved_kw[:, 0, 3] == pytest.approx(100.0)
    assert not saved_kw[:, 0, [0, 1, 2, 4]].any()


def test_charging_of_evs_runs_on_what_would_be_curtailed_then_on_diesel() -> None:
    # 252.11 kW are curtailed in slot 0 beside 75 into storage: 300 kW take storage's share too, but no diesel yet.
    slot = run(outage().grid_model(), [0], np.array([[300.0, 0, 0, 0, 0]]))[0]
    assert slot.microgrids.curtailed_kw[0, 0] == pytest.approx(0)
    assert slot.microgrids.ess_charge_kw[0, 0] == pytest.approx(27.1125)
    assert slot.microgrids.dg_kw[0, 0] == 0
    more = run(outage().grid_model(), [0], np.array([[400.0, 0, 0, 0, 0]]))[0]
    # 400 - 327.1125
    assert more.microgrids.dg_kw[0, 0] == pytest.approx(72.8875)
    assert more.microgrids.shed_kw[0, 0] == more.microgrids.ess_discharge_kw[0, 0] == 0


@pytest.mark.parametrize(
    ("choice", "mg", "limits"),
    [
        # Slot 0: MG1 has 327.1125 kW of renewables and 100 kW of diesel to spare; MG4 lacks 273.5 kW with diesel.
        ([], 0, (427.1125, 0)),
        ([], 3, (0, 273.5)),
        (["network.charging_limit=surplus", "network.discharging_limit=net_load"], 0, (327.1125, 0)),
        (["network.charging_limit=surplus", "network.discharging_limit=net_load"], 3, (0, 473.5)),
    ],
)
def test_station_limits_by_hand(choice: list[str], mg: int, limits: tuple[float, float]) -> None:
    model = outage(*choice).grid_model()
    model.begin([0, 4])
    limit_kw = model.outlook().station_limit_kw
    assert limit_kw.shape == (2, 5, 2)
    assert limit_kw[0, mg] == pytest.approx(limits)


def test_stations_of_a_microgrid_share_its_limit_by_chargers() -> None:
    # CDS5 moves into MG4 with 30 chargers beside the 10 of CDS4.
    system = outage("stations.4.bus=11", "stations.4.chargers=30")
    model = system.grid_model()
    model.begin([0])
    assert system.supply.share.tolist() == [1, 1, 1, 0.25, 0.75]
    assert model.outlook().station_limit_kw[0, 3:, 1] == pytest.approx([273.5 / 4, 273.5 * 3 / 4])


def test_records_of_limits_are_what_was_published() -> None:
    model = outage(name="outage_33bus").grid_model()
    model.begin([0, 1])
    for _ in range(12):
        published = model.outlook()
        record = model.step(np.zeros((2, 5))).microgrids
        assert published.station_limit_kw[:, :, 0].tobytes() == record.surplus_kw.tobytes()
        assert published.station_limit_kw[:, :, 1].tobytes() == record.discharge_limit_kw.tobytes()
        assert published.deficit_forecast_kw[:, :, 0] == pytest.approx(record.deficit_kw, abs=1e-9)


def test_evs_at_the_published_limits_never_cause_shedding() -> None:
    model = outage(name="outage_33bus").grid_model()
    model.begin([0, 1, 2])
    for _ in range(12):
        limit_kw = model.outlook().station_limit_kw
        slot = model.step(limit_kw[:, :, 0])
        assert (slot.microgrids.shed_kw <= slot.reference.shed_kw + 1e-9).all()
        assert (slot.microgrids.ess_discharge_kw <= slot.reference.ess_discharge_kw + 1e-9).all()


# ---------------------------------------------------------------------------------------------- power flow


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_losses_are_slack_less_dispatch(engine: str) -> None:
    slots = run(outage(f"network.engine={engine}").grid_model(), [0])
    losses_kwh = column(slots, "losses_kwh")
    assert losses_kwh == pytest.approx((column(slots, "slack_kw") - column(slots, "dg_kw")) / 2, abs=1e-9)
    per_island = [0, 0, 0, 0, 0] if engine == "lindistflow" else [4.505, 21.765, 92.34, 0.78, 1.03]
    near = 0.025 if engine == "lindistflow-losses" else 0.005
    assert losses_kwh.sum(axis=(0, 1)) == pytest.approx(per_island, abs=near)
    assert column(slots, "losses_cny") == pytest.approx(losses_kwh * 3.6)


def test_powers_at_buses_by_hand() -> None:
    # Slot 0 of MG1; bus 0 has no load, buses 1 and 18 to 21 have 100, 90, 90, 90, 90 kW times 0.9075.
    slot = run(outage().grid_model(), [0], np.array([[40.0, 0, 0, 0, 0]]))[0]
    assert slot.buses.p_kw[0, [0, 1]] == pytest.approx([0, 90.75])
    assert slot.buses.p_kw[0, 18] == pytest.approx(81.675 + 75)  # storage
    assert slot.buses.p_kw[0, 19] == pytest.approx(81.675 + 40)  # station
    used = 1 - 212.1125 / 744.5625  # the share of sun and wind that is not curtailed
    assert slot.buses.p_kw[0, 20] == pytest.approx(81.675 - 500.5 * used)
    assert slot.buses.p_kw[0, 21] == pytest.approx(81.675 - 244.0625 * used)


def test_shed_is_spread_evenly_and_takes_its_reactive_load() -> None:
    # MG4 sheds 223.5 of 567.1875 kW in slot 0; bus 8 has 60 kW and 20 kvar.
    slot = run(outage().grid_model(), [0])[0]
    served = 0.9075 * (1 - 223.5 / 567.1875)
    assert slot.buses.p_kw[0, 8] == pytest.approx(60 * served)
    assert slot.buses.q_kvar[0, 8] == pytest.approx(20 * served)
    assert slot.microgrids.dg_kvar[0, 3] == pytest.approx(305 * served)


def test_slack_beyond_its_limit_is_flagged() -> None:
    # With losses, a diesel generator at its limit is beyond it: always in MG2, 4, 5, and in 3 slots in MG3.
    by_engine = {name: run(outage(f"network.engine={name}").grid_model(), [0]) for name in ENGINE_NAMES[:3]}
    flags = {name: column(slots, "slack_beyond_limit").sum(axis=0).tolist() for name, slots in by_engine.items()}
    beyond = [[0, 12, 3, 12, 12]]
    assert flags == {"lindistflow": [[0] * 5], "lindistflow-losses": beyond, "power-grid-model": beyond}


def test_reactive_load_beyond_the_generator_is_recorded() -> None:
    # MG3 has 970 * 0.9075 = 880.275 kvar in slot 0.
    slot = run(outage("network.microgrids.2.dg.q_max_kvar=800", "network.engine=lindistflow").grid_model(), [0])[0]
    assert slot.microgrids.dg_kvar[0, 2] == 800
    assert slot.microgrids.short_kvar[0, 2] == pytest.approx(80.275)
    assert slot.microgrids.slack_beyond_limit.tolist() == [[0, 0, 1, 0, 0]]


@pytest.mark.parametrize("engine", ["power-grid-model", "pandapower"])
def test_island_without_solution_is_named(engine: str) -> None:
    system = outage(
        f"network.engine={engine}",
        "network.microgrids.4.load.scale=200",
        "network.microgrids.4.dg.p_max_kw=100000",
        name="outage_33bus",
    )
    model = system.grid_model()
    model.begin([7, 8])
    with pytest.raises(PowerFlowError) as caught:
        model.step(np.zeros((2, 5)))
    message = str(caught.value)
    assert message.startswith(
        "episode 7, slot 0 (10:00): no power flow solution in the island of microgrid 'MG5'; drawn by bus: 12: "
    )
    # Buses 12 to 17, and none but them.
    buses = [part.split(":")[0] for part in message.split("drawn by bus: ")[1].split(", ")]
    assert buses == ["12", "13", "14", "15", "16", "17"]


def test_later_episode_and_slot_without_solution_are_named() -> None:
    # EVs of the second replica draw 100 MW in slot 1, beside 120 * 0.9225 kW of load.
    model = outage("network.microgrids.2.dg.p_max_kw=200000").grid_model()
    model.begin([7, 8])
    model.step(np.zeros((2, 5)))
    with pytest.raises(
        PowerFlowError, match=r"^episode 8, slot 1 \(10:30\): .* island of microgrid 'MG3'; .*, 28: 100110.7 kW"
    ):
        model.step(np.array([[0.0] * 5, [0, 0, 1e5, 0, 0]]))


# -------------------------------------------------------------------------------------- replicas and ledger


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("band", [[], ["network.vm_min_pu=0.985"]])
def test_replica_has_the_same_bits_among_1_7_and_16(engine: str, band: list[str]) -> None:
    system = outage(f"network.engine={engine}", *band, name="outage_33bus")
    slots = 1 if engine == "pandapower" else 6
    found = []
    for replicas in (1, 7, 16):
        model = system.grid_model()
        model.begin([3, *range(20, 19 + replicas)])
        station_kw = np.array([[100.0, 0, 50, -80, -30]] + [[0.0, 20, 0, -10, 0]] * (replicas - 1))
        bits = []
        for _ in range(slots):
            published, slot = model.outlook(), model.step(station_kw)
            for record in (published, slot.microgrids, slot.reference, slot.buses):
                bits += [value[0].tobytes() for value in vars(record).values() if value is not None]
        found.append(bits)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("engine", ENGINE_NAMES[:2])
def test_ledger_closes_with_evs_at_their_limits(engine: str) -> None:
    system = outage(f"network.engine={engine}", name="outage_33bus")
    model, ledger = system.grid_model(), Ledger(0.5)
    model.begin([0, 1])
    slots, stations_kw = [], []
    for _ in range(12):
        limit_kw = model.outlook().station_limit_kw
        station_kw = np.where(limit_kw[..., 0] > 0, limit_kw[..., 0], -limit_kw[..., 1])
        slots.append(model.step(station_kw))
        stations_kw.append(np.concatenate([station_kw, 0 * station_kw]))
    cases = GridSlot.together(slots).cases
    at, units = system.supply.microgrid, system.microgrids
    ledger.check_grid(cases, np.array(stations_kw), at, units, (0, 1), range(12))
    assert ledger.max_error_kwh < 1e-9


def test_new_episodes_start_afresh() -> None:
    model = outage(name="outage_33bus").grid_model()
    first, again = (run(model, [2]) for _ in range(2))
    for one, two in zip(first, again, strict=True):
        assert one.microgrids.shed_kw.tobytes() == two.microgrids.shed_kw.tobytes()
        assert one.microgrids.ess_end_kwh.tobytes() == two.microgrids.ess_end_kwh.tobytes()
