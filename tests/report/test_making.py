"""What `cosim report` and `cosim figures` are given by mistake: one clear line, and nothing half-written."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest
import yaml

import cosim
from cosim.cli import main
from cosim.errors import ReportError
from cosim.report import making

pytest.importorskip("altair")

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus_deterministic.yaml"
CURVE = "episodes,cpu_s,kind,restoration\n"

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with nothing wrong."""
    folder = tmp_path_factory.mktemp("runs") / "sound"
    cosim.run(SCENARIO, episodes=2, controller="greedy", engine="lindistflow", out=folder)
    return folder


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(sound, tmp_path / "in" / "run"))


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """A folder of a training."""
    folder = tmp_path / "in" / "training"
    folder.mkdir(parents=True)
    about = {"format": 1, "algorithm": "maddpg", "episodes": 100, "seed": 0}
    (folder / "training.json").write_text(json.dumps(about), encoding="utf-8")
    (folder / "curve.csv").write_text(f"{CURVE}50,1.0,validation,0.4\n", encoding="utf-8")
    return folder


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str | Path, out: Path) -> str:
    """The one line that a mistake gives, for the page and for the figures; nothing is written beside `in`."""
    before = sorted(out.parent.iterdir()) if out.parent.is_dir() else []
    said = []
    for command in ("report", "figures"):
        code = main([command, *map(str, arguments), "--out", str(out)])
        captured = capsys.readouterr()
        assert code in (1, 3), command
        assert captured.out == ""
        lines = captured.err.splitlines()
        assert len(lines) == 1, captured.err
        assert "--debug" not in lines[0]
        said.append(lines[0])
        assert (sorted(out.parent.iterdir()) if out.parent.is_dir() else []) == before
    assert said[0] == said[1]
    return said[0]


def half(name: str) -> Damage:
    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return damage


def gone(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def text(name: str, content: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).write_text(content, encoding="utf-8")

    return damage


def without_column(table: str, column: str) -> Damage:
    def damage(folder: Path) -> None:
        file = folder / f"{table}.parquet"
        rows = pyarrow.parquet.read_table(file)
        pyarrow.parquet.write_table(rows.drop_columns([column]), file)

    return damage


def rows_left(table: str, count: int) -> Damage:
    def damage(folder: Path) -> None:
        file = folder / f"{table}.parquet"
        pyarrow.parquet.write_table(pyarrow.parquet.read_table(file).slice(0, count), file)

    return damage


def no_numbers(table: str, column: str) -> Damage:
    def damage(folder: Path) -> None:
        file = folder / f"{table}.parquet"
        rows = pyarrow.parquet.read_table(file)
        nothing = pyarrow.nulls(rows.num_rows, rows.schema.field(column).type)
        pyarrow.parquet.write_table(rows.set_column(rows.schema.get_field_index(column), column, nothing), file)

    return damage


def scenario(*path: str, value: object) -> Damage:
    """A scenario with another value somewhere."""

    def damage(folder: Path) -> None:
        file = folder / "metadata.yaml"
        metadata = yaml.safe_load(file.read_text(encoding="utf-8"))
        place = metadata["scenario"]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        file.write_text(yaml.safe_dump(metadata), encoding="utf-8")

    return damage


def of_format_2(folder: Path) -> None:
    file = folder / "metadata.yaml"
    file.write_text(re.sub("^format: 2$", "format: 3", file.read_text(encoding="utf-8"), flags=re.M), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (half("ev_slots.parquet"), "ev_slots.parquet cannot be read"),
        (half("stations.parquet"), "stations.parquet cannot be read"),
        (gone("trips.parquet"), "trips.parquet is missing"),
        (gone("microgrid_slots.parquet"), "microgrid_slots.parquet is missing"),
        (without_column("visits", "plug_in_s"), "plug_in_s"),
        (rows_left("ev_slots", 0), "table 'ev_slots' should have 12 slots of 30 rows each"),
        (rows_left("bus_slots", 30), "bus_slots"),
        (rows_left("stations", 4), "table 'station_slots' should have 12 slots of 4 rows each"),
        (rows_left("nodes", 3), "of table 'roads' names rows that 'nodes' lacks"),
        (no_numbers("road_slots", "flow_vph"), "flow_vph of table 'road_slots' lacks numbers"),
        (no_numbers("nodes", "x_km"), "x_km of table 'nodes' lacks numbers"),
        (of_format_2, "format"),
        (text("metadata.yaml", ""), "metadata.yaml"),
        (text("metadata.yaml", "a: ["), "the run folder is damaged"),
        (half("metadata.yaml"), "damaged"),
        (text("summary.json", "{"), "summary.json cannot be read"),
        (text("summary.json", "[]"), "summary.json is damaged"),
        (scenario("fleet", "battery_kwh", value="much"), "must have a number at fleet.battery_kwh, not 'much'"),
        (scenario("clock", "start", value="noon"), "clock.start"),
        (scenario("clock", "slots", value=None), "must have a number at clock.slots, not None"),
        (scenario("network", "supply", value=3), "must have a bus at network.supply, not 3"),
        (scenario("controller", "name", value=7), "must have a text at controller.name, not 7"),
        (scenario("network", value="none"), "must have a text at network.engine, not None"),
    ],
)
def test_a_damaged_run(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path, damage: Damage, said: str
) -> None:
    damage(run)
    assert said in refusal(capsys, run, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (text("training.json", "{"), "training.json: is no JSON"),
        (text("training.json", '{"format": 2}'), "is not of format 1"),
        (text("training.json", '{"format": 1, "episodes": 3}'), "names no algorithm"),
        (text("curve.csv", "a,b\n1,2\n"), "curve.csv:2 is damaged"),
        (text("curve.csv", f"{CURVE}1,2,validation,inf\n"), "curve.csv:2 is damaged"),
        (text("curve.csv", f"{CURVE}1,2,validation,0.5\nmany,2,validation,0.5\n"), "curve.csv:3 is damaged"),
    ],
)
def test_a_damaged_training(
    capsys: pytest.CaptureFixture[str], training: Path, tmp_path: Path, damage: Damage, said: str
) -> None:
    damage(training)
    assert said in refusal(capsys, training, out=tmp_path / "out")


def test_what_is_no_run(capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "there is no such folder" in refusal(capsys, tmp_path / "nothing", out=out)
    assert "holds neither a run nor a training" in refusal(capsys, run.parent, out=out)
    assert "is a file, not a folder" in refusal(capsys, run / "metadata.yaml", out=out)
    assert "is named twice" in refusal(capsys, run, run / ".." / "run", out=out)
    assert "has no episode 2; there are 0 to 1" in refusal(capsys, run, "--episode", "2", out=out)


def test_a_run_without_a_finished_episode(capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path) -> None:
    for file in run.glob("*_slots.parquet"):
        file.unlink()
    (run / "summary.json").unlink()
    refusal(capsys, run, out=tmp_path / "out")


def test_where_a_page_cannot_be(capsys: pytest.CaptureFixture[str], sound: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.html").write_text("<p>mine</p>", encoding="utf-8")
    for out, said in (
        (tmp_path, "is a folder; name the file of the page"),
        (tmp_path / "none" / "report.html", "there is no folder"),
        (tmp_path / "mine.html" / "report.html", "there is no folder"),
        (tmp_path / "mine.html", "is there already and no page of ours"),
        (Path("/proc/report.html"), "cannot be written"),
        (tmp_path / ("n" * 300 + ".html"), "cannot be"),
    ):
        assert main(["report", str(sound), "--out", str(out)]) in (1, 3), out
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert said in lines[0]
        assert "--debug" not in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.html"]
    assert (tmp_path / "mine.html").read_text(encoding="utf-8") == "<p>mine</p>"


def test_where_figures_cannot_be(capsys: pytest.CaptureFixture[str], sound: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    for arguments, said in (
        (["--out", str(tmp_path)], "must be a new or empty folder"),
        (["--out", str(tmp_path / "mine.txt")], "must be a new or empty folder"),
        (["--out", str(tmp_path / "mine.txt" / "figures")], "cannot be written"),
        (["--out", "/proc/figures"], "cannot be written"),
        (["--out", str(tmp_path / ("n" * 300))], "cannot be"),
        (["--out", str(tmp_path / "figures"), "--format", "svg,gif"], "must be some of svg, png, pdf, got gif"),
        (["--out", str(tmp_path / "figures"), "--format", ","], "must be some of svg, png, pdf, got none"),
    ):
        assert main(["figures", str(sound), *arguments]) in (1, 3), arguments
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert said in lines[0]
        assert "--debug" not in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_full_disk_leaves_the_old_page(
    capsys: pytest.CaptureFixture[str], sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report.html"
    assert main(["report", str(sound), "--out", str(out)]) == 0
    before = out.read_bytes()

    def full(path: Path, text: str, **_: object) -> int:
        path.write_bytes(text[:1000].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    capsys.readouterr()
    assert main(["report", str(sound), "--out", str(out)]) in (1, 3)
    assert "cannot be written: No space left on device" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_an_interrupted_run_says_so(capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path) -> None:
    (run / "summary.json").unlink()
    file = run / "metadata.yaml"
    stored = re.sub("^episodes: 2$", "episodes: 50", file.read_text(encoding="utf-8"), flags=re.M)
    file.write_text(stored, encoding="utf-8")
    assert main(["report", str(run), "--out", str(tmp_path / "report.html")]) == 0
    assert capsys.readouterr().err == ""
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "This run has not ended: 2 of 50 episodes are there" in page


@pytest.mark.parametrize(
    "overrides", [["fleet.size=0"], ["fleet.size=1"], ["clock.slots=1"], ["controller.name=idle"]], ids=str
)
def test_odd_runs_give_pages(capsys: pytest.CaptureFixture[str], tmp_path: Path, overrides: list[str]) -> None:
    cosim.run(SCENARIO, episodes=1, engine="lindistflow", overrides=overrides, out=tmp_path / "run")
    assert main(["report", str(tmp_path / "run"), "--out", str(tmp_path / "report.html")]) == 0
    assert capsys.readouterr().err == ""
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    visible = re.sub("<script.*?</script>", "", page, flags=re.S)
    for wrong in ("1 episodes", "1 EVs", "0 EVs", "1 trips", "nan", "None"):
        assert not re.search(rf"\b{wrong}\b", visible), wrong


@pytest.mark.parametrize("package", ["altair", "vl_convert", "matplotlib", "fontTools"])
def test_what_draws_is_asked_for_where_it_is_missing(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "find_spec", lambda name: None if name == package else object())
    for make in (making.make_report, making.make_figures):
        with pytest.raises(ReportError) as missing:
            make([tmp_path], tmp_path / "out.html")  # type: ignore[operator]
        assert str(missing.value) == f'pictures need {package}: python -m pip install "ev-cosim[figures]"'
    assert not list(tmp_path.iterdir())
