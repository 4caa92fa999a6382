"""What goes out and comes back, and when."""

from __future__ import annotations

import pytest
from grid_cases import outage

from cosim.errors import ScenarioError

OPENED = "network.opened_lines=[[1, 2], [4, 5], [5, 6]]"
LOOSE = ("network.microgrids.4.buses=null", "network.microgrids.4.wt=null")


def timetable(*entries: str) -> str:
    return f"network.timetable=[{', '.join(entries)}]"


def mistakes(*entries: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        outage(OPENED, timetable(*entries))
    return [f"{issue.path}: {issue.problem}" for issue in caught.value.issues]


def islands(*entries: str) -> list[list[int]]:
    """The islands of each microgrid, stage by stage."""
    return [stage.islands.island.tolist() for stage in outage(OPENED, *LOOSE, timetable(*entries)).network.stages]


def test_a_line_that_closes_joins_two_islands() -> None:
    network = outage(OPENED, timetable('{line: [11, 12], back: "12:00"}')).network
    assert [stage.first for stage in network.stages] == [0, 4]
    assert network.stage_of_slot.tolist() == [0] * 4 + [1] * 8
    assert [stage.islands.island.tolist() for stage in network.stages] == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 3]]
    # The larger diesel generator, 200 kW of microgrid 4, holds the voltage of both; the other one follows.
    assert network.stages[1].leader.tolist() == [0, 1, 2, 3]
    assert network.stages[1].dg_follows.tolist() == [False, False, False, False, True]


def test_a_line_that_opens_leaves_a_part_in_the_dark() -> None:
    fallen = '{line: [15, 16], out: "11:30", back: "13:00"}'
    system = outage(OPENED, *LOOSE, timetable('{line: [12, 11], back: "16:00"}', fallen))
    network = system.network
    assert [stage.first for stage in network.stages] == [0, 3, 6]
    assert system.microgrids.name == ("MG1", "MG2", "MG3", "MG4", "MG5", "bus 16")
    assert network.bus[network.microgrid == 5].tolist() == [16, 17]
    assert [stage.islands.island.tolist() for stage in network.stages] == [
        [0, 1, 2, 3, 4, 4],
        [0, 1, 2, 3, 4, -1],
        [0, 1, 2, 3, 4, 4],
    ]
    # The dark part is not in the feeder of its stage.
    assert [len(stage.live) for stage in network.stages] == [33, 31, 33]
    assert network.sections[5].load == network.sections[4].load


def test_a_tie_line_that_closes_joins_islands_too() -> None:
    # Line 11-21 of the feeder is open as a rule; while it is closed, microgrids 1 and 4 are one island.
    found = islands('{line: [11, 12], back: "16:00"}', '{line: [11, 21], back: "14:00"}')
    assert found == [[0, 1, 2, 3, 4], [2, 0, 1, 2, 3]]


def test_diesel_that_fails_leaves_its_island_dark_until_it_is_joined() -> None:
    closed = '{line: [11, 12], back: "14:00"}'
    assert islands(closed, '{unit: MG4.dg, out: "12:00"}') == [[0, 1, 2, 3, 4], [0, 1, 2, -1, 3], [0, 1, 2, 3, 3]]


def test_changes_that_change_nothing_make_no_stage() -> None:
    assert len(islands('{line: [11, 12], back: "16:00"}', '{line: [11, 12], out: "12:00", back: "13:00"}')) == 1


@pytest.mark.parametrize(
    ("entry", "issue"),
    [
        (
            '{line: [11, 13], out: "11:00"}',
            "line: there is no line 11-13; lines at these buses: 10-11, 11-12, 11-21, 12-13, 13-14",
        ),
        (
            '{line: [1, 2], out: "11:00"}',
            "line: line 1-2 is among opened_lines, and so open all the time; leave it out there",
        ),
        ('{unit: MG4.gd, out: "11:00"}', "unit: no unit is named 'MG4.gd'; did you mean 'MG4.dg'?"),
        ('{unit: supply, out: "11:00"}', "unit: there is no supply; describe it in network.supply"),
        ('{line: [11, 12], out: "11:10"}', "out: must be the start of a slot, 11:00 or 11:30, got 11:10"),
        (
            '{line: [11, 12], out: "09:30"}',
            "out: must be from 10:00 to the end, 16:00, got 09:30; hours go on after midnight, 01:00 of the next day "
            "is 25:00",
        ),
        ('{line: [11, 12], out: "12:00", back: "11:00"}', "back: must be after out, got 11:00"),
    ],
)
def test_mistakes_are_one_line_each(entry: str, issue: str) -> None:
    (found,) = mistakes(entry)
    assert found.partition(" (known")[0] == f"network.timetable.0.{issue}"


def test_an_entry_is_about_one_thing() -> None:
    assert mistakes('{out: "11:00"}') == ["network.timetable.0: must have either line or unit, got neither"]
    assert mistakes("{line: [11, 12]}") == [
        "network.timetable.0: must have out or back; a line that is open all the time is in opened_lines"
    ]
    (issue,) = mistakes("{line: [11, 12], out: noon}")
    assert issue.startswith("network.timetable.0.out:")
