"""Gaussian noise on what EVs offer, so that a message tells less of the battery behind it.

R = replicas, I = EVs, T = slots of an episode.
"""

from __future__ import annotations

import math

import numpy as np

from cosim.errors import ControllerError
from cosim.interface import FleetSpec, Floats, Ints, RandomSource


class OfferNoise:
    """Noise on the energies of messages; each EV's in each slot is its own.

    It falls on every slot from the one that begins, or from the arrival, to the episode's end, whether the EV offers
    anything in it or not; else the slots that are 0 would tell how long its energy lasts. What is told then lies
    between 0 and the most that a charger can move in a slot. The station, the arrival, whether the EV sells or buys,
    and that it offers nothing at all, are told as they are: noise hides none of them. Of an intention that both
    sells and buys, which no fleet here has, only the larger side is told.

    The noise is drawn from the episode's own stream, as each slot begins and for all EVs: it is the same whatever runs
    beside, and whoever decides first.

    Args:
        spec: The fleet.
        std_kwh: Standard deviation at the charger [kWh], > 0.

    Raises:
        ControllerError: If it is not above 0, or no number.
    """

    def __init__(self, spec: FleetSpec, std_kwh: float) -> None:
        if not 0.0 < std_kwh < float("inf"):
            raise ControllerError(f"offer_noise_kwh must be a number of at least 0, got {std_kwh}")
        self._shape = (spec.fleet_size, spec.slots)
        self.std_kwh = std_kwh
        """Standard deviation of the noise [kWh]."""
        usable_kwh = spec.energy_max_kwh - spec.energy_min_kwh
        self._drawn = _Side(spec.charge_kw * spec.slot_h, usable_kwh / spec.charge_efficiency)
        fed_kw = spec.discharge_kw * spec.max_discharge_share
        self._fed = _Side(fed_kw * spec.slot_h, usable_kwh * spec.discharge_efficiency)
        self._slot = 0
        self._noise_kwh: Floats = np.zeros((0, *self._shape))

    @property
    def sensitivity_kwh(self) -> Floats:
        """How far two messages of an EV can be apart that differ in energies only, by the slot they are sent in [kWh].

        The Euclidean distance, shape [T]. Energies of one side are at least 0, so it is largest where two messages
        share no slot: the square is twice that of the longest message. In K slots to come it is at most K times the
        square of what fits into one.
        """
        left = np.arange(self._shape[1], 0, -1)
        sides = [np.minimum(2.0 * side.longest_kwh**2, left * side.slot_kwh**2) for side in (self._drawn, self._fed)]
        sensitivity_kwh: Floats = np.sqrt(np.maximum(*sides))
        return sensitivity_kwh

    def begin_slot(self, slot: int, replicas: int, random: RandomSource) -> None:
        """Draw the noise of a slot.

        Args:
            slot: Its number.
            replicas: Number of replicas, R.
            random: Opens each replica's stream.
        """
        self._slot = slot
        drawn = [random(replica).standard_normal(self._shape) for replica in range(replicas)]
        self._noise_kwh = self.std_kwh * np.array(drawn).reshape(replicas, *self._shape)

    def told_kwh(self, replica: Ints, ev: Ints, arrival: Ints, offer_kwh: Floats) -> Floats:
        """What EVs tell of their offers.

        Args:
            replica: Replica of each, shape [N].
            ev: Number of each EV, shape [N].
            arrival: Slot of arrival of each, shape [N].
            offer_kwh: What they offer [kWh], > 0 drawn, shape [N, T].

        Returns:
            The same with noise, shape [N, T].
        """
        sign = np.sign(offer_kwh.sum(axis=1))[:, None]
        ahead = np.arange(self._shape[1]) >= np.maximum(arrival, self._slot)[:, None]
        meant_kwh, noise_kwh = sign * offer_kwh, self._noise_kwh[replica, ev]
        told_kwh = np.where(sign > 0.0, self._drawn.noisy(meant_kwh, noise_kwh), self._fed.noisy(meant_kwh, noise_kwh))
        return np.where(ahead, sign * told_kwh, 0.0)


class _Side:
    """Energies of a message that sells, or of one that buys.

    Args:
        slot_kwh: The most that a charger moves in a slot [kWh].
        episode_kwh: The most that a battery allows in all slots of a message [kWh].
    """

    def __init__(self, slot_kwh: float, episode_kwh: float) -> None:
        self.slot_kwh = slot_kwh
        full = math.floor(episode_kwh / slot_kwh) if slot_kwh > 0.0 else 0
        self.longest_kwh = math.hypot(math.sqrt(full) * slot_kwh, episode_kwh - full * slot_kwh)
        """The largest Euclidean length of a message [kWh]: all energy, in as few slots as can be."""

    def noisy(self, meant_kwh: Floats, noise_kwh: Floats) -> Floats:
        """Energies [kWh], >= 0, with noise; what no battery could mean is cut before, so that bounds hold."""
        cut_kwh = np.clip(meant_kwh, 0.0, self.slot_kwh)
        length_kwh = np.linalg.norm(cut_kwh, axis=1, keepdims=True)
        cut_kwh *= np.minimum(1.0, self.longest_kwh / np.maximum(length_kwh, 1e-9))
        noisy_kwh: Floats = np.clip(cut_kwh + noise_kwh, 0.0, self.slot_kwh)
        return noisy_kwh
