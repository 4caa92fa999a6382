"""What EVs can choose from, by hand on a line of three stations, and what follows from a choice."""

from __future__ import annotations

import numpy as np
import pytest
from line_fleet import fleet, observe

from agents.board import IntentionBoard, Intentions
from agents.options import OWN_FEATURES, STATION_FEATURES, Choices, Outlook
from agents.reach import Mode
from cosim.interface import Observation

A, B, C = range(3)


def board_of(observation: Observation, size: int = 1) -> IntentionBoard:
    board = IntentionBoard(size, 3, 12)
    board.begin(observation.replicas)
    return board


def choices_of(observation: Observation, board: IntentionBoard | None = None, ev: int = 0, size: int = 1) -> Choices:
    spec, board = fleet(size), board or board_of(observation, size)
    replica = np.arange(observation.replicas)
    return Outlook(spec, observation).choices(board, replica, np.full(observation.replicas, ev))


def intention(station: int, slot: int, kwh: float) -> Intentions:
    offer = np.zeros((1, 12))
    offer[0, slot] = kwh
    return Intentions(np.array([station]), np.array([slot]), offer)


def test_a_choice_to_sell_elsewhere_by_hand() -> None:
    choices = choices_of(observe([[0]], 57.0))
    # B is 12 km away: there in the second slot, after 2 of 12 km at 40 km/h, so 0.45 h are left of it.
    assert choices.arrival[0].tolist() == [0, 1, 3]
    # 57 - 6 - 2.4 kWh arrive, 2.4 are kept for the way back: 46.2 x 0.8 = 36.96 to sell, at 40 kW.
    sold = choices.offer_kwh[0, B, Mode.DISCHARGE]
    assert sold[:3].tolist() == pytest.approx([0.0, -18.0, -18.96])
    assert not sold[3:].any()
    # Nothing is sold in the slot that begins, so no charger is asked for in it.
    assert choices.power_share[0, B].tolist() == [0.0, 0.0, 0.0]
    assert choices.offer_kwh[0, B, Mode.IDLE].tolist() == [0.0] * 12


def test_a_choice_to_buy_by_hand() -> None:
    choices = choices_of(observe([[0]], 30.0))
    # Room for 27 kWh takes 30 at the charger, 20 a slot.
    assert choices.offer_kwh[0, A, Mode.CHARGE, :3].tolist() == pytest.approx([20.0, 10.0, 0.0])
    assert choices.power_share[0, A, Mode.CHARGE] == 1.0


def test_possible_is_what_can_be_reached_and_is_needed_or_given() -> None:
    choices = choices_of(observe([[0]], 57.0))
    assert choices.possible[0].tolist() == [[True, True, False], [True, False, True], [True, False, True]]
    # With 8.3 kWh only A can be had: 2.3 above the minimum do not reach B.
    assert choices_of(observe([[0]], 8.3)).possible[0].tolist() == [[True, True, False], [False] * 3, [False] * 3]
    # C is four slots away: too late in the tenth.
    assert choices_of(observe([[0]], 57.0, slot=9)).possible[0, C].tolist() == [False] * 3


def test_offers_do_not_look_at_the_others_but_features_do() -> None:
    observation = observe([[0, 12]], 57.0, deficit_kw=(0.0, 40.0, 0.0))
    board = board_of(observation, 2)
    alone = choices_of(observation, board, size=2)
    board.publish(np.array([0]), np.array([1]), intention(B, 1, -20.0))
    beside = choices_of(observation, board, size=2)
    assert beside.offer_kwh.tolist() == alone.offer_kwh.tolist()
    first = 4
    assert alone.station[0, B, first : first + 3].tolist() == pytest.approx([0.2, 0.2, 0.2])
    assert beside.station[0, B, first : first + 3].tolist() == pytest.approx([0.0, 0.2, 0.2])
    # What it could usefully sell within three slots: 18 + 18.96 alone, nothing and 20 beside the other; later the rest.
    useful = 4 + 2 * 3 + 2
    assert (alone.station[0, B, useful + 2] * 30.0, beside.station[0, B, useful + 2] * 30.0) == pytest.approx(
        (36.96, 20.0)
    )
    assert (alone.station[0, B, useful] * 30.0, beside.station[0, B, useful] * 30.0) == pytest.approx((36.96, 36.96))


def test_an_ev_does_not_compete_with_its_own_intention() -> None:
    observation = observe([[12]], 57.0)
    board = board_of(observation)
    before = choices_of(observation, board)
    board.publish(np.array([0]), np.array([0]), intention(B, 0, -20.0))
    after = choices_of(observation, board)
    assert after.station[..., :-1].tolist() == before.station[..., :-1].tolist()
    # It sees where it meant to go, and that it meant to sell.
    assert before.station[0, :, -1].tolist() == [0.0, 0.0, 0.0]
    assert after.station[0, :, -1].tolist() == [0.0, 0.5, 0.0]


def test_features_are_finite_and_of_their_shapes() -> None:
    choices = choices_of(observe([[0], [36], [7]], 8.0, slot=11))
    assert choices.station.shape == (3, 3, STATION_FEATURES)
    assert choices.own.shape == (3, OWN_FEATURES)
    assert np.isfinite(choices.station).all()
    assert np.isfinite(choices.own).all()


def test_what_is_taken_becomes_an_intention() -> None:
    choices = choices_of(observe([[12], [12]], 57.0))
    intentions, share = choices.taken(np.array([B * 3 + Mode.DISCHARGE, -1]))
    assert intentions.station.tolist() == [B, -1]
    assert intentions.offer_kwh[0, :2].tolist() == pytest.approx([-20.0, -18.88])
    assert not intentions.offer_kwh[1].any()
    assert share.tolist() == [-0.8, 0.0]
