"""Settings of lines: numbers, texts, true and false; what is not allowed is said in one line."""

from __future__ import annotations

from typing import Any

import pytest
from commuter_fleet import fleet_for

from agents.catalogue import LINES, check_fleet, find_line, make_algorithm, make_settings
from cosim.errors import ControllerError


def test_settings_of_each_kind_are_read() -> None:
    made = make_settings(find_line("maddpg"), {"critic": "set", "gamma": 1, "slots": 4})
    assert (made.critic, made.gamma, made.slots, made.head) == ("set", 1.0, 4, "literal")
    assert isinstance(made.gamma, float)
    assert make_settings(find_line("admaddpg-literal"), {"literal_index": True}).literal_index is True
    assert make_settings(find_line("maddpg-pointer"), {}).head == "pointer"


@pytest.mark.parametrize(
    ("line", "given", "problem"),
    [
        ("maddpg", {"critic": "sets"}, "algorithm.critic: must be one of concatenate, set, messages, got 'sets'"),
        ("maddpg", {"others": 3}, "algorithm.others: must be one of replay, current, got 3"),
        ("maddpg", {"credit": True}, "algorithm.credit: must be one of individual, team, got True"),
        ("maddpg", {"gamma": True}, "algorithm.gamma: must be a number of at least 0, got True"),
        ("maddpg", {"gamma": float("nan")}, "algorithm.gamma: must be a number of at least 0, got nan"),
        ("maddpg", {"slots": "8"}, "algorithm.slots: must be a whole number of at least 1, got '8'"),
        ("maddpg-pointer", {"head": "literal"}, "algorithm.head: is 'pointer' in maddpg-pointer"),
        ("admaddpg-literal", {"literal_index": 1}, "algorithm.literal_index: must be true or false, got 1"),
        ("maddqn", {"epsilon_until": 0}, "algorithm.epsilon_until: must be above 0, got 0"),
        (
            "admaddpg-literal",
            {"literal_index": True, "steps": 1},
            "algorithm.literal_index: with steps=1 the value of a slot would be its own; set steps to 2 or more",
        ),
    ],
)
def test_what_is_not_allowed_is_said(line: str, given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ControllerError) as caught:
        make_settings(find_line(line), given)
    assert str(caught.value) == problem


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_each_line_can_be_made_and_repeats(line: Any) -> None:
    weights = [make_algorithm(line, fleet_for(line, 3), make_settings(line, {}), seed).weights() for seed in (0, 0, 1)]
    assert all(bool((weights[0][name] == value).all()) for name, value in weights[1].items())
    assert any(bool((weights[0][name] != value).any()) for name, value in weights[2].items())


def test_a_line_may_have_other_defaults() -> None:
    alone, central = (make_settings(find_line(name), {}) for name in ("v2g-il", "v2g-maddpg"))
    assert (alone.critics, central.critics) == (1, 2)
    assert make_settings(find_line("v2g-il"), {"critics": 2}).critics == 2


def test_a_line_guides_one_kind_of_fleet() -> None:
    for line in LINES:
        check_fleet(line, spec_commutes=line.commutes)
        with pytest.raises(ControllerError, match=f"{line.name} guides EVs that"):
            check_fleet(line, spec_commutes=not line.commutes)
