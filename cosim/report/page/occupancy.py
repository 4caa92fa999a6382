"""Who waited and who was plugged in at a station, in event time, from visits and customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.interface import Floats, Ints
from cosim.records.table import Records

#: A stay in a queue shorter than this is none [s].
NO_TIME_S = 1e-6
#: Stands for a customer where an EV has its number.
CUSTOMER = -1


@dataclass(frozen=True)
class Spells:
    """Stays of one kind, in the queue or at a charger.

    Attributes:
        who: EV of each, `CUSTOMER` for a customer, shape [S].
        start_s: When it begins [s since the episode's start], shape [S].
        end_s: When it ends, likewise.
    """

    who: Ints
    start_s: Floats
    end_s: Floats

    def __len__(self) -> int:
        return len(self.who)


@dataclass(frozen=True)
class Occupancy:
    """How many are at a station, as steps: a number holds from its time to the next.

    Attributes:
        times_s: Times at which anything changes, 0 the first [s since the episode's start], shape [N].
        busy: Chargers in use, shape [N].
        queue: Vehicles waiting, shape [N].
    """

    times_s: Floats
    busy: Ints
    queue: Ints


def occupancy(records: Records, station: int, end_s: float) -> Occupancy:
    """Chargers in use and vehicles waiting at a station.

    Records do not tell when a customer lost its charger to another vehicle. It counts as plugged in all along, and
    whoever is beyond the station's chargers counts as waiting.

    Args:
        records: The tables of one episode.
        station: Number of the station.
        end_s: End of the episode [s since its start].
    """
    chargers = int(records["stations"].columns["chargers"][station])
    at_chargers, in_queue = plugged(records, station, end_s), waiting(records, station, end_s)
    ends = (at_chargers.start_s, at_chargers.end_s, in_queue.start_s, in_queue.end_s)
    times_s = np.unique(np.concatenate([[0.0], *ends]))
    times_s = times_s[times_s < end_s]
    together = _present(at_chargers, times_s)
    busy: Ints = np.minimum(together, chargers)
    return Occupancy(times_s, busy, _present(in_queue, times_s) + together - busy)


def plugged(records: Records, station: int, end_s: float) -> Spells:
    """Stays at a station's chargers, those of EVs and of customers, by their beginning."""
    visits, customers = _rows(records, "visits", station), _rows(records, "customers", station)
    return _spells(
        [visits["ev"], np.full(len(customers["plug_in_s"]), CUSTOMER)],
        [visits["plug_in_s"], customers["plug_in_s"]],
        [_or(visits["plug_out_s"], end_s), _or(customers["leave_s"], end_s)],
    )


def waiting(records: Records, station: int, end_s: float) -> Spells:
    """Stays in a station's queue, those of EVs and of customers, by their beginning; those of no time left out."""
    visits, customers = _rows(records, "visits", station), _rows(records, "customers", station)
    spells = _spells(
        [visits["ev"], np.full(len(customers["arrive_s"]), CUSTOMER)],
        [visits["request_s"], customers["arrive_s"]],
        [
            _or(_or(visits["plug_in_s"], visits["plug_out_s"]), end_s),
            _or(_or(customers["plug_in_s"], customers["leave_s"]), end_s),
        ],
    )
    long = spells.end_s - spells.start_s > NO_TIME_S
    return Spells(spells.who[long], spells.start_s[long], spells.end_s[long])


def chargers_taken(spells: Spells) -> Ints:
    """A charger for each stay, the lowest that is free; records do not tell which it was, shape [S]."""
    free_s: list[float] = []
    taken = np.zeros(len(spells), dtype=np.int64)
    for number, (start_s, end_s) in enumerate(zip(spells.start_s, spells.end_s, strict=True)):
        free = next((k for k, until_s in enumerate(free_s) if until_s <= start_s + NO_TIME_S), len(free_s))
        free_s[free : free + 1] = [end_s]
        taken[number] = free
    return taken


def _rows(records: Records, table: str, station: int) -> dict[str, Any]:
    columns = records[table].columns
    here = np.asarray(columns["station"]) == station
    return {name: np.asarray(values)[here] for name, values in columns.items()}


def _or(values: Floats, fallback: Floats | float) -> Floats:
    return np.where(np.isnan(values), fallback, values)


def _present(spells: Spells, times_s: Floats) -> Ints:
    """How many go on at each time."""
    begun = np.searchsorted(np.sort(spells.start_s), times_s, side="right")
    present: Ints = begun - np.searchsorted(np.sort(spells.end_s), times_s, side="right")
    return present


def _spells(who: list[Ints], start_s: list[Floats], end_s: list[Floats]) -> Spells:
    started = np.concatenate(start_s)
    there = ~np.isnan(started)
    order = np.argsort(started[there], kind="stable")
    return Spells(
        np.concatenate(who)[there][order].astype(np.int64), started[there][order], np.concatenate(end_s)[there][order]
    )
