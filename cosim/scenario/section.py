"""What all sections of a file have in common: how they are read, and the kinds of values in them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cosim.clock import parse_time_of_day
from cosim.scenario.wording import shown


class Section(BaseModel):
    """Base of all sections: unknown keys are mistakes, numbers are finite, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _check_time_of_day(text: str) -> str:
    if len(text) > len("HH:MM"):
        raise ValueError(f"a time of day is written HH:MM, got {shown(text)}")
    parse_time_of_day(text)
    return text


def _check_day(text: str) -> str:
    if not (text.isascii() and [len(part) for part in text.split("-") if part.isdigit()] == [4, 2, 2]):
        raise ValueError(f"a day is written YYYY-MM-DD, got {shown(text)}")
    return text


def _check_printable(text: str) -> str:
    """What does not print, a terminal may obey."""
    if not text.isprintable():
        raise ValueError(f"must be printable text on one line, got {shown(text)}")
    return text


HourMinute = Annotated[str, Field(pattern=r"^\d{2,4}:[0-5]\d$")]
TimeOfDay = Annotated[str, AfterValidator(_check_time_of_day)]
Day = Annotated[str, AfterValidator(_check_day)]
# Far from the smallest numbers that there are: nothing that is divided by them becomes infinite.
Positive = Annotated[float, Field(ge=1e-9, le=1e9)]
NonNegative = Annotated[float, Field(ge=0, le=1e9)]
Coordinate = Annotated[float, Field(ge=-1e9, le=1e9)]
Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(ge=1e-9, le=1)]
Bus = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_check_printable)]
FilePath = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_printable)]
