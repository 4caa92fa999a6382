"""Pictures of a queueing study, each as SVG and PNG: the only place that draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.errors import QueueError
from cosim.interface import Floats, Ints

#: Colours that most people can tell apart (Okabe and Ito 2008); a legend has no more entries.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
SIZE_INCH = (8.0, 4.0)
DOTS_PER_INCH = 150
#: Hours that a strip of chargers shows.
STRIP_H = 24.0


@dataclass(frozen=True)
class Seen:
    """What pictures of a station are drawn from.

    Attributes:
        station: Its name.
        start_h: Time of day at which the study begins [h].
        hours: Time in which customers come [h].
        time_h: Times since then at which the queue was looked at [h], shape [N].
        queue: Customers waiting then, shape [replications, N].
        waited_h: Waits of all customers who were let in, over all replications [h].
        limits_h: Waiting times that are marked [h].
        in_use: Mean share of chargers in use by hour, shape [hours].
        spell_h: Beginning and end of each spell at a charger in the first replication [h], shape [S, 2].
        spell_charger: Its charger.
        spell_group: Number of its customer's group.
        charger_names: Name of each charger.
        groups: Names of the groups.
    """

    station: str
    start_h: float
    hours: float
    time_h: Floats
    queue: Floats
    waited_h: Floats
    limits_h: Sequence[float]
    in_use: Floats
    spell_h: Floats
    spell_charger: Ints
    spell_group: Ints
    charger_names: Sequence[str]
    groups: Sequence[str]


@dataclass(frozen=True)
class Curve:
    """A measure over designs.

    Attributes:
        path: What varies.
        measure: The measure, with its unit.
        values: Values of what varies, shape [N].
        mean: The measure's mean, likewise.
        low: Lower end of its interval.
        high: Upper end.
        target: Value that is to be met; None for none.
    """

    path: str
    measure: str
    values: Sequence[float]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    target: float | None


def check_figures(folder: Path) -> None:
    """See to it that pictures can be drawn and written.

    Raises:
        QueueError: If what draws is not installed, or the folder has something in it.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise QueueError('--figures needs matplotlib: python -m pip install "ev-cosim[figures]"') from error
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise QueueError(f"--figures {folder}: must be a new or empty folder")


def draw_station(folder: Path, seen: Seen) -> list[Path]:
    """Draw all pictures of a station; none of one that nobody came to.

    Returns:
        The files.
    """
    if not len(seen.waited_h):
        return []
    drawings: dict[str, Callable[..., None]] = {
        "queue": _queue,
        "waiting": _waiting,
        "chargers": _chargers,
        "utilisation": _utilisation,
    }
    return [
        file
        for name, drawing in drawings.items()
        for file in _draw(folder, f"{_plain(seen.station)}-{name}", drawing, seen)
    ]


def draw_curve(folder: Path, curve: Curve) -> list[Path]:
    """Draw a measure over designs, with its band and the target."""
    return _draw(folder, "designs", _designs, curve)


def _draw(folder: Path, name: str, drawing: Callable[..., None], what: Seen | Curve) -> list[Path]:
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=SIZE_INCH, layout="constrained")
    axes = figure.add_subplot()
    drawing(axes, what)
    axes.spines[["top", "right"]].set_visible(False)
    files = [folder / f"{name}.svg", folder / f"{name}.png"]
    # No date in it: the same study gives the same bytes.
    figure.savefig(files[0], metadata={"Date": None})
    figure.savefig(files[1], dpi=DOTS_PER_INCH)
    return files


def _queue(axes, seen: Seen) -> None:  # type: ignore[no-untyped-def]
    hours = seen.start_h + seen.time_h
    axes.fill_between(
        hours, *np.quantile(seen.queue, [0.1, 0.9], axis=0), color=COLOURS[0], alpha=0.25, label="80 % of replications"
    )
    axes.plot(hours, seen.queue.mean(axis=0), color=COLOURS[0], label="mean")
    axes.set(xlabel=_hours(seen), ylabel="customers waiting", title=f"{seen.station}: queue", ylim=(0.0, None))
    axes.margins(x=0.0)
    axes.legend(frameon=False)


def _waiting(axes, seen: Seen) -> None:  # type: ignore[no-untyped-def]
    minutes = np.sort(seen.waited_h) * 60.0
    share = np.arange(1, len(minutes) + 1) / len(minutes)
    axes.plot(minutes, share, color=COLOURS[0], drawstyle="steps-post", label="customers")
    for number, limit_h in enumerate(seen.limits_h[: len(COLOURS) - 1], start=1):
        below = float((seen.waited_h <= limit_h).mean())
        axes.axvline(
            limit_h * 60.0,
            color=COLOURS[number],
            linestyle="--",
            label=f"{100.0 * below:.1f} % within {limit_h * 60.0:.3g} min",
        )
    axes.set(
        xlabel="waiting time [min]",
        ylabel="share that waits no longer",
        title=f"{seen.station}: waiting time",
        ylim=(0.0, 1.02),
        xlim=(0.0, max(float(np.quantile(minutes, 0.999)), *(60.0 * limit for limit in seen.limits_h), 1.0) * 1.05),
    )
    axes.legend(frameon=False, loc="lower right")


def _chargers(axes, seen: Seen) -> None:  # type: ignore[no-untyped-def]
    shown = seen.spell_h[:, 0] < STRIP_H
    for number, group in enumerate(seen.groups[: len(COLOURS)]):
        # Groups beyond the sixth share the last colour.
        of_group = shown & (np.minimum(seen.spell_group, len(COLOURS) - 1) == number)
        label = group if number < len(COLOURS) - 1 or len(seen.groups) <= len(COLOURS) else "others"
        for charger in np.unique(seen.spell_charger[of_group]):
            spans = seen.spell_h[of_group & (seen.spell_charger == charger)]
            bars = [(seen.start_h + a, b - a) for a, b in spans]
            axes.broken_barh(
                bars, (charger - 0.4, 0.8), facecolor=COLOURS[number], edgecolor="white", linewidth=0.5, label=label
            )
            label = "_"
    axes.set(
        xlabel=_hours(seen),
        title=f"{seen.station}: chargers in the first replication",
        xlim=(seen.start_h, seen.start_h + min(seen.hours, STRIP_H)),
        ylim=(len(seen.charger_names) - 0.4, -0.6),
    )
    axes.set_yticks(range(len(seen.charger_names)), seen.charger_names)
    if len(seen.groups) > 1:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _utilisation(axes, seen: Seen) -> None:  # type: ignore[no-untyped-def]
    left = seen.start_h + np.arange(len(seen.in_use))
    axes.bar(left, 100.0 * seen.in_use, width=1.0, align="edge", color=COLOURS[0], edgecolor="white")
    axes.set(
        xlabel=_hours(seen), ylabel="chargers in use [%]", title=f"{seen.station}: chargers in use", ylim=(0.0, 100.0)
    )
    axes.margins(x=0.0)


def _designs(axes, curve: Curve) -> None:  # type: ignore[no-untyped-def]
    axes.fill_between(curve.values, curve.low, curve.high, color=COLOURS[0], alpha=0.25, label="95 % interval")
    axes.plot(curve.values, curve.mean, color=COLOURS[0], marker="o", label="mean")
    if curve.target is not None:
        axes.axhline(curve.target, color=COLOURS[1], linestyle="--", label="target")
    axes.set(xlabel=curve.path, ylabel=curve.measure, ylim=(0.0, None))
    if all(float(value).is_integer() for value in curve.values):
        axes.set_xticks(list(curve.values))
    axes.legend(frameon=False)


def _hours(seen: Seen) -> str:
    return "time of day [h]" if seen.hours <= STRIP_H else "time since midnight of the first day [h]"


def _plain(name: str) -> str:
    """A station's name as part of a file's."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
