"""Who is compared: names, and weights that are named once and are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cosim.contenders import Contender, contenders_of
from cosim.errors import ControllerError
from cosim.inputs import InputFile, sha256_of


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.safetensors" for name in "abc"]
    for path, content in zip(paths, ("one", "two", "one"), strict=True):
        path.write_text(content)
    return paths


def test_a_controller_goes_by_its_own_name_or_by_one_that_is_given() -> None:
    assert contenders_of(["idle", "mine=maddqn", "folder.file:Class"], {}) == (
        Contender("idle", "idle"),
        Contender("mine", "maddqn"),
        Contender("folder.file:Class", "folder.file:Class"),
    )


def test_weights_are_files_with_fingerprints_one_per_training_seed(files: list[Path]) -> None:
    mine, maddqn = contenders_of(["mine=maddqn", "maddqn"], {"mine": files[:2]})
    assert mine.weights == tuple(InputFile(str(path), sha256_of(path)) for path in files[:2])
    assert maddqn.weights == ()


def test_one_file_needs_no_list(files: list[Path]) -> None:
    for given in (files[0], str(files[0])):
        (mine,) = contenders_of(["maddqn"], {"maddqn": given})
        assert [file.file for file in mine.weights] == [str(files[0])]


@pytest.mark.parametrize(
    ("controllers", "problem"),
    [
        ((), "name one or more controllers, e.g. idle,greedy"),
        (("idle", ""), "name one or more controllers"),
        (("idle", "mine="), "name one or more controllers"),
        (("idle", "=maddqn"), "name one or more controllers"),
        (("idle", "idle"), "controller 'idle' is named twice; another name would tell them apart: other=idle"),
        (("idle", "idle=greedy"), "controller 'idle' is named twice"),
    ],
)
def test_names_that_cannot_be_meant_are_refused(controllers: tuple[str, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        contenders_of(controllers, {})


def test_weights_that_cannot_be_meant_are_refused(files: list[Path]) -> None:
    a, b, c = map(str, files)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"maddqn": a}, "weights are for 'maddqn', which is none of the controllers: idle, mine"),
        ({"mine": []}, "weights of 'mine': name one or more files"),
        ({"mine": [a, ""]}, "weights of 'mine': name one or more files"),
        ({"mine": [a, b, a]}, f"weights of 'mine': {a} is given twice; give one file for each training seed"),
        ({"mine": [a, b, c]}, f"weights of 'mine': {c} holds the same as {a}; give one file for each training seed"),
    ]
    for weights, problem in cases:
        with pytest.raises(ValueError) as caught:
            contenders_of(["idle", "mine=maddqn"], weights)
        assert str(caught.value) == problem


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ControllerError) as caught:
        contenders_of(["maddqn"], {"maddqn": [tmp_path / "none"]})
    assert str(caught.value) == f"{tmp_path / 'none'}: cannot be read (No such file or directory)"
