"""Attackers find what was said, and no more than a guess where nothing was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from line_fleet import STATION_KM, fleet

from agents.twins.attack import Attacker, Reconstruction
from agents.twins.eavesdropper import Overheard
from agents.twins.guessing import by_sequence
from cosim.errors import ControllerError

SPEC = fleet(6)
ATTACKERS = ("neighbours", "network", "sequence")


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


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_bare_messages_give_all_away(attacker: str) -> None:
    found = Attacker(SPEC).reconstruct(overheard(40, seed=0), overheard(20, seed=1), "messages", attacker=attacker)
    assert found.position_km < 0.5
    assert found.charge_points < 1.5
    assert found.charge_r2 > 0.98
    assert found.station_right == 1.0


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_sums_give_hardly_more_than_a_guess(attacker: str) -> None:
    known, asked, listener = overheard(40, seed=0), overheard(20, seed=1), Attacker(SPEC)
    guess, sums = (listener.reconstruct(known, asked, hears, attacker=attacker) for hears in ("nothing", "sums"))
    assert guess.charge_r2 == pytest.approx(0.0, abs=0.05)
    assert sums.position_km > 0.85 * guess.position_km
    assert sums.charge_points > 0.85 * guess.charge_points


def test_totals_before_and_after_a_turn_of_one_give_its_message_away_and_of_many_do_not() -> None:
    found = {
        turns: Attacker(SPEC).reconstruct(
            overheard(40, seed=0, turns=turns), overheard(20, seed=1, turns=turns), "turns", attacker="neighbours"
        )
        for turns in (6, 3, 1)
    }
    assert found[6].charge_points < 2.0
    assert found[6].station_right is not None and found[6].station_right > 0.95
    assert found[6].charge_points < 0.5 * found[3].charge_points < found[1].charge_points
    assert found[1].charge_r2 < 0.3


def test_the_charge_at_the_start_is_not_in_later_messages() -> None:
    """In this fleet energies are drawn anew in each slot."""
    found = Attacker(SPEC).reconstruct(overheard(40, seed=0), overheard(20, seed=1), "messages", attacker="neighbours")
    assert found.start_points > 15.0


def told_changes(episodes: int, *, seed: int) -> Overheard:
    """EVs that all start alike, and tell in each slot by how much their energy differs from that of the slot before."""
    heard, generator = overheard(episodes, seed=seed), np.random.default_rng(seed + 100)
    change_kwh = generator.uniform(-4.0, 4.0, heard.energy_kwh.shape)
    change_kwh[:, 0] = 0.0
    offer_kwh = np.zeros_like(heard.offer_kwh)
    for slot in range(SPEC.slots):
        offer_kwh[:, slot, :, slot] = change_kwh[:, slot]
    return replace(heard, offer_kwh=offer_kwh, energy_kwh=30.0 + np.cumsum(change_kwh, axis=1))


def found_by(attacker: str, hears: str, known: Overheard, asked: Overheard) -> Reconstruction:
    return Attacker(SPEC).reconstruct(known, asked, hears, attacker=attacker)


def test_who_reads_all_messages_adds_up_what_each_of_them_tells() -> None:
    known, asked = told_changes(40, seed=0), told_changes(20, seed=1)
    read = found_by("sequence", "messages", known, asked).charge_points
    others = [
        found_by(attacker, hears, known, asked).charge_points
        for attacker in ("neighbours", "network")
        for hears in ("messages", "messages of four slots")
    ]
    assert read < 1.0
    assert min(others) > 3.0 * read


def test_where_nothing_is_said_there_is_silence() -> None:
    """A vehicle that decides in every other slot only; what stood on the board in between was not sent."""
    known, asked = told_changes(40, seed=0), told_changes(20, seed=1)
    speaks = np.zeros_like(known.decided)
    speaks[:, ::2] = 1
    known, asked = (replace(heard, decided=speaks[: len(heard.decided)]) for heard in (known, asked))
    board = asked.offer_kwh.copy()
    board[:, 1::2] = 1e3
    otherwise = replace(asked, offer_kwh=board)
    found = found_by("sequence", "messages", known, asked)
    assert found_by("sequence", "messages", known, otherwise) == found


def test_the_reader_knows_nothing_of_what_comes_later() -> None:
    generator = np.random.default_rng(0)
    known, asked = generator.normal(size=(60, 5, 2)), generator.normal(size=(7, 5, 2))
    truths, counted = np.cumsum(known, axis=1), np.ones((60, 5), dtype=bool)
    another = asked.copy()
    another[:, 3:] += 5.0
    here, there = (by_sequence(known, truths, counted, heard) for heard in (asked, another))
    np.testing.assert_array_equal(here[:, :3], there[:, :3])
    assert (np.abs(here[:, 3:] - there[:, 3:]) > 0.1).any()


def test_slots_that_do_not_count_teach_nothing() -> None:
    generator = np.random.default_rng(0)
    known, asked = generator.normal(size=(60, 5, 2)), generator.normal(size=(7, 5, 2))
    truths, counted = np.cumsum(known, axis=1), generator.random((60, 5)) < 0.5
    counted[:2] = False
    wrong = np.where(counted[..., None], truths, 1e3)
    np.testing.assert_array_equal(*(by_sequence(known, of_known, counted, asked) for of_known in (truths, wrong)))


def test_four_messages_are_no_whole_episode() -> None:
    assert Attacker(SPEC).attackers("messages of four slots") == ("neighbours", "network")
    with pytest.raises(ValueError, match="attacker must be one of neighbours, network, got 'sequence'"):
        found_by("sequence", "messages of four slots", overheard(2, seed=0), overheard(2, seed=1))


def test_silence_cannot_be_attacked() -> None:
    known, asked = overheard(2, seed=0), overheard(2, seed=1)
    silent = replace(asked, decided=np.zeros_like(asked.decided))
    with pytest.raises(ControllerError, match="no vehicle sent a message in these episodes"):
        found_by("neighbours", "messages", known, silent)


def test_no_share_of_a_variance_that_is_not_there() -> None:
    alike = replace(overheard(2, seed=0), energy_kwh=np.full((2, SPEC.slots, 6), 30.0))
    found = found_by("neighbours", "messages", alike, alike)
    assert found.charge_r2 is None
    assert found.position_r2 is not None
