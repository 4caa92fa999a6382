"""From a file and overrides to a queueing study, or to the list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.checks import check_sections
from cosim.scenario.overrides import apply_overrides
from cosim.scenario.queue_checks import STUDY_CHECKS
from cosim.scenario.queue_schema import QueueStudy
from cosim.scenario.source import Document, read_document
from cosim.scenario.validation import validate


@dataclass(frozen=True)
class StudyFile:
    """A queueing study and the file that it comes from.

    Args:
        study: The study, overrides included.
        document: The file's values and their lines.
    """

    study: QueueStudy
    document: Document

    def error(self, path: str, problem: str) -> ScenarioError:
        """A mistake that is found later, with its line.

        Args:
            path: Where in the study.
            problem: What is wrong, and what to do.
        """
        return ScenarioError(self.document.locate([ScenarioIssue(path, problem)]))


def is_study(path: str | Path) -> bool:
    """Whether a file says that it is a queueing study.

    Raises:
        ScenarioError: If it cannot be read.
    """
    return read_document(Path(path)).tree.get("kind") == "queue"


def load_study(path: str | Path, overrides: Sequence[str] = ()) -> StudyFile:
    """Read a queueing study.

    Args:
        path: The file.
        overrides: Changes from the command line, `PATH=VALUE` each.

    Raises:
        ScenarioError: If anything is wrong with it; holds all mistakes, by line.
    """
    document = apply_overrides(read_document(Path(path)), overrides)
    if "kind" not in document.tree and "network" in document.tree:
        problem = "is an outage scenario, not a queueing study (kind: queue); see `cosim run`"
        raise ScenarioError([ScenarioIssue("", problem, str(document.path))])
    model, issues = validate(document.tree, QueueStudy)
    sections: dict[str, Any] = {name: getattr(model, name) for name in type(model).model_fields}
    issues = document.locate([*issues, *check_sections(sections, STUDY_CHECKS)])
    if issues or not isinstance(model, QueueStudy):
        raise ScenarioError(issues)
    return StudyFile(model, document)
