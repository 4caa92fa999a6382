"""When a microgrid was cut off from the utility, as charts shade it."""

from __future__ import annotations

import numpy as np

from cosim.report.page.shown_run import ShownRun


def outages(run: ShownRun, microgrid: int) -> list[tuple[float, float]]:
    """Spans of time in which a microgrid has no connection to the utility.

    Args:
        run: The run.
        microgrid: Number of the microgrid.

    Returns:
        Beginning and end of each span [h since midnight]; one span, the whole
        episode, where there is no utility at all.
    """
    fed = _fed(run, microgrid)
    times_h = run.slot_times_h
    edges = np.flatnonzero(np.diff(np.concatenate([[True], fed, [True]]).astype(int)))
    return [(times_h[first], times_h[last]) for first, last in edges.reshape(-1, 2)]


def _fed(run: ShownRun, microgrid: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Slots in which the utility feeds the microgrid's island, shape [T]."""
    slots = run.clock.slots
    supply = run.scenario["network"].get("supply")
    if supply is None:
        return np.zeros(slots, dtype=bool)
    buses = np.asarray(run.records["buses"].columns["bus"])
    home = int(np.asarray(run.records["buses"].columns["microgrid"])[buses == supply["bus"]][0])
    island = run.cube("microgrid_slots", "island")
    together: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = island[:, home] == island[:, microgrid]
    return _in_service(run) & together & (island[:, microgrid] >= 0)


def _in_service(run: ShownRun) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Slots in which the timetable has the utility in service, shape [T]."""
    there = np.ones(run.clock.slots, dtype=bool)
    for entry in run.scenario["network"].get("timetable", ()):
        if entry.get("unit") == "supply":
            labels = [run.clock.label(slot) for slot in range(run.clock.slots)]
            out, back = entry.get("out"), entry.get("back")
            first = labels.index(out) if out in labels else 0
            last = labels.index(back) if back in labels else run.clock.slots
            there[first:last] = False
    return there
