"""The command line: what it prints, where it prints it, and its exit codes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from cosim.cli import main
from cosim.simulators.recorder import RecorderSimulator

SCENARIO = Path(__file__).parents[1] / "scenarios" / "outage_33bus.yaml"
QUICK = ("--controller", "random", "--engine", "lindistflow", "--episodes", "2")
METRICS = [
    "load_restoration_ratio",
    "load_restoration_ratio_pooled",
    "restoration_fairness",
    "energy_consumption_ratio",
    "saving_ratio",
    "saving_ratio_with_ev_cost",
    "waiting_time_mean_h",
    "waiting_time_p95_h",
    "charger_utilisation",
    "voltage_min_pu",
    "voltage_max_pu",
]
CONTROLLERS = """
import signal
import sys

import numpy as np

from cosim.interface import Action


class Stays:
    def __init__(self, spec, **options):
        self.fleet_size = spec.fleet_size

    def act(self, observation):
        return self.answer(observation, Action.stay(observation.replicas, self.fleet_size))

    def answer(self, observation, action):
        return action


class Raises(Stays):
    def answer(self, observation, action):
        raise RuntimeError("no [red]idea")


class SaysNaN(Stays):
    def answer(self, observation, action):
        action.power_share[1, 3] = np.nan
        return action


class WrongShape(Stays):
    def answer(self, observation, action):
        return Action(action.heading_rad[:, :-1], action.distance_km, action.power_share)


class SaysNothing(Stays):
    def answer(self, observation, action):
        return None


class Exits(Stays):
    def answer(self, observation, action):
        sys.exit(0)


class Prints(Stays):
    def answer(self, observation, action):
        print("thinking")
        return action


class Interrupted(Stays):
    def answer(self, observation, action):
        if observation.slot == 3:
            signal.raise_signal(signal.SIGINT)
        return action


class InterruptedLater(Stays):
    def __init__(self, spec, *, episode):
        super().__init__(spec)
        self.episode = episode

    def answer(self, observation, action):
        if observation.episode[0] == self.episode and observation.slot == 9:
            signal.raise_signal(signal.SIGINT)
        return action


class CannotBeMade:
    def __init__(self, spec):
        raise ValueError("no licence")


class HasNoAct:
    def __init__(self, spec):
        pass
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scenario with modules of somebody else beside it."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copy(SCENARIO, folder / "scenario.yaml")
    (folder / "cli_controllers.py").write_text(CONTROLLERS)
    (folder / "cli_syntax_error.py").write_text("def broken(:\n")
    (folder / "cli_fails.py").write_text("1 / 0\n")
    return folder


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Exit code, standard output and standard error of a command."""

    def said(*words: object) -> tuple[int, str, str]:
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:
            code = int(end.code or 0)
        return (code, *capsys.readouterr())

    return said


@pytest.fixture
def run_own(folder: Path, said: Any) -> Callable[..., tuple[int, str, str]]:
    """Run with a controller from beside the scenario."""

    def run_own(controller: str, *words: object) -> tuple[int, str, str]:
        return said("run", folder / "scenario.yaml", *QUICK, "--controller", controller, "--allow-code", *words)

    return run_own


def test_json_is_one_object_with_these_keys_and_nothing_else(said: Any) -> None:
    code, out, err = said("run", SCENARIO, *QUICK, "--json")
    assert (code, err) == (0, "")
    summary = json.loads(out, parse_constant=pytest.fail)
    assert out.count("\n") == 1
    assert list(summary) == [
        "scenario",
        "microgrids",
        "controller",
        "engine",
        "seed",
        "episodes",
        "slots_per_episode",
        "episodes_without_shedding",
        "metrics",
        "cost",
        "shed_kwh",
        "unserved_kwh",
        "curtailed_kwh",
        "voltage_range_pu",
        "flagged_microgrid_slots",
        "slack_over_max_kw",
        "ledger_max_error_kwh",
        "timing",
    ]
    assert list(summary["metrics"]) == METRICS
    for name, estimate in summary["metrics"].items():
        assert list(estimate) == ["mean", "low", "high", "unit"], name
        assert estimate["low"] <= estimate["mean"] <= estimate["high"], name
    parts = {"dg", "shedding", "ess", "curtailment", "supply", "total"}
    assert set(summary["cost"]) == {"without_ev", "with_ev", "losses"}
    assert set(summary["cost"]["without_ev"]) == parts
    assert set(summary["cost"]["with_ev"]) == parts | {"ev"}
    for cost in (summary["cost"]["without_ev"], summary["cost"]["with_ev"]):
        assert cost["total"] == pytest.approx(sum(cost[part] for part in parts - {"total"}))
    for energy in ("shed_kwh", "curtailed_kwh"):
        assert {key: len(values) for key, values in summary[energy].items()} == {"without_ev": 5, "with_ev": 5}
    timing = summary["timing"]
    assert set(timing) == {"wall_s", "cpu_s", "slots", "slots_per_cpu_s", "by_component"}
    assert set(timing["by_component"]) == {"controller", "traffic", "grid", "recorder", "mosaik"}
    assert timing["slots"] == 2 * 12
    assert (summary["scenario"], summary["controller"]) == ("outage_33bus", "random")
    assert (summary["engine"], summary["seed"], summary["episodes"]) == ("lindistflow", 1, 2)
    assert summary["ledger_max_error_kwh"] < 1e-6


def test_what_a_controller_prints_goes_to_standard_error_with_json(run_own: Any) -> None:
    code, out, err = run_own("cli_controllers:Prints", "--json")
    assert code == 0
    assert json.loads(out)["controller"] == "cli_controllers:Prints"
    assert err == "thinking\n" * 12


def test_one_episode_has_no_intervals(said: Any) -> None:
    _, out, _ = said("run", SCENARIO, *QUICK, "--episodes", 1, "--json")
    for name, estimate in json.loads(out)["metrics"].items():
        assert (estimate["low"], estimate["high"]) == (None, None), name


def test_a_metric_that_no_episode_has_is_null(said: Any) -> None:
    _, out, _ = said("run", SCENARIO, *QUICK, "--set", "fleet.size=0", "--json")
    metrics = json.loads(out)["metrics"]
    assert metrics["energy_consumption_ratio"] == {"mean": None, "low": None, "high": None, "unit": "1"}
    assert metrics["waiting_time_mean_h"]["mean"] is None
    code, out, _ = said("run", SCENARIO, *QUICK, "--set", "fleet.size=0")
    assert code == 0
    assert "│ none │" in " ".join(out.split())


def test_table_shows_every_metric_and_microgrid(said: Any) -> None:
    code, out, err = said("run", SCENARIO, *QUICK)
    assert (code, err) == (0, "")
    for text in (*METRICS, "95 % interval", "MG1", "MG5", "without EVs", "with EVs", "shed without", "ledger closes"):
        assert text in out


def test_names_are_shown_as_they_are(said: Any) -> None:
    names = ("--set", "name='[red]x[/red]'", "--set", "network.microgrids.0.name='[b]MG\\'")
    code, out, _ = said("run", SCENARIO, *QUICK, *names)
    assert code == 0
    assert "[red]x[/red]: random, 2 episodes" in out
    assert "│ [b]MG\\ " in out


def test_seed_0_is_a_seed(said: Any) -> None:
    summaries = [json.loads(said("run", SCENARIO, *QUICK, "--seed", seed, "--json")[1]) for seed in (0, 1)]
    assert [summary["seed"] for summary in summaries] == [0, 1]
    assert summaries[0]["metrics"] != summaries[1]["metrics"]


def test_replicas_beyond_the_episodes_change_nothing(said: Any) -> None:
    few, many = (json.loads(said("run", SCENARIO, *QUICK, "--replicas", r, "--json")[1]) for r in (1, 50))
    del few["timing"], many["timing"]
    assert few == many


def test_set_has_the_last_word_over_options_of_their_own(said: Any) -> None:
    words = ("--set", "controller.name=idle", "--set", "seed=7", "--seed", 3)
    summary = json.loads(said("run", SCENARIO, *QUICK, *words, "--json")[1])
    assert (summary["controller"], summary["seed"]) == ("idle", 7)


def test_options_in_the_file_are_not_for_another_controller(folder: Path, said: Any) -> None:
    text = SCENARIO.read_text().replace("controller: {name: greedy}", "controller: {name: greedy, options: {x: 1}}")
    (folder / "with_options.yaml").write_text(text)
    assert said("run", folder / "with_options.yaml", *QUICK, "--json")[0] == 0
    code, _, err = said("run", folder / "with_options.yaml", *QUICK, "--set", "controller.options.x=1")
    assert code == 2
    assert "controller.options: does not take these options" in err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--controller", "nobody"), "controller.name: there is no controller 'nobody'"),
        (
            ("--engine", "steam"),
            "network.engine: must be one of 'lindistflow', 'lindistflow-losses', 'power-grid-model'",
        ),
        (("--seed", "-1"), "seed: must be at least 0"),
        (("--set", "fleet.sise=4"), "fleet.sise: unknown key; did you mean 'size'"),
        (("--set", "fleet"), "must have the form PATH=VALUE"),
    ],
)
def test_a_wrong_scenario_ends_with_2(said: Any, words: tuple[str, ...], problem: str) -> None:
    code, out, err = said("run", SCENARIO, *QUICK, *words)
    assert (code, out) == (2, "")
    assert problem in err
    assert "Traceback" not in err


def test_a_missing_file_ends_with_2(said: Any, tmp_path: Path) -> None:
    assert said("check", tmp_path / "none.yaml") == (
        2,
        "",
        f"{tmp_path}/none.yaml: cannot be read: No such file or directory\n",
    )
    assert said("run", tmp_path)[0] == 2


@pytest.mark.parametrize(
    ("controller", "problem"),
    [
        ("cli_controllers:Raises", "episodes 0 to 1, slot 0: Raises.act raised RuntimeError: no [red]idea"),
        ("cli_controllers:SaysNaN", "episode 1, slot 0, EV 3: power_share must be in [-0.7, 1], got nan"),
        ("cli_controllers:WrongShape", "slot 0: heading_rad must have shape (2, 30) [R, I], got (2, 29)"),
        ("cli_controllers:SaysNothing", "slot 0: act must return an Action, got NoneType"),
        ("cli_controllers:Exits", "slot 0: Exits.act raised SystemExit: 0"),
        ("cli_controllers:CannotBeMade", "cannot be made: ValueError: no licence"),
        ("cli_controllers:HasNoAct", "has no method act(observation)"),
        ("cli_controllers:Nobody", "module 'cli_controllers' has no class 'Nobody'"),
        ("cli_nowhere:X", "module 'cli_nowhere' cannot be imported (No module named 'cli_nowhere')"),
        ("cli_syntax_error:X", "module 'cli_syntax_error' cannot be imported (SyntaxError: "),
        ("cli_fails:X", "module 'cli_fails' cannot be imported (ZeroDivisionError: division by zero)"),
    ],
)
def test_a_controller_that_fails_ends_with_3_and_no_traceback(run_own: Any, controller: str, problem: str) -> None:
    code, out, err = run_own(controller, "--json")
    assert (code, out) == (3, "")
    assert problem in err
    assert err.count("\n") == 1


def test_code_of_others_needs_permission(folder: Path, said: Any) -> None:
    code, _, err = said("run", folder / "scenario.yaml", *QUICK, "--controller", "cli_controllers:Stays")
    assert code == 3
    assert "allow it with --allow-code" in err


def test_debug_shows_the_traceback(run_own: Any) -> None:
    with pytest.raises(Exception, match="no \\[red\\]idea"):
        run_own("cli_controllers:Raises", "--debug")


def test_a_mistake_of_ours_ends_with_1_and_no_traceback(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("cosim.report.terminal.summary_view", fail)
    assert said("run", SCENARIO, *QUICK) == (1, "", "ZeroDivisionError (more with --debug): oh\n")


def test_a_simulator_that_breaks_is_named_with_its_slot(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(RecorderSimulator, "run_slot", fail)
    message = "simulator 'Recorder', slot 0 of episodes 0 to 1: ZeroDivisionError: oh\n"
    assert said("run", SCENARIO, *QUICK) == (3, "", message)


def test_interrupt_ends_with_1_and_one_word(run_own: Any) -> None:
    assert run_own("cli_controllers:Interrupted") == (1, "", "interrupted\n")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("dance",),
        ("run",),
        ("run", "x.yaml", "--episodes", "0"),
        ("run", "x.yaml", "--replicas", "-3"),
        ("run", "x.yaml", "--workers", "0"),
        ("verify",),
        ("compare", "x.yaml"),
        ("compare", "x.yaml", "--controllers", "idle", "--episodes", "0"),
        ("run", "x.yaml", "--episodes", "1.5"),
        ("run", "x.yaml", "--seed", "one"),
        ("run", "x.yaml", "--epi", "3"),
        ("run", "x.yaml", "--controller"),
    ],
)
def test_a_wrong_command_line_ends_with_1(said: Any, words: tuple[str, ...]) -> None:
    code, out, err = said(*words)
    assert (code, out) == (1, "")
    assert err.startswith("usage: cosim")


@pytest.mark.parametrize("kind", ["not empty", "a file", "below a file"])
def test_a_folder_that_cannot_be_written_ends_with_3(said: Any, tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").touch()
    out = {"not empty": tmp_path, "a file": tmp_path / "file", "below a file": tmp_path / "file" / "run"}[kind]
    code, printed, err = said("run", SCENARIO, *QUICK, "--out", out)
    assert (code, printed) == (3, "")
    assert err.startswith(str(out))
    assert err.count("\n") == 1


def test_out_writes_a_folder(said: Any, tmp_path: Path) -> None:
    code, out, _ = said("run", SCENARIO, *QUICK, "--out", tmp_path / "run")
    assert code == 0
    assert out.endswith(f"records in {tmp_path / 'run'}\n")
    assert {"metadata.yaml", "summary.json", "ev_slots.parquet", "roads.parquet"} <= {
        file.name for file in (tmp_path / "run").iterdir()
    }


def test_resume_adds_episodes_and_tells_a_finished_run_again(said: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert said("run", SCENARIO, *QUICK, "--resume", folder)[0] == 0
    code, _, err = said("run", SCENARIO, *QUICK, "--out", folder)
    assert (code, err) == (
        3,
        f"{folder} is not empty; name a new folder for the run, or go on with the run in it: --resume {folder}\n",
    )
    longer = said("run", SCENARIO, *QUICK[:4], "--episodes", 3, "--resume", folder, "--json")
    again = said("run", SCENARIO, *QUICK[:4], "--resume", folder, "--out", tmp_path / "x" / ".." / "run", "--json")
    assert longer == again
    assert json.loads(longer[1])["episodes"] == 3
    code, _, err = said("run", SCENARIO, *QUICK[:4], "--resume", folder, "--out", tmp_path / "y")
    assert (code, err) == (1, f"cosim run: --out {tmp_path / 'y'} and --resume {folder} must be one folder\n")


def test_interrupt_says_what_is_kept_and_how_to_go_on(run_own: Any, tmp_path: Path) -> None:
    words = ("--replicas", 1, "--set", "controller.options.episode=1", "--out", tmp_path / "run")
    kept = f"1 of 2 episodes are kept: the same command with --resume {tmp_path / 'run'} adds the others"
    assert run_own("cli_controllers:InterruptedLater", *words) == (1, "", f"interrupted; {kept}\n")
    assert run_own("cli_controllers:Interrupted", "--out", tmp_path / "none") == (1, "", "interrupted\n")
    assert not (tmp_path / "none").exists()


def test_verify_says_same_and_different(said: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert said("run", SCENARIO, *QUICK, "--out", folder)[0] == 0
    code, out, err = said("verify", folder)
    assert (code, err) == (0, "")
    assert f"{folder}, 2 episodes: the same to the last bit" in " ".join(out.split())
    assert "summary.json: same, but for its timing" in out
    rows = pyarrow.parquet.read_table(folder / "ev_slots.parquet")
    energy_kwh = rows["energy_end_kwh"].to_numpy().copy()
    energy_kwh[400] = np.nextafter(energy_kwh[400], 0.0)
    at = rows.schema.get_field_index("energy_end_kwh")
    pyarrow.parquet.write_table(
        rows.set_column(at, rows.schema.field(at), pyarrow.array(energy_kwh)), folder / "ev_slots.parquet"
    )
    code, out, err = said("verify", folder)
    assert (code, err) == (4, "")
    assert "first difference: table ev_slots, episode 1, slot 1, ev 10, column energy_end_kwh: stored" in " ".join(
        out.split()
    )
    assert "1 rows differ" in out
    assert "NOT the same" in " ".join(out.split())
    code, out, _ = said("verify", folder, "--json")
    found = json.loads(out)
    assert (code, found["same"], found["first_difference"]["place"]["ev"]) == (4, False, 10)


def test_verify_of_no_run_folder_ends_with_3(said: Any, tmp_path: Path) -> None:
    assert said("verify", tmp_path) == (3, "", f"{tmp_path} is no run folder: there is no metadata.yaml in it\n")


COMPARE = ("compare", SCENARIO, *QUICK[2:])


def test_compare_prints_one_object_with_these_keys(said: Any) -> None:
    words = ("--controllers", "idle,random", "--vary", "fleet.size=3:5:2", "--json")
    code, out, err = said(*COMPARE, *words)
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    comparison = json.loads(out, parse_constant=pytest.fail)
    about = ["scenario", "engine", "episodes", "first_episode", "against", "contenders", "privacy"]
    assert list(comparison) == [*about, "points"]
    assert comparison["privacy"] is False
    assert comparison["contenders"][1] == {"name": "random", "controller": "random", "weights": []}
    assert (comparison["episodes"], comparison["first_episode"], comparison["against"]) == (2, 2_000_000, "idle")
    assert [point["vary"] for point in comparison["points"]] == [{"fleet.size": 3}, {"fleet.size": 5}]
    ratios = ["load_restoration_ratio", "restoration_fairness", "energy_consumption_ratio"]
    parts = ["controllers", "interquartile_means", "differences", "decision_time_s", "training_seeds", "seed_means"]
    for point in comparison["points"]:
        assert list(point) == ["vary", "seed", "bound", *parts]
        assert point["bound"] is None
        assert point["training_seeds"] == {"idle": 1, "random": 1}
        assert list(point["seed_means"]["random"]) == ratios
        assert list(point["controllers"]) == list(point["interquartile_means"]) == ["idle", "random"]
        assert list(point["differences"]) == ["random"]
        for estimates in point["controllers"].values():
            assert list(estimates) == [*ratios, "fraction_of_bound", "privacy"]
            assert estimates.pop("fraction_of_bound") is estimates.pop("privacy") is None
        for part in ("controllers", "interquartile_means", "differences"):
            for estimates in point[part].values():
                assert list(estimates) == ratios
                assert all(list(estimate) == ["mean", "low", "high"] for estimate in estimates.values())
        assert all(time_s > 0.0 for time_s in point["decision_time_s"].values())


@pytest.mark.parametrize("against", ["random", "coordinated", "agents.baselines.idle:IdleController"])
def test_compare_shows_a_table_per_point_on_80_columns(
    said: Any, monkeypatch: pytest.MonkeyPatch, against: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = f"idle, {against}, greedy"
    code, out, err = said(*COMPARE, "--controllers", names, "--vary", "fleet.size=3,5", "--against", against)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    for text in ("fleet.size = 3", "fleet.size = 5", "IQM", "energy consumption", "0.000 – 0.000"):
        assert text in out
    # Nothing is cut off: a heading for means and one for differences at each point.
    assert out.count("95 % interval") == 2 * 2
    assert "…" not in out
    assert "fraction of bound" not in out


def test_compare_shows_what_is_disclosed_and_explains_what_is_not(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (*COMPARE, "--controllers", "maddpg-messages,coordinated,greedy", "--privacy")
    for columns in ("80", "120"):
        monkeypatch.setenv("COLUMNS", columns)
        code, out, err = said(*words)
        assert (code, err) == (0, "")
        assert max(map(len, out.splitlines())) <= int(columns)
        # One row per controller, of ratios and of what it discloses.
        assert [out.count(f"\n{indent}greedy ") for indent in ("  ", "")] == [3, 1]
        text = " ".join(out.split())
        assert re.search(r"1\.00/1\.00 2\.\d/ 2\.\d 8\d/ 8\d ", text)
        assert "greedy none none none none none none" in text
        assert "none: its EVs send no messages that could be counted" in text
        assert "none after the stroke: `cosim train` does not train it" in text
    code, out, err = said(*words, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out, parse_constant=pytest.fail)
    assert found["privacy"] is True
    of_name = {name: each["privacy"] for name, each in found["points"][0]["controllers"].items()}
    assert of_name["greedy"] is of_name["coordinated"]["training"] is None
    for phase in ("execution", "training"):
        assert list(of_name["maddpg-messages"][phase]) == [
            "raw_bytes_left_per_ev_and_slot",
            "data_decentralisation",
            "sent_messages_per_ev_and_slot",
            "sent_bytes_per_ev_and_slot",
            "jain_index",
            "busiest_over_mean",
        ]


def test_counting_says_which_package_it_lacks() -> None:
    words = [str(word) for word in (*COMPARE, "--controllers", "idle,coordinated", "--privacy")]
    program = f"import sys; sys.modules['msgpack'] = None; from cosim.cli import main; sys.exit(main({words}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    problem = "counting messages needs 'msgpack': pip install 'ev-cosim[learn]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, "", problem)


def test_compare_takes_weights_by_name_and_writes_every_episode(said: Any, tmp_path: Path) -> None:
    weights = Path(__file__).parents[1] / "agents" / "fleets" / "maddqn.safetensors"
    csv = tmp_path / "ratios.csv"
    words = ("--controllers", "idle, mine=maddqn", "--weights", f"mine={weights}", "--csv", csv)
    code, out, err = said(*COMPARE, *words)
    assert (code, err) == (0, "")
    assert out.endswith(f"ratios of every episode in {csv}\n")
    rows = csv.read_text().splitlines()
    assert rows[0] == "controller,training_seed,episode,load_restoration_ratio,restoration_fairness," + (
        "energy_consumption_ratio"
    )
    assert [row.split(",")[:3] for row in rows[1:]] == [
        [name, "0", episode] for name in ("idle", "mine") for episode in ("2000000", "2000001")
    ]
    code, out, err = said(*COMPARE, *words[:4], "--json")
    (_, mine) = json.loads(out)["contenders"]
    assert (mine["name"], mine["controller"], mine["weights"][0]["file"]) == ("mine", "maddqn", str(weights))


def test_weights_of_a_controller_that_takes_none_end_with_2(said: Any) -> None:
    words = ("--controllers", "maddqn,idle", "--weights", f"idle={__file__}")
    problem = f"--weights idle={__file__}: controller 'idle' takes no weights\n"
    assert said(*COMPARE, *words) == (2, "", problem)


def test_a_ratio_that_no_episode_has_is_null_in_a_comparison(said: Any) -> None:
    words = (*COMPARE, "--controllers", "idle,random", "--set", "fleet.size=0")
    point = json.loads(said(*words, "--json")[1])["points"][0]
    for part, name in (("controllers", "idle"), ("interquartile_means", "random"), ("differences", "random")):
        assert point[part][name]["energy_consumption_ratio"] == {"mean": None, "low": None, "high": None}
    code, out, _ = said(*words)
    assert code == 0
    assert "none" in out


def test_controllers_of_somebody_else_can_be_compared(said: Any, folder: Path) -> None:
    words = ("compare", folder / "scenario.yaml", *QUICK[2:], "--controllers", "idle,cli_controllers:Prints", "--json")
    code, out, err = said(*words, "--allow-code")
    assert (code, err) == (0, "thinking\n" * 12)
    assert list(json.loads(out)["points"][0]["controllers"]) == ["idle", "cli_controllers:Prints"]
    code, out, err = said(*words)
    assert (code, out) == (3, "")
    assert "allow it with --allow-code" in err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--controllers", "nobody,idle"), "--controllers nobody: controller.name: there is no controller 'nobody'"),
        (("--controllers", "idle,nobody"), "--controllers nobody: controller.name: there is no controller 'nobody'"),
        (("--engine", "steam"), "--engine steam: network.engine: must be one of"),
        (("--set", "fleet.sise=4"), "--set fleet.sise=4: fleet.sise: unknown key; did you mean 'size'"),
        (("--vary", "fleet.sise=4,5"), "--vary fleet.sise=4,5: fleet.sise: unknown key; did you mean 'size'"),
        # Nothing runs before all points are looked at.
        (("--vary", "fleet.size=4:-1:-5"), "--vary fleet.size=4:-1:-5: fleet.size: must be at least 0, got -1"),
        (("--vary", "fleet.size=4,4.5"), "--vary fleet.size=4,4.5: fleet.size: must be a whole number, got 4.5"),
        (("--vary", "stations.9.bus=4,5"), "--vary stations.9.bus=4,5: stations: has 5 items, numbered from 0"),
        (("--vary", "fleet.size=4:9:0"), "--vary fleet.size=4:9:0: the step must not be 0"),
    ],
)
def test_a_comparison_that_is_wrong_ends_with_2(said: Any, words: tuple[str, ...], problem: str) -> None:
    code, out, err = said(*COMPARE, "--controllers", "idle", *words)
    assert (code, out) == (2, "")
    assert err.startswith(problem)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--controllers", "idle,"), "name one or more controllers, e.g. idle,greedy or maddqn,mine=maddqn"),
        (
            ("--controllers", "idle,greedy,idle"),
            "controller 'idle' is named twice; another name would tell them apart: other=idle",
        ),
        (
            ("--controllers", "idle,greedy", "--weights", "maddqn=a"),
            "weights are for 'maddqn', which is none of the controllers: idle, greedy",
        ),
        (
            ("--controllers", "maddqn", "--weights", "a.safetensors"),
            "--weights must have the form NAME=FILE,FILE,..., got 'a.safetensors'",
        ),
        (("--controllers", "maddqn", "--weights", "maddqn="), "weights of 'maddqn': name one or more files"),
        (("--controllers", "idle", "--csv", __file__), f"--csv {__file__}: must be a new file"),
        (("--controllers", "idle", "--csv", "/no/ratios.csv"), "--csv /no/ratios.csv: there is no folder /no"),
        (("--controllers", "idle", "--against", "greedy"), "'greedy' is none of the controllers to compare: idle"),
        (
            ("--controllers", "idle", "--privacy", "--workers", "2"),
            "privacy is counted in one process: workers must be 1, got 2",
        ),
        (("--controllers", "idle", "--vary", "seed=1,2", "--vary", "fleet.size=1,2"), "--vary can be given once"),
        (("--controllers", "idle", "--episodes", "1000001"), "episodes must be 1 to 1,000,000, got 1,000,001"),
    ],
)
def test_a_comparison_that_cannot_be_meant_ends_with_1(said: Any, words: tuple[str, ...], problem: str) -> None:
    assert said(*COMPARE, *words) == (1, "", f"cosim compare: {problem}\n")


def test_check_says_that_a_scenario_is_good(said: Any) -> None:
    code, out, err = said("check", SCENARIO, "--set", "controller.name=idle")
    assert (code, err) == (0, "")
    assert out == (f"{SCENARIO}: good (outage_33bus: 30 EVs, 5 stations, 5 microgrids, 12 slots of 1800 s)\n")


def test_check_says_all_mistakes_at_once(said: Any) -> None:
    wrong = ("fleet.size=-1", "stations.0.bus=99", "roads.columns=many", "controller.name=nobody")
    code, out, err = said("check", SCENARIO, *(word for text in wrong for word in ("--set", text)))
    assert (code, out) == (2, "")
    assert sorted(line.split(": ")[0] for line in err.splitlines()) == sorted(f"--set {text}" for text in wrong)


def test_bound_shows_ratio_and_relaxations(said: Any) -> None:
    words = ("bound", SCENARIO, "--episodes", "2", "--set", "fleet.size=5", "--set", "network.engine=lindistflow")
    code, out, err = said(*words, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    ratios = [episode["load_restoration_ratio"] for episode in found["per_episode"]]
    assert [episode["episode"] for episode in found["per_episode"]] == [0, 1]
    assert found["load_restoration_ratio"]["mean"] == pytest.approx(sum(ratios) / 2)
    assert (found["fleet_size"], found["episodes"], len(found["relaxations"])) == (5, 2, 8)
    code, out, err = said(*words)
    assert (code, err) == (0, "")
    assert f"{sum(ratios) / 2:.4f}" in out
    assert out.count("\n- ") == 8


def test_bound_of_a_wrong_scenario_ends_with_2(said: Any) -> None:
    code, out, err = said("bound", SCENARIO, "--set", "fleet.size=-1")
    assert (code, out) == (2, "")
    assert "fleet.size" in err


def test_schema_describes_every_field(said: Any) -> None:
    code, out, _ = said("schema")
    schema = json.loads(out)
    assert code == 0
    models = [schema, *schema["$defs"].values()]
    fields = [(m["title"], name, field) for m in models for name, field in m.get("properties", {}).items()]
    assert len(fields) > 100
    assert [(model, name) for model, name, field in fields if not field.get("description")] == []
    assert all(model.get("additionalProperties") is False for model in models)


def test_lists_name_controllers_and_engines(said: Any) -> None:
    code, out, _ = said("controllers")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()][:2] == ["idle", "random"]
    assert out.splitlines()[-1].startswith("module:Class")
    code, out, _ = said("engines")
    assert code == 0
    names = ["lindistflow", "lindistflow-losses", "power-grid-model", "pandapower", "opendss", "module:Class"]
    assert [line.split()[0] for line in out.splitlines()] == names


COMMANDS = ("run", "compare", "verify", "train", "bound", "privacy", "check", "schema", "controllers", "engines")


@pytest.mark.parametrize("words", [(), *((command,) for command in COMMANDS)])
def test_help_of_each_command_ends_with_0(said: Any, words: tuple[str, ...]) -> None:
    code, out, err = said(*words, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(" ".join(("usage: cosim", *words)))


def test_version(said: Any) -> None:
    from cosim import __version__

    assert said("--version") == (0, f"cosim {__version__}\n", "")


def test_help_is_quick() -> None:
    import resource

    begun_s = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "cosim", "--help"], check=True, capture_output=True)
    ended_s = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended_s.ru_utime + ended_s.ru_stime - begun_s.ru_utime - begun_s.ru_stime < 0.5


def test_a_reader_that_leaves_sees_no_traceback() -> None:
    command = [sys.executable, "-m", "cosim", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_a_process_fails_with_3(folder: Path) -> None:
    words = ("run", "scenario.yaml", *QUICK, "--controller", "cli_controllers:Raises", "--allow-code")
    done = subprocess.run([sys.executable, "-m", "cosim", *words], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "")
    message = "Raises.act raised RuntimeError: no [red]idea (cli_controllers.py:23; more with --debug)"
    assert done.stderr == f"episodes 0 to 1, slot 0: {message}\n"
