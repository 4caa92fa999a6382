"""The learning curve as a plain table: `curve.csv`."""

from __future__ import annotations

import csv
from pathlib import Path

from cosim.errors import RecordError
from cosim.interface import TrainingRound
from cosim.records.stored_training import VALIDATION


class Curve:
    """Writes a row per round; the first is of training, so it has all columns.

    Args:
        path: Where to; goes on with what is there.

    Raises:
        RecordError: If it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: list[str] | None = None
        try:
            with path.open(newline="", encoding="utf-8") as file:
                self._columns = next(csv.reader(file), None)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise RecordError(f"{path} cannot be read: {error.strerror}") from error

    def add(self, of_round: TrainingRound, cpu_s: float) -> None:
        """Write a round's row, so that it is there whatever comes next."""
        row = {
            "episodes": of_round.episodes,
            "cpu_s": round(cpu_s, 3),
            "kind": VALIDATION if of_round.validates else "training",
            **({"variant": of_round.variant} if of_round.variant else {}),
            "restoration": of_round.restoration,
            "reward": of_round.reward,
            **of_round.logged,
        }
        try:
            with self._path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, self._columns or list(row), restval="", lineterminator="\n")
                if self._columns is None:
                    writer.writeheader()
                    self._columns = list(row)
                writer.writerow(row)
        except OSError as error:
            raise RecordError(f"{self._path} cannot be written: {error.strerror}") from error
