"""A section of a page: a sentence that says what it shows, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cosim.report.page.chart import Chart


@dataclass(frozen=True)
class Note:
    """A paragraph.

    Attributes:
        text: What it says.
    """

    text: str


@dataclass(frozen=True)
class TableView:
    """A table to read.

    Attributes:
        name: Name of its file, in letters, digits and hyphens.
        title: What it shows, in a few words.
        headings: Titles of the columns, with their units.
        rows: Cells, texts or numbers; None for an empty one.
        digits: Digits after the point of each column's numbers.
        sortable: Whether a click on a heading sorts it.
        closed: Whether it is folded up at first.
    """

    name: str
    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Any]] = field(repr=False)
    digits: Sequence[int] = ()
    sortable: bool = False
    closed: bool = False

    def without_empty_columns(self) -> TableView:
        """The table without columns that have nothing in any row, such as the interval of a single episode."""
        kept = [place for place in range(len(self.headings)) if any(row[place] is not None for row in self.rows)]
        return replace(
            self,
            headings=[self.headings[place] for place in kept],
            rows=[[row[place] for place in kept] for row in self.rows],
            digits=[self.digits[place] for place in kept] if self.digits else (),
        )


@dataclass(frozen=True)
class Replay:
    """The map that moves.

    Attributes:
        data: What `replay.js` shows.
        still: A picture of it for a paper.
    """

    data: Mapping[str, Any] = field(repr=False)
    still: Chart


Part = Chart | TableView | Note | Replay


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Attributes:
        key: Its anchor.
        title: Its heading.
        sentence: What it shows, from the numbers.
        parts: What it is made of.
    """

    key: str
    title: str
    sentence: str
    parts: Sequence[Part] = ()

    @property
    def charts(self) -> list[Chart]:
        """Its pictures, also those that only a paper has."""
        pictures = (part.still if isinstance(part, Replay) else part for part in self.parts)
        return [picture for picture in pictures if isinstance(picture, Chart)]
