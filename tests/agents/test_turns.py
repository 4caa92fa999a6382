"""Who decides when."""

from __future__ import annotations

import numpy as np
from line_fleet import fleet, observe

from agents.board import IntentionBoard
from agents.moves import Moves
from agents.options import Outlook
from agents.turns import Turn, turns
from cosim.interface import EvState, Observation


def test_the_nearest_to_a_station_first_and_replicas_side_by_side() -> None:
    observation = observe([[5, 12, 2], [0, 0, 0]], 57.0)
    board = IntentionBoard(3, 3, 12)
    board.begin(2)
    seen = []
    for turn in turns("sequential", board, Outlook(fleet(3), observation)):
        seen.append((turn.replica.tolist(), turn.ev.tolist()))
        turn.take(np.zeros(2, dtype=np.int64))
    assert seen == [([0, 1], [1, 0]), ([0, 1], [2, 1]), ([0, 1], [0, 2])]
    assert board.station.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_turn_sees_what_the_turns_before_it_took() -> None:
    observation = observe([[12, 12]], 57.0, deficit_kw=(0.0, 40.0, 0.0))
    board = IntentionBoard(2, 3, 12)
    board.begin(1)
    left = []
    for turn in turns("sequential", board, Outlook(fleet(2), observation)):
        left.append(float(turn.choices.station[0, 1, 4]))
        turn.take(np.array([1 * 3 + 2]))
    assert np.allclose(left, [0.2, 0.0])


def test_at_once_is_one_turn_and_who_drives_does_not_decide() -> None:
    observation = observe([[0, 12, 0]], 57.0, state=[[EvState.PARKED, EvState.DRIVING, EvState.PARKED]])
    board = IntentionBoard(3, 3, 12)
    board.begin(1)
    (turn,) = turns("simultaneous", board, Outlook(fleet(3), observation))
    assert turn.ev.tolist() == [0, 2]
    assert [t.ev.tolist() for t in _all_taken(board, Outlook(fleet(3), observation))] == [[0], [2]]


def test_in_rounds_some_decide_at_once_and_read_the_rounds_before() -> None:
    observation = observe([[12, 12, 12, 12, 12], [0] * 5], 57.0, slot=1)
    board = IntentionBoard(5, 3, 12)
    board.begin(2)
    seen = []
    for turn in turns("rounds", board, Outlook(fleet(5), observation), 2):
        seen.append((turn.replica.tolist(), turn.ev.tolist(), len(np.unique(board.turn))))
        turn.take(np.zeros(len(turn.ev), dtype=np.int64))
    # In slot 1 those with odd numbers are first, wherever they are.
    assert seen == [([0, 0, 1, 1], [1, 3, 1, 3], 1), ([0, 0, 0, 1, 1, 1], [0, 2, 4, 0, 2, 4], 2)]
    assert board.turn.tolist() == [[1, 0, 1, 0, 1]] * 2


def test_more_rounds_than_evs_are_one_after_another() -> None:
    board = IntentionBoard(3, 3, 12)
    board.begin(1)
    seen = [turn.ev.tolist() for turn in turns("rounds", board, Outlook(fleet(3), observe([[12] * 3], 57.0)), 10**9)]
    assert seen == [[0], [1], [2]]


def test_a_round_of_one_is_as_at_once() -> None:
    observation = observe([[12, 12, 0]], 57.0)
    board = IntentionBoard(3, 3, 12)
    board.begin(1)
    for order in ("rounds", "simultaneous"):
        (turn,) = turns(order, board, Outlook(fleet(3), observation), 1)
        assert (turn.replica.tolist(), turn.ev.tolist()) == ([0, 0, 0], [0, 1, 2])


def _all_taken(board: IntentionBoard, outlook: Outlook) -> list:
    taken = []
    for turn in turns("sequential", board, outlook):
        turn.take(np.full(len(turn.ev), -1))
        taken.append(turn)
    return taken


def test_a_literal_action_is_published_and_read_by_the_next() -> None:
    observation = observe([[12, 12]], 57.0, deficit_kw=(0.0, 40.0, 0.0))
    board = IntentionBoard(2, 3, 12)
    board.begin(1)
    left = []
    for turn in turns("sequential", board, Outlook(fleet(2), observation)):
        left.append(float(turn.choices.station[0, 1, 4]))
        turn.move(Moves(fleet(2), np.array([[0.0, 0.0, -0.4]], dtype=np.float32)))
    # 20 kWh are needed; the first EV stays and means to feed in 10.
    assert np.allclose(left, [0.2, 0.1])
    assert board.station.tolist() == [[1, 1]]
    assert board.offer_kwh[0, :, 0].tolist() == [-10.0, -10.0]


def test_who_looks_alone_sees_no_others() -> None:
    observation = observe([[12, 12]], [[57.0, 20.0]], deficit_kw=(0.0, 40.0, 0.0))
    board = IntentionBoard(2, 3, 12)
    board.begin(1)
    first, second = turns_of(board, observation, alone=True)
    (lonely,) = turns_of(IntentionBoard(1, 3, 12), observe([[12]], 20.0, deficit_kw=(0.0, 40.0, 0.0)), alone=True)
    assert second.choices.station.tolist() == lonely.choices.station.tolist()
    assert second.choices.power_share.tolist() == lonely.choices.power_share.tolist()
    # Of the fleet it knows the size, not the energy.
    assert second.choices.own[0, [0, 1, 2, 3, 4]].tolist() == lonely.choices.own[0, [0, 1, 2, 3, 4]].tolist()
    assert second.choices.own[0, 2] == 0.0
    board.begin(1)
    _, reading = turns_of(board, observation, alone=False)
    assert reading.choices.station.tolist() != lonely.choices.station.tolist()
    # Its own intention it knows: the one that it published above.
    again, _ = turns_of(board, observation, alone=True)
    assert (first.choices.station[0, 1, -1], again.choices.station[0, 1, -1]) == (0.0, 0.5)


def turns_of(board: IntentionBoard, observation: Observation, *, alone: bool) -> list[Turn]:
    if not board.replicas:
        board.begin(1)
    taken = []
    for turn in turns("sequential", board, Outlook(fleet(board.station.shape[1]), observation)):
        if alone:
            turn.look_alone()
        assert turn.choices.possible.any()
        turn.take(np.array([1 * 3 + 2]))
        taken.append(turn)
    return taken
