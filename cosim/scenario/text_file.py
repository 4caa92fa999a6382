"""Read a text file that somebody else wrote: a regular file of bounded size, in UTF-8."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

MAX_DATA_BYTES: Final = 100_000_000


class UnreadableError(Exception):
    """A file is no text; the message says why, without the file's name.

    Args:
        problem: What is wrong.
        line: Line in the file, counted from 1; 0 if there is none.
    """

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.line = line


def read_text(path: Path, max_bytes: int = MAX_DATA_BYTES) -> str:
    """Read a text file.

    Args:
        path: The file. A pipe or a device is refused, since reading it may never end.
        max_bytes: Largest size.

    Returns:
        Its text without a byte order mark, line ends as they are.

    Raises:
        UnreadableError: If it cannot be read, is too large, or is not UTF-8.
    """
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a directory has a good message of its own
            raise UnreadableError("cannot be read: Not a regular file")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UnreadableError("cannot be read: No possible name of a file") from error
    if len(content) > max_bytes:
        raise UnreadableError(f"is larger than {max_bytes // 1_000_000} MB")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UnreadableError("is not UTF-8 text", content.count(b"\n", 0, error.start) + 1) from error
