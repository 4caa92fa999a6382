"""The orchestrated run: the same bits as a plain loop, for any number of replicas, any hash seed, any process."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from plain_loop import run_plain_loop

from agents.registry import make_controller
from cosim.errors import SimulationError
from cosim.interface import Action, Controller, Observation
from cosim.records.table import Records, joined
from cosim.schedule import Schedule
from cosim.simulators.base import SlotSimulator
from cosim.system import System, load_system
from cosim.world import make_simulators, run_world

SCENARIO = Path(__file__).parents[1] / "scenarios" / "outage_33bus.yaml"
ENGINES = ("lindistflow", "power-grid-model")


def records_of(system: System, episodes: int, replicas: int, runner: str = "mosaik", first: int = 0) -> Records:
    schedule = Schedule(tuple(range(first, first + episodes)), replicas, system.clock.slots)
    batches: list[Records] = []
    section = system.scenario.controller
    simulators = make_simulators(
        system,
        make_controller(section.name, system.spec, section.options),
        schedule,
        complete=True,
        on_slot=lambda replicas: None,
        on_batch=lambda episodes, records: batches.append(records),
    )
    if runner == "mosaik":
        run_world(simulators, schedule, system.clock.slot_s)
    else:
        run_plain_loop(simulators, schedule)
    return joined(batches)


def digest(records: Records) -> str:
    """One hash over every value of every table."""
    total = hashlib.sha256()
    for name in records:
        for column, values in records[name].columns.items():
            data = values.tobytes() if isinstance(values, np.ndarray) else repr(values).encode()
            total.update(f"{name}.{column}".encode() + data)
    return total.hexdigest()


CASES = [
    *((SCENARIO.stem, engine, controller) for engine in ENGINES for controller in ("random", "coordinated")),
    ("outage_33bus_customers", "lindistflow", "coordinated"),
]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def system(request: pytest.FixtureRequest) -> System:
    scenario, engine, controller = request.param
    path = SCENARIO.with_name(f"{scenario}.yaml")
    return load_system(path, [f"network.engine={engine}", f"controller.name={controller}"])


def test_world_equals_plain_loop(system: System) -> None:
    assert digest(records_of(system, 5, 2)) == digest(records_of(system, 5, 2, "plain loop"))


def test_any_number_of_replicas_gives_the_same_bits(system: System) -> None:
    alone = digest(records_of(system, 9, 1))
    assert [digest(records_of(system, 9, replicas)) for replicas in (4, 7, 16)] == [alone] * 3


def test_an_episode_does_not_depend_on_those_before_it(system: System) -> None:
    together = records_of(system, 4, 2)
    later = records_of(system, 1, 1, first=3)
    for name in ("ev_slots", "microgrid_slots", "bus_slots"):
        for column, values in later[name].columns.items():
            assert np.array_equal(values, together[name].columns[column][-len(values) :]), (name, column)


@pytest.mark.parametrize("engine", ENGINES)
def test_hash_seed_and_process_do_not_matter(engine: str) -> None:
    program = (
        "import sys; sys.path.insert(0, 'tests'); import test_world as t;"
        "s = t.load_system(t.SCENARIO, ['controller.name=coordinated', 'network.engine=" + engine + "']);"
        "print(t.digest(t.records_of(s, 2, 2)))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "4242")
    }
    assert len(printed) == 1


class Witness:
    """A controller that keeps what it was shown, and does what another one says."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.seen: list[Observation] = []

    def act(self, observation: Observation) -> Action:
        self.seen.append(observation)
        return self._controller.act(observation)

    def shown(self, name: str, slots: int) -> np.ndarray:
        """What was shown over all episodes, batches behind one another; shape [episodes, T, ...]."""
        batches = [self.seen[k : k + slots] for k in range(0, len(self.seen), slots)]
        return np.concatenate([np.stack([getattr(o, name) for o in batch], axis=1) for batch in batches])


@pytest.fixture(scope="module")
def witnessed() -> tuple[System, Witness, Records]:
    """Five noisy episodes, two side by side, the last one alone."""
    system = load_system(SCENARIO, ["controller.name=random", "network.engine=lindistflow"])
    witness = Witness(make_controller("random", system.spec, {}))
    schedule = Schedule(tuple(range(5)), 2, system.clock.slots)
    batches: list[Records] = []
    simulators = make_simulators(
        system,
        witness,
        schedule,
        complete=True,
        on_slot=lambda replicas: None,
        on_batch=lambda episodes, records: batches.append(records),
    )
    run_world(simulators, schedule, system.clock.slot_s)
    return system, witness, joined(batches)


def test_stations_keep_to_the_limits_that_their_microgrids_have_in_that_very_slot(
    witnessed: tuple[System, Witness, Records],
) -> None:
    system, _, records = witnessed
    at, share = system.spec.station_microgrid, system.spec.station_share
    for ours, theirs in (("charge_limit_kw", "surplus_kw"), ("discharge_limit_kw", "discharge_limit_kw")):
        limit_kw, of_microgrid_kw = records["station_slots"].cube(ours), records["microgrid_slots"].cube(theirs)
        assert limit_kw.shape == (5, 12, 5)
        assert np.array_equal(limit_kw, of_microgrid_kw[..., at] * share)
        # Limits of slots and episodes differ, so that none can stand for another.
        assert len(np.unique(limit_kw[limit_kw > 0.0])) > 50


def test_every_slot_of_the_records_begins_as_the_one_before_has_ended(
    witnessed: tuple[System, Witness, Records],
) -> None:
    system, _, records = witnessed
    for table, start, end in (
        ("ev_slots", "energy_start_kwh", "energy_end_kwh"),
        ("microgrid_slots", "ess_start_kwh", "ess_end_kwh"),
        ("reference_slots", "ess_start_kwh", "ess_end_kwh"),
    ):
        begins, ends = records[table].cube(start), records[table].cube(end)
        assert begins.shape[:2] == (5, system.clock.slots)
        assert np.array_equal(begins[:, 1:], ends[:, :-1])
        assert (begins[:, -1] != ends[:, -1]).any()
    profile = system.profiles["load"]
    load_kw = records["microgrid_slots"].cube("load_kw")
    assert load_kw / load_kw[:, :1] == pytest.approx(np.broadcast_to((profile / profile[0])[:, None], load_kw.shape))


def test_a_controller_sees_the_slot_that_begins_and_of_the_last_one_what_it_brought(
    witnessed: tuple[System, Witness, Records],
) -> None:
    system, witness, records = witnessed
    slots = system.clock.slots

    def shown(name: str) -> np.ndarray:
        return witness.shown(name, slots)

    evs, stations, microgrids = (records[name] for name in ("ev_slots", "station_slots", "microgrid_slots"))
    assert np.array_equal(shown("episode"), np.repeat(np.arange(5), slots).reshape(5, slots))
    assert np.array_equal(shown("energy_kwh"), evs.cube("energy_start_kwh"))
    assert np.array_equal(shown("station_limit_kw")[..., 0], stations.cube("charge_limit_kw"))
    assert np.array_equal(shown("station_limit_kw")[..., 1], stations.cube("discharge_limit_kw"))
    assert np.array_equal(shown("surplus_forecast_kw")[..., 0], microgrids.cube("surplus_kw"))
    for name in ("shed_kw", "surplus_kw"):
        assert not shown(name)[:, 0].any()
        assert np.array_equal(shown(name)[:, 1:], microgrids.cube(name)[:, :-1])
    for name, now in (("station", shown("station")), ("state", shown("state"))):
        assert np.array_equal(now[:, 1:], evs.cube(name)[:, :-1])
    assert np.array_equal(shown("position_km")[:, 1:, :, 0], evs.cube("x_km")[:, :-1])


def test_idle_fleet_changes_nothing() -> None:
    records = records_of(load_system(SCENARIO, ["controller.name=idle"]), 2, 2)
    with_evs, without_evs = records["microgrid_slots"], records["reference_slots"]
    for column in ("shed_kw", "dg_kw", "curtailed_kw", "ess_end_kwh", "slack_kw", "losses_kwh"):
        assert np.array_equal(with_evs.columns[column], without_evs.columns[column])


def simulators_of(system: System, schedule: Schedule) -> tuple[object, ...]:
    return make_simulators(
        system,
        make_controller("idle", system.spec, {}),
        schedule,
        complete=False,
        on_slot=lambda replicas: None,
        on_batch=lambda episodes, records: None,
    )


def test_an_error_in_a_simulator_is_raised_as_it_is_and_leaves_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    system = load_system(SCENARIO)
    schedule = Schedule((0,), 1, 12)
    simulators = simulators_of(system, schedule)

    def fail(tick: int, received: object) -> dict[str, object]:
        raise SimulationError(f"broken in slot {tick}")

    monkeypatch.setattr(simulators.grid, "run_slot", fail)
    with pytest.raises(SimulationError, match="broken in slot 0"):
        run_world(simulators, schedule, 1800)
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


def test_an_error_while_the_world_is_built_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    system = load_system(SCENARIO)
    schedule = Schedule((0,), 1, 12)
    simulators = simulators_of(system, schedule)

    def fail(num: int, model: str, **params: object) -> list[object]:
        raise SimulationError("no entity")

    monkeypatch.setattr(simulators.traffic, "create", fail)
    with pytest.raises(SimulationError, match="no entity"):
        run_world(simulators, schedule, 1800)


def test_a_simulator_that_stops_half_way_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    system = load_system(SCENARIO)
    schedule = Schedule((0,), 1, 12)
    simulators = simulators_of(system, schedule)
    step = SlotSimulator.step

    def stop_early(self: SlotSimulator, time: int, inputs: object, max_advance: int) -> int:
        following = step(self, time, inputs, max_advance)
        # Says that it has nothing to do until after the end.
        return schedule.ticks if self is simulators.grid and time == 4 else following

    monkeypatch.setattr(SlotSimulator, "step", stop_early)
    with pytest.raises(SimulationError, match="'Grid' stopped at slot 5 of 12"):
        run_world(simulators, schedule, 1800)


def test_children_hand_out_scalars_of_replica_0() -> None:
    system = load_system(SCENARIO, ["controller.name=random"])
    schedule = Schedule((0, 1), 2, 12)
    simulators = simulators_of(system, schedule)
    run_world(simulators, schedule, 1800)
    data = simulators.grid.get_data({"Bus-17": ["vm_pu"], "Microgrid-4": ["shed_mw"]})
    assert data["Bus-17"]["vm_pu"] == simulators.grid.ports["record"][-1].buses.vm_pu[0, 17]
    assert data["Microgrid-4"]["shed_mw"] == simulators.grid.ports["record"][-1].microgrids.shed_kw[0, 4] / 1000
    data = simulators.traffic.get_data({"EV-5": ["soc"], "Station-2": ["p_mw", "queue_length"]})
    assert data["EV-5"]["soc"] == simulators.traffic.ports["state"].energy_kwh[0, 5] / 60
    assert data["Station-2"] == {"p_mw": simulators.traffic.ports["station_power_kw"][0, 2] / 1000, "queue_length": 0}


def test_one_slot_an_episode_is_enough() -> None:
    system = load_system(SCENARIO, ["controller.name=random", "clock.slots=1"])
    assert len(records_of(system, 3, 2)["microgrid_slots"]) == 3 * 5


def test_a_world_runs_where_an_event_loop_runs_already() -> None:
    system = load_system(SCENARIO, ["controller.name=random"])

    async def notebook() -> Records:
        return records_of(system, 1, 1)

    assert digest(asyncio.run(notebook())) == digest(records_of(system, 1, 1))
