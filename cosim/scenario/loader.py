"""From a file and overrides to a scenario, or to the list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.checks import check_sections
from cosim.scenario.overrides import apply_overrides
from cosim.scenario.schema import Scenario
from cosim.scenario.source import Document, read_document
from cosim.scenario.validation import validate


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario and the file that it comes from.

    Args:
        scenario: The scenario, overrides included.
        path: The file.
        document: The file's values and their lines.
    """

    scenario: Scenario
    path: Path
    document: Document

    @property
    def folder(self) -> Path:
        """The directory that relative paths in the scenario refer to."""
        return self.document.folder

    def resolve(self, file: str) -> Path:
        """Find a file that the scenario names.

        Args:
            file: Path as written in the scenario.

        Returns:
            The path, relative to the scenario file unless absolute.
        """
        return self.document.resolve(file)

    def locate(self, issues: Iterable[ScenarioIssue]) -> list[ScenarioIssue]:
        """Fill in where mistakes stand.

        Args:
            issues: Mistakes found later, e.g. in a file that the scenario names.

        Returns:
            The mistakes with source and line, by line.
        """
        return self.document.locate(issues)


@dataclass(frozen=True)
class ParsedScenario:
    """A scenario file as far as it is right.

    Args:
        document: The file's values and their lines, overrides included.
        sections: The top-level fields that agree with the schema, defaults included.
        issues: All mistakes, located.
        file: The scenario; None if there are issues.
    """

    document: Document
    sections: dict[str, Any]
    issues: list[ScenarioIssue]
    file: ScenarioFile | None


def parse_scenario(path: str | Path, overrides: Sequence[str] = ()) -> ParsedScenario:
    """Read a scenario as far as possible, so that the sections that are right can be checked further.

    Args:
        path: The scenario file.
        overrides: Changes from the command line, `PATH=VALUE` each.

    Returns:
        The sections that are right, and the mistakes in the others.

    Raises:
        ScenarioError: If the file is not readable as YAML, or an override has no place in it.
    """
    return parse_document(apply_overrides(read_document(Path(path)), overrides))


def parse_document(document: Document) -> ParsedScenario:
    """Give plain values their meaning, as far as possible.

    Args:
        document: A scenario's values.

    Returns:
        The sections that are right, and the mistakes in the others.
    """
    if document.tree.get("kind") == "queue":
        problem = "is a queueing study, not an outage scenario; see `cosim queue`"
        raise ScenarioError([ScenarioIssue("", problem, str(document.path))])
    model, issues = validate(document.tree)
    sections = {name: getattr(model, name) for name in type(model).model_fields}
    issues = document.locate([*issues, *check_sections(sections)])
    file = ScenarioFile(model, document.path, document) if isinstance(model, Scenario) and not issues else None
    return ParsedScenario(document, sections, issues, file)


def load_scenario(path: str | Path, overrides: Sequence[str] = ()) -> ScenarioFile:
    """Read a scenario.

    Args:
        path: The scenario file.
        overrides: Changes from the command line, `PATH=VALUE` each.

    Returns:
        The scenario.

    Raises:
        ScenarioError: If anything is wrong with it; holds all mistakes, by line.
    """
    parsed = parse_scenario(path, overrides)
    if parsed.file is None:
        raise ScenarioError(parsed.issues)
    return parsed.file
