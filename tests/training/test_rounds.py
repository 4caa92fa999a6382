"""Rounds of training and of validation, from the beginning or from anywhere."""

from __future__ import annotations

import pytest

from cosim.episodes import VALIDATION
from cosim.training.rounds import Plan


def kinds(plan: Plan, done: int = 0, validated: bool = False) -> str:
    return "".join("v" if of_round.validates else "t" for of_round in plan.rest(done, validated))


def test_validation_stands_between_rounds_and_at_the_end() -> None:
    plan = Plan(18 * 4 - 1, 4)
    rounds = list(plan.rest(0, False))
    assert kinds(plan) == "t" * 8 + "v" + "t" * 8 + "v" + "tt" + "v"
    assert [n for of_round in rounds if not of_round.validates for n in of_round.episodes] == list(range(72))
    assert {of_round.episodes for of_round in rounds if of_round.validates} == {tuple(VALIDATION[:4])}


@pytest.mark.parametrize(
    ("done", "validated", "left"),
    [
        (7, False, "tvtttv"),
        (8, False, "vtttv"),
        (8, True, "tttv"),
        (9, False, "ttv"),
        (11, False, "v"),
        (11, True, ""),
    ],
)
def test_what_is_left_begins_anywhere(done: int, validated: bool, left: str) -> None:
    assert kinds(Plan(11, 1), done, validated) == left
    numbers = [of_round.episodes[0] for of_round in Plan(11, 1).rest(done, validated) if not of_round.validates]
    assert numbers == list(range(done, 11))
