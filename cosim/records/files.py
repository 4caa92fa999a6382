"""Files that are there as a whole or not at all, and folders that only one run writes to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cosim.errors import RecordError

#: End of the name of what is being written.
PARTIAL = ".partial"


def partial(path: Path) -> Path:
    """Where a file or folder is written before it gets its name."""
    return path.with_name(path.name + PARTIAL)


def write_text(path: Path, text: str) -> None:
    """Write a text file, or replace one, at one stroke.

    Raises:
        OSError: If it cannot be written; then the file is what it was.
    """
    try:
        partial(path).write_text(text, encoding="utf-8")
        partial(path).replace(path)
    except OSError:
        partial(path).unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill that gets its name when it is complete.

    Args:
        path: The folder; must not exist.

    Yields:
        Where to write; removed if that fails.
    """
    unfinished = partial(path)
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        unfinished.rename(path)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def remove_partial(folder: Path) -> None:
    """Remove what was being written when a run was killed."""
    for path in folder.glob(f"*{PARTIAL}"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder; the lock goes with the process, also when it is killed.

    Raises:
        RecordError: If another process has it.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecordError(f"{folder} is being written by another run; wait for it, or name a new folder") from error
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)
