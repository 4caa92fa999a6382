"""Real customers from a CSV file: when they came, what they wanted, how long they stayed."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.wording import shown
from cosim.units import SECONDS_PER_HOUR

COLUMNS = ("id", "arrival", "energy_kwh", "stay_h")
#: Mistakes of a file that are listed.
MOST_ISSUES = 20


@dataclass(frozen=True)
class Arrival:
    """A customer of a file.

    Attributes:
        time: When it came.
        energy_kwh: Energy that it wants stored [kWh].
        stay_h: Time after which it left, or leaves [h].
    """

    time: datetime
    energy_kwh: float
    stay_h: float


def read_arrivals(path: Path) -> list[Arrival]:
    """Read all customers of a file.

    Args:
        path: CSV with the columns `id`, `arrival` (ISO 8601), `energy_kwh`, `stay_h`, in order of arrival.

    Raises:
        ScenarioError: With every mistake by file and line.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            return _arrivals(path, [(rows.line_num, row) for row in rows])
    except OSError as error:
        raise ScenarioError([ScenarioIssue("", f"cannot be read ({error.strerror})", str(path))]) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ScenarioError([ScenarioIssue("", f"is no CSV file in UTF-8 ({error})", str(path))]) from error


def _arrivals(path: Path, rows: list[tuple[int, list[str]]]) -> list[Arrival]:
    issues: list[ScenarioIssue] = []
    found: list[Arrival] = []
    line_of: dict[str, int] = {}

    def wrong(line: int, problem: str) -> None:
        issues.append(ScenarioIssue("", problem, str(path), line))

    header = [name.strip() for name in rows[0][1]] if rows else []
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        wrong(1, f"has no column {', '.join(missing)}; it must have {', '.join(COLUMNS)}")
        raise ScenarioError(issues)
    for line, row in rows[1:]:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            wrong(line, f"has {len(row)} cells, not {len(header)}")
            continue
        cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
        name = cells["id"]
        if name in line_of:
            wrong(line, f"id {shown(name)} is taken already, in line {line_of[name]}")
        line_of.setdefault(name, line)
        time, problem = _time(cells["arrival"])
        numbers, problems = _numbers(cells)
        for text in filter(None, (problem, *problems)):
            wrong(line, text)
        if time is None or problems:
            continue
        if found and (time.tzinfo is None) != (found[0].time.tzinfo is None):
            wrong(line, "time zones are mixed: some arrivals have one, others have none")
        elif found and time < found[-1].time:
            wrong(line, f"arrival {cells['arrival']} is before the one above; sort the file by arrival")
        else:
            found.append(Arrival(time, *numbers))
    if not found and not issues:
        wrong(1, "has no customers")
    if issues:
        raise ScenarioError(issues[:MOST_ISSUES])
    return found


def _time(text: str) -> tuple[datetime | None, str]:
    try:
        return datetime.fromisoformat(text), ""
    except ValueError:
        return None, f"arrival must be a time such as 2026-11-25T17:30, got {shown(text)}"


def _numbers(cells: dict[str, str]) -> tuple[list[float], list[str]]:
    numbers, problems = [], []
    for name in ("energy_kwh", "stay_h"):
        try:
            number = float(cells[name])
        except ValueError:
            number = math.nan
        if not 0.0 < number < math.inf:
            problems.append(f"{name} must be a number above 0, got {shown(cells[name])}")
        numbers.append(number)
    return numbers, problems


def hours_since(arrivals: list[Arrival], start_h: float) -> list[float]:
    """Times since the study began [h], which begins at a time of day on the day of the first arrival.

    Args:
        arrivals: In order.
        start_h: Time of day [h since midnight].
    """
    first = arrivals[0].time
    begin = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=start_h)
    return [(arrival.time - begin).total_seconds() / SECONDS_PER_HOUR for arrival in arrivals]
