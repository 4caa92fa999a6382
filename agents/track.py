"""The learning curve as TensorBoard files."""

from __future__ import annotations

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from cosim.interface import TrainingRound

#: Time until what was added is in the file [s].
FLUSH_S = 10


class Track:
    """Writes the numbers of each round, by episodes of training.

    Args:
        folder: Where to.
        episodes: Episodes of training so far; what the folder holds of later ones is not shown any more.
    """

    def __init__(self, folder: Path, episodes: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=episodes + 1, flush_secs=FLUSH_S)

    def add(self, of_round: TrainingRound, best: float | None) -> None:
        """Write a round."""
        kind = " ".join(["validation" if of_round.validates else "training", of_round.variant]).strip()
        for name, value in of_round.numbers.items():
            self._writer.add_scalar(f"{kind}/{name}", value, of_round.episodes)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
