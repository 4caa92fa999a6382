"""Arrays and numbers come back as they were written, or damage is said in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.checkpoint import ARRAYS, NUMBERS, read_state, write_state
from cosim.errors import ControllerError


def test_what_was_written_is_read(tmp_path: Path) -> None:
    arrays = {
        "half": np.arange(6, dtype=np.float16).reshape(2, 3),
        "every other": np.arange(9, dtype=np.uint8)[::2],
        "count": np.array(3),
        "none": np.zeros((0, 3), np.float32),
        "possible": np.array([[True, False]]),
        "choice": np.full((2, 2), -1, np.int16),
    }
    numbers = {"generator": np.random.default_rng(3).bit_generator.state, "best": None, "loss": 0.1}
    write_state(tmp_path, arrays, numbers)
    found, read = read_state(tmp_path)
    assert read == numbers
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert np.array_equal(found[name], array)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([ARRAYS, NUMBERS])


def test_a_bit_that_differs_is_noticed(tmp_path: Path) -> None:
    write_state(tmp_path, {"a": np.arange(5)}, {})
    content = bytearray((tmp_path / ARRAYS).read_bytes())
    content[-1] ^= 1
    (tmp_path / ARRAYS).write_bytes(content)
    with pytest.raises(ControllerError, match=f"is damaged: {ARRAYS} is not the file that {NUMBERS} describes"):
        read_state(tmp_path)


def test_where_nothing_can_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=rf"{ARRAYS} cannot be written: .*No such file"):
        write_state(tmp_path / "nowhere", {"a": np.arange(5)}, {})
