"""Slots as integer seconds."""

import pytest

from cosim.clock import Clock, parse_time_of_day


def test_outage_of_the_paper() -> None:
    clock = Clock(parse_time_of_day("10:00"), 1800, 12)
    assert clock.start_s == 36_000
    assert clock.end_s == 16 * 3600
    assert clock.slot_h == 0.5
    assert [clock.middle_h(slot) for slot in (0, 1, 11)] == [10.25, 10.75, 15.75]
    assert [clock.label(slot) for slot in (0, 1, 11)] == ["10:00", "10:30", "15:30"]


def test_a_window_may_pass_midnight() -> None:
    clock = Clock(parse_time_of_day("23:30"), 1800, 4)
    assert clock.middle_h(1) == 24.25
    assert clock.label(1) == "00:00"


@pytest.mark.parametrize("text", ["10", "10:0", "24:00", "10:60", "ten:00", "²:00", "-1:00", ""])
def test_other_texts_are_no_time_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="a time of day"):
        parse_time_of_day(text)
