"""Every exception that this project raises on purpose, divided by who has to act.

::

    CosimError
    ├── ScenarioError        the author of the scenario file (or of --set)
    ├── SimulationError      the run: the model met something it cannot continue from
    │   ├── PowerFlowError   an engine found no solution for an island
    │   └── LedgerError      an energy balance does not close
    ├── ControllerError      the author of the controller
    │   └── MessageError     a message between nodes is wrong, or would give away what is private
    │       └── AggregationError  too few are there for a sum that hides each of them
    ├── CouplingError        a simulator from elsewhere
    ├── QueueError           the question: a station has no such steady state
    ├── ReportError          who asked for a page or a picture
    └── RecordError          the owner of a run folder
        └── RepetitionError  a stored run is not the same when it is run again

Exceptions of other libraries are turned into these where they enter, and never reach a user bare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Mistakes that a message shows; who has more will not read them.
MAX_SHOWN_ISSUES: Final = 100


class CosimError(Exception):
    """Base of all exceptions raised on purpose by this project."""


@dataclass(frozen=True)
class ScenarioIssue:
    """One mistake in a scenario.

    Args:
        path: Where in the scenario, dotted, e.g. `stations.2.chargers`; empty for the file as a whole.
        problem: What is wrong, what was given and what is allowed, in one line.
        source: The file, or `--set` for an override on the command line.
        line: Line in the file, counted from 1; 0 if there is none.
    """

    path: str
    problem: str
    source: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return ": ".join(part for part in (place, self.path, self.problem) if part)


class ScenarioError(CosimError):
    """A scenario is wrong; holds all of its mistakes, and shows the first of them.

    Args:
        issues: The mistakes, in the order of their lines.
    """

    def __init__(self, issues: Sequence[ScenarioIssue]) -> None:
        self.issues = tuple(issues)
        shown = [str(issue) for issue in self.issues[:MAX_SHOWN_ISSUES]]
        more = len(self.issues) - len(shown)
        super().__init__("\n".join([*shown, f"and {more} more mistakes"] if more else shown))

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[tuple[ScenarioIssue, ...]]]:
        """How it travels between processes: an exception is made anew from the arguments of its base otherwise."""
        return type(self), (self.issues,)


class SimulationError(CosimError):
    """The run met something it cannot continue from."""


class PowerFlowError(SimulationError):
    """An engine found no solution; the message names slot, island and injections."""


class LedgerError(SimulationError):
    """An energy balance does not close; the message names the entry."""


class ControllerError(CosimError):
    """A controller is unknown, cannot be loaded, or returned something that is no action."""


class MessageError(ControllerError):
    """A message is malformed, not allowed on its way, replayed, or holds what must not be shared."""


class AggregationError(MessageError):
    """A sum of what EVs offer would give one of them away, or cannot be had any more; says how many there are."""


class CouplingError(CosimError):
    """A simulator from elsewhere is missing or misbehaves."""


class QueueError(CosimError):
    """A queueing question has no answer as it was asked; says what to change."""


class ReportError(CosimError):
    """A page or a picture cannot be made."""


class RecordError(CosimError):
    """A run folder cannot be read or written."""


class RepetitionError(RecordError):
    """A stored run is not the same when it is run again."""
