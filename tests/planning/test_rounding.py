"""Whole EVs for the slot that begins."""

from __future__ import annotations

import numpy as np
import pytest
from planning_fleet import A, B, C, fleet, program

from cosim.planning.program import Prices
from cosim.planning.rounding import decide_first_moves

PRICES = Prices(drive=0.05, late=0.002)


def test_evs_alike_are_told_apart() -> None:
    # B has use for half of what they hold, C for the other half: the program may send a part of each EV.
    limits = (0.0, 0.0, 0.0), (0.0, 10.0, 13.0)
    fleet_program = program(fleet(size=4, slots=8), [B] * 4, 57.0, *limits, prices=PRICES, favourable=False)
    moves = decide_first_moves(fleet_program, 0.01)
    assert set(moves.station.tolist()) == {B, C}
    assert moves.power_kwh[moves.station == C].tolist() == pytest.approx([0.0] * np.count_nonzero(moves.station == C))
    assert moves.power_kwh.sum() == pytest.approx(-10.0, abs=0.5)


def test_an_ev_that_can_do_nothing_useful_stays() -> None:
    fleet_program = program(fleet(), [A], 6.0, (0.0, 0.0, 0.0), (0.0, 10.0, 0.0), prices=PRICES, favourable=False)
    moves = decide_first_moves(fleet_program, 0.01)
    assert moves.station.tolist() in ([A], [-1])
    assert moves.power_kwh.tolist() == [0.0]
