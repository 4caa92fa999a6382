"""Reading a run folder: the same arrays again, some episodes or all, and a clear word about what is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from small_records import same_bits, small_fixed, small_records
from test_run_folder import write, write_some

from cosim.errors import RecordError
from cosim.records import parquet, run_folder
from cosim.records.store import StoredRun, read_records
from cosim.records.table import Records, joined


@pytest.fixture(params=["ended", "interrupted", "extended"])
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Episodes 0 to 8 in a folder."""
    monkeypatch.setattr(run_folder, "GATHER_S", 0.0)
    monkeypatch.setattr(parquet, "GROUP_ROWS", 10)
    if request.param == "ended":
        write(tmp_path, [range(9)], 9)
    elif request.param == "interrupted":
        write_some(tmp_path, [(0, 1), (2, 3, 4), (5,), (6, 7, 8)], 12)
    else:
        write(tmp_path, [range(4)], 4)
        write_some(tmp_path, [(4, 5), (6, 7, 8)], 12, resume=True)
    return tmp_path


def test_all_tables_come_back_to_the_bit(run: Path) -> None:
    assert same_bits(read_records(run), joined([small_records(range(9)), small_fixed()]))


@pytest.mark.parametrize("episodes", [[0], [8], [3, 4], [7, 1, 4], range(2, 7), []])
def test_some_episodes(run: Path, episodes: list[int]) -> None:
    records = read_records(run, episodes, ["ev_slots", "visits", "trips", "nodes"])
    if not episodes:
        assert [len(records[name]) for name in ("ev_slots", "visits", "trips")] == [0, 0, 0]
        return
    every = joined([small_records(sorted(episodes)), small_fixed()])
    assert same_bits(records, Records([every[name] for name in ("ev_slots", "trips", "visits", "nodes")]))


@pytest.mark.parametrize("size", [1, 2, 4, 9, 50])
def test_batches_are_the_episodes_in_order(run: Path, size: int) -> None:
    batches = list(StoredRun(run).batches(size))
    assert [number for numbers, _ in batches for number in numbers] == list(range(9))
    for numbers, records in batches:
        assert same_bits(records, small_records(numbers))


def test_what_is_not_there_is_named(run: Path) -> None:
    with pytest.raises(RecordError, match="has no episode 9; there are 0 to 8"):
        read_records(run, [2, 9])
    with pytest.raises(RecordError, match="there is no table 'visit'; there are microgrid_slots, "):
        read_records(run, tables=["visit"])


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "none", tmp_path / "file"):
        with pytest.raises(RecordError, match=f"^{path} is no run folder"):
            StoredRun(path)


def change(name: str, edit: Callable[[pyarrow.Table], pyarrow.Table]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        rows = pyarrow.parquet.read_table(path / f"{name}.parquet")
        pyarrow.parquet.write_table(edit(rows), path / f"{name}.parquet")

    return apply


def flip(path: Path) -> None:
    content = bytearray((path / "ev_slots.parquet").read_bytes())
    content[60:90] = bytes(30)
    (path / "ev_slots.parquet").write_bytes(content)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no metadata": (lambda path: (path / "metadata.yaml").unlink(), "is no run folder: there is no metadata.yaml"),
    "empty metadata": (lambda path: (path / "metadata.yaml").write_text(""), "metadata.yaml is damaged"),
    "broken metadata": (lambda path: (path / "metadata.yaml").write_text("a: ["), "metadata.yaml:1: is not valid YAML"),
    "binary metadata": (lambda path: (path / "metadata.yaml").write_bytes(b"\xff"), "is damaged: it is not UTF-8"),
    "other format": (lambda path: (path / "metadata.yaml").write_text("format: 7"), "format must be 2, got 7"),
    "lacking metadata": (lambda path: (path / "metadata.yaml").write_text("format: 2"), "'scenario_file' is missing"),
    "no table": (lambda path: (path / "visits.parquet").unlink(), "visits.parquet is missing; the run folder is"),
    "no main table": (lambda path: (path / "microgrid_slots.parquet").unlink(), "microgrid_slots.parquet is missing"),
    "no fixed table": (lambda path: (path / "roads.parquet").unlink(), "roads.parquet is missing"),
    "empty table": (lambda path: (path / "trips.parquet").write_bytes(b""), "trips.parquet cannot be read: "),
    "cut table": (
        lambda path: (path / "trips.parquet").write_bytes((path / "trips.parquet").read_bytes()[:-100]),
        "trips.parquet cannot be read: ",
    ),
    "flipped bytes": (flip, "ev_slots.parquet cannot be read: "),
    "no column": (change("ev_slots", lambda rows: rows.drop_columns(["x_km"])), "has no column 'x_km'"),
    "other type": (
        change("trips", lambda rows: rows.set_column(1, "ev", rows["ev"].cast("double"))),
        "column 'ev' must be int64, got double",
    ),
    "missing row": (change("rewards", lambda rows: rows.slice(1)), "table 'rewards' lacks rows of episodes 0 to 2"),
    "rows too many": (
        change("rewards", lambda rows: pyarrow.concat_tables([rows, rows.slice(0, 4)])),
        "table 'rewards' (lacks|has) rows",
    ),
    "missing episodes": (
        change("microgrid_slots", lambda rows: rows.slice(8)),
        "should begin with episode 0, it begins with 2",
    ),
    "no rows": (change("microgrid_slots", lambda rows: rows.slice(0, 0)), "there are no rows in it"),
    "episode cut off": (
        change("microgrid_slots", lambda rows: rows.slice(0, 8)),
        "summary.json tells of 3 episodes, the tables hold 2",
    ),
    "broken summary": (lambda path: (path / "summary.json").write_text("{"), "summary.json cannot be read"),
    "odd summary": (lambda path: (path / "summary.json").write_text("[]"), "must be one JSON object"),
    "empty cell": (
        change("visits", lambda rows: rows.set_column(1, "ev", pyarrow.array([None] * rows.num_rows, pyarrow.int64()))),
        "column 'ev' has empty cells",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_in_one_line(tmp_path: Path, damage: str) -> None:
    write(tmp_path, [range(3)], 3)
    break_it, problem = DAMAGES[damage]
    break_it(tmp_path)

    def read() -> None:
        stored = StoredRun(tmp_path)
        stored.read(tables=["nodes", "roads"])
        list(stored.batches(5))

    with pytest.raises(RecordError, match=problem) as caught:
        read()
    assert "\n" not in str(caught.value)
