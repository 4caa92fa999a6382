"""Attacks: what somebody who overhears messages can tell of the vehicles, from other episodes that he knows all about.

An attacker has learned from episodes whose truths he knows, and is asked about others. He may hear each vehicle's
messages, the sums only, or nothing at all; the last is a guess, which any message must be held against. He takes each
slot by itself, or reads what he hears slot by slot from the episode's beginning on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from agents.twins.eavesdropper import Overheard
from agents.twins.guessing import by_neighbours, by_network, by_sequence, scaled_alike
from agents.twins.membership import members_found
from cosim.errors import ControllerError
from cosim.interface import FleetSpec, Floats, Ints

#: Samples that an attacker learns from, at most, and is asked about.
LEARNED, ASKED = 20_000, 10_000
#: Slots that a message tells of, from the one in which it is sent; and messages that an attacker remembers.
OFFERED, REMEMBERED = 3, 4

#: Sees the samples (episode, slot, EV) and gives what an attacker hears of them, shape [N, features].
Hears = Callable[[Overheard, Ints, Ints, Ints], Floats]
Features = NDArray[np.float64]
#: Sees features and truths of known samples and features of others, shape [N, ...] each, and guesses their truths.
Guesses = Callable[[Features, Features, Features], Features]


@dataclass(frozen=True)
class Reconstruction:
    """How well private values were guessed.

    Attributes:
        position_km: Mean distance between guess and truth [km].
        charge_points: Mean error of the state of charge [percentage points].
        start_points: Mean error of the state of charge at the episode's start [percentage points].
        position_r2: Share of the positions' variance that is explained; 0 for a guess, below for worse; None if
            there is no variance.
        charge_r2: Likewise of the state of charge.
        station_right: Share of vehicles whose next station is guessed; None if none goes anywhere.
    """

    position_km: float
    charge_points: float
    start_points: float
    position_r2: float | None
    charge_r2: float | None
    station_right: float | None


def nothing(heard: Overheard, episode: Ints, slot: Ints, ev: Ints) -> Features:
    """Only the time."""
    time: Features = slot[:, None] / heard.decided.shape[1]
    return time


def sums(heard: Overheard, episode: Ints, slot: Ints, ev: Ints) -> Features:
    """What all mean to do at each station, in the slots that messages tell of, as a slot's decisions end."""
    parts = []
    for totals in (heard.fed_kwh, heard.drawn_kwh):
        parts += [_ahead(totals[episode, slot], slot, k) for k in range(OFFERED)]
    return np.concatenate([nothing(heard, episode, slot, ev), *(part / 100.0 for part in parts)], axis=1)


def turns(heard: Overheard, episode: Ints, slot: Ints, ev: Ints) -> Features:
    """How the totals change by the vehicle's turn: what the core, and all who read them before and after it, see.

    The turn is of this vehicle alone, or of all that decide with it at once; how many these are he knows too, and that
    the vehicle is among them. Messages are taken to arrive at once.
    """
    turn = heard.turn[episode, slot, ev]
    change_kwh, deciding = _changes_of_turns(heard)
    told = change_kwh[episode, slot, turn] / 100.0
    many = deciding[episode, slot, turn] / heard.decided.shape[2]
    return np.column_stack([nothing(heard, episode, slot, ev), many, told.reshape(len(told), -1)])


def messages(heard: Overheard, episode: Ints, slot: Ints, ev: Ints) -> Features:
    """The vehicle's own message of the slot."""
    station = heard.station[episode, slot, ev][:, None] == np.arange(heard.fed_kwh.shape[2])
    wait = heard.arrival[episode, slot, ev] - slot
    offers = heard.offer_kwh[episode, slot, ev]
    told = [_ahead(offers, slot, k) for k in range(OFFERED)]
    return np.column_stack([nothing(heard, episode, slot, ev), station, wait / 4.0, *(kwh / 30.0 for kwh in told)])


def remembered_messages(heard: Overheard, episode: Ints, slot: Ints, ev: Ints) -> Features:
    """The vehicle's messages of this slot and of those before; what was before the first slot is 0."""
    parts = []
    for back in range(REMEMBERED):
        then = np.maximum(slot - back, 0)
        said = messages(heard, episode, then, ev) * (heard.decided[episode, then, ev] > 0)[:, None]
        parts.append(np.where((slot >= back)[:, None], said, 0.0))
    return np.concatenate(parts, axis=1)


def or_silence(hears: Hears) -> Hears:
    """What is heard where the vehicle sends a message and 1, or only zeros where it sends none."""

    def hears_or_not(heard: Overheard, episode: Ints, slot: Ints, ev: Ints) -> Features:
        spoke = (heard.decided[episode, slot, ev] > 0)[:, None]
        return np.concatenate([hears(heard, episode, slot, ev) * spoke, spoke], axis=1)

    return hears_or_not


#: What attackers may hear, by name.
OBSERVERS: Mapping[str, Hears] = {
    "nothing": nothing,
    "sums": sums,
    "turns": turns,
    "messages": messages,
    "messages of four slots": remembered_messages,
}
#: What of it is no single vehicle's message.
OF_SUMS = ("nothing", "sums", "turns")
#: What attackers may hear slot by slot, in slots too in which the vehicle sends nothing.
SLOT_BY_SLOT: Mapping[str, Hears] = {
    "nothing": nothing,
    "sums": sums,
    "turns": or_silence(turns),
    "messages": or_silence(messages),
}
#: How attackers guess who take each slot by itself.
GUESSES: Mapping[str, Guesses] = {"neighbours": by_neighbours, "network": by_network}
#: How attackers guess who read slot by slot.
SEQUENCE = "sequence"


class Attacker:
    """Somebody who listens to a fleet.

    Args:
        spec: The fleet.
    """

    def __init__(self, spec: FleetSpec) -> None:
        # With networks as small as these, more threads only wait for each other.
        torch.set_num_threads(1)
        self._spec = spec

    def observers(self, *, messages: bool) -> Sequence[str]:
        """What he may hear, see `OBSERVERS`.

        Args:
            messages: Whether somebody hears single messages.
        """
        return tuple(OBSERVERS) if messages else OF_SUMS

    def find_members(self, known: Overheard, asked: Overheard) -> Floats:
        """How well he tells by the sums who was in an episode, shape [E]; see `agents.twins.membership`."""
        return members_found(self._spec, known, asked)

    def attackers(self, hears: str) -> Sequence[str]:
        """How he may guess from what he hears: `neighbours`, `network`, or `sequence` where that has any sense.

        Args:
            hears: What he hears, by name.
        """
        return (*GUESSES, SEQUENCE) if hears in SLOT_BY_SLOT else tuple(GUESSES)

    def reconstruct(self, known: Overheard, asked: Overheard, hears: str, *, attacker: str) -> Reconstruction:
        """Guess what vehicles keep for themselves.

        Args:
            known: Episodes that he knows all about.
            asked: Other episodes, of which he only hears.
            hears: What he hears, by name.
            attacker: How he guesses: `neighbours` takes the mean of the nearest of known samples, `network` is a
                network that has learned on them, `sequence` is one that has learned to read whole episodes: it has
                heard the slots before, but none that come later.

        Returns:
            How well he guesses.

        Raises:
            ControllerError: If no message was sent in the episodes.
            ValueError: If he cannot guess like this from what he hears.
        """
        if attacker not in self.attackers(hears):
            raise ValueError(f"attacker must be one of {', '.join(self.attackers(hears))}, got {attacker!r}")
        if not (known.decided.any() and asked.decided.any()):
            raise ControllerError("there is nothing to attack: no vehicle sent a message in these episodes")
        generator = np.random.default_rng(0)
        before, now = (_samples(heard, count, generator) for heard, count in ((known, LEARNED), (asked, ASKED)))
        truths, truth = _truths(self._spec, known, *before), _truths(self._spec, asked, *now)
        if attacker == SEQUENCE:
            guess = self._read(known, asked, hears, now)
        else:
            features, of_asked = OBSERVERS[hears](known, *before), OBSERVERS[hears](asked, *now)
            scaled, scaled_asked = scaled_alike(features, of_asked)
            guess = GUESSES[attacker](scaled, truths, scaled_asked)
        return _judged(guess, truth, truths)

    def _read(self, known: Overheard, asked: Overheard, hears: str, now: tuple[Ints, Ints, Ints]) -> Features:
        """Guesses of some samples, by who has read their episodes slot by slot, shape [N, 4 + H]."""
        places, places_asked = _all_places(known), _all_places(asked)
        listen = SLOT_BY_SLOT[hears]
        scaled, scaled_asked = scaled_alike(listen(known, *places), listen(asked, *places_asked))
        slots = known.decided.shape[1]
        guess = by_sequence(
            scaled.reshape(-1, slots, scaled.shape[1]),
            _truths(self._spec, known, *places).reshape(len(scaled) // slots, slots, -1),
            known.decided[places].reshape(-1, slots) > 0,
            scaled_asked.reshape(-1, slots, scaled.shape[1]),
        )
        episode, slot, ev = now
        guesses: Features = guess[episode * asked.decided.shape[2] + ev, slot]
        return guesses


def _all_places(heard: Overheard) -> tuple[Ints, Ints, Ints]:
    """Episode, slot and EV of all that there is, all slots of an EV one after another, shape [E * I * T] each."""
    episodes, slots, evs = heard.decided.shape
    episode, ev, slot = np.indices((episodes, evs, slots)).reshape(3, -1)
    return episode, slot, ev


def _changes_of_turns(heard: Overheard) -> tuple[Floats, Ints]:
    """What each turn changes of the totals in the slots that messages tell of, and how many EVs decide in it.

    Returns:
        Change of what is fed in and of what is drawn [kWh], shape [E, T, turns, 2, H, OFFERED], and EVs, shape
        [E, T, turns].
    """
    stations = heard.fed_kwh.shape[2]
    now_kwh = _offers_at_stations(heard.offer_kwh, heard.station, stations)
    before_kwh = np.zeros_like(now_kwh)
    before_kwh[:, 1:] = _offers_at_stations(heard.offer_kwh[:, :-1], heard.station[:, :-1], stations, later=1)
    turns_of_slot = (*heard.turn.shape[:2], int(heard.turn.max(initial=0)) + 1)
    change_kwh = np.zeros((*turns_of_slot, *now_kwh.shape[3:]))
    deciding: Ints = np.zeros(turns_of_slot, dtype=np.int64)
    episode, slot, ev = np.nonzero(heard.turn >= 0)
    of_turn = (episode, slot, heard.turn[episode, slot, ev])
    np.add.at(change_kwh, of_turn, now_kwh[episode, slot, ev] - before_kwh[episode, slot, ev])
    np.add.at(deciding, of_turn, 1)
    return change_kwh, deciding


def _offers_at_stations(offer_kwh: Floats, station: Ints, stations: int, later: int = 0) -> Floats:
    """What each EV's offers add to the totals in the slots from each slot on [kWh], shape [E, T, I, 2, H, OFFERED].

    Args:
        offer_kwh: Offers, shape [E, T, I, S].
        station: Stations of these, shape [E, T, I].
        stations: Number of stations, H.
        later: From how many slots later on.
    """
    episodes, slots, evs, _ = offer_kwh.shape
    slot = np.tile(np.repeat(np.arange(slots) + later, evs), episodes)
    flat_kwh = offer_kwh.reshape(-1, offer_kwh.shape[-1])
    ahead_kwh = np.stack([_ahead(flat_kwh, slot, k) for k in range(OFFERED)], axis=-1)
    both_kwh = np.stack([np.maximum(-ahead_kwh, 0.0), np.maximum(ahead_kwh, 0.0)], axis=1)
    there = station.reshape(-1, 1) == np.arange(stations)
    placed_kwh: Floats = both_kwh[:, :, None, :] * there[:, None, :, None]
    return placed_kwh.reshape(episodes, slots, evs, 2, stations, OFFERED)


def _samples(heard: Overheard, most: int, generator: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Episode, slot and EV of messages, drawn at random."""
    places = np.argwhere(heard.decided > 0)
    drawn = generator.permutation(len(places))[:most]
    episode, slot, ev = places[np.sort(drawn)].T
    return episode, slot, ev


def _truths(spec: FleetSpec, heard: Overheard, episode: Ints, slot: Ints, ev: Ints) -> Features:
    """Position [km], charge and charge at the start [points], and 1 at the next station, shape [N, 4 + H]."""
    points = 100.0 / spec.battery_kwh
    station = heard.station[episode, slot, ev][:, None] == np.arange(len(spec.station_name))
    return np.column_stack(
        [
            heard.position_km[episode, slot, ev],
            heard.energy_kwh[episode, slot, ev] * points,
            heard.energy_kwh[episode, 0, ev] * points,
            station,
        ]
    )


def _judged(guess: Features, truth: Features, known: Features) -> Reconstruction:
    error, spread = guess - truth, truth - known.mean(axis=0)
    going = truth[:, 4:].any(axis=1)
    right = guess[:, 4:].argmax(axis=1) == truth[:, 4:].argmax(axis=1)
    return Reconstruction(
        position_km=float(np.hypot(error[:, 0], error[:, 1]).mean()),
        charge_points=float(np.abs(error[:, 2]).mean()),
        start_points=float(np.abs(error[:, 3]).mean()),
        position_r2=_explained(error[:, :2], spread[:, :2]),
        charge_r2=_explained(error[:, 2], spread[:, 2]),
        station_right=float(right[going].mean()) if going.any() else None,
    )


def _explained(error: Features, spread: Features) -> float | None:
    """Share of the variance that is explained; None if there is none."""
    variance = np.square(spread).sum()
    return float(1.0 - np.square(error).sum() / variance) if variance > 0.0 else None


def _ahead(of_slots: Floats, slot: Ints, k: int) -> Floats:
    """Values [N, ..., T] of the slot k slots ahead of each; 0 beyond the last."""
    last = of_slots.shape[-1] - 1
    at = np.minimum(slot + k, last).reshape(-1, *[1] * (of_slots.ndim - 1))
    found = np.take_along_axis(of_slots, at, axis=-1)[..., 0]
    ahead: Floats = found * (slot + k <= last).reshape(-1, *[1] * (found.ndim - 1))
    return ahead
