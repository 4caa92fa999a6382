"""Attacks on what twins of commuters tell in training: how full a battery is, and when its vehicle leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agents.commuters.view import DEPARTURE, ENERGY, HERE, look
from agents.episode_replay import Arrays
from agents.trained import TrainedCommuters
from agents.twins.guessing import Features, by_neighbours, by_network, scaled_alike
from cosim.interface import Action, FleetSpec, Observation

#: Samples that an attacker learns from, at most, and is asked about.
LEARNED, ASKED = 20_000, 10_000
#: What attackers may hear: only the time, the sums of the vehicle's station, or the vehicle's own message.
HEARS = ("nothing", "sums", "message")
GUESSES = {"neighbours": by_neighbours, "network": by_network}


@dataclass(frozen=True)
class Reconstruction:
    """How far guesses are off.

    Attributes:
        charge_points: Mean error of the state of charge [percentage points].
        departure_h: Mean error of the time until the vehicle leaves [h].
    """

    charge_points: float
    departure_h: float


class PlanListener:
    """A controller that lets commuters decide, and writes down what their twins tell and what is true.

    Args:
        spec: The fleet.
        fleet: Commuters that have learned, and whose twins tell plans.
    """

    def __init__(self, spec: FleetSpec, fleet: TrainedCommuters) -> None:
        self._spec, self._fleet = spec, fleet
        self._samples: list[Arrays] = []

    def act(self, observation: Observation) -> Action:
        """What the fleet decides."""
        action = self._fleet.act(observation)
        own, station = look(observation)["own"], observation.station
        here = own[..., HERE] > 0.0
        replica, ev = np.nonzero(here)
        message = self._fleet.told()["message"].reshape(*here.shape, -1) * here[..., None]
        at = station[:, None, :] == np.arange(len(self._spec.station_name))[:, None]
        of_stations = np.einsum("rhi,rik->rhk", at, message)
        time = np.full((len(ev), 1), observation.slot / self._spec.slots)
        points = 100.0 / self._spec.battery_kwh
        self._samples.append(
            {
                "nothing": time,
                "sums": np.concatenate([time, of_stations[replica, station[replica, ev]]], axis=1),
                "message": np.concatenate([time, message[replica, ev]], axis=1),
                "truth": np.stack([own[replica, ev, ENERGY] * points, own[replica, ev, DEPARTURE]], axis=1),
                "episode": observation.episode[replica],
            }
        )
        return action

    def samples(self) -> Arrays:
        """All that was heard and true, by name, shape [N, ...]."""
        return {name: np.concatenate([slot[name] for slot in self._samples]) for name in self._samples[0]}


def reconstruct(samples: Mapping[str, Features], hears: str, guess: str) -> Reconstruction:
    """Guess charge and departure in the later half of the episodes, after learning on the earlier one.

    Args:
        samples: What `PlanListener.samples` gives.
        hears: What the attacker hears, of `HEARS`.
        guess: How he guesses, of `GUESSES`.
    """
    generator, episode = np.random.default_rng(0), samples["episode"]
    later = episode > np.median(np.unique(episode))
    known, asked = (
        generator.permutation(np.flatnonzero(half))[:most] for half, most in ((~later, LEARNED), (later, ASKED))
    )
    heard, truth = samples[hears].astype(np.float64), samples["truth"].astype(np.float64)
    features, of_asked = scaled_alike(heard[known], heard[asked])
    error = np.abs(GUESSES[guess](features, truth[known], of_asked) - truth[asked]).mean(axis=0)
    return Reconstruction(charge_points=float(error[0]), departure_h=float(error[1]))
