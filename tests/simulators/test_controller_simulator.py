"""What a controller sees, and what is said when its answer is no action."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cosim.errors import ControllerError
from cosim.grid.model import Outlook
from cosim.interface import Action, Observation
from cosim.schedule import Schedule
from cosim.seeding import stream
from cosim.simulators.controller import ControllerSimulator, check_action
from cosim.traffic.fleet_state import FleetState

SPEC: Any = SimpleNamespace(fleet_size=3, max_move_km=10.0, max_discharge_share=0.7)
EPISODES = (4, 5)
NO_REWARD: Any = None


def action(**changes: Any) -> Action:
    return replace(Action.stay(2, 3), **changes)


def with_one(value: float) -> np.ndarray[Any, Any]:
    values = np.zeros((2, 3))
    values[1, 2] = value
    return values


def message(answer: Any) -> str:
    with pytest.raises(ControllerError) as caught:
        check_action(answer, SPEC, EPISODES, 9)
    return str(caught.value)


def test_a_good_action_comes_back_stacked() -> None:
    given = action(heading_rad=with_one(1.0), distance_km=with_one(2.0), power_share=with_one(-0.5))
    checked = check_action(given, SPEC, EPISODES, 9)
    assert checked.shape == (2, 3, 3)
    assert checked[1, 2].tolist() == [1.0, 2.0, -0.5]
    assert np.count_nonzero(checked) == 3


def test_rounding_beyond_a_bound_is_clipped() -> None:
    given = action(heading_rad=with_one(-5e-10), distance_km=with_one(10.0 + 5e-10), power_share=with_one(-0.7 - 5e-10))
    assert check_action(given, SPEC, EPISODES, 9)[1, 2].tolist() == [0.0, 10.0, -0.7]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("heading_rad", 7.0, "heading_rad must be in [0, 6.283185307], got 7.0"),
        ("heading_rad", -0.1, "heading_rad must be in [0, 6.283185307], got -0.1"),
        ("distance_km", 10.0001, "distance_km must be in [0, 10], got 10.0001"),
        ("distance_km", 10.00000001, "distance_km must be in [0, 10], got 10.00000001"),
        ("distance_km", math.inf, "distance_km must be in [0, 10], got inf"),
        ("power_share", -0.71, "power_share must be in [-0.7, 1], got -0.71"),
        ("power_share", 1.5, "power_share must be in [-0.7, 1], got 1.5"),
        ("power_share", math.nan, "power_share must be in [-0.7, 1], got nan"),
    ],
)
def test_a_value_out_of_range_is_named_with_episode_slot_and_ev(name: str, value: float, problem: str) -> None:
    assert message(action(**{name: with_one(value)})) == f"episode 5, slot 9, EV 2: {problem}"


def test_what_is_no_action_is_named() -> None:
    assert message(None) == "slot 9: act must return an Action, got NoneType"
    assert message((0, 0, 0)) == "slot 9: act must return an Action, got tuple"


def test_a_wrong_shape_is_named_with_the_right_one() -> None:
    problem = "slot 9: distance_km must have shape (2, 3) [R, I], got "
    assert message(action(distance_km=np.zeros((3, 2)))) == f"{problem}(3, 2)"
    assert message(action(distance_km=np.zeros((2, 3, 1)))) == f"{problem}(2, 3, 1)"
    assert message(action(distance_km=0.0)) == f"{problem}()"


def test_what_is_no_number_is_named() -> None:
    assert message(action(power_share=[["much"] * 3] * 2)).startswith(
        "slot 9: power_share must be an array of numbers ("
    )
    assert message(action(power_share=[[0.0], [0.0, 1.0]])).startswith(
        "slot 9: power_share must be an array of numbers ("
    )


def test_lists_and_integers_will_do() -> None:
    given = action(heading_rad=[[0, 1, 2], [3, 4, 5]], power_share=np.ones((2, 3), dtype=np.int32))
    assert check_action(given, SPEC, EPISODES, 9)[1, :, 0].tolist() == [3.0, 4.0, 5.0]


class Watcher:
    """Keeps what it sees, and draws a number for each replica."""

    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self.drawn: dict[tuple[int, int], float] = {}

    def act(self, observation: Observation) -> Action:
        self.seen.append(observation)
        for replica, episode in enumerate(observation.episode.tolist()):
            self.drawn[episode, observation.slot] = observation.random(replica).random()
        return Action.stay(observation.replicas, 3)


def ports(replicas: int, value: float) -> dict[str, Any]:
    return {
        "state": FleetState(*(np.full((replicas, 2), value) for _ in fields(FleetState))),
        "outlook": Outlook(*(np.full((replicas, 2), value) for _ in fields(Outlook))),
    }


def watched(replicas: int, episodes: int = 3, slots: int = 2) -> Watcher:
    watcher = Watcher()
    schedule = Schedule(tuple(range(episodes)), replicas, slots)
    simulator = ControllerSimulator(watcher, SPEC, 11, schedule, NO_REWARD)
    for tick in range(schedule.ticks):
        simulator.run_slot(tick, ports(len(schedule.batch_at(tick)), tick + 1.0))
    return watcher


def test_an_observation_is_what_came_in() -> None:
    first, second, third, *_ = watched(2).seen
    assert (first.slot, second.slot, third.slot) == (0, 1, 0)
    assert (first.energy_kwh == 1.0).all()
    assert (second.station_limit_kw == 2.0).all()
    # The second batch is narrower than the first.
    assert third.episode.tolist() == [2]
    assert third.shed_kw.shape == third.energy_kwh.shape == (1, 2)


def test_each_episode_has_a_random_stream_of_its_own() -> None:
    expected = {
        (episode, slot): stream(11, episode, "controller").random(slot + 1)[-1]
        for episode in range(3)
        for slot in range(2)
    }
    assert watched(1).drawn == watched(2).drawn == watched(3).drawn == expected


def test_a_controller_may_work_on_its_observation_but_not_on_the_ports() -> None:
    class Scribbler(Watcher):
        def act(self, observation: Observation) -> Action:
            for f in (*fields(FleetState), *fields(Outlook)):
                getattr(observation, f.name)[:] = -1.0
            return Action.stay(2, 3)

    received = ports(2, 5.0)
    ControllerSimulator(Scribbler(), SPEC, 11, Schedule((0, 1), 2, 2), NO_REWARD).run_slot(1, received)
    assert all((values == 5.0).all() for port in received.values() for values in vars(port).values())
