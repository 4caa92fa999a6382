"""The board of intentions: sums, withdrawals, messages."""

from dataclasses import fields

import numpy as np
import pytest

from agents.board import IntentionBoard, Intentions
from agents.telling import Telling
from cosim.errors import ControllerError
from cosim.interface import Visibility


def board(replicas: int = 1) -> IntentionBoard:
    """Three EVs, two stations, four slots."""
    made = IntentionBoard(3, 2, 4)
    made.begin(replicas)
    return made


def publish(to: IntentionBoard, ev: int, station: int, offer_kwh: list[float], replica: int = 0) -> None:
    intentions = Intentions(np.array([station]), np.array([1]), np.array([offer_kwh]))
    to.publish(np.array([replica]), np.array([ev]), intentions)


def test_offers_add_up_by_station_and_slot() -> None:
    it = board()
    publish(it, 0, 1, [0.0, -20.0, -5.0, 0.0])
    publish(it, 1, 1, [0.0, -1.5, 0.0, 0.0])
    publish(it, 2, 1, [30.0, 0.0, 0.0, 0.0])
    assert it.fed_kwh[0].tolist() == [[0, 0, 0, 0], [0, 21.5, 5, 0]]
    assert it.drawn_kwh[0].tolist() == [[0, 0, 0, 0], [30, 0, 0, 0]]
    assert it.chargers[0].tolist() == [[0, 0, 0, 0], [1, 2, 1, 0]]
    assert it.station.tolist() == [[1, 1, 1]]


def test_turns_are_counted_replica_by_replica_and_anew_in_each_slot() -> None:
    it = board(2)
    for ev, replica in ((2, 0), (0, 0), (1, 1), (2, 0)):
        publish(it, ev, 0, [0.0, -1.0, 0.0, 0.0], replica)
    assert it.turn.tolist() == [[1, -1, 2], [-1, 0, -1]]
    it.begin(2)
    assert (it.turn == -1).all()


def test_a_withdrawal_leaves_no_trace() -> None:
    it = board()
    publish(it, 0, 0, [0.1, 0.2, 0.3, 0.0])
    before = it.drawn_kwh.tolist()
    publish(it, 1, 0, [1.0 / 3.0, 17.7, 1e-3, 0.0])
    it.withdraw(np.array([0]), np.array([1]))
    assert it.drawn_kwh.tolist() == before
    assert it.station.tolist() == [[0, -1, -1]]
    it.withdraw(np.array([0, 0]), np.array([0, 2]))
    assert not it.drawn_kwh.any()
    assert not it.chargers.any()


def test_a_new_intention_replaces_the_old_one() -> None:
    it = board()
    publish(it, 0, 0, [0.0, -20.0, 0.0, 0.0])
    publish(it, 0, 1, [0.0, 0.0, -7.0, 0.0])
    assert it.fed_kwh[0].tolist() == [[0, 0, 0, 0], [0, 0, 7, 0]]
    assert it.offer_kwh[0, 0].tolist() == [0, 0, -7, 0]


def test_an_intention_of_no_station_offers_nothing() -> None:
    it = board()
    publish(it, 0, -1, [5.0, 5.0, 5.0, 5.0])
    assert not it.drawn_kwh.any()
    assert not it.offer_kwh.any()


def test_replicas_are_apart_and_can_publish_at_once() -> None:
    it = board(replicas=2)
    intentions = Intentions(np.array([0, 1]), np.array([0, 0]), np.array([[-1.0, 0, 0, 0], [-2.0, 0, 0, 0]]))
    it.publish(np.array([0, 1]), np.array([2, 0]), intentions)
    assert it.fed_kwh[:, :, 0].tolist() == [[1, 0], [0, 2]]
    assert it.station.tolist() == [[-1, -1, 0], [1, -1, -1]]


def test_evs_of_one_station_can_publish_at_once() -> None:
    it = board()
    intentions = Intentions(np.array([1, 1]), np.array([0, 0]), np.array([[-1.0, 0, 0, 0], [-2.0, 0, 0, 0]]))
    it.publish(np.array([0, 0]), np.array([0, 1]), intentions)
    assert it.fed_kwh[0, 1].tolist() == [3, 0, 0, 0]


def test_messages_are_counted_from_the_first_version_on() -> None:
    it = board()
    publish(it, 0, 0, [0.0, -20.0, 0.0, -5.0])
    assert (it.sent.number, it.sent.size_bytes) == (1, 4 + 3 * 4)
    publish(it, 1, -1, [0.0, 0.0, 0.0, 0.0])
    assert (it.sent.number, it.sent.size_bytes) == (2, 16 + 4)
    it.withdraw(np.array([0]), np.array([0]))
    assert (it.sent.number, it.sent.size_bytes) == (2, 20)
    assert it.sent.values == {"station": 2, "arrival": 2, "offer_kwh": 3}


def test_new_episodes_begin_empty_and_the_count_goes_on() -> None:
    it = board()
    publish(it, 0, 0, [0.0, -20.0, 0.0, 0.0])
    it.begin(2)
    assert it.replicas == 2
    assert not it.fed_kwh.any()
    assert (it.station == -1).all()
    assert it.sent.number == 1


def test_what_is_shared_is_derived_never_raw() -> None:
    assert {f.metadata["visibility"] for f in fields(Intentions)} == {Visibility.DERIVED}


def test_offers_are_told_in_whole_units() -> None:
    board = IntentionBoard(1, 2, 3, telling=Telling(offer_unit_kwh=5.0))
    board.begin(1)
    board.publish(
        np.array([0]), np.array([0]), Intentions(np.array([1]), np.array([0]), np.array([[-12.4, -2.6, 2.4]]))
    )
    assert board.fed_kwh[0, 1].tolist() == [10.0, 5.0, 0.0]
    assert board.drawn_kwh[0, 1].tolist() == [0.0, 0.0, 0.0]
    board.withdraw(np.array([0]), np.array([0]))
    assert not board.fed_kwh.any()
    with pytest.raises(ControllerError, match="offer_unit_kwh must be a number of at least 0, got -1"):
        Telling(offer_unit_kwh=-1.0)
