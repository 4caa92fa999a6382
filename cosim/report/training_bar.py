"""A training as a person sees it while it goes on: a bar, and what the last round brought."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cosim.interface import TrainingRound

#: Speed and time left are judged by the last rounds within this time [s].
SPEED_S = 300.0


class TrainingBar(Progress):
    """Episodes of training, their speed and the time left; above it rewards, restoration and losses.

    Args:
        algorithm: Name of the line.
        console: Where it is shown.
        get_time: The clock [s]; default: the machine's.
    """

    def __init__(self, algorithm: str, console: Console, get_time: Callable[[], float] | None = None) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _SpeedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self.line = "first round"
        """What the last round brought."""
        super().__init__(*columns, console=console, transient=True, speed_estimate_period=SPEED_S, get_time=get_time)
        self._task = self.add_task(algorithm, total=None)
        self._validation = ""

    def begin(self, episodes: int, total: int) -> None:
        """Show what is there already.

        Args:
            episodes: Episodes of training that are done.
            total: All of them.
        """
        self.reset(self._task, total=total, completed=episodes)

    def show(self, of_round: TrainingRound, best: float | None) -> None:
        """Show a round.

        Args:
            of_round: The round.
            best: Best validation so far.
        """
        if of_round.validates:
            if best is not None:
                # Of several variants the mean comes last.
                self._validation = f"validation {of_round.score:.3f} (best {best:.3f})"
            self.line = f"{self.line.partition(' | ')[0]} | {self._validation}"
            return
        shown = "  ".join(f"{name} {value:.3g}" for name, value in of_round.numbers.items())
        self.line = f"{shown} | {self._validation or 'no validation yet'}"
        self.update(self._task, completed=of_round.episodes)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The line above the bar, and the bar."""
        yield Text(self.line)
        yield self.make_tasks_table(self.tasks)


class _SpeedColumn(ProgressColumn):
    """Episodes per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("- episodes/s" if speed is None else f"{speed:.1f} episodes/s")
