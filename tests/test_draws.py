"""Whoever draws random numbers, or records, beside the others changes nobody else's draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.baselines.idle import IdleController
from cosim.interface import Action, Observation
from cosim.records.table import Records, joined
from cosim.schedule import Schedule
from cosim.seeding import stream
from cosim.system import System, load_system
from cosim.traffic.model import TrafficModel
from cosim.world import make_simulators, run_world

SCENARIO = Path(__file__).parents[1] / "scenarios" / "outage_33bus.yaml"


class RestlessController(IdleController):
    """Stays, but draws: from its own streams, from those of others, and from numpy's global one."""

    def act(self, observation: Observation) -> Action:
        for replica, episode in enumerate(observation.episode.tolist()):
            observation.random(replica).random(100)
            for name in ("fleet.start", "uncertainty.load", "uncertainty.traffic", "forecast", "a.new.one"):
                stream(1, episode, name).random(7)
        np.random.random(5)  # noqa: NPY002 - that of others
        return super().act(observation)


def records_of(system: System, restless: bool = False, complete: bool = True) -> Records:
    batches: list[Records] = []
    schedule = Schedule((0, 1, 2), 2, system.clock.slots)
    simulators = make_simulators(
        system,
        RestlessController(system.spec) if restless else IdleController(system.spec),
        schedule,
        complete=complete,
        on_slot=lambda replicas: None,
        on_batch=lambda episodes, records: batches.append(records),
    )
    run_world(simulators, schedule, system.clock.slot_s)
    return joined(batches)


def same(first: Records, second: Records, tables: list[str]) -> None:
    for table in tables:
        for column, values in first[table].columns.items():
            other = second[table].columns[column]
            assert np.asarray(values, dtype=object).tolist() == np.asarray(other, dtype=object).tolist() or (
                np.array_equal(values, other, equal_nan=True)
            ), f"{table}.{column}"


def test_a_controller_that_draws_changes_nothing_else() -> None:
    system = load_system(SCENARIO)
    still, restless = records_of(system), records_of(system, restless=True)
    same(still, restless, list(still))


def test_a_forecast_that_draws_changes_nothing_else() -> None:
    kinds = ("{kind: perfect}", "{kind: noisy, error: 0.2}")
    without, with_draws = (records_of(load_system(SCENARIO, [f"forecast={kind}"])) for kind in kinds)
    same(without, with_draws, list(without))


@pytest.mark.parametrize("kind", ["load", "pv", "wt", "traffic"])
def test_noise_on_one_thing_is_not_felt_by_another(kind: str) -> None:
    as_it_is = records_of(load_system(SCENARIO))
    other = records_of(load_system(SCENARIO, [f"uncertainty.{kind}.std=0.0"]))
    column = {"load": "load_kw", "pv": "pv_available_kw", "wt": "wt_available_kw"}
    for name, drawn in column.items():
        equal = np.array_equal(as_it_is["reference_slots"].columns[drawn], other["reference_slots"].columns[drawn])
        assert equal == (name != kind), drawn
    flows = [records["road_slots"].columns["flow_vph"] for records in (as_it_is, other)]
    assert np.array_equal(*flows) == (kind != "traffic")
    same(as_it_is, other, ["ev_slots"])


def test_records_that_nobody_needs_change_nothing() -> None:
    system = load_system(SCENARIO, ["controller.name=random"])
    complete, lean = records_of(system), records_of(system, complete=False)
    assert set(complete) - set(lean) == {"rewards", "road_slots", "trips"}
    same(lean, complete, list(lean))


def test_one_more_random_stream_in_the_model_changes_nobody_elses_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    system = load_system(SCENARIO)
    before = records_of(system)
    begin = TrafficModel.begin

    def begin_and_draw(self: TrafficModel, episodes: list[int]) -> None:
        for episode in episodes:
            stream(system.scenario.seed, episode, "traffic.incidents").random(11)
        begin(self, episodes)

    monkeypatch.setattr(TrafficModel, "begin", begin_and_draw)
    same(before, records_of(system), list(before))
