"""Attacks: what somebody who overhears messages can tell of the vehicles, from other episodes that he knows all about.

An attacker has learned from episodes whose truths he knows, and is asked about others. He may hear each vehicle's
messages, the sums only, or nothing at all; the last is a guess, which any message must be held against. He takes each
slot by itself, or reads what he hears slot by slot from the episode's beginning on. What he hears is in
`agents.twins.observers`, how he guesses in `agents.twins.guessing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from agents.twins.eavesdropper import Overheard
from agents.twins.guessing import by_neighbours, by_network, by_sequence, scaled_alike
from agents.twins.membership import members_found
from agents.twins.observers import OBSERVERS, OF_SUMS, SLOT_BY_SLOT, Features
from cosim.errors import ControllerError
from cosim.interface import FleetSpec, Floats, Ints

#: Samples that an attacker learns from, at most, and is asked about.
LEARNED, ASKED = 20_000, 10_000
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
        """What he may hear, see `agents.twins.observers.OBSERVERS`.

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
