"""What commuters keep while they learn, and what they are paid for."""

from __future__ import annotations

import numpy as np
import pytest
from commuter_fleet import day, handed_on_by, learned

from agents.catalogue import find_line, make_algorithm, make_settings
from agents.commuters.learning import CommuterFleet, action_of
from agents.commuters.view import HERE
from cosim.episodes import VALIDATION
from cosim.errors import ControllerError
from cosim.experiment import run


def test_rewards_are_those_of_the_records_less_those_of_a_day_without_evs() -> None:
    system = day("fleet.size=6")
    found, records = learned(system, 0, 1)
    paid = records["rewards"].cube("total")
    idle = day("fleet.size=6", "controller.name=idle")
    without = run(idle, episodes=2, replicas=2).records["rewards"].cube("total")[..., :1]
    assert found.kept["reward"] == pytest.approx(paid - without, abs=1e-4)
    assert found.reward == pytest.approx(found.kept["reward"].sum(axis=1).mean(), rel=1e-6)
    assert found.restoration is None


def test_what_was_done_is_kept() -> None:
    found, records = learned(day("fleet.size=6"), 0, 1)
    evs = records["ev_slots"]
    here = found.kept["own"][..., HERE] > 0.0
    told = np.where(here, found.kept["action"], 0.0)
    assert told == pytest.approx(evs.cube("power_share"), abs=1e-6)
    assert found.kept["own"][..., 1] == pytest.approx(evs.cube("energy_start_kwh"), abs=1e-5)


def test_validation_neither_explores_nor_keeps() -> None:
    system = day("fleet.size=4")
    found, records = learned(system, VALIDATION.start, rate=1.0)
    assert found.validates
    assert set(found.kept) == {"reward"}
    line = find_line("v2g-dt-maddpg")
    fleet = CommuterFleet(system.spec, make_algorithm(line, system.spec, make_settings(line, {}), 0))
    _, again = handed_on_by(system, fleet, (VALIDATION.start,), [found])
    assert records["ev_slots"].cube("power_share").tolist() == again["ev_slots"].cube("power_share").tolist()


def test_decisions_do_not_depend_on_who_is_beside() -> None:
    system = day("fleet.size=4")
    _, alone = learned(system, VALIDATION.start)
    _, beside = learned(system, VALIDATION.start, VALIDATION.start + 1)
    shares = [records["ev_slots"].cube("power_share")[0].tolist() for records in (alone, beside)]
    assert shares[0] == shares[1]


def test_who_is_away_is_told_nothing() -> None:
    spec = day("fleet.size=2").spec
    seen = {"own": np.array([[[1.0, 30.0, 5.0], [0.0, 30.0, 5.0]]], dtype=np.float32)}
    action = action_of(spec, seen, np.array([[0.7, -0.7]], dtype=np.float32))
    assert action.power_share[0].tolist() == [pytest.approx(0.7), 0.0]
    assert not action.distance_km.any()


def test_another_reward_is_refused() -> None:
    with pytest.raises(ControllerError, match=r"reward\.form=v2g"):
        learned(day("fleet.size=2", "reward.form=avoided"), 0)


def test_no_share_is_beyond_what_may_be_scheduled() -> None:
    system = day("fleet.size=6", "fleet.p_sch_max=0.3")
    found, records = learned(system, 0, 1, rate=1.0)
    assert found.kept["action"].min() == np.float32(-0.3)
    evs = records["ev_slots"]
    told = np.where(found.kept["own"][..., HERE] > 0.0, found.kept["action"], 0.0)
    assert told == pytest.approx(evs.cube("power_share"), abs=1e-6)
