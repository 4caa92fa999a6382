"""How vehicles tell each other what they intend: how exactly, how late, and how surely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.errors import ControllerError
from cosim.interface import Ints, RandomSource


@dataclass(frozen=True)
class Telling:
    """How intentions are told; as they are, at once and surely, unless something else is said.

    Attributes:
        offer_unit_kwh: Unit in which energies are told [kWh], rounded to the nearest; 0 for all digits.
        offer_noise_kwh: Standard deviation of the noise on them [kWh], see `agents.offer_noise`; 0 for none.
        latency_slots: Slots until a message arrives; those who decide meanwhile know the one before. A message that
            is out of date when it arrives is still believed.
        loss: Share of the messages that never arrive; then the one before holds.

    Raises:
        ControllerError: If a value is out of its range.
    """

    offer_unit_kwh: float = 0.0
    offer_noise_kwh: float = 0.0
    latency_slots: int = 0
    loss: float = 0.0

    def __post_init__(self) -> None:
        for name in ("offer_unit_kwh", "offer_noise_kwh"):
            value = getattr(self, name)
            if not 0.0 <= value < float("inf"):
                raise ControllerError(f"{name} must be a number of at least 0, got {value}")
        if not isinstance(self.latency_slots, int) or self.latency_slots < 0:
            raise ControllerError(f"latency_slots must be a whole number of at least 0, got {self.latency_slots}")
        if not 0.0 <= self.loss < 1.0:
            raise ControllerError(f"message_loss must be at least 0 and below 1, got {self.loss}")


EXACTLY = Telling()


class Losses:
    """Which messages of a slot are lost, the same whatever runs beside and whoever decides first.

    Args:
        fleet_size: Number of EVs, I.
        share: Share of the messages that are lost.
    """

    def __init__(self, fleet_size: int, share: float) -> None:
        self._fleet_size = fleet_size
        self._share = share
        self._lost = np.zeros((0, fleet_size), dtype=np.bool_)

    def begin_slot(self, replicas: int, random: RandomSource) -> None:
        """Draw the losses of a slot from the episodes' own streams."""
        drawn = [random(replica).random(self._fleet_size) for replica in range(replicas)]
        self._lost = np.array(drawn).reshape(replicas, self._fleet_size) < self._share

    def arrive(self, replica: Ints, ev: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Whether the messages of some EVs arrive, shape [N]."""
        arrived: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = ~self._lost[replica, ev]
        return arrived
