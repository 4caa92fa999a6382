"""Names that must not be given twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from cosim.errors import ScenarioIssue
from cosim.scenario.wording import dotted

Issues = Iterator[ScenarioIssue]


class Named(Protocol):
    """What has a name."""

    @property
    def name(self) -> str:
        """The name."""


def unique_names(path: str, named: Iterable[Named]) -> Issues:
    """Check that no two sections of a list have one name.

    Args:
        path: Path of the list.
        named: The sections.

    Yields:
        The mistakes.
    """
    first: dict[str, int] = {}
    for index, section in enumerate(named):
        other = first.setdefault(section.name, index)
        if other != index:
            yield ScenarioIssue(dotted(path, index, "name"), f"{section.name!r} is already the name of {path}.{other}")
