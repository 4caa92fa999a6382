"""The validations of a training, as `cosim train` writes them to curve.csv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.interface import Floats

#: A validation is as good as the last one if it lacks no more than this share of it.
CONVERGED = 0.01


class InputError(Exception):
    """What is given cannot be used."""


@dataclass(frozen=True)
class Curve:
    """The validations of a training.

    Attributes:
        episodes: Episodes of training before each of them.
        cpu_s: CPU time before each of them [s].
        restoration: What the fleet restores in each of them.
    """

    episodes: Floats
    cpu_s: Floats
    restoration: Floats

    def converged(self) -> int:
        """Number of the first validation that is within 1 % of the last one, or above it."""
        return int(np.argmax(self.restoration >= (1.0 - CONVERGED) * self.restoration[-1]))


def read_curve(file: str) -> Curve:
    """Read a curve.csv."""
    try:
        with Path(file).open(newline="", encoding="utf-8") as opened:
            rows = [row for row in csv.DictReader(opened) if row["kind"] == "validation"]
        columns = ([float(row[name]) for row in rows] for name in ("episodes", "cpu_s", "restoration"))
        curve = Curve(*map(np.array, columns))
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    except KeyError as error:
        raise InputError(f"{file}: is no learning curve of cosim train, it has no column {error}") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{file}: is no learning curve of cosim train ({error})") from error
    if not rows:
        raise InputError(f"{file}: has no row of validation")
    return curve


def together(curves: Sequence[Curve]) -> tuple[Floats, Floats]:
    """Episodes and restoration of all seeds, shape [X] and [S, X], where all of them have validations around."""
    first, last = max(curve.episodes[0] for curve in curves), min(curve.episodes[-1] for curve in curves)
    x = np.unique(np.concatenate([curve.episodes for curve in curves]))
    x = x[(x >= first) & (x <= last)]
    return x, np.array([np.interp(x, curve.episodes, curve.restoration) for curve in curves])
