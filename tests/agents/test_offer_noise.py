"""Noise on offers: what it hides, what it leaves, and that it is the same whatever runs beside."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from line_fleet import fleet, observe

from agents.baselines.coordinated import CoordinatedController
from agents.board import IntentionBoard, Intentions
from agents.offer_noise import OfferNoise
from agents.telling import Telling
from cosim.errors import ControllerError

SPEC = fleet(2)
#: A slot of the line's fleet: 20 kWh bought, or 20 sold.
SLOT_KWH = 20.0


def told(offer_kwh: list[float], *, arrival: int = 0, slot: int = 0, std_kwh: float = 4.0, seed: int = 0) -> np.ndarray:
    noise = OfferNoise(SPEC, std_kwh)
    noise.begin_slot(slot, 1, lambda _: np.random.default_rng(seed))
    offers = np.array([offer_kwh + [0.0] * (SPEC.slots - len(offer_kwh))])
    return noise.told_kwh(np.array([0]), np.array([1]), np.array([arrival]), offers)[0]


def test_noise_falls_on_every_slot_from_the_arrival_on() -> None:
    many = np.array([told([0.0, 0.0, -10.0], arrival=2, slot=1, seed=seed) for seed in range(200)])
    assert not many[:, :2].any()
    assert (many[:, 2:] != 0.0).any(axis=0).all()
    assert many[:, 2].mean() == pytest.approx(-10.0, abs=1.0)
    assert many[:, 2].std() == pytest.approx(4.0, abs=0.6)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_offers_keep_their_side_and_stay_within_a_slot(side: float) -> None:
    many = side * np.array([told([side * 18.0, side * 1.0], std_kwh=15.0, seed=seed) for seed in range(50)])
    assert many.min() == 0.0
    assert many.max() == SLOT_KWH


def test_who_offers_nothing_tells_so() -> None:
    assert not told([0.0, 0.0]).any()


def test_sensitivity_bounds_all_pairs_of_messages() -> None:
    sensitivity_kwh = OfferNoise(SPEC, 1.0).sensitivity_kwh
    assert sensitivity_kwh.shape == (SPEC.slots,)
    # 51 kWh fill 56.7 at the charger: two slots of 20 and one of 16.7; two such messages that share no slot.
    longest = 2 * 20.0**2 + (51.0 / 0.9 - 40.0) ** 2
    assert sensitivity_kwh[0] ** 2 == pytest.approx(2.0 * longest)
    assert sensitivity_kwh[-1] == SLOT_KWH
    assert sensitivity_kwh[-2] ** 2 == pytest.approx(2.0 * SLOT_KWH**2)
    corners = [np.roll([20.0, 20.0, 51.0 / 0.9 - 40.0, 0.0, 0.0, 0.0], k) for k in range(6)]
    apart = max(np.linalg.norm(a - b) for a, b in itertools.product(corners, corners))
    assert apart == pytest.approx(sensitivity_kwh[-6])


def test_what_no_battery_could_mean_is_cut() -> None:
    """So that the bound holds whatever a fleet says."""
    noise = OfferNoise(SPEC, 1e-9)
    noise.begin_slot(0, 1, lambda _: np.random.default_rng(0))
    offers = np.full((1, SPEC.slots), 50.0)
    said = noise.told_kwh(np.array([0]), np.array([0]), np.array([0]), offers)
    assert np.linalg.norm(said) * np.sqrt(2.0) <= noise.sensitivity_kwh[0] + 1e-6


def test_replicas_side_by_side_have_the_noise_of_one_alone() -> None:
    together, alone = OfferNoise(SPEC, 4.0), OfferNoise(SPEC, 4.0)
    streams = {seed: np.random.default_rng(seed) for seed in (7, 8)}
    own = np.random.default_rng(8)
    offers, arrival = np.full((1, SPEC.slots), -8.0), np.array([0])
    for slot in range(3):
        together.begin_slot(slot, 2, lambda replica: streams[7 + replica])
        alone.begin_slot(slot, 1, lambda _: own)
        of_both = together.told_kwh(np.array([1]), np.array([1]), arrival, offers)
        assert of_both.tolist() == alone.told_kwh(np.array([0]), np.array([1]), arrival, offers).tolist()


def test_a_board_rounds_what_is_told_and_takes_it_back_without_trace() -> None:
    board = IntentionBoard.of_fleet(SPEC, Telling(offer_unit_kwh=5.0, offer_noise_kwh=4.0))
    board.begin_slot(observe([[12, 12]], 28.0))
    evs = np.array([0])
    board.publish(evs, evs, Intentions(np.array([1]), np.array([0]), np.full((1, SPEC.slots), -10.0)))
    assert set(board.fed_kwh[0, 1].tolist()) <= {0.0, 5.0, 10.0, 15.0, 20.0}
    assert len(set(board.fed_kwh[0, 1].tolist())) > 1
    board.withdraw(evs, evs)
    assert not board.fed_kwh.any()


def test_vehicles_do_what_they_mean_not_what_they_say() -> None:
    plain, noisy = CoordinatedController(fleet()), CoordinatedController(fleet(), offer_noise_kwh=5.0)
    seen = observe([[12]], 57.0)
    assert plain.act(seen).power_share.tolist() == noisy.act(seen).power_share.tolist()
    assert plain.board.offer_kwh.tolist() != noisy.board.offer_kwh.tolist()


@pytest.mark.parametrize("std_kwh", [-1.0, float("nan"), float("inf")])
def test_noise_is_a_number_of_at_least_0(std_kwh: float) -> None:
    with pytest.raises(ControllerError, match="offer_noise_kwh must be a number of at least 0"):
        CoordinatedController(SPEC, offer_noise_kwh=std_kwh)
