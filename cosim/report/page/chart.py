"""A chart of a page: how it is drawn, its legend, and its numbers.

Charts are Vega-Lite, written with Altair. A chart names colours by their place in the palette (or leaves them to the
scale's domain, in the palette's order), so that a page can be light or dark and a paper has its own.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import altair
import pandas

#: Okabe and Ito's colours, told apart by those who do not see red or green; in grey they differ by lightness.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#56b4e9", "#d55e00", "#cc79a7", "#ecd33f")
#: The last of them, for areas only: a line of it is hard to see. In grey print it is unlike all others.
SUN = 6
#: Entries of a legend at most.
LEGEND_ENTRIES = 6

#: Hours between two ticks of an axis of times, and how many ticks there are at most.
_TICKS_H = (0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0)
_MOST_TICKS = 8
_CLOCK_LABEL = "format(floor(datum.value) % 24, '02d') + ':' + format(round(60 * (datum.value % 1)), '02d')"

#: Letters of a line of a name beside a row, and heights of a line and of the room between two names [px].
_NAME_LETTERS, _LINE_PX, _BETWEEN_PX = 24, 13, 11

#: Styles of marks that have the colour of text, and of lines that stand back.
INK, SOFT = "ink", "soft"


#: What Altair draws.
Panel = altair.Chart | altair.LayerChart | altair.FacetChart


@dataclass(frozen=True)
class LegendEntry:
    """A line of a legend.

    Attributes:
        label: What it says.
        colour: Place of its colour in the palette, from 0.
        shape: `area`, `line` or `point`.
    """

    label: str
    colour: int
    shape: str = "area"


@dataclass(frozen=True)
class Chart:
    """A picture, of one panel or of several side by side with the same axes.

    Attributes:
        name: Name of its file, in letters, digits and hyphens.
        title: What it shows, in a few words.
        about: What a reader needs to know to read it, in a sentence.
        panels: The panels, without widths.
        numbers: What is drawn, as a table to take away.
        headings: Title of each panel; empty for one panel.
        legend: What the colours mean.
        wide: Whether it takes a page's whole width; of several that do not, two stand beside each other.
    """

    name: str
    title: str
    about: str
    panels: Sequence[Panel] = field(repr=False)
    numbers: pandas.DataFrame = field(repr=False)
    headings: Sequence[str] = ()
    legend: Sequence[LegendEntry] = ()
    wide: bool = True

    def __post_init__(self) -> None:
        if len(self.legend) > LEGEND_ENTRIES:
            raise ValueError(
                f"chart {self.name}: a legend has {LEGEND_ENTRIES} entries at most, not {len(self.legend)}"
            )


def plain_name(*words: str) -> str:
    """Words as a file's name.

    Args:
        words: Any texts.
    """
    letters = "-".join(words).lower()
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in letters)
    return "-".join(part for part in kept.split("-") if part)[:80]


def colours_of(labels: Sequence[str], places: Sequence[int] | None = None) -> altair.Scale:
    """A scale that gives each label its colour of the palette.

    Args:
        labels: The labels, in the legend's order.
        places: Place of each one's colour; default: their order.
    """
    chosen = [PALETTE[place] for place in (places if places is not None else range(len(labels)))]
    return altair.Scale(domain=list(labels), range=chosen)


def upwards(
    column: str, title: str, *, domain: Sequence[float] | None = None, zero: bool = True, number: str = ""
) -> altair.Y:
    """A quantity upwards.

    Args:
        column: Column with the values.
        title: What it is, with its unit.
        domain: Ends of the axis; default: those of the values.
        zero: Whether the axis reaches to zero, without a domain.
        number: Format of the numbers, in the words of d3; default: as it comes.
    """
    scale = altair.Scale(zero=zero) if domain is None else altair.Scale(domain=list(domain), nice=False)
    axis = altair.Axis(title=title, format=number) if number else altair.Axis(title=title)
    return altair.Y(f"{column}:Q", axis=axis, scale=scale)


def clock_x(column: str, first_h: float, last_h: float) -> altair.X:
    """A time of day to the right, between the ends of what is shown.

    Args:
        column: Column with the times [h since midnight].
        first_h: Left end [h].
        last_h: Right end [h]; beyond 24 after midnight.
    """
    step_h = next((step for step in _TICKS_H if (last_h - first_h) / step <= _MOST_TICKS), _TICKS_H[-1])
    ticks = [step_h * k for k in range(math.ceil(first_h / step_h), math.floor(last_h / step_h) + 1)]
    axis = altair.Axis(
        title="local time", values=ticks, labelExpr=_CLOCK_LABEL, labelOverlap="parity", labelSeparation=6
    )
    return altair.X(f"{column}:Q", axis=axis, scale=altair.Scale(domain=[first_h, last_h], nice=False, zero=False))


def names_y(column: str, names: Sequence[str]) -> altair.Y:
    """A row for each name, from the top down; a long name in several lines.

    Args:
        column: Column with the names.
        names: The names, in order.
    """
    lines = [_name_lines(name) for name in names]
    axis = altair.Axis(
        title=None,
        labelOffset=_upwards_by_lines(names, lines),
        labelLimit=0,
        labelLineHeight=_LINE_PX,
        labelOverlap=False,
        labelExpr=f"{json.dumps(lines)}[indexof({json.dumps(list(names))}, datum.value)]",
    )
    return altair.Y(f"{column}:N", sort=None, axis=axis, scale=altair.Scale(domain=list(names)))


def names_height_px(names: Sequence[str]) -> int:
    """Height of a panel with a row for each name [px].

    Args:
        names: The names.
    """
    most = max((len(_name_lines(name)) for name in names), default=1)
    return len(names) * (most * _LINE_PX + _BETWEEN_PX)


def _upwards_by_lines(names: Sequence[str], lines: Sequence[Sequence[str]]) -> Any:
    """What brings the middle of a name's lines, not the first of them, beside its row."""
    conditions = [
        {
            "test": f"indexof({json.dumps([n for n, of in zip(names, lines, strict=True) if len(of) == count])}, "
            "datum.value) >= 0",
            "value": -(count - 1) * _LINE_PX / 2.0,
        }
        for count in sorted({len(of_one) for of_one in lines} - {1})
    ]
    return {"condition": conditions, "value": 0} if conditions else 0


def _name_lines(name: str) -> list[str]:
    return textwrap.wrap(name, _NAME_LETTERS) or [name]
