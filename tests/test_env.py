"""The PettingZoo environment: what PettingZoo asks of it, the same bits as a run, and mistakes in one line."""

from __future__ import annotations

import importlib
import math
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

import cosim
from agents.baselines.coordinated import CoordinatedController
from cosim.env import OutageParallelEnv
from cosim.errors import ControllerError, ScenarioError, SimulationError
from cosim.interface import Action, Observation
from cosim.records.table import Records, joined
from cosim.schedule import Schedule
from cosim.simulators.grid import GridSimulator
from cosim.system import System
from cosim.world import make_simulators, run_world

SCENARIO = Path(__file__).parents[1] / "scenarios" / "outage_33bus.yaml"
QUICK = ["network.engine=lindistflow", "fleet.size=6"]
STAY = np.zeros(3)


@pytest.fixture(scope="module")
def system() -> System:
    return cosim.load(SCENARIO, QUICK)


@pytest.fixture
def env(system: System) -> OutageParallelEnv:
    return OutageParallelEnv(system)


def everybody(env: OutageParallelEnv, action: Any = STAY) -> dict[str, Any]:
    return dict.fromkeys(env.agents, action)


def sampled(env: OutageParallelEnv) -> dict[str, Any]:
    return {agent: env.action_space(agent).sample() for agent in env.agents}


def by_agent(action: Action) -> dict[str, Any]:
    numbers = np.stack([action.heading_rad[0], action.distance_km[0], action.power_share[0]], axis=1)
    return {f"ev_{ev}": row for ev, row in enumerate(numbers)}


def same(first: Records, second: Records) -> bool:
    """Whether all tables of the first are in the second, to the last bit."""
    assert len(first) > 8
    for name, table in first.items():
        for column, values in table.columns.items():
            others = second[name].columns[column]
            if isinstance(values, np.ndarray):
                assert values.dtype == others.dtype, (name, column)
                assert values.tobytes() == others.tobytes(), (name, column)
            assert list(map(str, values)) == list(map(str, others)), (name, column)
    return True


@pytest.mark.parametrize("radius_km", [None, 8.0])
def test_pettingzoo_accepts_it(system: System, radius_km: float | None) -> None:
    parallel_api_test(OutageParallelEnv(system, radius_km=radius_km), num_cycles=30)
    parallel_seed_test(lambda: OutageParallelEnv(system, radius_km=radius_km), num_cycles=30)


class Replay:
    """Gives actions that were written down, by episode and slot."""

    def __init__(self, written: list[list[dict[str, Any]]]) -> None:
        self.written = written

    def act(self, observation: Observation) -> Action:
        (episode,) = observation.episode
        numbers = np.array(list(self.written[episode][observation.slot].values()), dtype=np.float64)
        return Action(*numbers.T[:, None])


def test_random_actions_give_the_bits_of_a_mosaik_run(env: OutageParallelEnv, system: System) -> None:
    for number, agent in enumerate(env.possible_agents):
        env.action_space(agent).seed(number)
    written: list[list[dict[str, Any]]] = []
    ended, rewards = [], []
    for _ in range(2):
        env.reset()
        written.append([])
        while env.agents:
            written[-1].append(sampled(env))
            rewards.append(list(env.step(written[-1][-1])[1].values()))
        assert env.records is not None
        ended.append(env.records)
    parts: list[Records] = []
    schedule = Schedule((0, 1), 1, system.clock.slots)
    simulators = make_simulators(
        system,
        Replay(written),
        schedule,
        complete=True,
        on_slot=lambda _: None,
        on_batch=lambda _, records: parts.append(records),
    )
    run_world(simulators, schedule, system.clock.slot_s)
    assert same(joined(ended), joined(parts))
    assert np.concatenate([part["rewards"].cube("total")[0] for part in parts]).tolist() == rewards
    assert (ended[0]["ev_slots"].cube("driven_km") > 0.0).any()


def test_a_controller_that_looks_through_it_gives_the_bits_of_a_run(env: OutageParallelEnv, system: System) -> None:
    parts = []
    for episode in range(2):
        env.reset(options={"episode": episode})
        rule = CoordinatedController(env.spec)
        while env.agents:
            assert env.seen is not None
            env.step(by_agent(rule.act(env.seen)))
        assert env.records is not None
        parts.append(env.records)
        metrics = env.metrics
    results = cosim.run(cosim.load(SCENARIO, [*QUICK, "controller.name=coordinated"]), episodes=2)
    assert results.records is not None
    assert same(joined(parts), results.records)
    assert metrics["load_restoration_ratio"] == results.episodes["load_restoration_ratio"][1] > 0.1


def test_an_episode_ends_terminated_after_its_last_slot(env: OutageParallelEnv) -> None:
    _, infos = env.reset()
    assert env.agents == env.possible_agents == [f"ev_{ev}" for ev in range(6)]
    assert infos["ev_5"] == {"episode": 0}
    for slot in range(12):
        assert env.metrics == {}
        observations, rewards, terminated, truncated, infos = env.step(everybody(env))
        assert set(observations) == set(rewards) == set(terminated) == set(truncated) == set(infos)
        assert set(terminated.values()) == {slot == 11}
        assert set(truncated.values()) == {False}
        assert infos["ev_2"]["slot"] == slot
        assert observations["ev_2"]["own"][3] == np.float32((slot + 1) / 12)
        assert env.observation_space("ev_2").contains(observations["ev_2"])
    assert env.agents == []
    # Nobody needs energy when the outage is over.
    assert not observations["ev_0"]["image"][0].any()
    assert observations["ev_0"]["image"][1:].any(axis=(1, 2)).all()
    assert env.metrics["load_restoration_ratio"] == 0.0
    with pytest.raises(ControllerError, match=r"^no episode is going on: call reset\(\) before step\(\)$"):
        env.step({})


def test_infos_have_each_term_of_the_reward(env: OutageParallelEnv) -> None:
    env.reset()
    west = np.array([math.pi, 10.0, -0.5])
    while env.agents:
        _, rewards, _, _, infos = env.step(everybody(env, west))
        for agent, info in infos.items():
            terms = (info["shedding_reward"], info["cost_reward"], info["penalty_reward"])
            assert rewards[agent] == terms[0] + terms[1] + terms[2]
    assert min(info["penalty_reward"] for info in infos.values()) == -0.1
    assert set(infos["ev_0"]) >= {"charged_kwh", "discharged_kwh", "driven_km", "station", "episode", "slot"}


def test_episodes_count_on_and_a_seed_is_that_of_a_run(env: OutageParallelEnv, system: System) -> None:
    def begun(**how: Any) -> tuple[int, bytes]:
        observations, infos = env.reset(**how)
        return infos["ev_0"]["episode"], b"".join(seen["own"].tobytes() for seen in observations.values())

    first, second, third = begun(), begun(), begun()
    assert [episode for episode, _ in (first, second, third)] == [0, 1, 2]
    assert len({own for _, own in (first, second, third)}) == 3
    assert begun(seed=7)[1] != first[1]
    assert begun()[0] == 1
    assert begun(options={"episode": 5, "anything": None})[0] == 5
    assert begun(seed=np.int64(1), options={"episode": 2}) == third
    assert begun(seed=1) == first
    other = OutageParallelEnv(SCENARIO, [*QUICK, "seed=7"])
    assert other.reset()[0]["ev_0"]["own"].tobytes() == env.reset(seed=7)[0]["ev_0"]["own"].tobytes()
    assert system.scenario.seed == 1


def test_all_agents_share_one_image_that_cannot_be_spoilt(env: OutageParallelEnv) -> None:
    observations, _ = env.reset()
    assert observations["ev_0"]["image"] is observations["ev_5"]["image"]
    with pytest.raises(ValueError, match="read-only"):
        observations["ev_0"]["image"][0] = 0.0
    state = env.state()
    assert state.shape == (3 * 32 * 32 + 6 * 7,)
    assert (state[: 3 * 32 * 32].reshape(3, 32, 32) == observations["ev_0"]["image"]).all()


def test_with_a_radius_an_ev_sees_less(system: System) -> None:
    far, near = OutageParallelEnv(system), OutageParallelEnv(system, radius_km=5.0)
    whole, part = (env.reset()[0]["ev_0"]["image"] for env in (far, near))
    seen = part != 0.0
    assert 0 < seen.sum() < (whole != 0.0).sum()
    assert (part[seen] == whole[seen]).all()


def test_the_space_allows_nothing_that_is_refused(system: System) -> None:
    env = OutageParallelEnv(SCENARIO, [*QUICK, "fleet.p_sch_max=0.8", "fleet.l_max=0.7"])
    env.reset()
    for bound in ("low", "high"):
        env.step({agent: getattr(env.action_space(agent), bound) for agent in env.agents})
    space = env.action_space("ev_0")
    assert space.dtype == np.float32
    assert np.allclose(space.high, [2.0 * math.pi, 7.0, 1.0])
    assert np.allclose(space.low, [0.0, 0.0, -0.8])


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ([0.0, 0.0], "the action of 'ev_3' must have shape (3,): heading_rad, distance_km, power_share; got (2,)"),
        (1.0, "the action of 'ev_3' must have shape (3,): heading_rad, distance_km, power_share; got ()"),
        ([0, math.nan, 0], "episode 0, slot 1, EV 3: distance_km must be in [0, 10], got nan"),
        ([0, 0, -0.8], "episode 0, slot 1, EV 3: power_share must be in [-0.7, 1], got -0.8"),
        ([-1, 0, 0], "episode 0, slot 1, EV 3: heading_rad must be in [0, 6.283185307], got -1.0"),
    ],
)
def test_a_bad_action_is_named_and_can_be_put_right(env: OutageParallelEnv, action: Any, problem: str) -> None:
    env.reset()
    env.step(everybody(env))
    with pytest.raises(ControllerError) as caught:
        env.step({**everybody(env), "ev_3": action})
    assert str(caught.value) == problem
    assert env.step(everybody(env))[4]["ev_0"]["slot"] == 1


def test_actions_must_be_numbers_of_all_agents(env: OutageParallelEnv) -> None:
    def message(actions: Any) -> str:
        with pytest.raises(ControllerError) as caught:
            env.step(actions)
        return str(caught.value)

    env.reset()
    of_all = "actions must be those of the 6 agents in env.agents"
    assert message(None) == "actions must be a dictionary by agent, got NoneType"
    assert message({"ev_0": STAY}) == f"'ev_1' has no action; {of_all}"
    assert message({**everybody(env), "ev_6": STAY}) == f"there is no agent 'ev_6'; {of_all}"
    assert message(everybody(env, "left")).startswith("the action of 'ev_0' must be an array of numbers (")


def test_nothing_before_the_first_reset(env: OutageParallelEnv) -> None:
    with pytest.raises(ControllerError, match=r"call reset\(\) before step"):
        env.step({})
    with pytest.raises(ControllerError, match=r"call reset\(\) first"):
        env.state()
    assert (env.agents, env.records, env.metrics) == ([], None, {})


def test_a_slot_that_failed_is_not_gone_on_from(env: OutageParallelEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> dict[str, Any]:
        raise ZeroDivisionError("no grid")

    env.reset()
    with monkeypatch.context() as patch, pytest.raises(SimulationError, match="slot 0 of episode 0: ZeroDivisionError"):
        patch.setattr(GridSimulator, "run_slot", fail)
        env.step(everybody(env))
    with pytest.raises(ControllerError, match=r"call reset\(\) before step"):
        env.step(everybody(env))
    env.reset(options={"episode": 0})
    while env.agents:
        env.step(everybody(env))
    assert env.metrics["load_restoration_ratio"] == 0.0


def test_wrong_arguments_are_named(env: OutageParallelEnv, system: System) -> None:
    for how, problem in (
        ({"seed": -1}, "seed must be a whole number, at least 0, got -1"),
        ({"seed": 1.5}, "seed must be a whole number, at least 0, got 1.5"),
        ({"options": {"episode": "2"}}, "episode must be a whole number, at least 0, got '2'"),
    ):
        with pytest.raises(ValueError, match=f"^{problem}$"):
            env.reset(**how)  # type: ignore[arg-type]
    for radius_km in (-1.0, math.nan):
        with pytest.raises(ValueError, match=r"^radius_km must be at least 0, or None to see all of the map, got"):
            OutageParallelEnv(system, radius_km=radius_km)
    with pytest.raises(ValueError, match="overrides are for a scenario file"):
        OutageParallelEnv(system, ["seed=2"])


def test_a_fleet_of_nobody_goes_through_its_slots() -> None:
    env = OutageParallelEnv(SCENARIO, ["network.engine=lindistflow", "fleet.size=0"])
    assert env.reset() == ({}, {})
    for _ in range(12):
        assert env.step({}) == ({}, {}, {}, {}, {})
    assert env.metrics["load_restoration_ratio"] == 0.0
    assert env.state().shape == (3 * 32 * 32,)


def test_it_can_be_sent_to_another_process_before_it_begins(env: OutageParallelEnv) -> None:
    twin = pickle.loads(pickle.dumps(env))
    assert twin.reset()[0]["ev_1"]["own"].tolist() == env.reset()[0]["ev_1"]["own"].tolist()


def test_what_must_be_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pettingzoo", None)
    monkeypatch.delitem(sys.modules, "cosim.env")
    with pytest.raises(ModuleNotFoundError, match=r"^cosim.env needs 'pettingzoo': pip install 'ev-cosim\[env\]'$"):
        importlib.import_module("cosim.env")


def test_commuters_are_refused() -> None:
    with pytest.raises(ScenarioError, match=r"fleet\.commute: the environment is of an outage"):
        OutageParallelEnv(SCENARIO.with_name("v2g_day.yaml"))
