"""A fleet is attacked on held-out episodes, and what it sends is counted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from rich.console import Console

import cosim
from cosim.cli import main
from cosim.errors import ControllerError
from cosim.privacy import AttackedRun, privacy, privacy_of_run
from cosim.report.privacy_view import privacy_view

OUTAGE = Path(__file__).parents[1] / "scenarios" / "outage_33bus.yaml"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attackers that have hardly learned, for tests of anything else."""
    monkeypatch.setattr("agents.twins.guessing.STEPS", 30)
    monkeypatch.setattr("agents.twins.guessing.EPOCHS", 1)


def test_messages_give_away_what_sums_do_not(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["privacy", str(OUTAGE), "--controller", "coordinated", "--engine", "lindistflow"]
    assert main([*asked, "--episodes", "8", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    off = {(a["hears"], a["attacker"]): a for a in found["attacks"]}
    assert len(off) == 14
    assert off["messages", "sequence"]["start_points"] < off["messages", "neighbours"]["start_points"]
    assert off["messages", "neighbours"]["charge_points"] < 8.0 < 15.0 < off["sums", "neighbours"]["charge_points"]
    assert off["messages", "neighbours"]["station_right"] > 0.95
    # One after another: who reads the totals before and after a turn knows the message.
    assert off["turns", "sequence"]["station_right"] > 0.8
    assert off["turns", "sequence"]["charge_points"] < 0.7 * off["sums", "sequence"]["charge_points"]
    traffic = found["traffic"]
    assert traffic["slots"] == 8 * 12
    assert traffic["execution"]["raw_bytes_left"] == traffic["training"]["raw_bytes_left"] == 0
    # A state to its twin, and an intention of at most 29 bytes.
    assert 64.0 < traffic["execution"]["without_weights"]["per_ev_and_slot"]["sent_bytes"] < 64.0 + 29.0
    compared = cosim.compare(OUTAGE, ["coordinated"], episodes=8, engine="lindistflow").points[0].controllers
    restored = compared["coordinated"].means["load_restoration_ratio"].mean
    assert found["metrics"]["load_restoration_ratio"]["mean"] == restored


@pytest.mark.usefixtures("quick")
def test_where_twins_add_up_nobody_hears_a_message() -> None:
    options = ["fleet.size=6", "controller.options.bus=shares", "controller.options.rounds=2"]
    found = privacy(OUTAGE, controller="dt-maddpg", engine="lindistflow", episodes=2, overrides=options)
    assert {attack.hears for attack in found.attacks} == {"nothing", "sums", "turns"}
    assert "Intention" not in {flow["class"] for flow in found.traffic["flows"] if flow["phase"] == "execution"}
    console = Console(width=200)
    with console.capture() as captured:
        console.print(privacy_view(found.summary()))
    assert "station: hears no message; vehicles add up among themselves" in captured.get()


def test_who_shares_nothing_cannot_be_heard() -> None:
    for name in ("greedy", "independent"):
        with pytest.raises(ControllerError, match=f"controller '{name}' shares nothing"):
            privacy(OUTAGE, controller=name, episodes=2)


def test_half_of_the_episodes_must_be_a_number() -> None:
    with pytest.raises(ValueError, match="episodes must be an even number of at least 2, got 3"):
        privacy(OUTAGE, controller="coordinated", episodes=3)


@pytest.mark.usefixtures("quick")
def test_noise_costs_and_is_accounted() -> None:
    pytest.importorskip("opendp")
    noise = ["controller.options.offer_noise_kwh=20"]
    plain, noisy = (
        privacy(OUTAGE, controller="coordinated", engine="lindistflow", episodes=8, overrides=overrides)
        for overrides in ([], noise)
    )
    assert plain.guarantee is None
    assert noisy.guarantee is not None
    assert noisy.guarantee.epsilon is not None
    assert 10.0 < noisy.guarantee.epsilon < 1000.0
    off = [min(a.found.charge_points for a in found.attacks if a.hears == "messages") for found in (plain, noisy)]
    assert off[0] + 3.0 < off[1]
    restored = [found.metrics["load_restoration_ratio"].mean for found in (plain, noisy)]
    assert restored[0] is not None
    assert restored[1] is not None
    assert restored[0] > restored[1]
    shown = Console(width=200)
    with shown.capture() as captured:
        shown.print(privacy_view(plain.summary()), privacy_view(noisy.summary()))
    assert "differential privacy: none" in captured.get()
    assert "by noise of 20 kWh" in captured.get()
    assert json.dumps(noisy.summary(), allow_nan=False)


@pytest.mark.usefixtures("quick")
def test_members_of_a_run_are_guessed_by_its_sums() -> None:
    found = privacy(OUTAGE, controller="coordinated", engine="lindistflow", episodes=16).membership
    assert found.mean is not None
    assert 0.45 < found.mean < 0.7


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two episodes of four EVs."""
    folder = tmp_path_factory.mktemp("privacy") / "run"
    few = ["fleet.size=4", "seed=5"]
    cosim.run(OUTAGE, controller="coordinated", engine="lindistflow", episodes=2, overrides=few, out=folder)
    return folder


@pytest.fixture
def run(stored: Path, tmp_path: Path) -> Path:
    """A copy of that run."""
    return Path(shutil.copytree(stored, tmp_path / "run"))


@pytest.mark.usefixtures("quick")
def test_a_stored_run_is_attacked_in_its_own_episodes(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["privacy", str(stored), "--episodes", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["run"] == {"folder": str(stored), "episodes_planned": 2, "interrupted": False}
    assert (found["episodes"], found["episodes_known"], found["fleet_size"], found["seed"]) == (2, 3, 4, 5)
    assert found["metrics"] == json.loads((stored / "summary.json").read_text())["metrics"]
    assert found["traffic"]["slots"] == 2 * 12
    assert len(found["attacks"]) == 14
    assert 0.0 <= found["membership"]["mean"] <= 1.0


@pytest.mark.usefixtures("quick")
def test_of_an_interrupted_run_what_is_finished_is_attacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    few = ["fleet.size=4"]
    cosim.run(OUTAGE, controller="coordinated", engine="lindistflow", episodes=1, overrides=few, out=folder)
    (folder / "summary.json").unlink()
    change(folder / "metadata.yaml", "\nepisodes: 1\n", "\nepisodes: 9\n")
    monkeypatch.setattr("cosim.privacy.LEAST_TEACHING", 3)
    found = privacy_of_run(folder)
    assert (found.episodes, found.episodes_known) == (1, 3)
    assert found.run == AttackedRun(str(folder), 9, interrupted=True)
    assert found.membership.mean is None
    assert json.dumps(found.summary(), allow_nan=False)
    console = Console(width=400)
    with console.capture() as captured:
        console.print(privacy_view(found.summary()))
    shown = captured.get()
    assert f"{folder}: outage_33bus, coordinated, 4 EVs, 1 episode, seed 1; the same to the last bit" in shown
    assert "interrupted: 1 of 9 episodes are finished" in shown
    assert "who know all about 3 episodes that are held out of it" in shown
    assert "in the run or not: not asked" in shown
    assert "nan" not in shown


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_run_that_does_not_repeat_is_not_attacked(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = pyarrow.parquet.read_table(run / "ev_slots.parquet")
    at = rows.schema.get_field_index("energy_end_kwh")
    energy_kwh = rows["energy_end_kwh"].to_numpy().copy()
    energy_kwh[40] = np.nextafter(energy_kwh[40], 0.0)
    changed = rows.set_column(at, rows.schema.field(at), pyarrow.array(energy_kwh))
    pyarrow.parquet.write_table(changed, run / "ev_slots.parquet")
    assert main(["privacy", str(run), "--json"]) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{run}: the run does not repeat here; `cosim verify {run}` shows where it differs\n"


def empty(run: Path) -> str:
    for file in run.iterdir():
        file.unlink()
    return f"{run} is no run folder: there is no metadata.yaml in it\n"


def training(run: Path) -> str:
    empty(run)
    (run / "training.json").write_text("{}")
    return f"{run} holds a training, no run; name a folder that `cosim run --out` has written\n"


def damaged(run: Path) -> str:
    change(run / "metadata.yaml", "\nepisodes: 2\n", "\nepisodes: 1\n")
    return f"{run} is damaged: metadata.yaml tells of 1 episodes, the tables hold 2\n"


def unfinished(run: Path) -> str:
    for file in run.iterdir():
        if file.name != "metadata.yaml":
            file.unlink()
    return f"{run}: no episode of the run is finished, so that there is nothing to attack\n"


def unreadable(run: Path) -> str:
    change(run / "metadata.yaml", "  fleet:", "  fleat:")
    return f"{run}: its scenario cannot be built now: "


@pytest.mark.parametrize("spoil", [empty, training, damaged, unfinished, unreadable])
def test_a_folder_that_holds_no_run_is_said(
    run: Path, spoil: Callable[[Path], str], capsys: pytest.CaptureFixture[str]
) -> None:
    expected = spoil(run)
    assert main(["privacy", str(run)]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(expected)
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [("--controller", "greedy"), ("--seed", "0"), ("--engine", "pandapower"), ("--set", "fleet.size=3")]
)
def test_a_run_is_what_it_is(stored: Path, words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["privacy", str(stored), *words]) == 1
    expected = f"cosim privacy: {words[0]} would make another run of {stored}; leave it out\n"
    assert capsys.readouterr() == ("", expected)


def test_attackers_of_a_run_must_be_taught(stored: Path) -> None:
    with pytest.raises(ValueError, match="episodes must be at least 1, got 0: they teach attackers"):
        privacy_of_run(stored, episodes=0)
