"""When lines open and close, and when units fail and come back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cosim.clock import Clock
from cosim.errors import ScenarioIssue
from cosim.grid.kept_net import PandapowerNet
from cosim.interface import Ints
from cosim.scenario.schema import NetworkSection, OutageSection
from cosim.scenario.wording import suggestion
from cosim.units import SECONDS_PER_MINUTE

#: What the utility's supply is called among the units.
SUPPLY = "supply"
UNITS = ("dg", "ess", "pv", "wt")


@dataclass(frozen=True)
class Outage:
    """A line or a unit that is out of service.

    Attributes:
        lines: Rows of the net's table of lines; none for a unit.
        unit: Microgrid and kind of the unit; None for a line or the utility's supply.
        out: First slot in which it is out.
        back: First slot in which it is back, at most the number of slots.
    """

    lines: tuple[int, ...]
    unit: tuple[int, str] | None
    out: int
    back: int

    def holds(self, slot: int) -> bool:
        """Whether it is out in a slot."""
        return self.out <= slot < self.back


@dataclass(frozen=True)
class Timetable:
    """All outages of an episode.

    Attributes:
        outages: They.
        changes: Slots at which a stage begins, 0 the first.
    """

    outages: tuple[Outage, ...]
    changes: tuple[int, ...]

    @property
    def lines(self) -> set[int]:
        """Rows of all lines that are out at any time."""
        return {row for outage in self.outages for row in outage.lines}

    def closed_lines(self, slot: int) -> list[int]:
        """Rows of those that are closed in a slot."""
        opened = {row for outage in self.outages if outage.holds(slot) for row in outage.lines}
        return sorted(self.lines - opened)

    def failed_units(self, slot: int) -> Iterator[tuple[int, str]]:
        """Units that are out in a slot, as microgrid and kind."""
        for outage in self.outages:
            if outage.unit is not None and outage.holds(slot):
                yield outage.unit

    def supply_is_out(self, slot: int) -> bool:
        """Whether the utility's supply is out in a slot."""
        return any(outage.holds(slot) for outage in self.outages if not outage.lines and outage.unit is None)


NO_TIMETABLE = Timetable((), (0,))


def read_timetable(section: NetworkSection, net: PandapowerNet, clock: Clock) -> tuple[Timetable, list[ScenarioIssue]]:
    """Read a scenario's timetable.

    Args:
        section: Its `network`.
        net: The network, its lines opened that are so all the time.
        clock: The scenario's clock.

    Returns:
        The timetable, and what is wrong with it.
    """
    outages, issues = [], []
    for k, given in enumerate(section.timetable):
        path = f"network.timetable.{k}"
        out, back, wrong = _slots(path, given, clock)
        lines, unit, problem = _what(section, net, given)
        if problem is not None:
            wrong.append(ScenarioIssue(f"{path}.{'unit' if given.line is None else 'line'}", problem))
        issues += wrong
        if not wrong:
            outages.append(Outage(lines, unit, out, back))
    states: dict[int, object] = {}
    timetable = Timetable(tuple(outages), ())
    for slot in sorted({0, *(s for outage in outages for s in (outage.out, outage.back) if s < clock.slots)}):
        state = (timetable.closed_lines(slot), set(timetable.failed_units(slot)), timetable.supply_is_out(slot))
        if not states or state != states[max(states)]:
            states[slot] = state
    return Timetable(tuple(outages), tuple(states)), issues


def lines_between(net: PandapowerNet, first: int, second: int) -> tuple[Ints, str | None]:
    """Rows of the lines between two buses, or what is wrong with them."""
    ends = net.line.from_bus.isin([first, second]) & net.line.to_bus.isin([first, second])
    rows: Ints = net.line.index[ends].to_numpy(dtype=np.int64)
    if first != second and len(rows):
        return rows, None
    near = sorted({tuple(sorted(map(int, row))) for row in net.line[["from_bus", "to_bus"]].to_numpy()})
    touching = [f"{a}-{b}" for a, b in near if first in (a, b) or second in (a, b)]
    hint = f"; lines at these buses: {', '.join(touching)}" if touching else ""
    return rows[:0], f"there is no line {first}-{second}{hint}"


def _what(
    section: NetworkSection, net: PandapowerNet, given: OutageSection
) -> tuple[tuple[int, ...], tuple[int, str] | None, str | None]:
    """The lines, or the unit, of an entry, or what is wrong."""
    if given.line is not None:
        rows, problem = lines_between(net, *given.line)
        ends = sorted(given.line)
        if problem is None and any(sorted(opened) == ends for opened in section.opened_lines):
            problem = f"line {ends[0]}-{ends[1]} is among opened_lines, and so open all the time; leave it out there"
        return tuple(rows.tolist()), None, problem
    name = str(given.unit)
    if name == SUPPLY:
        return (), None, None if section.supply is not None else "there is no supply; describe it in network.supply"
    microgrid, _, unit = name.rpartition(".")
    names = [m.name for m in section.microgrids]
    there = [f"{m.name}.{u}" for m in section.microgrids for u in UNITS if getattr(m, u) is not None]
    if name not in there:
        return (), None, f"no unit is named {name!r}; {suggestion(name, [*there, SUPPLY])}"
    return (), (names.index(microgrid), unit), None


def _slots(path: str, given: OutageSection, clock: Clock) -> tuple[int, int, list[ScenarioIssue]]:
    """First slot out, first slot back, and what is wrong with them."""
    issues = []
    found = {"out": 0, "back": clock.slots}
    for name in found:
        text = getattr(given, name)
        if text is None:
            continue
        hour, _, minute = text.partition(":")
        after_s = (int(hour) * 60 + int(minute)) * SECONDS_PER_MINUTE - clock.start_s
        slot, beyond_s = divmod(after_s, clock.slot_s)
        if not 0 <= after_s <= clock.slots * clock.slot_s:
            problem = (
                f"must be from {clock.label(0)} to the end, {_time(clock, clock.slots)}, got {text}; hours go on after "
                "midnight, 01:00 of the next day is 25:00"
            )
            issues.append(ScenarioIssue(f"{path}.{name}", problem))
        elif beyond_s:
            near = f"{_time(clock, slot)} or {_time(clock, slot + 1)}"
            issues.append(ScenarioIssue(f"{path}.{name}", f"must be the start of a slot, {near}, got {text}"))
        found[name] = slot
    if not issues and found["out"] >= found["back"]:
        issues.append(ScenarioIssue(f"{path}.back", f"must be after out, got {given.back}"))
    return found["out"], found["back"], issues


def _time(clock: Clock, slot: int) -> str:
    """The start of a slot, hours going on after midnight."""
    minutes = (clock.start_s + slot * clock.slot_s) // SECONDS_PER_MINUTE
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
