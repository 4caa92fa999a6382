"""What a controller that learns is told: each slot once, in order, as the records have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plain_loop import run_plain_loop

from agents.baselines.coordinated import CoordinatedController
from cosim.errors import ControllerError
from cosim.interface import Action, Observation, Outcome
from cosim.records.table import Records, joined
from cosim.schedule import Schedule
from cosim.system import System, load_system
from cosim.world import make_simulators, run_world

SCENARIO = Path(__file__).parents[1] / "scenarios" / "outage_33bus.yaml"


class Student:
    """Drives as the coordinated rule does, and writes down what it is told, and when."""

    def __init__(self, system: System) -> None:
        self.rule = CoordinatedController(system.spec)
        self.calls: list[tuple[str, int]] = []
        self.told: list[Outcome] = []

    def act(self, observation: Observation) -> Action:
        self.calls.append(("act", observation.slot))
        return self.rule.act(observation)

    def learn(self, outcome: Outcome) -> None:
        self.calls.append(("learn", outcome.slot))
        self.told.append(outcome)


def taught(replicas: int, *, plain: bool = False, credit: str = "team") -> tuple[Student, Records]:
    system = load_system(SCENARIO, ["network.engine=lindistflow", f"reward.credit={credit}"])
    student, parts, schedule = Student(system), [], Schedule((0, 1, 2), replicas, system.clock.slots)
    simulators = make_simulators(
        system,
        student,
        schedule,
        complete=True,
        on_slot=lambda _: None,
        on_batch=lambda _, records: parts.append(records),
    )
    if plain:
        run_plain_loop(simulators, schedule)
    else:
        run_world(simulators, schedule, system.clock.slot_s)
    return student, joined(parts)


@pytest.mark.parametrize(("replicas", "credit"), [(1, "team"), (2, "individual"), (3, "team")])
def test_every_slot_is_told_as_the_records_have_it(replicas: int, credit: str) -> None:
    student, records = taught(replicas, credit=credit)
    rewards, evs, grid = records["rewards"], records["ev_slots"], records["microgrid_slots"]
    seen = np.zeros((3, 12))
    for outcome in student.told:
        for replica, episode in enumerate(outcome.episode.tolist()):
            at = (episode, outcome.slot)
            seen[at] += 1
            assert outcome.shedding_reward[replica].tolist() == rewards.cube("shedding")[at].tolist()
            assert outcome.reward[replica].tolist() == rewards.cube("total")[at].tolist()
            assert outcome.discharged_kwh[replica].tolist() == evs.cube("discharged_kwh")[at].tolist()
            assert outcome.station[replica].tolist() == evs.cube("station")[at].tolist()
            assert outcome.shed_kw[replica].tolist() == grid.cube("shed_kw")[at].tolist()
            reference = records["reference_slots"].cube("shed_kw")
            assert outcome.reference_shed_kw[replica].tolist() == reference[at].tolist()
    assert (seen == 1).all()
    assert sum(outcome.shedding_reward.sum() for outcome in student.told) > 1.0


def test_a_slot_is_told_before_the_next_is_decided_and_the_last_one_too() -> None:
    student, _ = taught(3)
    expected = [("act", 0)]
    for slot in range(11):
        expected += [("learn", slot), ("act", slot + 1)]
    assert student.calls == [*expected, ("learn", 11)]


def test_a_plain_loop_tells_the_same() -> None:
    world, plain = taught(2)[0], taught(2, plain=True)[0]
    assert world.calls == plain.calls
    assert all(a.reward.tobytes() == b.reward.tobytes() for a, b in zip(world.told, plain.told, strict=True))


def test_a_controller_that_fails_to_learn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Student, outcome: Outcome) -> None:
        raise ZeroDivisionError("no samples")

    monkeypatch.setattr(Student, "learn", fail)
    with pytest.raises(ControllerError, match=r"episode 0, slot 0: Student.learn raised ZeroDivisionError: no samples"):
        taught(1)
