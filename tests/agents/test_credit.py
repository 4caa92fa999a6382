"""Credits of learning EVs, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from line_fleet import fleet, observe

from agents.board import IntentionBoard, Intentions
from agents.credit import Credit, CreditWeights, TeamCredit
from agents.options import Outlook
from cosim.interface import Outcome

B = 1


def outcome(**changes: Any) -> Outcome:
    zero, none = np.zeros((1, 2)), np.zeros((1, 3))
    values: dict[str, Any] = dict.fromkeys(
        ("shedding_reward", "cost_reward", "penalty_reward", "charged_kwh", "discharged_kwh", "driven_km"), zero
    )
    values |= {"station": np.full((1, 2), B), "shed_kw": none, "reference_shed_kw": none}
    return Outcome(slot=0, episode=np.zeros(1, dtype=int), **{**values, **changes})


def expected(credit: Credit, offers_kwh: tuple[float, float], deficit_kw: float) -> None:
    """Two EVs at B that mean to feed in now."""
    spec, observation = fleet(2), observe([[12, 12]], 57.0, deficit_kw=(0.0, deficit_kw, 0.0))
    board = IntentionBoard(2, 3, spec.slots)
    board.begin(1)
    offers = np.zeros((2, 12))
    offers[:, 0] = -np.array(offers_kwh)
    board.publish(np.zeros(2, dtype=int), np.arange(2), Intentions(np.full(2, B), np.zeros(2, dtype=int), offers))
    credit.begin(1)
    credit.expect(board, Outlook(spec, observation))


def test_half_is_for_what_an_ev_fed_in_half_for_what_would_have_been_lacking() -> None:
    # 20 kWh are needed, 15 and 12 offered: without the first 8 are lacking, without the second 5.
    credit = Credit(fleet(2), CreditWeights(scale=1.0))
    expected(credit, (15.0, 12.0), 40.0)
    found = credit.of_slot(outcome(discharged_kwh=np.array([[15.0, 5.0]]), driven_km=np.array([[0.0, 10.0]])))
    assert found[0] == pytest.approx([0.5 * 15 + 0.5 * 8, 0.5 * 5 + 0.5 * 5 - 0.3 * 10 * 0.2])


def test_who_has_fed_nothing_earns_nothing_for_what_it_meant_to() -> None:
    credit = Credit(fleet(2), CreditWeights(scale=1.0))
    expected(credit, (15.0, 12.0), 40.0)
    assert credit.of_slot(outcome(charged_kwh=np.array([[10.0, 0.0]])))[0] == pytest.approx([-0.15, 0.0])


def test_a_microgrid_that_lags_behind_counts_more() -> None:
    credit = Credit(fleet(2), CreditWeights(scale=1.0))
    expected(credit, (15.0, 5.0), 100.0)
    # So far B has half of its load back and C all of it: mean 3/4, so B counts 1 + 1/4.
    credit.of_slot(outcome(shed_kw=np.array([[0, 50.0, 0]]), reference_shed_kw=np.array([[0, 100.0, 100.0]])))
    found = credit.of_slot(outcome(discharged_kwh=np.array([[15.0, 5.0]])))
    assert found[0] == pytest.approx([1.25 * 15, 1.25 * 5])


def test_a_team_earns_in_equal_parts() -> None:
    credit = TeamCredit(fleet(2), scale=1.0)
    credit.begin(1)
    found = credit.of_slot(
        outcome(
            shed_kw=np.array([[0, 50.0, 0]]),
            reference_shed_kw=np.array([[0, 100.0, 30.0]]),
            driven_km=np.array([[10.0, 0.0]]),
            charged_kwh=np.array([[0.0, 20.0]]),
        )
    )
    assert found[0] == pytest.approx([(40.0 - 0.3 * 2.0 - 0.015 * 20.0) / 2] * 2)
