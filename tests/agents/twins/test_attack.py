"""Attackers find what was said, and no more than a guess where nothing was."""

from __future__ import annotations

import numpy as np
import pytest
from line_fleet import STATION_KM, fleet

from agents.twins.attack import Attacker, turns
from agents.twins.eavesdropper import Overheard

SPEC = fleet(6)


def overheard(episodes: int, *, seed: int, turns: int = 6) -> Overheard:
    """EVs at stations that say where they are, and offer all that they have; so many turns in a slot."""
    generator, (evs, stations, slots) = np.random.default_rng(seed), (6, 3, SPEC.slots)
    station = generator.integers(0, stations, (episodes, slots, evs))
    energy_kwh = generator.uniform(6.0, 57.0, (episodes, slots, evs))
    offer_kwh = np.zeros((episodes, slots, evs, slots))
    for slot in range(slots):
        offer_kwh[:, slot, :, slot] = -(energy_kwh[:, slot] - 6.0)
    fed_kwh = np.zeros((episodes, slots, stations, slots))
    for number in range(stations):
        fed_kwh[:, :, number] = (-offer_kwh * (station == number)[..., None]).sum(axis=2)
    position_km = np.stack([STATION_KM[station].astype(float), np.zeros_like(energy_kwh)], axis=-1)
    decided, arrival = np.ones_like(station), np.broadcast_to(np.arange(slots)[:, None], station.shape)
    turn = np.broadcast_to(np.arange(evs) % turns, station.shape)
    return Overheard(
        decided, turn, station, arrival, offer_kwh, fed_kwh, np.zeros_like(fed_kwh), position_km, energy_kwh
    )


@pytest.mark.parametrize("network", [False, True])
def test_bare_messages_give_all_away(network: bool) -> None:
    found = Attacker(SPEC).reconstruct(overheard(40, seed=0), overheard(20, seed=1), "messages", network=network)
    assert found.position_km < 0.5
    assert found.charge_points < 1.5
    assert found.charge_r2 > 0.98
    assert found.station_right == 1.0


@pytest.mark.parametrize("network", [False, True])
def test_sums_give_hardly_more_than_a_guess(network: bool) -> None:
    known, asked, attacker = overheard(40, seed=0), overheard(20, seed=1), Attacker(SPEC)
    guess, sums = (attacker.reconstruct(known, asked, hears, network=network) for hears in ("nothing", "sums"))
    assert guess.charge_r2 == pytest.approx(0.0, abs=0.05)
    assert sums.position_km > 0.85 * guess.position_km
    assert sums.charge_points > 0.85 * guess.charge_points


def test_totals_before_and_after_a_turn_of_one_give_its_message_away_and_of_many_do_not() -> None:
    found = {
        turns: Attacker(SPEC).reconstruct(
            overheard(40, seed=0, turns=turns), overheard(20, seed=1, turns=turns), "turns", network=False
        )
        for turns in (6, 3, 1)
    }
    assert found[6].charge_points < 2.0
    assert found[6].station_right is not None and found[6].station_right > 0.95
    assert found[6].charge_points < 0.5 * found[3].charge_points < found[1].charge_points
    assert found[1].charge_r2 < 0.3


def test_a_change_of_totals_knows_of_what_was_taken_back() -> None:
    """Two EVs in a turn: one goes on as it said before, the other leaves its station."""
    heard = overheard(1, seed=0, turns=1)
    kwh, station = np.zeros_like(heard.offer_kwh), np.zeros_like(heard.station)
    kwh[0, 0, :2, 1:3], kwh[0, 1, 0, 1:3], kwh[0, 1, 1, 2] = -10.0, -10.0, 4.0
    station[0, 1, 1] = 2
    changed = Overheard(**{**vars(heard), "offer_kwh": kwh, "station": station})
    told = turns(changed, np.array([0]), np.array([1]), np.array([0]))[0, 2:].reshape(2, 3, 3) * 100.0
    assert told[0].tolist() == [[-10.0, -10.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert told[1].tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 4.0, 0.0]]


def test_the_charge_at_the_start_is_not_in_later_messages() -> None:
    """In this fleet energies are drawn anew in each slot."""
    found = Attacker(SPEC).reconstruct(overheard(40, seed=0), overheard(20, seed=1), "messages", network=False)
    assert found.start_points > 15.0
