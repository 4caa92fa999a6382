"""Vary one number of a scenario from the command line: `--vary fleet.size=20:60:10`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.source import MAX_OVERRIDE
from cosim.scenario.wording import one_line, shown

MAX_POINTS: Final = 100
#: Digits of a number on either side of its point.
MAX_DIGITS: Final = 12
FORM: Final = "must have the form PATH=START:STOP:STEP, START:STOP or NUMBER,NUMBER,..., e.g. fleet.size=20:60:10"


@dataclass(frozen=True)
class Variation:
    """The values that one number of a scenario takes.

    Args:
        text: How it was written.
        path: Dotted path of the number.
        numbers: Its values, written as in a scenario.
    """

    text: str
    path: str
    numbers: tuple[str, ...]

    @property
    def source(self) -> str:
        """How it is named as the source of a mistake."""
        return f"--vary {one_line(self.text, MAX_OVERRIDE)}"

    @property
    def values(self) -> tuple[float, ...]:
        """The numbers; those without a point are integers."""
        return tuple(float(number) if "." in number else int(number) for number in self.numbers)

    @property
    def overrides(self) -> tuple[str, ...]:
        """The override of a scenario that gives each value."""
        return tuple(f"{self.path}={number}" for number in self.numbers)


def parse_variation(text: str) -> Variation:
    """Read what is to vary.

    Args:
        text: `PATH=START:STOP:STEP`, both ends included, the step 1 if it is left out, or `PATH=NUMBER,NUMBER,...`. The
            scenario decides later whether there is such a path and whether it takes these numbers.

    Returns:
        The path and its values, in order.

    Raises:
        ScenarioError: If it has another form, or the values are none, too many or not different.
    """
    path, equals, values = text.partition("=")
    variation = Variation(text, path, ())
    if not equals or not all(path.split(".")):
        raise _mistake(variation, FORM)
    if ":" in values:
        words = values.split(":")
        if len(words) not in (2, 3):
            raise _mistake(variation, FORM)
        words += ["1"] * (3 - len(words))
        numbers = _steps(variation, *(_number(variation, word) for word in words))
    else:
        numbers = [_number(variation, word) for word in values.split(",")]
    if len(numbers) > MAX_POINTS:
        raise _mistake(variation, f"gives {len(numbers):,} points; there may be {MAX_POINTS}")
    twice = next((number for k, number in enumerate(numbers) if number in numbers[:k]), None)
    if twice is not None:
        raise _mistake(variation, f"gives {_plain(twice)} twice")
    return Variation(text, path, tuple(_plain(number) for number in numbers))


def _steps(variation: Variation, start: Decimal, stop: Decimal, step: Decimal) -> list[Decimal]:
    """All numbers from start to stop."""
    if step == 0:
        raise _mistake(variation, "the step must not be 0")
    steps = (stop - start) / step
    if steps < 0:
        raise _mistake(variation, f"a step of {_plain(step)} does not lead from {_plain(start)} to {_plain(stop)}")
    if steps >= MAX_POINTS:
        raise _mistake(variation, f"gives {int(steps) + 1:,} points; there may be {MAX_POINTS}")
    return [start + k * step for k in range(int(steps) + 1)]


def _number(variation: Variation, word: str) -> Decimal:
    try:
        number = Decimal(word)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise _mistake(variation, f"{shown(word)} is no number; it {FORM}")
    if number.adjusted() >= MAX_DIGITS or int(number.as_tuple().exponent) < -MAX_DIGITS:
        raise _mistake(variation, f"a number has at most {MAX_DIGITS} digits on either side, got {shown(word)}")
    return number


def _plain(number: Decimal) -> str:
    return format(number, "f")


def _mistake(variation: Variation, problem: str) -> ScenarioError:
    return ScenarioError([ScenarioIssue("", problem, variation.source)])
