"""From the program's shares of EVs to whole ones, for the slot that begins: what comes later is solved anew."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cosim.interface import Floats, Ints
from cosim.planning.program import FleetProgram

#: An EV with at least this share of its walks by one station goes there.
SURE = 1.0 - 1e-6


@dataclass(frozen=True)
class FirstMoves:
    """What each EV does in the slot that begins, shape [I].

    Attributes:
        station: Station that it goes to or stays at; -1 to do nothing.
        power_kwh: Energy at the charger in this slot, > 0 drawn [kWh].
    """

    station: Ints
    power_kwh: Floats


def decide_first_moves(program: FleetProgram, tolerance_kwh: float, part: float = 1.0 / 3.0) -> FirstMoves:
    """Decide where every EV goes, the surest first, and solve the program again between decisions.

    Args:
        program: The program, each EV a group of its own.
        tolerance_kwh: How exactly it is solved [kWh].
        part: Part of the undecided EVs that is decided before it is solved again.

    Source:
        The dive of branch and price, see Sadykov et al. 2019; here it goes as deep as the slot that begins.
    """
    program.solve(tolerance_kwh)
    evs = program.share.shape[1]
    station, undecided = np.full(evs, -1), np.ones(evs, dtype=np.bool_)
    while undecided.any():
        favourite, share = _favourites(program)
        surest = np.argsort(np.where(undecided, -share, 0.0), kind="stable")
        sure = np.count_nonzero(undecided & (share >= SURE))
        decided = surest[: sure + math.ceil(part * (np.count_nonzero(undecided) - sure))]
        undecided[decided] = False
        station[decided] = favourite[decided]
        program.go_first_to(decided, favourite[decided])
        # Those that were sure all along change nothing.
        if sure < len(decided):
            program.solve(tolerance_kwh)
    walks = program.walks
    power_kwh = (program.share * (walks.drawn_kwh - walks.fed_kwh)[..., 0]).sum(axis=0)
    return FirstMoves(station, power_kwh)


def _favourites(program: FleetProgram) -> tuple[Ints, Floats]:
    """First station of most of each EV's walks, -1 for none, and the share of these walks; shape [I]."""
    walk, ev = np.nonzero(program.share > 0.0)
    first = program.walks.station[walk, ev, 0]
    share = np.zeros((program.share.shape[1], int(program.walks.station.max(initial=-1)) + 2))
    np.add.at(share, (ev, first + 1), program.share[walk, ev])
    return share.argmax(axis=1) - 1, share.max(axis=1)
