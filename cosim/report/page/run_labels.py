"""What differs between runs, and names that tell them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

#: Sections of a scenario that may differ beside a number that varies: who decides, and what a file is called.
_ASIDE = ("controller", "name", "description")


def varied_number(scenarios: Sequence[Mapping[str, Any]]) -> str | None:
    """The one number that differs between scenarios, whoever decides in them.

    Args:
        scenarios: The resolved scenarios.

    Returns:
        Its dotted path; None if nothing differs, or more than one thing, or something that is no number.
    """
    leaves = [dict(_leaves(scenario)) for scenario in scenarios]
    paths = [
        path
        for path in dict.fromkeys(path for of_one in leaves for path in of_one)
        if path.partition(".")[0] not in _ASIDE and len({_key(of_one.get(path)) for of_one in leaves}) > 1
    ]
    if len(paths) != 1 or not all(_is_number(of_one.get(paths[0])) for of_one in leaves):
        return None
    return paths[0]


def value_at(scenario: Mapping[str, Any], path: str) -> float:
    """A number of a scenario.

    Args:
        scenario: The resolved scenario.
        path: Its dotted path.
    """
    return float(dict(_leaves(scenario))[path])


def labels_of(folders: Sequence[Path], scenarios: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names that tell runs apart: who decides, and what varies or where the run is, if that is not enough.

    Args:
        folders: The run folders.
        scenarios: The resolved scenario of each.
    """
    path = varied_number(scenarios)
    controllers = [str(scenario["controller"]["name"]) for scenario in scenarios]
    more = [f"{path} = {value_at(scenario, path):g}" for scenario in scenarios] if path else [f.name for f in folders]
    names = [
        one if path is None and controllers.count(one) == 1 else f"{one}, {other}"
        for one, other in zip(controllers, more, strict=True)
    ]
    return [name if names.count(name) == 1 else f"{name} [{number}]" for number, name in enumerate(names, start=1)]


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Values of a tree with their dotted paths."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from _leaves(value, f"{path}.{number}")
    else:
        yield path, tree


def _key(value: Any) -> str:
    return repr(float(value)) if _is_number(value) else repr(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
