"""Who waited and who was plugged in at a station, in event time, from visits and customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.interface import Floats, Ints
from cosim.report.page.shown_run import ShownRun

#: A stay in a queue shorter than this is none [s].
NO_TIME_S = 1e-6


@dataclass(frozen=True)
class Spells:
    """Stays of one kind, in the queue or at a charger.

    Attributes:
        who: EV of each, -1 for a customer, shape [S].
        start_s: When it begins [s since the episode's start], shape [S].
        end_s: When it ends, likewise.
    """

    who: Ints
    start_s: Floats
    end_s: Floats

    def __len__(self) -> int:
        return len(self.who)


def plugged(run: ShownRun, station: int) -> Spells:
    """Stays at a station's chargers, those of EVs and of customers, by their beginning."""
    visits, customers = _rows(run, "visits", station), _rows(run, "customers", station)
    end_s = float(run.clock.slots * run.clock.slot_s)
    return _spells(
        [visits["ev"], np.full(len(customers["plug_in_s"]), -1)],
        [visits["plug_in_s"], customers["plug_in_s"]],
        [_or(visits["plug_out_s"], end_s), _or(customers["leave_s"], end_s)],
    )


def waiting(run: ShownRun, station: int) -> Spells:
    """Stays in a station's queue, those of EVs and of customers, by their beginning; those of no time left out."""
    visits, customers = _rows(run, "visits", station), _rows(run, "customers", station)
    end_s = float(run.clock.slots * run.clock.slot_s)
    spells = _spells(
        [visits["ev"], np.full(len(customers["arrive_s"]), -1)],
        [visits["request_s"], customers["arrive_s"]],
        [
            _or(_or(visits["plug_in_s"], visits["plug_out_s"]), end_s),
            _or(_or(customers["plug_in_s"], customers["leave_s"]), end_s),
        ],
    )
    long = spells.end_s - spells.start_s > NO_TIME_S
    return Spells(spells.who[long], spells.start_s[long], spells.end_s[long])


def count_over_time(spells: Spells, end_s: float) -> tuple[Floats, Ints]:
    """How many go on at a time, as steps.

    Args:
        spells: The stays.
        end_s: The episode's end [s].

    Returns:
        Times from which on a number holds [s], the first 0 and the last the end, and the numbers.
    """
    times = np.concatenate([spells.start_s, spells.end_s])
    changes = np.concatenate([np.ones(len(spells), dtype=int), -np.ones(len(spells), dtype=int)])
    moments, place = np.unique(np.concatenate([[0.0, end_s], times]), return_inverse=True)
    steps = np.zeros(len(moments), dtype=int)
    np.add.at(steps, place[2:], changes)
    return moments, np.cumsum(steps)


def chargers_taken(spells: Spells) -> Ints:
    """A charger for each stay, the lowest that is free; records do not tell which it was, shape [S]."""
    free_s: list[float] = []
    taken = np.zeros(len(spells), dtype=np.int64)
    for number, (start_s, end_s) in enumerate(zip(spells.start_s, spells.end_s, strict=True)):
        free = next((k for k, until_s in enumerate(free_s) if until_s <= start_s + NO_TIME_S), len(free_s))
        free_s[free : free + 1] = [end_s]
        taken[number] = free
    return taken


def _rows(run: ShownRun, table: str, station: int) -> dict[str, Any]:
    columns = run.records[table].columns
    here = np.asarray(columns["station"]) == station
    return {name: np.asarray(values)[here] for name, values in columns.items()}


def _or(values: Floats, fallback: Floats | float) -> Floats:
    return np.where(np.isnan(values), fallback, values)


def _spells(who: list[Ints], start_s: list[Floats], end_s: list[Floats]) -> Spells:
    started = np.concatenate(start_s)
    there = ~np.isnan(started)
    order = np.argsort(started[there], kind="stable")
    return Spells(
        np.concatenate(who)[there][order].astype(np.int64), started[there][order], np.concatenate(end_s)[there][order]
    )
