"""Who listens changes nothing of what it listens to."""

from __future__ import annotations

import pytest
from line_fleet import fleet

from agents.baselines.coordinated import CoordinatedController
from agents.baselines.greedy import GreedyController
from agents.twins.eavesdropper import Eavesdropper, board_of
from cosim.errors import ControllerError
from cosim.interface import LearningController, Outcome

SPEC = fleet(2)


class Learns(CoordinatedController):
    def learn(self, outcome: Outcome) -> None:
        raise LookupError("told")


def test_only_fleets_with_a_board_can_be_heard() -> None:
    talks, silent = CoordinatedController(SPEC), GreedyController(SPEC)
    assert board_of(talks) is talks.board
    assert board_of(silent) is None
    with pytest.raises(ControllerError, match="controller 'greedy' shares nothing"):
        Eavesdropper(SPEC, silent, "greedy")


def test_a_fleet_that_learns_goes_on_to_learn() -> None:
    assert not isinstance(Eavesdropper(SPEC, CoordinatedController(SPEC), "rule"), LearningController)
    heard = Eavesdropper(SPEC, Learns(SPEC), "learner")
    assert isinstance(heard, LearningController)
    with pytest.raises(LookupError, match="told"):
        heard.learn(None)  # type: ignore[arg-type]
