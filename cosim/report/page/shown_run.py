"""A run as a page shows it: what all its episodes came to, and one of them in full."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cosim.clock import Clock, parse_time_of_day
from cosim.errors import RecordError
from cosim.interface import Floats
from cosim.metrics import EpisodeTotals, Estimate, MetricContext, customer_waits_h, request_waits_h
from cosim.records.store import StoredRun
from cosim.records.table import Records
from cosim.report.page.soundness import check_records
from cosim.units import SECONDS_PER_MINUTE, hours

#: Tables that metrics read.
_METRIC_TABLES = (
    "microgrid_slots",
    "reference_slots",
    "bus_slots",
    "ev_slots",
    "station_slots",
    "visits",
    "customers",
)
#: Episodes whose records are in memory at once while totals are taken.
_AT_ONCE = 16

#: Told how many episodes are read, and of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ShownRun:
    """A run, read.

    Attributes:
        folder: The run folder.
        label: A name that tells it from the other runs of the page.
        metadata: What the run is.
        ended: Whether all its episodes are there.
        context: What metrics need beside the records.
        clock: Slots and times of day.
        totals: What each episode came to.
        waits_h: How long each request of any episode waited for a charger [h].
        customer_waits_h: The same of customers who were not turned away.
        episode: Number of the episode that is shown in full.
        records: All tables of that episode.
    """

    folder: Path
    label: str
    metadata: Mapping[str, Any]
    ended: bool
    context: MetricContext
    clock: Clock
    totals: EpisodeTotals = field(repr=False)
    waits_h: Floats = field(repr=False)
    customer_waits_h: Floats = field(repr=False)
    episode: int
    records: Records = field(repr=False)

    @property
    def scenario(self) -> Mapping[str, Any]:
        """The resolved scenario."""
        scenario: Mapping[str, Any] = self.metadata["scenario"]
        return scenario

    @property
    def seed(self) -> int:
        """The scenario's seed."""
        return int(self.scenario["seed"])

    @property
    def estimates(self) -> dict[str, Estimate]:
        """Mean and interval of each metric."""
        return self.totals.estimates(self.seed)

    @property
    def microgrids(self) -> list[str]:
        """Names of the microgrids."""
        return list(self.records["microgrids"].columns["name"])

    @property
    def stations(self) -> list[str]:
        """Names of the stations."""
        return list(self.records["stations"].columns["name"])

    def cube(self, table: str, column: str) -> Floats:
        """A column of the episode that is shown, shape [T, units]."""
        cube: Floats = self.records[table].cube(column)[0]
        return cube

    def metric(self, name: str) -> Floats:
        """A metric of each episode, NaN where it has none, shape [E]; empty if the scenario has no such metric."""
        return np.array(self.totals.metric.get(name, ()))

    def time_of_day_h(self, time_s: float) -> float:
        """A time as charts take it [h since midnight], beyond 24 after midnight.

        Args:
            time_s: Seconds since the episode's start.
        """
        return round(hours(self.clock.start_s + float(time_s)), 6)

    @property
    def end_s(self) -> float:
        """End of the episode [s since its start]."""
        return float(self.clock.slots * self.clock.slot_s)

    @property
    def slot_times_h(self) -> list[float]:
        """Starts of all slots, and the end of the last, as charts take them [h since midnight]; T + 1 of them."""
        return [self.time_of_day_h(slot * self.clock.slot_s) for slot in range(self.clock.slots + 1)]

    @property
    def ends_h(self) -> tuple[float, float]:
        """Start and end of the episode [h since midnight]."""
        return self.slot_times_h[0], self.slot_times_h[-1]

    def clock_time(self, time_s: float) -> str:
        """A time as people read it, `HH:MM`.

        Args:
            time_s: Seconds since the episode's start.
        """
        minute = round((self.clock.start_s + float(time_s)) / SECONDS_PER_MINUTE)
        return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def show_run(folder: Path, label: str, episode: int | None = None, progress: Progress | None = None) -> ShownRun:
    """Read a run.

    Args:
        folder: The run folder, also of a run that goes on or was interrupted.
        label: A name that tells it from the other runs.
        episode: Number of the episode to show; default: the one nearest to the median of the load restoration ratio.
        progress: Told of every few episodes that are read.

    Returns:
        The run.

    Raises:
        RecordError: If the folder holds no run or is damaged, or has no finished episode or not this one.
    """
    stored = StoredRun(folder)
    if not stored.episodes:
        raise RecordError(f"{folder} has no finished episode yet: there is nothing to show")
    if episode is not None and not 0 <= episode < stored.episodes:
        raise RecordError(f"{folder} has no episode {episode}; there are 0 to {stored.episodes - 1}")
    context = _context(stored)
    clock = _clock(stored)
    check_records(folder, stored.read([0]), _section(stored, "fleet")["size"], clock.slots)
    totals, waited_h, customers_waited_h = EpisodeTotals(), [np.empty(0)], [np.empty(0)]
    for numbers, records in stored.batches(_AT_ONCE, _METRIC_TABLES):
        totals.add(numbers, records, context)
        waited_h.extend(request_waits_h(records, context))
        customers_waited_h.extend(customer_waits_h(records))
        if progress is not None:
            progress(numbers[-1] + 1, stored.episodes)
    # Where EVs commute, there is nothing to restore.
    judged = totals.metric["load_restoration_ratio" if context.energy_needed_kwh is None else "satisfaction"]
    shown = _median_episode(np.array(judged)) if episode is None else episode
    records = stored.read([shown])
    check_records(folder, records, _section(stored, "fleet")["size"], clock.slots)
    return ShownRun(
        folder=folder,
        label=label,
        metadata=stored.metadata,
        ended=stored.ended,
        context=context,
        clock=clock,
        totals=totals,
        waits_h=np.concatenate(waited_h),
        customer_waits_h=np.concatenate(customers_waited_h),
        episode=shown,
        records=records,
    )


def _median_episode(ratios: Floats) -> int:
    """The episode nearest to the median, the first of several; the first of all if none has a ratio."""
    if np.isnan(ratios).all():
        return 0
    return int(np.nanargmin(np.abs(ratios - np.nanmedian(ratios))))


def _clock(stored: StoredRun) -> Clock:
    clock = _section(stored, "clock")
    return Clock(parse_time_of_day(clock["start"]), clock["slot_s"], clock["slots"])


def _context(stored: StoredRun) -> MetricContext:
    clock, fleet = _clock(stored), _section(stored, "fleet")
    commute = fleet.get("commute")
    tables = stored.read([0], ("stations", "reference_slots"))
    return MetricContext(
        slot_h=clock.slot_h,
        slots=clock.slots,
        chargers=[int(chargers) for chargers in tables["stations"].columns["chargers"]],
        consumption_kwh_per_km=fleet["consumption_kwh_per_km"],
        customers=bool(stored.metadata["scenario"].get("customers")),
        critical=bool(tables["reference_slots"].cube("critical_kw").any()),
        energy_needed_kwh=None if commute is None else commute["soc_needed"] * fleet["battery_kwh"],
        tariff=bool(stored.metadata["scenario"].get("tariff")),
    )


def _section(stored: StoredRun, name: str) -> Mapping[str, Any]:
    section = stored.metadata["scenario"].get(name)
    if not isinstance(section, dict):
        raise RecordError(f"{stored.path} is damaged: its scenario has no section {name!r}")
    return section
