"""What the documents say is true: links lead somewhere, code runs, names exist."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
from pathlib import Path

import pytest

from cosim.cli import main
from cosim.metrics import ALL_METRICS
from cosim.simulators.hosted_traffic import META, PARAMETERS

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_readme_python_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (block,) = fenced(ROOT / "README.md", "python")
    names: dict[str, object] = {}
    exec(block.replace("episodes=8", "episodes=2").replace("outage_33bus", "outage_33bus_deterministic"), names)
    assert len(names["results"].visits) > 0  # type: ignore[attr-defined]


def test_readme_commands_name_files_that_exist() -> None:
    for name in re.findall(r"scenarios/\w+\.yaml", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / name).is_file()


def test_controller_guide_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    guide = ROOT / "docs" / "guides" / "controller.md"
    codes, (command,) = fenced(guide, "python"), fenced(guide, "sh")
    (tmp_path / "my_fleet.py").write_text("".join(codes), encoding="utf-8")
    shutil.copy(ROOT / "scenarios" / "outage_33bus.yaml", tmp_path / "outage.yaml")
    words = command.split()[1:]
    words[1] = str(tmp_path / words[1])
    assert main([*words, "--json", "--episodes", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["controller"] == "my_fleet:SellWhereYouAre"
    words = ["run", words[1], "--controller", "my_fleet:RechargeAtTheStrongest", "--allow-code", "--json"]
    assert main([*words, "--episodes", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["energy_consumption_ratio"]["mean"] > 0.01


def test_learning_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = fenced(ROOT / "docs" / "guides" / "learning_with_pettingzoo.md", "python")
    for full, small in (("EPISODES = 12, 16, 4, 2", "EPISODES = 6, 12, 3, 1"), ("= 1, 7, 16", "= 1, 7, 4")):
        assert code.count(full) == 1
        code = code.replace(full, small)
    shutil.copy(ROOT / "scenarios" / "outage_33bus.yaml", tmp_path / "outage.yaml")
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    untrained, *_, trained = capsys.readouterr().out.splitlines()
    assert float(trained.split()[-1]) > float(untrained.split()[-1])


def test_comparison_guide_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    guide = ROOT / "docs" / "guides" / "comparison.md"
    (code,), (command, disclosing) = fenced(guide, "python"), fenced(guide, "sh")
    names: dict[str, object] = {}
    exec(code.replace("episodes=64", "episodes=2"), names)
    assert len(names["comparison"].episodes) == 3 * 2 * 2  # type: ignore[attr-defined]
    words = command.replace("20:60:10", "30").split()[1:]
    assert main([*words, "--json", "--episodes", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["points"][0]["vary"] == {"fleet.size": 30}
    assert main([*disclosing.split()[1:], "--json", "--episodes", "2"]) == 0
    found = json.loads(capsys.readouterr().out)["points"][0]["controllers"]["maddpg-pointer"]["privacy"]["training"]
    assert names["told"].training.raw_bytes_left_per_ev_and_slot == found["raw_bytes_left_per_ev_and_slot"] == 976.0  # type: ignore[attr-defined]
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    assert [name for name in found if f"| `{name}` |" not in page] == []


def test_training_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, variants = fenced(ROOT / "docs" / "guides" / "training.md", "sh")
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    monkeypatch.chdir(tmp_path)
    small = ["--episodes", "2", "--replicas", "2", "--set", "algorithm.updates=1", "--set", "algorithm.rows=32"]
    train, run = (command.split()[1:] for command in first.splitlines())
    assert main([*train, *small, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["episodes"] == 2
    resumed = [*train, *small, "--json"]
    resumed[resumed.index("--out")] = "--resume"
    assert main(resumed) == 0
    assert json.loads(capsys.readouterr().out)["resumed_from"] == 2
    assert main([*run, "--json", "--episodes", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["controller"] == "maddqn"
    assert main([*variants.split()[1:], *small, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["best"] is not None


def test_every_metric_is_defined() -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    assert [name for name in ALL_METRICS if f"| `{name}` |" not in page] == []


def test_coupling_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    guide = ROOT / "docs" / "guides" / "coupling.md"
    (code,), (listing, check, run) = fenced(guide, "python"), fenced(guide, "sh")
    (tmp_path / "my_engine.py").write_text(code, encoding="utf-8")
    shutil.copy(ROOT / "scenarios" / "outage_33bus.yaml", tmp_path / "outage_33bus.yaml")
    monkeypatch.chdir(tmp_path)
    assert main(listing.split()[1:]) == 0
    assert main(check.split()[1:]) == 0
    assert "my_engine:FixedPoint" in capsys.readouterr().out
    words = run.replace("scenarios/", "").split()[1:]
    assert main([*words, "--json", "--episodes", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["load_restoration_ratio"]["mean"] is not None


def test_mosaik_guide_shows_the_example_and_what_it_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    guide, example = "docs/guides/stations_in_mosaik.md", "docs/examples/stations_with_mosaik_pandapower.py"
    monkeypatch.chdir(ROOT)
    text = Path(guide).read_text(encoding="utf-8")
    before, code, after = text.partition(Path(example).read_text(encoding="utf-8"))
    assert before.endswith("```python\n") and code
    pytest.importorskip("mosaik_components.pandapower", reason="mosaik-pandapower-2 is not installed")
    runpy.run_path(example, run_name="__main__")
    printed, shown = capsys.readouterr().out.split(), after.split("```")[2].split()
    assert len(printed) == len(shown)
    for one, other in zip(printed, shown, strict=True):
        assert one == other or abs(float(one) - float(other)) < 2e-3


def test_mosaik_guide_names_every_attribute() -> None:
    text = (ROOT / "docs" / "guides" / "stations_in_mosaik.md").read_text(encoding="utf-8")
    names = [name for model in META["models"].values() for name in model["attrs"]]
    assert [name for name in [*names, *PARAMETERS] if f"`{name}`" not in text] == []


def test_queueing_guide_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    commands = fenced(ROOT / "docs" / "guides" / "queueing.md", "sh")
    assert len(commands) == 5
    for command in commands:
        words = shlex.split(command)[1:]
        if words[0] == "compare":
            assert main([*words, "--json", "--episodes", "2"]) == 0
            of_point = json.loads(capsys.readouterr().out)["points"][0]["controllers"]
            assert of_point["team-ppo"]["customers_lost_share"]["mean"] >= 0.0
            continue
        assert main([*words, "--json", "--replications", "2"]) == 0, command
        found = json.loads(capsys.readouterr().out)
        assert found.get("answer") or found["stations"]["CDS1"]["waiting_time_p90_h"]["mean"] >= 0.0
