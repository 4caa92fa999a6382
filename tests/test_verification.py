"""`cosim.verify`: the same to the last bit, or what differs; what can no longer be run is said in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import cosim
from cosim.errors import ControllerError, RecordError

SCENARIOS = Path(__file__).parents[1] / "scenarios"
QUICK = ["controller.name=random", "network.engine=lindistflow"]
CONTROLLER = """
from cosim.interface import Action


class Own:
    def __init__(self, spec, *, fails_in=-1):
        self.fleet_size, self.fails_in = spec.fleet_size, fails_in

    def act(self, observation):
        if observation.episode[0] == self.fails_in:
            raise RuntimeError("lost")
        return Action.stay(observation.replicas, self.fleet_size)
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a scenario that reads CSV and TNTP files."""
    folder = tmp_path_factory.mktemp("stored")
    shutil.copytree(SCENARIOS, folder / "scenarios")
    system = cosim.load(folder / "scenarios" / "outage_siouxfalls.yaml", ["name='1e5'", *QUICK])
    cosim.run(system, episodes=3, replicas=2, out=folder / "run", records=False)
    return folder


@pytest.fixture
def run(stored: Path, tmp_path: Path) -> Path:
    """A copy of that run, with its scenario's files."""
    shutil.copytree(stored, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "run" / "metadata.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(str(stored), str(tmp_path)), encoding="utf-8")
    return tmp_path / "run"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stored_run_is_the_same_again(stored: Path, workers: int) -> None:
    told: list[tuple[int, int]] = []
    verification = cosim.verify(stored / "run", workers=workers, progress=lambda *counts: told.append(counts))
    assert verification.same
    assert (verification.episodes, verification.interrupted) == (3, False)
    assert told[-1][0] == told[-1][1]
    assert all(dependency.stored == dependency.now for dependency in verification.dependencies)
    names = {dependency.name for dependency in verification.dependencies}
    assert {"python", "numpy", "cpu", "libc", "outage_siouxfalls.yaml", "data/siouxfalls/SiouxFalls_net.tntp"} <= names
    assert [table.name for table in verification.tables if not table.rows] == ["customers"]
    assert json.loads(json.dumps(verification.summary()))["same"]


def test_an_interrupted_run_is_verified_as_far_as_it_went(tmp_path: Path) -> None:
    shutil.copy(SCENARIOS / "outage_33bus.yaml", tmp_path / "scenario.yaml")
    (tmp_path / "verification_controller.py").write_text(CONTROLLER)
    name = ["controller.name=verification_controller:Own", "controller.options.fails_in=2", QUICK[1]]
    system = cosim.load(tmp_path / "scenario.yaml", name)
    with pytest.raises(ControllerError, match="lost"):
        cosim.run(system, episodes=4, replicas=1, out=tmp_path / "run", allow_code=True)
    with pytest.raises(ControllerError, match="allow it with --allow-code"):
        cosim.verify(tmp_path / "run")
    verification = cosim.verify(tmp_path / "run", allow_code=True)
    assert (verification.same, verification.episodes, verification.episodes_planned) == (True, 2, 4)
    assert verification.interrupted
    code = next(d for d in verification.dependencies if d.name == "verification_controller.py")
    assert code.stored == code.now
    (tmp_path / "verification_controller.py").write_text(CONTROLLER + "# changed\n")
    verification = cosim.verify(tmp_path / "run", allow_code=True)
    assert [d.name for d in verification.dependencies if d.stored != d.now] == ["verification_controller.py"]


def edit(path: Path, column: str, change: Callable[[Any], Any]) -> None:
    rows = pyarrow.parquet.read_table(path)
    at = rows.schema.get_field_index(column)
    cells = pyarrow.array(change(rows[column].to_numpy().copy()), rows.schema.field(at).type, from_pandas=True)
    pyarrow.parquet.write_table(rows.set_column(at, rows.schema.field(at), cells), path)


def one_bit(values: Any) -> Any:
    values[500] = np.nextafter(values[500], 1e9)
    return values


def test_one_bit_is_found(run: Path) -> None:
    edit(run / "bus_slots.parquet", "vm_pu", one_bit)
    edit(run / "roads.parquet", "capacity_vph", lambda values: values + (np.arange(len(values)) == 3))
    verification = cosim.verify(run)
    assert not verification.same
    assert {t.name: t.differing_rows for t in verification.tables if t.differing_rows} == {"bus_slots": 1, "roads": 1}
    first = verification.first_difference
    assert first is not None
    assert (first.table, first.column, first.place) == ("roads", "capacity_vph", {"row": 3})
    assert float(first.stored) == float(first.now) + 1


def test_missing_trips_are_a_difference(run: Path) -> None:
    rows = pyarrow.parquet.read_table(run / "trips.parquet")
    pyarrow.parquet.write_table(rows.slice(0, rows.num_rows - 2), run / "trips.parquet")
    verification = cosim.verify(run)
    assert {t.name: t.differing_rows for t in verification.tables if t.differing_rows} == {"trips": 2}
    assert verification.first_difference is not None
    assert verification.first_difference.column == "rows"


def test_a_changed_metric_is_found(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    summary["timing"]["wall_s"] = 1e9
    (run / "summary.json").write_text(json.dumps(summary))
    assert cosim.verify(run).same
    summary["metrics"]["saving_ratio"]["mean"] += 1e-16
    summary["metrics"]["saving_ratio"]["low"] = None
    (run / "summary.json").write_text(json.dumps(summary))
    change = cosim.verify(run).summary_change
    assert change is not None
    assert change.field.startswith("summary.json.metrics.saving_ratio.")


def test_a_missing_input_is_named(run: Path) -> None:
    (run.parent / "scenarios" / "data" / "siouxfalls" / "SiouxFalls_net.tntp").unlink()
    with pytest.raises(RecordError, match=r"the run was made from data/.*_net.tntp, and .* is missing$"):
        cosim.verify(run)


def test_a_changed_input_is_marked(run: Path) -> None:
    data = run.parent / "scenarios" / "data" / "siouxfalls" / "SiouxFalls_net.tntp"
    data.write_text(data.read_text() + "\n")
    (run.parent / "scenarios" / "outage_siouxfalls.yaml").unlink()
    verification = cosim.verify(run)
    assert verification.same
    changed = {d.name: d.now for d in verification.dependencies if d.stored != d.now}
    assert set(changed) == {"data/siouxfalls/SiouxFalls_net.tntp", "outage_siouxfalls.yaml"}
    assert changed["outage_siouxfalls.yaml"] == "missing"


def test_a_scenario_that_is_none_is_said(run: Path) -> None:
    path = run / "metadata.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("  fleet:", "  fleat:"), encoding="utf-8")
    with pytest.raises(RecordError, match=r"its scenario cannot be built now: .*fleat: unknown key"):
        cosim.verify(run)
