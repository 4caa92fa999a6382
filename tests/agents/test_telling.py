"""Messages that are late or lost: whoever reads the board knows the ones before."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from line_fleet import fleet, observe

from agents.board import IntentionBoard, Intentions
from agents.telling import Telling
from cosim.errors import ControllerError
from cosim.interface import Observation

SPEC, SLOTS = fleet(4), 6


def seen(slot: int, replicas: int = 1) -> Observation:
    """What is known as a slot begins; each replica's random numbers are its episode's."""
    streams = {replica: np.random.default_rng([replica, slot]) for replica in range(replicas)}
    observation = observe([[0, 0, 0, 0]] * replicas, 40.0, slot=slot)
    return dataclasses.replace(observation, random=lambda replica: streams[replica])


def intend(board: IntentionBoard, slot: int, station: int, replica: int = 0) -> None:
    """All EVs mean to feed 10 kWh into a station in the next slot."""
    offers = np.zeros((4, SPEC.slots))
    offers[:, slot + 1] = -10.0
    board.publish(np.full(4, replica), np.arange(4), Intentions(np.full(4, station), np.full(4, slot + 1), offers))


def test_a_message_arrives_after_its_latency() -> None:
    board, stations = IntentionBoard.of_fleet(SPEC, Telling(latency_slots=2)), []
    for slot in range(SLOTS):
        board.begin_slot(seen(slot))
        stations.append(board.station[0].tolist())
        intend(board, slot, station=slot % 3)
    assert stations == [[-1] * 4, [-1] * 4, [0] * 4, [1] * 4, [2] * 4, [0] * 4]
    # What was meant for slot 4 in slot 3 is on the board, out of date as slot 5 begins.
    assert np.flatnonzero(board.fed_kwh[0, 0]).tolist() == [4]
    assert board.sent.number == 4 * SLOTS


def test_a_new_episode_knows_nothing_of_the_last_one() -> None:
    board = IntentionBoard.of_fleet(SPEC, Telling(latency_slots=1))
    board.begin_slot(seen(0))
    intend(board, 0, station=1)
    for slot in (0, 1):
        board.begin_slot(seen(slot))
        assert (board.station == -1).all()


def test_where_a_message_is_lost_the_one_before_holds() -> None:
    board = IntentionBoard.of_fleet(SPEC, Telling(loss=0.5))
    told = np.full(4, -1)
    for slot in range(SLOTS):
        board.begin_slot(seen(slot))
        arrives = np.random.default_rng([0, slot]).random(4) >= 0.5
        intend(board, slot, station=slot % 3)
        told = np.where(arrives, slot % 3, told)
        assert board.station[0].tolist() == told.tolist()


def test_losses_are_the_same_whatever_runs_beside() -> None:
    alone, beside = (IntentionBoard.of_fleet(SPEC, Telling(loss=0.5)) for _ in range(2))
    for slot in range(SLOTS):
        alone.begin_slot(seen(slot))
        beside.begin_slot(seen(slot, replicas=3))
        intend(alone, slot, station=slot % 3)
        for replica in (2, 0, 1):
            intend(beside, slot, station=slot % 3, replica=replica)
        assert np.array_equal(alone.fed_kwh[0], beside.fed_kwh[0])


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"latency_slots": -1}, "latency_slots must be a whole number of at least 0, got -1"),
        ({"latency_slots": 0.5}, "latency_slots must be a whole number of at least 0, got 0.5"),
        ({"loss": 1.0}, "message_loss must be at least 0 and below 1, got 1.0"),
        ({"offer_unit_kwh": float("nan")}, "offer_unit_kwh must be a number of at least 0, got nan"),
    ],
)
def test_what_is_not_allowed_is_said(wrong: dict[str, float], problem: str) -> None:
    with pytest.raises(ControllerError, match=problem):
        Telling(**wrong)  # type: ignore[arg-type]
