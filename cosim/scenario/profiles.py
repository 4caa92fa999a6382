"""Turn profiles, given by the hour or as columns of CSV files, into one value per slot."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cosim.clock import Clock
from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.checks import check_hourly
from cosim.scenario.schema import CsvProfile, HourlyProfile, Profile, StepProfile
from cosim.scenario.text_file import UnreadableError, read_text
from cosim.scenario.wording import dotted, one_line, shown, suggestion

MAX_VALUE: Final = 1e6

FloatArray = NDArray[np.float64]


def read_profiles(
    profiles: Mapping[str, Profile], clock: Clock, resolve: Callable[[str], Path]
) -> dict[str, FloatArray]:
    """Read every profile over the outage.

    Args:
        profiles: Profiles by name.
        clock: The outage window.
        resolve: Finds a file that the scenario names.

    Returns:
        Values by name, per unit of what the profile scales, shape (slots,).

    Raises:
        ScenarioError: If a profile does not cover the outage or its file is not usable; holds the mistakes of
            all profiles.
    """
    values: dict[str, FloatArray] = {}
    issues: list[ScenarioIssue] = []
    tables: _Tables = {}
    for name, profile in profiles.items():
        try:
            if isinstance(profile, HourlyProfile | StepProfile):
                values[name] = _read_hours(name, profile, clock)
            else:
                values[name] = _read_csv(name, profile, clock, resolve(profile.file), tables)
        except ScenarioError as error:
            issues += error.issues
    if issues:
        raise ScenarioError(issues)
    return values


def _read_hours(name: str, profile: HourlyProfile | StepProfile, clock: Clock) -> FloatArray:
    """Values in the middle of each slot, linear between the hours or in steps; nothing wraps around at midnight."""
    issues = list(check_hourly(name, profile))
    if issues:
        raise ScenarioError(issues)
    middles = np.array([clock.middle_h(slot) for slot in range(clock.slots)])
    first, last = profile.hours[0], profile.hours[-1]
    steps = isinstance(profile, StepProfile)
    if middles[0] < first or (middles[-1] > last and not steps):
        until = "" if steps else f" to {last:g}"
        raise _error(
            name,
            "hours",
            f"the outage is read from hour {middles[0]:g} to {middles[-1]:g}, got hours {'from ' if steps else ''}"
            f"{first:g}{until}",
        )
    if steps:
        return np.array(profile.values)[np.searchsorted(profile.hours, middles, side="right") - 1]
    values: FloatArray = np.interp(middles, profile.hours, profile.values)
    return values


@dataclass(frozen=True)
class _Rows:
    """The two columns of a CSV file that a profile needs.

    Args:
        lines: Line of each row in the file, counted from 1.
        times_s: Start of each row's period, since midnight of the profile's day [s].
        cells: Text of each value.
    """

    lines: list[int]
    times_s: FloatArray
    cells: list[str]


def _read_csv(name: str, profile: CsvProfile, clock: Clock, path: Path, tables: _Tables) -> FloatArray:
    """Average the rows over each slot, weighted by how long each of them overlaps it."""
    day = _read_day(name, profile)
    rows = _read_rows(name, profile, path, day, tables)
    period_s = _period(name, rows, path)
    inside = np.flatnonzero((rows.times_s + period_s > clock.start_s) & (rows.times_s < clock.end_s))
    _check_window(name, clock, day, rows.times_s[inside], period_s)
    values = np.array([_read_value(name, rows, int(index), path) for index in inside])
    starts_s = rows.times_s[inside]
    means = np.empty(clock.slots)
    for slot in range(clock.slots):
        begin_s = clock.start_s + slot * clock.slot_s
        end_s = begin_s + clock.slot_s
        first = np.searchsorted(starts_s, begin_s, side="right") - 1
        last = np.searchsorted(starts_s, end_s, side="left")
        periods = starts_s[first:last]
        overlaps_s = np.minimum(periods + period_s, end_s) - np.maximum(periods, begin_s)
        means[slot] = values[first:last] @ (overlaps_s / overlaps_s.sum())
    return means * profile.scale


def _read_day(name: str, profile: CsvProfile) -> datetime:
    try:
        return datetime.strptime(profile.date, "%Y-%m-%d")
    except ValueError as error:
        raise _error(name, "date", f"is no day of the calendar, got {profile.date!r}") from error


@dataclass(frozen=True)
class _Table:
    """A CSV file as text, and the times of its rows once they have been read.

    Args:
        header: Names of its columns.
        rows: Line of each row in the file, counted from 1, and its cells.
        times_s: Start of each row's period [s], by time column and day.
    """

    header: list[str]
    rows: list[tuple[int, list[str]]]
    times_s: dict[tuple[str, datetime], FloatArray] = field(default_factory=dict)


#: Tables by path, for as long as the profiles of one scenario are read: many name the same file. None for a file
#: whose mistakes have been told.
_Tables = dict[Path, _Table | None]


def _read_table(name: str, profile: CsvProfile, path: Path) -> _Table:
    try:
        text = read_text(path)
    except UnreadableError as error:
        place = f"{_file(path, error.line)} " if error.line else ""
        raise _error(name, "file", f"{place}{error}, got {shown(profile.file)}") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        rows = []
        for row in reader:
            if row and len(row) != len(header):
                problem = f"{_file(path, reader.line_num)} must have {len(header)} cells, got {len(row)}"
                raise _error(name, "file", problem)
            if row:
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise _error(name, "file", f"{_file(path, reader.line_num)} is no CSV: {error}") from error
    return _Table(header, rows)


def _read_rows(name: str, profile: CsvProfile, path: Path, day: datetime, tables: _Tables) -> _Rows:
    if path not in tables:
        tables[path] = None
        tables[path] = _read_table(name, profile, path)
    table = tables[path]
    if table is None:
        raise ScenarioError([])
    header = table.header
    for key, column in (("time_column", profile.time_column), ("column", profile.column)):
        if column not in header:
            raise _error(name, key, f"{_file(path)} has no column {shown(column)}; {suggestion(column, header)}")
        if header.count(column) > 1:
            raise _error(name, key, f"{_file(path)} has {header.count(column)} columns {shown(column)}")
    time, value = header.index(profile.time_column), header.index(profile.column)
    if (profile.time_column, day) not in table.times_s:
        tables[path] = None  # should a time be wrong
        times_s = [_read_time(name, path, line, row[time], day) for line, row in table.rows]
        table.times_s[profile.time_column, day] = np.array(times_s, dtype=np.float64)
        tables[path] = table
    return _Rows(
        lines=[line for line, _ in table.rows],
        times_s=table.times_s[profile.time_column, day],
        cells=[row[value] for _, row in table.rows],
    )


def _read_time(name: str, path: Path, line: int, text: str, day: datetime) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        problem = f"{_file(path, line)} must have a time in ISO 8601, got {shown(text)}"
        raise _error(name, "time_column", problem) from error
    if moment.tzinfo is not None:
        problem = f"{_file(path, line)} must have a local time without a time zone, got {shown(text)}"
        raise _error(name, "time_column", problem)
    return (moment - day).total_seconds()


def _period(name: str, rows: _Rows, path: Path) -> float:
    """Find the time that each row stands for [s], from the most frequent step between rows."""
    if len(rows.times_s) < 2:
        raise _error(name, "file", f"{_file(path)} must have 2 or more rows, got {len(rows.times_s)}")
    steps_s = np.diff(rows.times_s)
    backwards = np.flatnonzero(steps_s <= 0)
    if backwards.size:
        line = rows.lines[int(backwards[0]) + 1]
        raise _error(name, "time_column", f"{_file(path, line)} must have a time after that of the row before")
    lengths, counts = np.unique(steps_s.round(3), return_counts=True)
    return float(lengths[np.argmax(counts)])


def _check_window(name: str, clock: Clock, day: datetime, starts_s: FloatArray, period_s: float) -> None:
    """Check that the rows' periods cover the outage without gaps."""
    if starts_s.size == 0 or starts_s[0] > clock.start_s or starts_s[-1] + period_s < clock.end_s:
        wanted = f"{_moment(day, clock.start_s)} to {_moment(day, clock.end_s)}"
        got = f"{_moment(day, starts_s[0])} to {_moment(day, starts_s[-1] + period_s)}" if starts_s.size else "nothing"
        raise _error(name, "date", f"the outage needs {wanted}, the file has {got} of it")
    uneven = np.flatnonzero(~np.isclose(np.diff(starts_s), period_s))
    if uneven.size:
        before_s, after_s = starts_s[uneven[0]], starts_s[uneven[0] + 1]
        raise _error(
            name,
            "time_column",
            f"must step by {period_s:g} s, got {_moment(day, after_s)} after {_moment(day, before_s)}",
        )


def _read_value(name: str, rows: _Rows, index: int, path: Path) -> float:
    text = rows.cells[index]
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    # Written so that NaN is out of range too.
    if not 0 <= value <= MAX_VALUE:
        line = rows.lines[index]
        raise _error(
            name, "column", f"{_file(path, line)} must have a number from 0 to {MAX_VALUE:.0f}, got {shown(text)}"
        )
    return value


def _moment(day: datetime, seconds: float) -> str:
    try:
        return (day + timedelta(seconds=float(seconds))).isoformat(timespec="minutes")
    except OverflowError:
        return "the end of the calendar"


def _file(path: Path, line: int = 0) -> str:
    return f"{one_line(path.name)}:{line}" if line else one_line(path.name)


def _error(name: str, field: str, problem: str) -> ScenarioError:
    return ScenarioError([ScenarioIssue(dotted("profiles", name, field), problem)])
