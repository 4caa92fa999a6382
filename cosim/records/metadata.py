"""`metadata.yaml`: what a run is, written so that YAML 1.1 and 1.2 read the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from cosim.errors import RecordError, ScenarioError
from cosim.records.files import write_text
from cosim.scenario.source import parse_yaml

METADATA = "metadata.yaml"
FORMAT = 2

#: Top-level keys and their types.
_KEYS = {
    "scenario_file": str,
    "scenario_sha256": str,
    "scenario": dict,
    "inputs": dict,
    "controller_code": dict,
    "episodes": int,
    "replicas": int,
    "versions": dict,
    "machine": dict,
}
#: Parts that must be the same for one run to be the continuation of another.
_SAME = ("scenario", "inputs", "controller_code", "versions")


class Change(NamedTuple):
    """A value that differs between two runs.

    Attributes:
        field: Its dotted path.
        stored: What the folder has; None if there is none.
        given: What the other run has.
    """

    field: str
    stored: Any
    given: Any


def write_metadata(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Write the metadata of a run.

    Raises:
        OSError: If it cannot be written.
    """
    write_text(folder / METADATA, dump_yaml(metadata))


def read_metadata(folder: Path) -> dict[str, Any]:
    """Read the metadata of a run.

    Raises:
        RecordError: If there is none, or it is damaged.
    """
    path = folder / METADATA
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RecordError(f"{folder} is no run folder: there is no {METADATA} in it") from error
    except NotADirectoryError as error:
        raise RecordError(f"{folder} is no run folder, but a file") from error
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{path} is damaged: it is not UTF-8 text") from error
    try:
        metadata, _ = parse_yaml(text, str(path))
    except ScenarioError as error:
        raise RecordError(f"{error.issues[0]}; the run folder is damaged") from error
    return _checked(metadata, path)


def first_difference_of_runs(stored: Mapping[str, Any], given: Mapping[str, Any]) -> Change | None:
    """The first field that makes two runs different ones; their episodes, replicas and machines may differ."""
    changes = (first_change(part, stored[part], given[part]) for part in _SAME)
    return next((change for change in changes if change is not None), None)


def first_change(path: str, stored: Any, given: Any) -> Change | None:
    """The first value that differs between two trees of plain values.

    Args:
        path: Dotted path of the trees.
        stored: One tree.
        given: The other.
    """
    if isinstance(stored, dict) and isinstance(given, dict):
        keys = (*stored, *(key for key in given if key not in stored))
        pairs = [(key, stored.get(key), given.get(key)) for key in keys]
    elif isinstance(stored, list) and isinstance(given, list) and len(stored) == len(given):
        pairs = [(str(k), *pair) for k, pair in enumerate(zip(stored, given, strict=True))]
    else:
        return None if stored == given else Change(path, stored, given)
    changes = (first_change(f"{path}.{key}", one, other) for key, one, other in pairs)
    return next((change for change in changes if change is not None), None)


def dump_yaml(values: Mapping[str, Any]) -> str:
    """Plain values as YAML that reads back as the same values, whichever version of YAML the reader follows."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or 1.2 would take for something else."""


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # A line break that YAML 1.1 knows and 1.2 does not must be escaped.
    style = '"' if re.search("[\x85\u2028\u2029\ufeff\r\n]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
# SafeDumper knows the numbers of YAML 1.1; these are numbers in 1.2 only.
_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"([-+]?[0-9]+|0o[0-7]+)\Z"), None)
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z"), None
)


def _checked(metadata: Any, path: Path) -> dict[str, Any]:
    if not isinstance(metadata, dict):
        raise RecordError(f"{path} is damaged: it must be a mapping of keys to values")
    if metadata.get("format") != FORMAT:
        got = metadata.get("format")
        raise RecordError(f"{path}: format must be {FORMAT}, got {got!r}; use the version that wrote it")
    for key, kind in _KEYS.items():
        if not isinstance(metadata.get(key), kind):
            raise RecordError(f"{path} is damaged: {key!r} is missing or no {kind.__name__}")
    return metadata
