"""Windows of slots as EVs remember them while they act."""

from __future__ import annotations

import numpy as np
import torch
from line_fleet import fleet, observe

from agents.board import IntentionBoard
from agents.options import Outlook
from agents.turns import Turn
from agents.window_memory import WindowMemory


def turn_of(*evs: int) -> Turn:
    spec = fleet(2)
    board = IntentionBoard(2, 3, spec.slots)
    board.begin(1)
    return Turn(board, Outlook(spec, observe([[0, 12]], 30.0)), np.zeros(len(evs), dtype=np.int64), np.array(evs))


def test_before_its_first_slot_an_ev_remembers_that_slot() -> None:
    memory = WindowMemory(3, 2, 1)
    memory.begin_slot(0, torch.tensor([[7.0]]))
    memory.see(turn_of(0, 1), np.array([[1.0], [2.0]], dtype=np.float32))
    maps, vectors = memory.of_turn(turn_of(0, 1))
    assert maps.tolist() == [[[7.0]] * 3] * 2
    assert vectors.tolist() == [[[1.0]] * 3, [[2.0]] * 3]


def test_the_oldest_slot_is_forgotten_and_of_one_in_which_it_drives_an_ev_remembers_nothing() -> None:
    memory = WindowMemory(3, 2, 1)
    memory.begin_slot(0, torch.tensor([[0.0]]))
    memory.see(turn_of(0, 1), np.array([[1.0], [2.0]], dtype=np.float32))
    for slot in (1, 2):
        memory.begin_slot(slot, torch.tensor([[float(slot)]]))
        memory.see(turn_of(0), np.array([[10.0 * slot]], dtype=np.float32))
    maps, vectors = memory.of_turn(turn_of(0, 1))
    assert maps.tolist() == [[[0.0], [1.0], [2.0]]] * 2
    assert vectors.tolist() == [[[1.0], [10.0], [20.0]], [[2.0], [0.0], [0.0]]]
