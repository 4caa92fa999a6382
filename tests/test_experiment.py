"""`cosim.run`: metrics and tables in memory, the same in a folder, and controllers of somebody else."""

from __future__ import annotations

import gc
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow.parquet
import pytest
import yaml

import agents
import cosim
from cosim.errors import ControllerError, LedgerError, RecordError
from cosim.experiment import default_replicas
from cosim.ledger import Ledger
from cosim.loading import load_controller
from cosim.records.schema import TABLES, columns_of
from cosim.records.table import Records
from cosim.system import System
from cosim.workers import FROZEN_BEFORE

SCENARIO = Path(__file__).parents[1] / "scenarios" / "outage_33bus.yaml"
QUICK = ["controller.name=random", "network.engine=lindistflow"]
CONTROLLERS = """
from experiment_helper import WORD
from cosim.interface import Action


class Own:
    def __init__(self, spec, *, word=WORD, fails_in=-1, scribbles=False):
        self.fleet_size, self.word, self.fails_in = spec.fleet_size, word, fails_in
        self.scribbles = scribbles

    def act(self, observation):
        if observation.episode[0] == self.fails_in:
            raise RuntimeError(self.word)
        if self.scribbles:
            for name in ("energy_kwh", "station_limit_kw", "road_flow_vph", "chargers_busy"):
                getattr(observation, name)[...] = 1
        return Action.stay(observation.replicas, self.fleet_size)
"""


@pytest.fixture(scope="module")
def system() -> System:
    return cosim.load(SCENARIO, QUICK)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "run"


@pytest.fixture(scope="module")
def results(system: System, out: Path) -> cosim.Results:
    return cosim.run(system, episodes=3, replicas=2, out=out)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> System:
    """A scenario whose controller is a module beside it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "experiment_controllers.py").write_text(CONTROLLERS)
    (folder / "experiment_helper.py").write_text("WORD = 'lost'\n")
    (folder / "scenario.yaml").write_text(SCENARIO.read_text())
    return cosim.load(folder / "scenario.yaml", ["controller.name=experiment_controllers:Own", QUICK[1]])


def with_options(system: System, **options: Any) -> System:
    changed = {f"controller.options.{name}={json.dumps(value)}" for name, value in options.items()}
    section = system.scenario.controller
    return cosim.load(system.file.path, [f"controller.name={json.dumps(section.name)}", QUICK[1], *changed])


def same_bits(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two tables have the same columns, to the last bit."""

    def bits(values: Any) -> Any:
        return values.tobytes() if isinstance(values, np.ndarray) else list(values)

    return list(one) == list(other) and all(bits(one[name]) == bits(other[name]) for name in one)


def test_metrics_are_those_of_the_summary(results: cosim.Results) -> None:
    ratio = results.metrics["load_restoration_ratio"]
    assert ratio.low is not None
    assert ratio.mean is not None
    assert ratio.high is not None
    assert ratio.low <= ratio.mean <= ratio.high
    assert results.summary["metrics"]["load_restoration_ratio"]["mean"] == ratio.mean


def test_metrics_of_each_episode_have_the_mean_of_the_run(results: cosim.Results) -> None:
    frame = results.episodes
    assert frame.episode.tolist() == [0, 1, 2]
    for name in set(results.metrics) - {"load_restoration_ratio_pooled"}:
        assert frame[name].mean() == pytest.approx(results.metrics[name].mean), name


def test_tables_are_data_frames(results: cosim.Results) -> None:
    assert len(results.ev_slots) == 3 * 12 * 30
    assert results.ev_slots.columns[:3].tolist() == ["episode", "slot", "ev"]
    assert isinstance(results.visits, pandas.DataFrame)
    assert set(results.visits.episode) == {0, 1, 2}
    assert results.stations.name.tolist() == [f"CDS{k}" for k in range(1, 6)]
    assert {kind.name for kind in TABLES} <= set(dir(results))


def test_an_unknown_table_is_an_attribute_error(results: cosim.Results) -> None:
    with pytest.raises(AttributeError, match="'visit' is no table of this run"):
        _ = results.visit
    assert not hasattr(results, "_repr_html_")


def test_costs_of_the_summary_are_means_of_the_records(results: cosim.Results) -> None:
    for table, key in (("reference_slots", "without_ev"), ("microgrid_slots", "with_ev")):
        slots, cost = getattr(results, table), results.summary["cost"][key]
        for part in ("dg", "shedding", "ess", "curtailment"):
            assert slots[f"{part}_cny"].sum() / 3 == pytest.approx(cost[part])
        shed_kwh = slots.groupby("microgrid").shed_kw.sum() * 0.5 / 3
        assert results.summary["shed_kwh"][key] == pytest.approx(shed_kwh.tolist())
    evs = results.ev_slots
    ev_cny = (evs.battery_cny + evs.distance_cny + evs.time_cny).sum() / 3
    assert results.summary["cost"]["with_ev"]["ev"] == pytest.approx(ev_cny)


def test_a_run_without_records_keeps_none_and_has_the_same_metrics(system: System, results: cosim.Results) -> None:
    bare = cosim.run(system, episodes=3, records=False)
    assert bare.records is None
    assert bare.metrics == results.metrics
    with pytest.raises(AttributeError):
        _ = bare.visits


def test_the_folder_holds_the_tables_of_the_memory_to_the_bit(results: cosim.Results, out: Path) -> None:
    assert results.records is not None
    names = {"metadata.yaml", "summary.json"} | {f"{kind.name}.parquet" for kind in TABLES}
    assert {file.name for file in out.iterdir()} == names
    for kind in TABLES:
        read = pandas.read_parquet(out / f"{kind.name}.parquet")
        expected = results.records[kind.name].frame()
        assert read.columns.tolist() == expected.columns.tolist()
        for name in expected:
            left, right = read[name].tolist(), expected[name].tolist()
            if expected[name].dtype == object:
                assert [list(cell) if isinstance(cell, np.ndarray) else cell for cell in left] == right, (kind, name)
            else:
                assert np.array_equal(left, right, equal_nan=True), (kind.name, name)


def test_the_folder_tells_units(out: Path, results: cosim.Results) -> None:
    for kind in TABLES:
        schema = pyarrow.parquet.read_schema(out / f"{kind.name}.parquet")
        units = {name: schema.field(name).metadata[b"unit"].decode() for name in schema.names}
        assert units == {column.name: column.unit for column in columns_of(kind)}


def test_the_folder_tells_the_summary(out: Path, results: cosim.Results) -> None:
    assert json.loads((out / "summary.json").read_text()) == results.summary


def test_metadata_gives_the_same_run_again(out: Path, results: cosim.Results, tmp_path: Path) -> None:
    metadata = yaml.safe_load((out / "metadata.yaml").read_text(encoding="utf-8"))
    assert metadata["scenario_file"] == str(SCENARIO)
    assert metadata["episodes"] == 3
    assert metadata["versions"]["ev-cosim"] == cosim.__version__
    assert metadata["scenario_sha256"] == hashlib.sha256(SCENARIO.read_bytes()).hexdigest()
    (file,) = metadata["inputs"] or [None]
    assert file is None or metadata["inputs"][file] == hashlib.sha256((SCENARIO.parent / file).read_bytes()).hexdigest()
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump(metadata["scenario"]), encoding="utf-8")
    repeated = cosim.run(again, episodes=metadata["episodes"], replicas=metadata["replicas"])
    assert results.records is not None
    assert repeated.records is not None
    for kind in TABLES:
        assert same_bits(repeated.records[kind.name].columns, results.records[kind.name].columns), kind.name


def test_replicas_do_not_change_the_tables(system: System, results: cosim.Results) -> None:
    wide = cosim.run(system, episodes=3, replicas=50)
    assert wide.records is not None
    assert results.records is not None
    assert all(same_bits(wide.records[name].columns, results.records[name].columns) for name in wide.records)
    assert wide.metrics == results.metrics


def test_progress_counts_up_to_all_slots(system: System) -> None:
    told: list[tuple[int, int]] = []
    cosim.run(system, episodes=3, replicas=2, records=False, progress=lambda *counts: told.append(counts))
    assert told == [(2 * slot, 36) for slot in range(1, 13)] + [(24 + slot, 36) for slot in range(1, 13)]


@pytest.mark.parametrize(
    "arguments",
    [
        {"episodes": 0},
        {"episodes": -2},
        {"replicas": 0},
        {"workers": 0},
        {"overrides": ["seed=3"]},
        {"resume": True},
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(system: System, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|cosim.load|name it with out"):
        cosim.run(system, **arguments)


def test_a_failed_run_leaves_the_episodes_before_readable(own: System, tmp_path: Path) -> None:
    fails = with_options(own, fails_in=2, word="gone")
    with pytest.raises(ControllerError, match=r"slot 0: Own.act raised RuntimeError: gone"):
        cosim.run(fails, episodes=4, replicas=1, out=tmp_path / "run", allow_code=True)
    records = cosim.read_records(tmp_path / "run")
    for name in ("ev_slots", "visits", "microgrid_slots"):
        assert set(records[name].frame().episode) == {0, 1}
    assert not (tmp_path / "run" / "summary.json").exists()


def test_a_broken_ledger_fails_the_run(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    check = Ledger.check_traffic

    def lose_a_bit(self: Ledger, evs: Any, *rest: Any) -> None:
        evs.energy_end_kwh[0, 0, 7] += 1e-3
        check(self, evs, *rest)

    monkeypatch.setattr(Ledger, "check_traffic", lose_a_bit)
    with pytest.raises(LedgerError, match=r"episode 0, slot 0, EV 7: 'stored - driven = gained' misses -0.001 kWh"):
        cosim.run(system, episodes=1)


def test_the_controller_is_looked_at_before_the_folder(own: System, tmp_path: Path) -> None:
    with pytest.raises(ControllerError, match="allow it with --allow-code"):
        cosim.run(own, episodes=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(RecordError, match="is not empty"):
        cosim.run(own, episodes=1, out=own.file.folder, allow_code=True)


def test_a_controller_may_be_a_module_beside_the_scenario(own: System) -> None:
    path = list(sys.path)
    assert cosim.run(own, episodes=1, allow_code=True).summary["controller"] == "experiment_controllers:Own"
    assert sys.path == path


def test_the_path_is_restored_when_a_controller_cannot_be_made(own: System) -> None:
    path = list(sys.path)
    with pytest.raises(ControllerError, match=r"these options: .*size.* \(known: word, fails_in, scribbles\)"):
        cosim.run(with_options(own, size=3), episodes=1, allow_code=True)
    assert sys.path == path


def test_a_controller_of_ours_takes_nothing_from_beside_the_scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if one of ours imported a package that is not installed, and a file of that name lay there.
    (tmp_path / "experiment_missing.py").write_text("raise SystemExit('code of somebody else ran')\n")
    (tmp_path / "scenario.yaml").write_text(SCENARIO.read_text())
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "wants_it.py").write_text("import experiment_missing\n")
    monkeypatch.setattr(agents, "__path__", [*agents.__path__, str(ours)])
    system = cosim.load(tmp_path / "scenario.yaml", ["controller.name='agents.wants_it:X'"])
    with pytest.raises(ControllerError, match="No module named 'experiment_missing'"):
        load_controller(system, allow_code=False)


def test_agents_of_another_distribution_are_refused(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "DISTRIBUTION", "other", raising=False)
    monkeypatch.setattr(agents, "__file__", "agents/__init__.py")
    with pytest.raises(ControllerError, match=r"package 'agents' belongs to .*; install ev-cosim in an environment"):
        cosim.load(SCENARIO)
    with pytest.raises(ControllerError, match="package 'agents' belongs to"):
        load_controller(system, allow_code=True)


def test_a_mere_folder_named_agents_is_no_other_distribution(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(agents, "DISTRIBUTION", raising=False)
    monkeypatch.setattr(agents, "__file__", None)
    load_controller(system, allow_code=False)


def test_a_controller_cannot_change_the_run_through_its_observation(own: System) -> None:
    quiet = cosim.run(own, episodes=1, allow_code=True)
    scribbled = cosim.run(with_options(own, scribbles=True), episodes=1, allow_code=True)
    assert isinstance(quiet.records, Records)
    assert isinstance(scribbled.records, Records)
    for name in quiet.records:
        assert same_bits(quiet.records[name].columns, scribbled.records[name].columns), name


def test_a_module_of_the_same_name_beside_another_scenario_is_another_module(own: System, tmp_path: Path) -> None:
    (tmp_path / "experiment_controllers.py").write_text("class Own:\n    def __init__(self, spec): pass\n")
    (tmp_path / "scenario.yaml").write_text(SCENARIO.read_text())
    other = cosim.load(tmp_path / "scenario.yaml", ["controller.name=experiment_controllers:Own"])
    load_controller(own, allow_code=True)
    with pytest.raises(ControllerError, match="has no method act"):
        load_controller(other, allow_code=True)


def files_of(folder: Path) -> dict[str, bytes]:
    """Bytes of all tables, and the summary without its timing."""
    summary = json.loads((folder / "summary.json").read_text())
    del summary["timing"]
    tables = {file.name: file.read_bytes() for file in folder.glob("*.parquet")}
    return {**tables, "summary": json.dumps(summary).encode()}


def test_a_run_that_goes_on_is_the_run_that_was_not_disturbed(own: System, tmp_path: Path) -> None:
    whole = cosim.run(own, episodes=5, replicas=2, out=tmp_path / "whole", allow_code=True)
    # Breaks in episode 4, whose batch begins with it.
    with pytest.raises(ControllerError):
        cosim.run(with_options(own, fails_in=4), episodes=5, replicas=2, out=tmp_path / "cut", allow_code=True)
    metadata = (tmp_path / "cut" / "metadata.yaml").read_text(encoding="utf-8")
    assert "fails_in: 4" in metadata
    (tmp_path / "cut" / "metadata.yaml").write_text(metadata.replace("fails_in: 4", "fails_in: -1"), encoding="utf-8")
    told: list[tuple[int, int]] = []
    resumed = cosim.run(
        with_options(own, fails_in=-1),
        out=tmp_path / "cut",
        resume=True,
        replicas=7,
        allow_code=True,
        progress=lambda *counts: told.append(counts),
    )
    assert told == [(48 + slot, 60) for slot in range(1, 13)]
    assert resumed.metrics == whole.metrics
    assert str(resumed.totals.metric) == str(whole.totals.metric)
    assert {**resumed.summary, "timing": None} == {**whole.summary, "timing": None}
    assert resumed.records is not None
    assert whole.records is not None
    assert all(same_bits(resumed.records[name].columns, whole.records[name].columns) for name in whole.records)
    assert files_of(tmp_path / "cut") == files_of(tmp_path / "whole")
    assert resumed.summary["timing"]["slots"] == 12
    assert (resumed.episodes_run, whole.episodes_run) == (1, 5)


def test_a_run_that_has_ended_is_extended_or_told_again(system: System, results: cosim.Results, tmp_path: Path) -> None:
    first = cosim.run(system, episodes=2, out=tmp_path / "run", records=False)
    again = cosim.run(system, out=tmp_path / "run", resume=True, records=False)
    assert again.summary == first.summary
    assert again.metrics == first.metrics
    longer = cosim.run(system, episodes=3, out=tmp_path / "run", resume=True)
    assert longer.metrics == results.metrics
    cosim.run(system, episodes=3, out=tmp_path / "other")
    assert files_of(tmp_path / "run") == files_of(tmp_path / "other")
    with pytest.raises(RecordError, match="holds a run of 3 episodes, got 2; a run can be extended, not shortened"):
        cosim.run(system, episodes=2, out=tmp_path / "run", resume=True)
    other = cosim.load(SCENARIO, [*QUICK, "seed=9"])
    with pytest.raises(RecordError, match=r"holds another run: scenario.seed is 1 there and 9 here"):
        cosim.run(other, out=tmp_path / "run", resume=True)


def test_a_controller_that_was_changed_is_another_run(own: System, tmp_path: Path) -> None:
    cosim.run(own, episodes=1, out=tmp_path / "run", allow_code=True)
    code = own.file.folder / "experiment_controllers.py"
    before = code.read_text()
    try:
        code.write_text(before + "# better\n")
        with pytest.raises(RecordError, match=r"holds another run: controller_code.experiment_controllers.py is "):
            cosim.run(own, episodes=2, out=tmp_path / "run", resume=True, allow_code=True)
    finally:
        code.write_text(before)


@pytest.mark.parametrize(
    ("episodes", "workers", "replicas"), [(1, 1, 1), (16, 1, 16), (17, 1, 9), (16, 2, 8), (40, 2, 10), (3, 8, 1)]
)
def test_workers_have_about_as_much_to_do(episodes: int, workers: int, replicas: int) -> None:
    assert default_replicas(episodes, workers) == replicas


@pytest.mark.parametrize("frozen", [False, True])
def test_a_heap_is_as_frozen_after_a_run_as_it_was_before(system: System, frozen: bool) -> None:
    count, thresholds = gc.get_freeze_count(), gc.get_threshold()
    gc.unfreeze()
    try:
        if frozen:
            gc.freeze()
        cosim.run(system, episodes=1)
        assert (gc.get_freeze_count() > FROZEN_BEFORE) == frozen
        assert gc.get_threshold() == thresholds
    finally:
        if count > FROZEN_BEFORE:
            gc.freeze()
