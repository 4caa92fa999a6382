"""The only conversions between units: every other file speaks the unit in its names."""

from __future__ import annotations

from typing import Final

SECONDS_PER_HOUR: Final = 3600
SECONDS_PER_MINUTE: Final = 60
KW_PER_MW: Final = 1000.0


def hours(seconds: float) -> float:
    """Convert a duration from seconds to hours."""
    return seconds / SECONDS_PER_HOUR


def seconds_from_minutes(minutes: float) -> float:
    """Convert a duration from minutes to seconds."""
    return minutes * SECONDS_PER_MINUTE


def seconds_per_km(speed_kmh: float) -> float:
    """Convert a speed to the time that a kilometre takes."""
    return SECONDS_PER_HOUR / speed_kmh
