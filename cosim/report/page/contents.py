"""What a page is made of: its sections, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cosim.records.stored_training import StoredTraining
from cosim.report.page.answer_section import answer_section
from cosim.report.page.chart import Chart
from cosim.report.page.comparison_section import comparison_section
from cosim.report.page.energy_section import energy_section
from cosim.report.page.fleet_section import fleet_section
from cosim.report.page.learning_section import learning_section
from cosim.report.page.map_section import map_section
from cosim.report.page.microgrids_section import microgrids_section
from cosim.report.page.section import Part, Section
from cosim.report.page.shown_run import ShownRun
from cosim.report.page.stations_section import stations_section
from cosim.report.page.voltages_section import voltages_section
from cosim.report.page.wording import counted

_OF_A_RUN = (
    answer_section,
    map_section,
    microgrids_section,
    voltages_section,
    stations_section,
    fleet_section,
)


@dataclass(frozen=True)
class Contents:
    """What a page shows.

    Attributes:
        title: Its title.
        subtitle: A line below it.
        sections: Its sections, in order.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]


def contents_of(runs: Sequence[ShownRun], trainings: Sequence[StoredTraining]) -> Contents:
    """All sections that there is something for.

    Args:
        runs: The runs; all sections but the comparison are of the first.
        trainings: The trainings.
    """
    sections: list[Section] = []
    if runs:
        sections += [section(runs[0]) for section in _OF_A_RUN]
    if len(runs) > 1:
        sections.append(comparison_section(runs))
    if trainings:
        sections.append(learning_section(trainings))
    if runs:
        sections.append(energy_section(runs[0]))
        run = runs[0]
        episodes = counted(len(run.totals.episode), "episode")
        subtitle = f"{run.scenario['controller']['name']}, {episodes}, seed {run.seed}; "
        return Contents(
            run.scenario["name"],
            f"{subtitle}episode {run.episode} is shown in full. Times are local.",
            _told_apart(sections),
        )
    names = dict.fromkeys(str(training.about["algorithm"]) for training in trainings)
    return Contents("Training", ", ".join(names), sections)


def _told_apart(sections: Sequence[Section]) -> list[Section]:
    """Sections in which no two charts have the same name: stations' names may differ in signs only."""
    seen: set[str] = set()
    return [replace(section, parts=[_named_anew(part, seen) for part in section.parts]) for section in sections]


def _named_anew(part: Part, seen: set[str]) -> Part:
    """A part with a name that is not among those seen so far, and is from now on."""
    if not isinstance(part, Chart):
        return part
    name, number = part.name, 1
    while name in seen:
        number += 1
        name = f"{part.name}-{number}"
    seen.add(name)
    return replace(part, name=name)
