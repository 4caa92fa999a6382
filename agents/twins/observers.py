"""What attackers hear of a fleet, as numbers: nothing, sums, changes from turn to turn, or messages.

E = episodes, T = slots, I = EVs, H = stations. Samples are (episode, slot, EV); what is heard has shape [N, features].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from agents.twins.eavesdropper import Overheard
from cosim.interface import Floats, Ints

#: Slots that a message tells of, from the one in which it is sent; and messages that an attacker remembers.
OFFERED, REMEMBERED = 3, 4

#: Sees the samples (episode, slot, EV) and gives what an attacker hears of them, shape [N, features].
Hears = Callable[[Overheard, Ints, Ints, Ints], Floats]
Features = NDArray[np.float64]


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


def _changes_of_turns(heard: Overheard) -> tuple[Floats, Ints]:
    """What each turn changes of the totals in the slots that messages tell of, and how many EVs decide in it.

    Returns:
        Change of what is fed in and of what is drawn [kWh], shape [E, T, turns, 2, H, OFFERED], and EVs, shape
        [E, T, turns].
    """
    stations = heard.fed_kwh.shape[2]
    now_kwh = offers_at_stations(heard.offer_kwh, heard.station, stations)
    before_kwh = np.zeros_like(now_kwh)
    before_kwh[:, 1:] = offers_at_stations(heard.offer_kwh[:, :-1], heard.station[:, :-1], stations, later=1)
    turns_of_slot = (*heard.turn.shape[:2], int(heard.turn.max(initial=0)) + 1)
    change_kwh = np.zeros((*turns_of_slot, *now_kwh.shape[3:]))
    deciding: Ints = np.zeros(turns_of_slot, dtype=np.int64)
    episode, slot, ev = np.nonzero(heard.turn >= 0)
    of_turn = (episode, slot, heard.turn[episode, slot, ev])
    np.add.at(change_kwh, of_turn, now_kwh[episode, slot, ev] - before_kwh[episode, slot, ev])
    np.add.at(deciding, of_turn, 1)
    return change_kwh, deciding


def offers_at_stations(offer_kwh: Floats, station: Ints, stations: int, later: int = 0) -> Floats:
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


def _ahead(of_slots: Floats, slot: Ints, k: int) -> Floats:
    """Values [N, ..., T] of the slot k slots ahead of each; 0 beyond the last."""
    last = of_slots.shape[-1] - 1
    at = np.minimum(slot + k, last).reshape(-1, *[1] * (of_slots.ndim - 1))
    found = np.take_along_axis(of_slots, at, axis=-1)[..., 0]
    ahead: Floats = found * (slot + k <= last).reshape(-1, *[1] * (found.ndim - 1))
    return ahead
