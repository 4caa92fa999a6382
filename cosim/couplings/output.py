"""What a process of somebody else's has written, for messages: the last line, which says what went wrong."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path
from typing import IO, Final

#: Lines that are looked at.
LINES: Final = 20
#: As much of an output is looked at [bytes].
LOOKED_AT: Final = 65_536
#: As much of a line is shown [characters].
SHOWN: Final = 200
#: An output that grows beyond this is begun anew [bytes].
LARGEST: Final = 2**20


def last_line(output: IO[bytes]) -> str:
    """The last line that was written; rather one that speaks of an error than one that does not."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(size - LOOKED_AT, 0))
    lines = [line.strip() for line in output.read().decode(errors="replace").split("\n") if line.strip()]
    # Some write their version after the error.
    wrong = [line for line in lines[-LINES:] if re.search("error|exception", line, re.IGNORECASE)]
    return next(reversed(wrong or lines[-1:]), "")[:SHOWN]


def divert_output(path: Path) -> None:
    """Write all that this process says, native code included, to a file; nobody else finds it there any more."""
    number = os.open(path, os.O_WRONLY | os.O_APPEND)
    path.unlink()
    os.dup2(number, 1)
    os.dup2(number, 2)
    os.close(number)
    # What is held back is lost when native code crashes.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)


def shorten_output() -> None:
    """Begin a diverted output anew when it has grown too long."""
    if os.fstat(1).st_size > LARGEST:
        os.ftruncate(1, 0)
