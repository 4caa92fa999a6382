"""Change values of a scenario from the command line: `--set fleet.size=40`."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.source import MAX_DEPTH, Document, override_source, parse_yaml
from cosim.scenario.wording import dotted, shown

#: How null is written; in a file, nothing at all means the same.
NULLS: Final = ("null", "Null", "NULL", "~")


def apply_overrides(document: Document, assignments: Sequence[str]) -> Document:
    """Set values by their dotted paths, in the order given.

    Args:
        document: A scenario file; stays as it is.
        assignments: `PATH=VALUE` each, the value in YAML, e.g. `profiles.load.values=[1, 2]`. Mappings that
            are missing on the way are added; lists keep their length.

    Returns:
        The document with the new values.

    Raises:
        ScenarioError: If an assignment has another form, a value is not YAML, or a path leads nowhere.
    """
    changed = replace(document, tree=deepcopy(document.tree), overrides=dict(document.overrides))
    issues: list[ScenarioIssue] = []
    for assignment in assignments:
        try:
            _apply(changed, assignment)
        except ScenarioError as error:
            issues += error.issues
    if issues:
        raise ScenarioError(issues)
    return changed


def _apply(document: Document, assignment: str) -> None:
    source = override_source(assignment)
    target, equals, text = assignment.partition("=")
    keys = target.split(".")
    if not equals or not all(keys):
        raise ScenarioError([ScenarioIssue("", "must have the form PATH=VALUE, e.g. fleet.size=40", source)])
    if len(keys) > MAX_DEPTH:
        raise ScenarioError([ScenarioIssue("", f"path is longer than {MAX_DEPTH} levels", source)])
    path = dotted("", *keys)
    _assign(document.tree, keys, parse_value(text, path, source), source)
    # What an earlier override set below this path is gone.
    for below in [known for known in document.overrides if known.startswith(f"{path}.")]:
        del document.overrides[below]
    document.overrides[path] = assignment


def parse_value(text: str, path: str, source: str) -> Any:
    """Read the value of an assignment.

    Args:
        text: What stands behind the equals sign, YAML.
        path: What stands before it.
        source: Where it comes from, for messages.

    Raises:
        ScenarioError: If it is no YAML, or nothing.
    """
    try:
        value, _ = parse_yaml(text, source)
    except ScenarioError as error:
        issues = [replace(issue, path=".".join(filter(None, (path, issue.path))), line=0) for issue in error.issues]
        raise ScenarioError(issues) from error
    if value is None and text.partition("#")[0].strip() not in NULLS:
        raise ScenarioError([ScenarioIssue(path, "has no value; write null for none", source)])
    return value


def _assign(tree: dict[str, Any], keys: Sequence[str], value: Any, source: str) -> None:
    holder: Any = tree
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(holder, dict):
            if not last and holder.get(key) is None:
                holder[key] = {}
            index: str | int = key
        elif isinstance(holder, list):
            if key not in map(str, range(len(holder))):
                raise _nowhere(keys[:depth], f"has {len(holder)} items, numbered from 0; got {shown(key)}", source)
            index = int(key)
        else:
            raise _nowhere(keys[:depth], f"is {shown(holder)} and has no keys", source)
        if last:
            holder[index] = value
        else:
            holder = holder[index]


def _nowhere(keys: Sequence[str], problem: str, source: str) -> ScenarioError:
    return ScenarioError([ScenarioIssue(dotted("", *keys), problem, source)])
