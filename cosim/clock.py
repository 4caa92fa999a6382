"""Slots are integer seconds, so that time never drifts; only event times inside a slot are floats."""

from __future__ import annotations

from dataclasses import dataclass

from cosim.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE, hours


@dataclass(frozen=True)
class Clock:
    """The outage window as a row of equal slots.

    Args:
        start_s: Time of day of the first slot's start [s since midnight].
        slot_s: Length of a slot [s].
        slots: Number of slots in an episode.
    """

    start_s: int
    slot_s: int
    slots: int

    @property
    def slot_h(self) -> float:
        """Length of a slot [h]."""
        return hours(self.slot_s)

    @property
    def end_s(self) -> int:
        """Time of day at which the window ends [s since midnight]; may pass midnight."""
        return self.start_s + self.slots * self.slot_s

    def middle_h(self, slot: int) -> float:
        """Time of day in the middle of a slot [h], where profiles are read."""
        return hours(self.start_s + slot * self.slot_s + self.slot_s / 2)

    def label(self, slot: int) -> str:
        """Time of day at a slot's start, as `HH:MM`."""
        seconds = self.start_s + slot * self.slot_s
        hour, rest_s = divmod(seconds, SECONDS_PER_HOUR)
        return f"{hour % 24:02d}:{rest_s // SECONDS_PER_MINUTE:02d}"


def parse_time_of_day(text: str) -> int:
    """Read a time of day.

    Args:
        text: `HH:MM`, from 00:00 to 23:59.

    Returns:
        Seconds since midnight.

    Raises:
        ValueError: If the text has another form or is out of range.
    """
    hour, colon, minute = text.partition(":")
    if not (colon and text.isascii() and hour.isdigit() and minute.isdigit() and len(minute) == 2):
        raise ValueError(f"a time of day is written HH:MM, got {text!r}")
    if int(hour) > 23 or int(minute) > 59:
        raise ValueError(f"a time of day lies between 00:00 and 23:59, got {text!r}")
    return int(hour) * SECONDS_PER_HOUR + int(minute) * SECONDS_PER_MINUTE
