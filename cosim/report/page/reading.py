"""Reads all that a page is about: run folders and folders of trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosim.errors import RecordError, ReportError
from cosim.records.metadata import read_metadata
from cosim.records.store import is_run_folder
from cosim.records.stored_training import is_training_folder, read_training
from cosim.report.page.contents import Contents, contents_of
from cosim.report.page.run_labels import labels_of
from cosim.report.page.shown_run import Progress, show_run
from cosim.report.page.soundness import check_scenario


def read_contents(folders: Sequence[Path], episode: int | None, progress: Progress | None) -> Contents:
    """What there is to show of some folders.

    Args:
        folders: Run folders and folders of trainings, in any order; the first run is shown in full.
        episode: Number of its episode to show; default: the one nearest to the median of the load restoration ratio.
        progress: Told how many episodes of a run are read, and of how many.

    Raises:
        RecordError: If a folder holds neither, is damaged, or has no such episode.
        ReportError: If a folder is named twice.
    """
    for number, folder in enumerate(folders):
        if folder.resolve() in [other.resolve() for other in folders[:number]]:
            raise ReportError(f"{folder} is named twice; name each folder once")
        if not is_run_folder(folder) and not is_training_folder(folder):
            raise RecordError(_what_is_wrong(folder))
    runs = [folder for folder in folders if is_run_folder(folder)]
    scenarios = [_scenario(folder) for folder in runs]
    shown = [
        show_run(folder, label, episode if number == 0 else None, progress)
        for number, (folder, label) in enumerate(zip(runs, labels_of(runs, scenarios), strict=True))
    ]
    return contents_of(shown, [read_training(folder) for folder in folders if is_training_folder(folder)])


def _scenario(folder: Path) -> Mapping[str, Any]:
    scenario: Mapping[str, Any] = read_metadata(folder)["scenario"]
    check_scenario(folder, scenario)
    return scenario


def _what_is_wrong(folder: Path) -> str:
    if not folder.exists():
        return f"{folder}: there is no such folder; name one that `cosim run --out` or `cosim train --out` has written"
    what = "holds neither a run nor a training" if folder.is_dir() else "is a file, not a folder"
    return f"{folder} {what}; name a folder that `cosim run --out` or `cosim train --out` has written"
