"""The folder of a training: what it is, its weights and curve, and the last whole checkpoint.

`training.json` says what is trained. `checkpoint-000007/` holds all that the training depends on from some moment on:
the learner, and the curve and the best weights as they were then. It is written under another name and then renamed,
and only then the one before is removed; so there is a whole one at every instant, whatever happens.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from cosim.errors import RecordError
from cosim.records.files import locked, remove_partial, whole_folder, write_text
from cosim.records.metadata import first_change
from cosim.records.stored_training import ABOUT, CURVE, FORMAT, read_about

CHECKPOINT = "checkpoint-"
POSITION = "position.json"
BEST, LAST = "best.safetensors", "last.safetensors"
#: Files that a checkpoint keeps as they were, where they are there.
KEPT = (CURVE, BEST, "best.json")
#: What must be the same for a training to go on.
SAME = ("algorithm", "settings", "order", "seed", "replicas", "vary", "start_sha256", "scenario", "inputs", "versions")


class TrainingFolder:
    """A folder to train in; a context manager that keeps others out of it.

    Args:
        path: The folder; made if it does not exist.
        resume: Whether to go on with a training that is there.

    Raises:
        RecordError: On entering: if the folder holds something else, is in use, or cannot be written.
    """

    def __init__(self, path: str | Path, *, resume: bool) -> None:
        self.path = Path(path)
        self._resume = resume
        self._stack = ExitStack()

    def __enter__(self) -> TrainingFolder:
        if self._resume and not (self.path / ABOUT).is_file():
            raise RecordError(f"{self.path} holds no training: there is no {ABOUT} in it; begin one with --out")
        with _files(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(locked(self.path))
            self._check_empty()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def begin(self, about: Mapping[str, Any]) -> None:
        """Write what is trained, or make sure that it is the training that is there.

        Args:
            about: What is trained, and how; plain values.

        Raises:
            RecordError: If the folder holds another training; names the first field that differs.
        """
        about = {"format": FORMAT, **json.loads(json.dumps(about)), "ended": False}
        if self._resume:
            stored = read_about(self.path)
            self._check_same(stored, about)
            about["ended"] = stored.get("ended") is True
            if self.checkpoint is None and about["ended"]:
                raise RecordError(f"{self.path} holds a training that has ended, but no checkpoint to go on from")
        with _files(self.path):
            remove_partial(self.path)
            if self.checkpoint is None:
                # Stopped before its first checkpoint: it begins anew.
                for name in KEPT:
                    (self.path / name).unlink(missing_ok=True)
        self._write_about(about)

    @property
    def checkpoint(self) -> Path | None:
        """The last whole checkpoint."""
        return max(self._checkpoints(), key=_number, default=None)

    def restore(self) -> dict[str, Any]:
        """Put curve and best weights back as they were at the last checkpoint; returns its position."""
        checkpoint = self.checkpoint
        if checkpoint is None:
            raise RuntimeError("there is no checkpoint")
        with _files(checkpoint):
            position: dict[str, Any] = json.loads((checkpoint / POSITION).read_text(encoding="utf-8"))
            for name in KEPT:
                if (checkpoint / name).exists():
                    part = self.path / f"{name}.partial"
                    shutil.copyfile(checkpoint / name, part)
                    part.replace(self.path / name)
                else:
                    (self.path / name).unlink(missing_ok=True)
        return position

    def keep(self, position: Mapping[str, Any], save: Callable[[Path], None]) -> None:
        """Write a checkpoint, and remove the one before.

        Args:
            position: Where the training is; plain values.
            save: Writes the learner into a folder.

        Raises:
            RecordError: If it cannot be written; the one before stays.
        """
        before = self._checkpoints()
        number = max(map(_number, before), default=0) + 1
        with _files(self.path), whole_folder(self.path / f"{CHECKPOINT}{number:06}") as folder:
            for name in KEPT:
                if (self.path / name).exists():
                    shutil.copyfile(self.path / name, folder / name)
            (folder / POSITION).write_text(json.dumps(position) + "\n", encoding="utf-8")
            save(folder)
        with _files(self.path):
            for old in before:
                shutil.rmtree(old)

    def end(self) -> None:
        """Note that the training has ended, so that nobody begins it anew where its checkpoint was removed."""
        self._write_about({**read_about(self.path), "ended": True})

    def _checkpoints(self) -> list[Path]:
        with _files(self.path):
            return [path for path in self.path.glob(f"{CHECKPOINT}*") if path.name.removeprefix(CHECKPOINT).isdigit()]

    def _check_empty(self) -> None:
        with _files(self.path):
            empty = not any(self.path.iterdir())
        if empty or self._resume:
            return
        hint = f", or go on with the one in it: --resume {self.path}" if (self.path / ABOUT).is_file() else ""
        raise RecordError(f"{self.path}: is not empty; a training needs a folder of its own{hint}")

    def _check_same(self, stored: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        changes = (first_change(name, stored.get(name), about.get(name)) for name in SAME)
        change = next((change for change in changes if change is not None), None)
        if change is not None:
            field = change.field.replace("settings.", "algorithm.", 1)
            if field.startswith("algorithm.") and None in (change.stored, change.given):
                raise RecordError(
                    f"{self.path} holds a training by another version of ev-cosim: {field} is "
                    f"{_shown(change.stored)} there and {_shown(change.given)} here; go on with that version, or name "
                    "a new folder with --out"
                )
            raise RecordError(
                f"{self.path} holds another training: {field} is {_shown(change.stored)} there and "
                f"{_shown(change.given)} here; train it as it was, or name a new folder with --out"
            )
        if about["episodes"] < stored["episodes"]:
            raise RecordError(
                f"{self.path} holds a training of {stored['episodes']} episodes, got {about['episodes']}; "
                "a training can be extended, not shortened"
            )

    def _write_about(self, about: Mapping[str, Any]) -> None:
        with _files(self.path):
            write_text(self.path / ABOUT, json.dumps(about, indent=2) + "\n")


def what_is_kept(path: Path) -> str:
    """What a training that was stopped has left, and how to go on with it, in one line.

    Args:
        path: Its folder.
    """
    weights = path / (BEST if (path / BEST).exists() else LAST)
    about = read_about(path)
    found = max(path.glob(f"{CHECKPOINT}*[0-9]/{POSITION}"), key=lambda file: _number(file.parent), default=None)
    again = f"the same command with --resume {path}"
    if found is None:
        kept = f"there is no checkpoint yet, and {again} begins anew"
    else:
        with _files(found):
            episodes = json.loads(found.read_text(encoding="utf-8"))["episodes"]
        kept = f"{episodes} of {about['episodes']} episodes are kept: {again} goes on"
    if weights.name == BEST:
        return f"{kept}; the best weights so far are in {weights}"
    where = f"the weights as they are are in {weights}" if weights.exists() else "no weights are kept"
    return f"{kept}; there was no validation yet, so there is no {BEST}; {where}"


def _shown(value: Any) -> str:
    text = "missing" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _number(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix(CHECKPOINT))


@contextmanager
def _files(path: Path) -> Iterator[None]:
    """Turn what the file system raises into one line."""
    try:
        yield
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise RecordError(f"{path} is damaged: {error}") from error
