"""What happens to messages on their way: they come whole slots late, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.errors import MessageError


@dataclass(frozen=True)
class Channel:
    """Latency and loss of messages.

    Attributes:
        latency_slots: A message that is sent in slot t is there in slot t + latency; 0 for at once.
        loss: Share of deliveries that are lost, each receiver's on its own, in [0, 1].
        seed: Of the random numbers that decide which.

    Raises:
        MessageError: If the latency is negative or the loss is no share.
    """

    latency_slots: int = 0
    loss: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.latency_slots < 0 or not 0.0 <= self.loss <= 1.0:
            raise MessageError(
                f"a channel needs a latency >= 0 and a loss in [0, 1], got {self.latency_slots} and {self.loss}"
            )


class OpenChannel:
    """A channel in use, with its own stream of random numbers.

    Args:
        channel: Its latency and loss.
    """

    def __init__(self, channel: Channel) -> None:
        self.latency_slots = channel.latency_slots
        self._loss = channel.loss
        self._generator = np.random.default_rng(channel.seed)

    def loses(self) -> bool:
        """Whether the next delivery is lost."""
        return self._loss > 0.0 and bool(self._generator.random() < self._loss)
