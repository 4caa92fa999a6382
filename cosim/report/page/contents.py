"""What a page is made of: its sections, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cosim.records.stored_training import StoredTraining
from cosim.report.page.answer_section import answer_section
from cosim.report.page.comparison_section import comparison_section
from cosim.report.page.energy_section import energy_section
from cosim.report.page.fleet_section import fleet_section
from cosim.report.page.learning_section import learning_section
from cosim.report.page.map_section import map_section
from cosim.report.page.microgrids_section import microgrids_section
from cosim.report.page.section import Section
from cosim.report.page.shown_run import ShownRun
from cosim.report.page.stations_section import stations_section
from cosim.report.page.voltages_section import voltages_section

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
        subtitle = f"{run.scenario['controller']['name']}, {len(run.totals.episode)} episodes, seed {run.seed}; "
        return Contents(
            run.scenario["name"], f"{subtitle}episode {run.episode} is shown in full. Times are local.", sections
        )
    names = dict.fromkeys(str(training.about["algorithm"]) for training in trainings)
    return Contents("Training", ", ".join(names), sections)
