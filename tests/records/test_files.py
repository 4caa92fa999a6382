"""Files are there as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosim.records.files import partial, remove_partial, whole_folder, write_text


def test_a_text_is_replaced_at_one_stroke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "é")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "é"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_gets_its_name_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    with whole_folder(path) as folder:
        (folder / "x").touch()
        assert not path.exists()
    assert (path / "x").exists()
    with pytest.raises(ValueError, match="boom"), whole_folder(tmp_path / "c") as folder:
        (folder / "x").touch()
        raise ValueError("boom")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_what_a_killed_run_leaves_is_removed(tmp_path: Path) -> None:
    partial(tmp_path / "file").touch()
    partial(tmp_path / "folder").mkdir()
    (partial(tmp_path / "folder") / "x").touch()
    (tmp_path / "kept").touch()
    remove_partial(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept"]
