"""A learner's state as files: safetensors for arrays, JSON for the rest, and a checksum of each array."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from cosim.errors import ControllerError

ARRAYS, NUMBERS = "learner.safetensors", "learner.json"


def write_state(folder: Path, arrays: Mapping[str, NDArray[Any]], numbers: Mapping[str, Any]) -> None:
    """Write arrays and numbers into a folder.

    Args:
        folder: Where to.
        arrays: By name.
        numbers: What JSON can hold.

    Raises:
        OSError: If they cannot be written.
    """
    whole = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
    try:
        safetensors.numpy.save_file(whole, folder / ARRAYS)
    except safetensors.SafetensorError as error:
        raise OSError(f"{folder / ARRAYS} cannot be written: {error}") from error
    checksums = {name: _checksum(array) for name, array in whole.items()}
    text = json.dumps({"numbers": numbers, "checksums": checksums}, allow_nan=False)
    (folder / NUMBERS).write_text(text + "\n", encoding="utf-8")


def read_state(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_state` wrote.

    Raises:
        ControllerError: If it is missing or damaged.
    """
    try:
        read = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
        arrays: dict[str, NDArray[Any]] = safetensors.numpy.load_file(folder / ARRAYS)
        checksums, numbers = read["checksums"], read["numbers"]
    except OSError as error:
        raise ControllerError(f"{error.filename or folder}: cannot be read ({error.strerror or error})") from error
    except (ValueError, TypeError, KeyError, safetensors.SafetensorError) as error:
        raise ControllerError(f"{folder} is damaged: {type(error).__name__}: {error}") from error
    if {name: _checksum(array) for name, array in arrays.items()} != checksums:
        raise ControllerError(f"{folder} is damaged: {ARRAYS} is not the file that {NUMBERS} describes")
    return arrays, numbers


def _checksum(array: NDArray[Any]) -> int:
    return zlib.crc32(array.reshape(-1).view(np.uint8).data) if array.size else 0
