"""Who is compared: a controller under a name of its own, with the weights of each of its training seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.errors import ControllerError
from cosim.inputs import InputFile, sha256_of

#: Files with the weights of a controller, one per training seed.
WeightsFiles = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Contender:
    """Who is compared.

    Attributes:
        name: Name in the results.
        controller: Name of the controller.
        weights: The files with its weights, one per training seed; none for those that it comes with.
    """

    name: str
    controller: str
    weights: tuple[InputFile, ...] = ()


def contenders_of(controllers: Sequence[str], weights: Mapping[str, WeightsFiles]) -> tuple[Contender, ...]:
    """Read who is to be compared.

    Args:
        controllers: Names of the controllers, `CONTROLLER` or `NAME=CONTROLLER`.
        weights: Files with weights by name in the results.

    Returns:
        The contenders, in order.

    Raises:
        ControllerError: If a file with weights cannot be read.
        ValueError: If there is no controller, a name is given twice, weights are for somebody else, or the same weights
            are given twice.
    """
    named = [_named(text) for text in controllers]
    names = [name for name, _ in named]
    if not named or not all(name and controller for name, controller in named):
        raise ValueError("name one or more controllers, e.g. idle,greedy or maddqn,mine=maddqn")
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise ValueError(f"controller {twice!r} is named twice; another name would tell them apart: other={twice}")
    stranger = next((name for name in weights if name not in names), None)
    if stranger is not None:
        raise ValueError(f"weights are for {stranger!r}, which is none of the controllers: {', '.join(names)}")
    return tuple(Contender(name, controller, _files(name, weights.get(name))) for name, controller in named)


def _named(text: str) -> tuple[str, str]:
    """Name in the results, and controller."""
    name, equals, controller = text.partition("=")
    return (name, controller) if equals else (text, text)


def _files(name: str, given: WeightsFiles | None) -> tuple[InputFile, ...]:
    """The weights files of a contender, with their fingerprints."""
    if given is None:
        return ()
    files = [str(file) for file in ([given] if isinstance(given, str | Path) else given)]
    if not files or not all(files):
        raise ValueError(f"weights of {name!r}: name one or more files")
    found: dict[str, str] = {}
    for file in files:
        try:
            sha256 = sha256_of(Path(file))
        except OSError as error:
            raise ControllerError(f"{file}: cannot be read ({error.strerror})") from error
        # They would pass for two trainings that agree.
        if sha256 in found:
            first = "is given twice" if file == found[sha256] else f"holds the same as {found[sha256]}"
            raise ValueError(f"weights of {name!r}: {file} {first}; give one file for each training seed")
        found[sha256] = file
    return tuple(InputFile(file, sha256) for sha256, file in found.items())
