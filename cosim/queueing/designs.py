"""Several designs of a study, on the same customers: which is the smallest that meets a target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.errors import QueueError, ScenarioError
from cosim.queueing.plan import make_plan
from cosim.queueing.pool import run_all
from cosim.queueing.study import Found, Request, Study
from cosim.queueing.target import Target
from cosim.scenario.source import as_typed, override_source
from cosim.scenario.study_loader import load_study
from cosim.scenario.variation import Variation

#: A design counts as meeting the target for sure from this confidence on.
SURE = 0.95

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Design:
    """One design and what was found.

    Attributes:
        value: Value of what varies.
        study: What was found; None if it has no steady state.
        why_not: Why it has none.
    """

    value: float
    study: Study | None
    why_not: str = ""


@dataclass(frozen=True)
class Designs:
    """All designs, and the answer.

    Attributes:
        variation: What varies.
        designs: In the order of their values.
        target: What must be reached; None if nothing was asked for.
        station: Station whose measure counts; empty for all together.
    """

    variation: Variation
    designs: tuple[Design, ...]
    target: Target | None
    station: str

    def measured(self, study: Study) -> Found:
        """The measures that count."""
        return study.stations[self.station] if self.station else study.total

    def summary(self) -> dict[str, object]:
        """All of it as plain values; the answer under `answer`."""
        points = [
            {"vary": {self.variation.path: design.value}}
            | ({"why_not": design.why_not} if design.study is None else design.study.summary())
            for design in self.designs
        ]
        return {"points": points, "answer": self.answer()}

    def answer(self) -> dict[str, object] | None:
        """The smallest design whose mean meets the target, and how sure that is; the best one if none does."""
        target = self.target
        if target is None:
            return None
        found = [
            (design, self.measured(design.study)[target.measure], design.study.request.replications)
            for design in sorted(self.designs, key=lambda design: design.value)
            if design.study is not None and target.measure in self.measured(design.study)
        ]
        if not found:
            return {"target": str(target), "met": False, "value": None, "best": None}
        meets = next((entry for entry in found if target.met(entry[1])), None)
        best = min(found, key=lambda entry: (entry[1].mean or 0.0) * (1.0 if target.at_most else -1.0))
        design, measured, replications = meets or best
        sure = next((d.value for d, m, n in found if (target.confidence(m, n) or 0.0) >= SURE), None)
        smaller = [entry for entry in found if entry[0].value < design.value]
        return {
            "target": str(target),
            "station": self.station or "total",
            "met": meets is not None,
            "value" if meets else "best": design.value,
            "mean": measured.mean,
            "low": measured.low,
            "high": measured.high,
            "confidence": target.confidence(measured, replications),
            "confidence_that_smaller_fails": (
                None if not smaller or meets is None else _fails(target, smaller[-1][1], smaller[-1][2])
            ),
            "smallest_that_is_sure": sure,
        }


def _fails(target: Target, measured: object, replications: int) -> float | None:
    confidence = target.confidence(measured, replications)  # type: ignore[arg-type]
    return None if confidence is None else 1.0 - confidence


def run_designs(
    path: str | Path,
    overrides: Sequence[str],
    variation: Variation,
    request: Request,
    target: Target | None = None,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Designs:
    """Run all designs, each on the same customers.

    Args:
        path: The study's file.
        overrides: Changes from the command line.
        variation: What varies.
        request: How each is run.
        target: What must be reached.
        workers: Processes that share the designs; changes no result.
        progress: Told of the designs that are done, and of all.

    Raises:
        CosimError: If a design is wrong or cannot be run.
    """
    texts = [[*overrides, override] for override in variation.overrides]
    words = {override_source(override): variation.source for override in variation.overrides}
    try:
        plans = [make_plan(load_study(path, chosen)) for chosen in texts]
    except ScenarioError as error:
        raise as_typed(error, words) from error
    station = _station_of(variation.path, plans[0].station_names)
    studies: dict[int, Study | str] = {}
    for number, study in run_all(path, texts, request, min(workers, len(texts))):
        studies[number] = study
        if progress is not None:
            progress(len(studies), len(texts))
    designs = [
        Design(value, *((found, "") if isinstance(found, Study) else (None, found)))
        for value, found in zip(variation.values, (studies[k] for k in range(len(texts))), strict=True)
    ]
    if target is not None:
        _check_measure(designs, target, station)
    return Designs(variation, tuple(designs), target, station)


def _check_measure(designs: Sequence[Design], target: Target, station: str) -> None:
    known = [d.study.stations[station] if station else d.study.total for d in designs if d.study is not None]
    if known and not any(target.measure in found for found in known):
        raise QueueError(f"--target: {target.measure} was not measured here; there is {', '.join(known[0])}")


def _station_of(path: str, names: Sequence[str]) -> str:
    """The station that a path of the study is in; empty for none."""
    parts = path.split(".")
    inside = len(parts) > 1 and parts[0] == "stations" and parts[1].isdigit() and int(parts[1]) < len(names)
    return names[int(parts[1])] if inside else ""
