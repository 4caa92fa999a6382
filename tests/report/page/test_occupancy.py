"""Queues and chargers in use over time are what stations counted when they ran."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from cosim.report.page.occupancy import Spells, chargers_taken, occupancy, plugged
from cosim.report.page.shown_run import ShownRun


def mean_by_slot(times_s: list[float], counts: list[int], slots: int, slot_s: int) -> list[float]:
    """Mean over time of a count in each slot."""
    sums = [0.0] * slots
    for (begin_s, end_s), count in zip(pairwise([*times_s, float(slots * slot_s)]), counts, strict=True):
        for slot in range(slots):
            inside_s = min(end_s, (slot + 1) * slot_s) - max(begin_s, slot * slot_s)
            sums[slot] += count * max(inside_s, 0.0)
    return [total / slot_s for total in sums]


def test_means_over_a_slot_are_those_of_the_records(shown: ShownRun) -> None:
    customers = shown.records["customers"].columns
    interrupted = set(np.asarray(customers["station"])[np.asarray(customers["interrupted"]) > 0])
    for station, name in enumerate(shown.stations):
        if station in interrupted:
            continue  # customers lose their chargers there, and records do not tell when
        steps = occupancy(shown.records, station, shown.end_s)
        for counts, column in ((steps.busy, "busy_mean"), (steps.queue, "queue_mean")):
            means = mean_by_slot(steps.times_s.tolist(), counts.tolist(), shown.clock.slots, shown.clock.slot_s)
            assert means == pytest.approx(shown.cube("station_slots", column)[:, station], abs=1e-6), (name, column)


def test_two_vehicles_never_share_a_charger(shown: ShownRun) -> None:
    for station in range(len(shown.stations)):
        spells = plugged(shown.records, station, shown.end_s)
        taken = chargers_taken(spells)
        for charger in np.unique(taken):
            here = taken == charger
            assert (spells.start_s[here][1:] >= spells.end_s[here][:-1] - 1e-6).all()


def test_the_lowest_free_charger_is_taken() -> None:
    spells = Spells(np.array([0, 1, 2, 3]), np.array([0.0, 1.0, 5.0, 6.0]), np.array([5.0, 9.0, 7.0, 8.0]))
    assert chargers_taken(spells).tolist() == [0, 1, 0, 2]
