"""What the others intend at each station, by hand on a line of three stations."""

from __future__ import annotations

import numpy as np
import pytest
from line_fleet import fleet, observe

from agents.board import IntentionBoard, Intentions
from agents.options import CHARGERS, SLOT_KWH, Outlook
from agents.others import others_at_stations, others_features
from agents.turns import Turn
from cosim.interface import Floats

A, B, C = range(3)
T = 12


def seen(slot: int = 2) -> Floats:
    """What EV 0 of three sees: it means to feed in 10 kWh at B itself, EV 1 30 kWh there, EV 2 to draw 20 kWh at A."""
    observation = observe([[0, 12, 0]], [[30.0, 42.0, 18.0]], slot=slot)
    board = IntentionBoard(3, 3, T)
    board.begin(1)
    for ev, station, kwh in ((0, B, -10.0), (1, B, -30.0), (2, A, 20.0)):
        offer = np.zeros((1, T))
        offer[0, slot + 1] = kwh
        board.publish(np.array([0]), np.array([ev]), Intentions(np.array([station]), np.array([slot]), offer))
    turn = Turn(board, Outlook(fleet(3), observation), np.array([0]), np.array([0]))
    features: Floats = others_at_stations(turn).astype(np.float64)
    assert features.shape == (1, 3, others_features(T))
    return features[0]


def test_what_is_left_and_what_is_meant_count_from_now_and_without_the_ev_itself() -> None:
    features = seen()
    deficit, surplus, fed, drawn = (features[:, k * T : (k + 1) * T] * SLOT_KWH for k in range(4))
    # 400 kW for half an hour; of B's EV 1 takes 30 kWh in the slot after this one.
    assert deficit[B, :3].tolist() == pytest.approx([200.0, 170.0, 200.0])
    assert surplus[A, :3].tolist() == pytest.approx([200.0, 180.0, 200.0])
    assert fed[B, :3].tolist() == pytest.approx([0.0, 30.0, 0.0], abs=1e-4)
    assert drawn[A, :3].tolist() == pytest.approx([0.0, 20.0, 0.0], abs=1e-4)
    # Ten slots are left; beyond them there is nothing.
    assert deficit[B, 9] > 0.0
    assert not deficit[:, 10:].any()
    assert not fed[[A, C]].any()
    assert not drawn[[B, C]].any()


def test_who_is_there_counts_without_the_ev_itself() -> None:
    features = seen()
    assert (features[:, -2] * CHARGERS).tolist() == pytest.approx([1.0, 1.0, 0.0])
    assert (features[:, -1] * CHARGERS * 60.0).tolist() == pytest.approx([18.0, 42.0, 0.0])
