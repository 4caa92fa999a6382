"""A board of intentions: what each EV plans, read by those who decide after it.

An EV publishes where it goes, when it arrives and how much energy it will draw or feed in, slot by slot; never
where it is or what its battery holds. Readers see what all EVs together plan at each station and slot.
R = replicas, I = EVs, H = stations, T = slots of an episode.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.offer_noise import OfferNoise
from agents.telling import EXACTLY, Losses, Telling
from cosim.interface import FleetSpec, Floats, Ints, Observation, Visibility

#: The values are sent as: EV number 2 bytes, station 1, slot of arrival 1, each offer 4 (a 32-bit float).
EV_BYTES, STATION_BYTES, ARRIVAL_BYTES, OFFER_BYTES = 2, 1, 1, 4


def _shared(about: str) -> Any:
    return field(metadata={"visibility": Visibility.DERIVED, "about": about})


@dataclass(frozen=True)
class Intentions:
    """What N EVs plan, each in its own replica or all in one."""

    station: Ints = _shared("[N] Station that the EV goes to or stays at, -1 for none.")
    arrival: Ints = _shared("[N] Slot in which it is there; offers before it are 0.")
    offer_kwh: Floats = _shared("[N, T] Energy at the charger in each slot of the episode [kWh], > 0 drawn.")


@dataclass
class MessageCount:
    """What has been sent to a board.

    An intention is one message. It carries the EV's number, the station, the slot of arrival and the offers
    from the first to the last that is not 0; a withdrawal is not sent, the next intention replaces the last.

    Attributes:
        number: Messages.
        size_bytes: Their size.
        values: Values sent, by field of `Intentions`.
    """

    number: int = 0
    size_bytes: int = 0
    values: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("station", "arrival", "offer_kwh"), 0))

    def add(self, offers: Ints) -> None:
        """Count messages.

        Args:
            offers: Offers that each message carries, shape [N].
        """
        number, total = len(offers), int(offers.sum())
        self.number += number
        self.size_bytes += number * (EV_BYTES + STATION_BYTES + ARRIVAL_BYTES) + total * OFFER_BYTES
        self.values["station"] += number
        self.values["arrival"] += number
        self.values["offer_kwh"] += total


class IntentionBoard:
    """The intentions of all EVs, and their sums; each replica's on its own.

    Args:
        fleet_size: Number of EVs, I.
        stations: Number of stations, H.
        slots: Slots of an episode, T.
        telling: How intentions are told.
        noise: Noise on offers, added before they are rounded; None for none.
    """

    def __init__(
        self,
        fleet_size: int,
        stations: int,
        slots: int,
        *,
        telling: Telling = EXACTLY,
        noise: OfferNoise | None = None,
    ) -> None:
        self._shape = (fleet_size, stations, slots)
        self._telling = telling
        self._losses = Losses(fleet_size, telling.loss) if telling.loss > 0.0 else None
        self.noise = noise
        """Noise on offers, None for none."""
        self.sent = MessageCount()
        """Messages since the board was made, over all replicas and episodes."""
        self.begin(0)

    @classmethod
    def of_fleet(cls, spec: FleetSpec, telling: Telling = EXACTLY) -> IntentionBoard:
        """The board of a fleet.

        Args:
            spec: The fleet.
            telling: How intentions are told.
        """
        noise = None if telling.offer_noise_kwh == 0.0 else OfferNoise(spec, telling.offer_noise_kwh)
        return cls(spec.fleet_size, len(spec.station_name), spec.slots, telling=telling, noise=noise)

    def begin_slot(self, observation: Observation) -> None:
        """Get ready for the messages of a slot, of which each EV sends one at most; a new episode's board is empty."""
        if observation.slot == 0 or self.replicas != observation.replicas:
            self.begin(observation.replicas)
        if self.noise is not None:
            self.noise.begin_slot(observation.slot, observation.replicas, observation.random)
        if self._losses is not None:
            self._losses.begin_slot(observation.replicas, observation.random)
        self._slot = observation.slot
        self._turns[:], self.turn[:] = 0, -1
        for message in self._on_the_way.pop(self._slot, []):
            self._show(*message)

    def begin(self, replicas: int) -> None:
        """Empty the board for new episodes; the count of messages goes on."""
        evs, stations, slots = self._shape
        self._slot = 0
        self._turns: Ints = np.zeros(replicas, dtype=np.int64)
        self._on_the_way: dict[int, list[tuple[Ints, Ints, Intentions]]] = {}
        self.station: Ints = np.full((replicas, evs), -1)
        """Station of each EV's intention, -1 for none, shape [R, I]."""
        self.arrival: Ints = np.zeros((replicas, evs), dtype=np.int64)
        """Slot of arrival, shape [R, I]."""
        self.turn: Ints = np.full((replicas, evs), -1)
        """Turn of the slot in which the EV sent its message, from 0; -1 if it sent none, shape [R, I]."""
        # 32-bit values summed in 64 bits: nothing is rounded, so a withdrawal leaves no trace.
        self._offer_kwh: NDArray[np.float32] = np.zeros((replicas, evs, slots), dtype=np.float32)
        self.drawn_kwh: Floats = np.zeros((replicas, stations, slots))
        """Energy that EVs intend to draw [kWh], shape [R, H, T]."""
        self.fed_kwh: Floats = np.zeros((replicas, stations, slots))
        """Energy that EVs intend to feed in [kWh], shape [R, H, T]."""
        self.chargers: Ints = np.zeros((replicas, stations, slots), dtype=np.int64)
        """Chargers that EVs intend to use, shape [R, H, T]."""

    @property
    def replicas(self) -> int:
        """Number of replicas, R."""
        return int(self.station.shape[0])

    @property
    def offer_kwh(self) -> Floats:
        """Offers of each EV [kWh], > 0 drawn, shape [R, I, T]."""
        return self._offer_kwh.astype(np.float64)

    def own_kwh(self, replica: Ints, ev: Ints) -> Floats:
        """Offers of some EVs [kWh], > 0 drawn, shape [N, T]."""
        return self._offer_kwh[replica, ev].astype(np.float64)

    def publish(self, replica: Ints, ev: Ints, intentions: Intentions) -> None:
        """Replace the intentions of some EVs, who take a turn at once; one message each.

        Args:
            replica: Replica of each, shape [N].
            ev: Number of each EV, shape [N]; no EV of a replica twice.
            intentions: What they plan.
        """
        told = self._told(replica, ev, intentions)
        self.turn[replica, ev] = self._turns[replica]
        self._turns[np.unique(replica)] += 1
        self.sent.add(_span(told.offer_kwh.astype(np.float32) != 0.0))
        if self._losses is not None:
            kept = self._losses.arrive(replica, ev)
            replica, ev = replica[kept], ev[kept]
            told = Intentions(told.station[kept], told.arrival[kept], told.offer_kwh[kept])
        due = self._slot + self._telling.latency_slots
        if due == self._slot:
            self._show(replica, ev, told)
        else:
            self._on_the_way.setdefault(due, []).append((replica, ev, told))

    def _told(self, replica: Ints, ev: Ints, intentions: Intentions) -> Intentions:
        """What messages tell of intentions."""
        told_kwh, unit_kwh = intentions.offer_kwh, self._telling.offer_unit_kwh
        if self.noise is not None:
            told_kwh = self.noise.told_kwh(replica, ev, intentions.arrival, told_kwh)
        if unit_kwh > 0.0:
            told_kwh = np.round(told_kwh / unit_kwh) * unit_kwh
        told_kwh = np.where(intentions.station[:, None] >= 0, told_kwh, 0.0)
        return Intentions(intentions.station, intentions.arrival, told_kwh)

    def _show(self, replica: Ints, ev: Ints, told: Intentions) -> None:
        """Put messages that have arrived in the place of those before."""
        self.withdraw(replica, ev)
        self.station[replica, ev] = told.station
        self.arrival[replica, ev] = told.arrival
        self._offer_kwh[replica, ev] = told.offer_kwh
        self._add(replica, ev, +1)

    def withdraw(self, replica: Ints, ev: Ints) -> None:
        """Take the intentions of some EVs off the board.

        Args:
            replica: Replica of each, shape [N].
            ev: Number of each EV, shape [N]; no EV of a replica twice.
        """
        self._add(replica, ev, -1)
        self.station[replica, ev] = -1
        self._offer_kwh[replica, ev] = 0.0

    def _add(self, replica: Ints, ev: Ints, sign: int) -> None:
        """Add the intentions of EVs to the sums, or take them off."""
        # Those of no station offer nothing: to the last station they add zero.
        at = (replica, self.station[replica, ev])
        offer_kwh = self._offer_kwh[replica, ev].astype(np.float64)
        np.add.at(self.drawn_kwh, at, sign * np.maximum(offer_kwh, 0.0))
        np.add.at(self.fed_kwh, at, sign * np.maximum(-offer_kwh, 0.0))
        np.add.at(self.chargers, at, sign * (offer_kwh != 0.0))


def _span(offered: NDArray[np.bool_]) -> Ints:
    """Slots from the first to the last offer, both included; shape [N] of [N, T]."""
    first = np.argmax(offered, axis=1)
    last = offered.shape[1] - 1 - np.argmax(offered[:, ::-1], axis=1)
    return np.where(offered.any(axis=1), last - first + 1, 0)
