"""What a training has left in its folder, read: what it is, and its learning curve."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosim.errors import RecordError

ABOUT = "training.json"
CURVE = "curve.csv"
FORMAT = 1

#: Kind of a row of the curve that tells of held-out episodes.
VALIDATION = "validation"


@dataclass(frozen=True)
class CurvePoint:
    """A row of a learning curve.

    Attributes:
        episodes: Episodes of training before it.
        cpu_s: CPU time before it [s].
        validates: Whether it is of held-out episodes, not of those of the training.
        variant: The variant of the scenario, empty if there is one only.
        restoration: Mean load restoration ratio; NaN where EVs commute and nothing is restored.
        reward: Mean reward of an EV and episode; NaN where it is not known.
    """

    episodes: int
    cpu_s: float
    validates: bool
    variant: str
    restoration: float
    reward: float = math.nan

    @property
    def score(self) -> float:
        """What weights are selected by: what is restored, or else what is earned."""
        return self.reward if math.isnan(self.restoration) else self.restoration


@dataclass(frozen=True)
class StoredTraining:
    """A training, read.

    Attributes:
        folder: Its folder.
        about: What `training.json` says.
        curve: Its learning curve, in order.
    """

    folder: Path
    about: Mapping[str, Any]
    curve: Sequence[CurvePoint] = field(repr=False)


def is_training_folder(path: Path) -> bool:
    """Whether there is a training in a folder, be it damaged."""
    return (path / ABOUT).is_file()


def read_training(path: Path) -> StoredTraining:
    """Read what a training has left.

    Args:
        path: Its folder, also of a training that goes on or was stopped.

    Raises:
        RecordError: If it holds no training, is damaged, or is of another version.
    """
    return StoredTraining(path, read_about(path), _read_curve(path / CURVE))


def read_about(path: Path) -> dict[str, Any]:
    """What `training.json` says.

    Raises:
        RecordError: If it cannot be read, or is of another version.
    """
    try:
        about = json.loads((path / ABOUT).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"{path / ABOUT}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise RecordError(f"{path / ABOUT}: is no JSON ({error})") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT or not isinstance(about.get("episodes"), int):
        raise RecordError(f"{path / ABOUT}: is not of format {FORMAT}; the version that wrote it can go on with it")
    if not isinstance(about.get("algorithm"), str):
        raise RecordError(f"{path / ABOUT}: is damaged, it names no algorithm")
    return about


def _read_curve(path: Path) -> list[CurvePoint]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecordError(f"{path} cannot be read: {error}") from error
    points = []
    for number, row in enumerate(rows, start=2):
        try:
            if math.isinf(float(row["restoration"] or "nan")):
                raise ValueError(row["restoration"])
            points.append(
                CurvePoint(
                    episodes=int(row["episodes"]),
                    cpu_s=float(row["cpu_s"]),
                    validates=row["kind"] == VALIDATION,
                    variant=row.get("variant") or "",
                    restoration=float(row["restoration"] or "nan"),
                    reward=float(row.get("reward") or "nan"),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(
                f"{path}:{number} is damaged: it must have episodes, cpu_s, kind and restoration"
            ) from error
    return points
