"""Writing a run folder: whatever has ended survives, and the files tell nothing of how they came about."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from small_records import same_bits, small_fixed, small_records

from cosim.errors import RecordError
from cosim.records import parquet, run_folder
from cosim.records.metadata import FORMAT
from cosim.records.run_folder import RunFolder
from cosim.records.schema import TABLES
from cosim.records.store import StoredRun, read_records
from cosim.records.table import Records, joined

TABLE_FILES = {f"{kind.name}.parquet" for kind in TABLES}


def about(episodes: int, **changes: Any) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "scenario_file": "/a/outage.yaml",
        "scenario_sha256": "0",
        "episodes": episodes,
        "replicas": 2,
        "scenario": {"name": "no", "fleet": {"size": 30}},
        "inputs": {"data.csv": "1"},
        "controller_code": {},
        "versions": {"ev-cosim": "0.1"},
        "machine": {},
        **changes,
    }


def write(path: Path, batches: Sequence[Sequence[int]], planned: int, *, resume: bool = False) -> None:
    """Write batches of episodes, and end the run when all are there."""
    with RunFolder(path, resume=resume) as folder:
        folder.begin(about(planned), small_fixed())
        for batch in batches:
            folder.append(small_records(batch), 1e-9 * max(batch))
        if not batches or batches[-1][-1] == planned - 1:
            folder.finish({"episodes": planned, "x": 0.1, "none": None})
        else:
            raise KeyboardInterrupt


def write_some(path: Path, batches: Sequence[Sequence[int]], planned: int, *, resume: bool = False) -> None:
    with suppress(KeyboardInterrupt):
        write(path, batches, planned, resume=resume)


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.fixture
def part_per_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "GATHER_S", 0.0)


def test_a_run_that_has_ended_leaves_tables_metadata_and_summary(tmp_path: Path) -> None:
    path = tmp_path / "a" / "run"
    write(path, [(0, 1), (2, 3), (4,)], 5)
    assert set(contents(path)) == TABLE_FILES | {"metadata.yaml", "summary.json"}
    assert json.loads((path / "summary.json").read_text()) == {"episodes": 5, "x": 0.1, "none": None}
    assert same_bits(read_records(path), joined([small_records(range(5)), small_fixed()]))


@pytest.mark.usefixtures("part_per_batch")
@pytest.mark.parametrize("small_groups", [False, True])
def test_files_have_the_same_bytes_however_the_run_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_groups: bool
) -> None:
    if small_groups:
        monkeypatch.setattr(parquet, "GROUP_ROWS", 7)
    write(tmp_path / "at once", [range(12)], 12)
    write(tmp_path / "in parts", [(0,), (1, 2, 3), (4, 5), range(6, 12)], 12)
    write_some(tmp_path / "interrupted", [(0, 1), (2, 3, 4)], 12)
    write_some(tmp_path / "interrupted", [(5,)], 12, resume=True)
    write(tmp_path / "interrupted", [range(6, 12)], 12, resume=True)
    write(tmp_path / "extended", [(0, 1, 2)], 3)
    write(tmp_path / "extended", [(3, 4), (5,), (6, 7)], 8, resume=True)
    write(tmp_path / "extended", [range(8, 12)], 12, resume=True)
    expected = contents(tmp_path / "at once")
    for name in ("in parts", "interrupted", "extended"):
        assert contents(tmp_path / name) == expected, name


@pytest.mark.usefixtures("part_per_batch")
def test_what_was_finished_before_an_interruption_is_readable(tmp_path: Path) -> None:
    write_some(tmp_path / "run", [(0, 1), (2,)], 5)
    stored = StoredRun(tmp_path / "run")
    assert (stored.episodes, stored.ended, stored.summary) == (3, False, None)
    assert stored.ledger_max_error_kwh == 2e-9
    assert same_bits(stored.read(), joined([small_records(range(3)), small_fixed()]))


def test_what_was_gathered_is_written_when_the_run_fails(tmp_path: Path) -> None:
    write_some(tmp_path / "run", [(0, 1), (2,)], 5)
    assert [part.name for part in (tmp_path / "run" / "parts").iterdir()] == ["000000"]
    assert StoredRun(tmp_path / "run").episodes == 3


@pytest.mark.usefixtures("part_per_batch")
def test_a_run_may_be_killed_at_any_time_while_parts_become_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "whole", [range(6)], 6)
    expected = contents(tmp_path / "whole")
    moves = ("replace", "rename", "rmdir", "unlink", "mkdir", "write_text")
    for limit in range(200):
        path = tmp_path / f"killed after {limit}"
        write(path, [(0, 1)], 2)
        write_some(path, [(2,), (3,)], 6, resume=True)
        killed = False
        with monkeypatch.context() as patch:
            left = limit

            def counted(original: Any) -> Any:
                def step(*words: Any, **named: Any) -> Any:
                    nonlocal left, killed
                    if left == 0:
                        killed = True
                        raise KeyboardInterrupt
                    left -= 1
                    return original(*words, **named)

                return step

            for name in moves:
                patch.setattr(Path, name, counted(getattr(Path, name)))
            patch.setattr(shutil, "rmtree", counted(shutil.rmtree))
            patch.setattr(run_folder.RunFolder, "__exit__", lambda self, *_: self._stack.close())
            write_some(path, [(4, 5)], 6, resume=True)
        there = StoredRun(path).episodes
        assert there in (4, 6)
        assert same_bits(read_records(path, range(there)), joined([small_records(range(there)), small_fixed()]))
        write(path, [(4, 5)] if there == 4 else [], 6, resume=True)
        assert contents(path) == expected
        if not killed:
            return
    pytest.fail("more steps than expected")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with (
        pytest.raises(RecordError, match=f"{tmp_path} is not empty; name a new folder for the run$"),
        RunFolder(tmp_path),
    ):
        pass
    with pytest.raises(RecordError, match="mine cannot be written: File exists"), RunFolder(tmp_path / "mine"):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
    with pytest.raises(RecordError, match="holds no run: there is no metadata"), RunFolder(tmp_path, resume=True):
        pass


def test_a_run_folder_is_not_overwritten_but_may_go_on(tmp_path: Path) -> None:
    write(tmp_path, [(0,)], 1)
    before = contents(tmp_path)
    with pytest.raises(RecordError, match=f"or go on with the run in it: --resume {tmp_path}$"), RunFolder(tmp_path):
        pass
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"scenario": {"name": "no", "fleet": {"size": 40}}}, "scenario.fleet.size is 30 there and 40 here"),
        ({"scenario": {"name": "no"}}, r"scenario.fleet is \{'size': 30\} there and missing here"),
        ({"inputs": {"data.csv": "2"}}, "inputs.data.csv is '1' there and '2' here"),
        ({"controller_code": {"mine.py": "3"}}, "controller_code.mine.py is missing there and '3' here"),
        ({"versions": {"ev-cosim": "0.2"}}, "versions.ev-cosim is '0.1' there and '0.2' here"),
        ({"episodes": 1}, "holds a run of 2 episodes, got 1; a run can be extended, not shortened"),
    ],
)
def test_another_run_is_refused_and_left_as_it_was(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    write(tmp_path, [(0, 1)], 2)
    before = contents(tmp_path)
    with pytest.raises(RecordError, match=problem), RunFolder(tmp_path, resume=True) as folder:
        folder.begin({**about(2), **changes}, small_fixed())
    assert contents(tmp_path) == before


def test_replicas_machine_and_place_may_differ(tmp_path: Path) -> None:
    write(tmp_path, [(0, 1)], 2)
    with RunFolder(tmp_path, resume=True) as folder:
        folder.begin(about(2, replicas=1, machine={"cpu": "x"}, scenario_file="/b", scenario_sha256="9"), small_fixed())
        folder.finish({"episodes": 2})


def test_an_empty_or_new_folder_begins_a_run(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml.partial").touch()
    for path in (tmp_path, tmp_path / "new"):
        write(path, [(0,)], 1, resume=True)
        assert StoredRun(path).ended
        assert not list(path.glob("*.partial"))


def test_only_one_run_writes_to_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with (
        RunFolder(tmp_path),
        pytest.raises(RecordError, match="is being written by another run; wait for it, or name a new folder"),
        RunFolder(tmp_path),
    ):
        pass
    write(tmp_path, [(0,)], 1)


def test_a_run_that_fails_before_its_first_episode_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with RunFolder(tmp_path / "run") as folder:
            folder.begin(about(3), small_fixed())
            raise ValueError("boom")

    for _ in range(2):
        with pytest.raises(ValueError, match="boom"):
            fail()
    assert not (tmp_path / "run").exists()


def test_a_full_disk_is_one_line_and_what_was_finished_stays(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    write_some(tmp_path / "run", [(0, 1)], 60)

    def fill() -> None:
        with RunFolder(tmp_path / "run", resume=True) as folder:
            folder.begin(about(60), small_fixed())
            folder.append(small_records(range(2, 60)), 0.0)
            resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, before[1]))
            try:
                folder.flush()
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)

    message = f"{tmp_path}/run/parts/000002 cannot be written: File too large; 2 finished episodes are kept: go on with"
    with pytest.raises(RecordError, match=message) as caught:
        fill()
    assert "\n" not in str(caught.value)
    # What is gathered is tried once more at the end, when there may be room again.
    assert StoredRun(tmp_path / "run").episodes == 60


def test_of_what_is_gathered_a_full_disk_keeps_the_batches_that_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = [2]
    write_table = run_folder.write_table

    def write_while_there_is_room(path: Path, kind: Any, tables: Sequence[Any], facts: Any) -> None:
        first = kind is TABLES[0]
        if first and (len(tables) > room[0] or room[0] == 0):
            raise OSError(28, "No space left on device")
        room[0] -= len(tables) if first else 0
        write_table(path, kind, tables, facts)

    monkeypatch.setattr(run_folder, "write_table", write_while_there_is_room)
    with pytest.raises(RecordError, match="4 finished episodes are kept"), RunFolder(tmp_path / "run") as folder:
        folder.begin(about(8), small_fixed())
        for first in (0, 2, 4, 6):
            folder.append(small_records((first, first + 1)), 0.0)
        folder.flush()
    monkeypatch.undo()
    assert same_bits(read_records(tmp_path / "run", tables=["visits"]), Records([small_records(range(4))["visits"]]))


def test_a_place_that_is_taken_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"cannot be written: Is a directory"), RunFolder(tmp_path) as folder:
        (tmp_path / "roads.parquet").mkdir()
        folder.begin(about(1), small_fixed())
