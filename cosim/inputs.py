"""Fingerprints of the files that a scenario is read from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InputFile:
    """A file that a scenario names.

    Attributes:
        file: Its path as the scenario has it.
        sha256: SHA-256 of its content.
    """

    file: str
    sha256: str


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class InputFiles:
    """Finds the files that a scenario names, and remembers them.

    Args:
        resolve: Turns a path in the scenario into one that can be opened.
    """

    def __init__(self, resolve: Callable[[str], Path]) -> None:
        self._resolve = resolve
        self._found: dict[str, Path] = {}

    def resolve(self, file: str) -> Path:
        """Find a file that the scenario names."""
        self._found[file] = self._resolve(file)
        return self._found[file]

    def fingerprints(self) -> tuple[InputFile, ...]:
        """All files found so far, in order of their names.

        Raises:
            OSError: If one cannot be read.
        """
        return tuple(InputFile(file, sha256_of(path)) for file, path in sorted(self._found.items()))
