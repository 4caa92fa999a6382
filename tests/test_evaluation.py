"""`cosim.compare`: the same held-out episodes for all controllers, varied scenarios, bounds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import cosim
from agents.trained import FOLDER
from agents.weights import load_weights, save_weights
from cosim.disclosure import mean_disclosure
from cosim.errors import ControllerError, ScenarioError
from cosim.evaluation import RATIOS
from cosim.experiment import Tally, run_episodes
from cosim.interface import Floats
from cosim.loading import load_controller
from cosim.privacy import privacy
from cosim.report.terminal import comparison_view
from cosim.schedule import Schedule
from cosim.statistics import bootstrap, mean, mean_difference
from cosim.system import System

SCENARIO = Path(__file__).parents[1] / "scenarios" / "outage_33bus.yaml"
RULES = ("idle", "greedy", "coordinated")
EPISODES = 6
CONTROLLER = """
from cosim.interface import Action

EPISODES = set()


class Remembers:
    def __init__(self, spec, *, share=0.0):
        self.fleet_size = spec.fleet_size

    def act(self, observation):
        EPISODES.update(observation.episode.tolist())
        return Action.stay(observation.replicas, self.fleet_size)
"""


def compare(controllers: Sequence[str] = RULES, **choices: Any) -> cosim.Comparison:
    return cosim.compare(SCENARIO, controllers, **{"episodes": EPISODES, "engine": "lindistflow", **choices})


@pytest.fixture(scope="module")
def comparison() -> cosim.Comparison:
    return compare(vary="fleet.size=10:20:10")


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Weights of two training seeds: those that ship, and the same with one layer damped, in a file of their own."""
    shipped, other = FOLDER / "maddqn.safetensors", tmp_path_factory.mktemp("seeds") / "best.safetensors"
    algorithm, card = load_weights(shipped, cosim.load(SCENARIO).spec, "maddqn")
    weights = algorithm.weights()
    last = list(weights)[-1]
    algorithm.load_weights({**weights, last: weights[last] * 0.2})
    save_weights(other, algorithm.weights(), card)
    return [shipped, other]


def values_of(comparison: cosim.Comparison) -> list[tuple[float, str, list[bytes]]]:
    """Values of each point and controller, to the last bit."""
    return [
        (*point.vary.values(), name, [evaluation.values[ratio].tobytes() for ratio in RATIOS])  # type: ignore[misc]
        for point in comparison.points
        for name, evaluation in point.controllers.items()
    ]


def without_times(comparison: cosim.Comparison) -> dict[str, Any]:
    summary = comparison.summary()
    for point in summary["points"]:
        del point["decision_time_s"]
    return summary


def test_values_are_those_of_the_held_out_episodes(comparison: cosim.Comparison) -> None:
    assert comparison.episode == tuple(range(2_000_000, 2_000_000 + EPISODES))
    overrides = ["fleet.size=20", "controller.name=greedy", "network.engine=lindistflow"]
    system = cosim.load(SCENARIO, overrides)
    tally = Tally(system, keep=False)
    run_episodes(
        system,
        load_controller(system, allow_code=False),
        Schedule(tuple(comparison.episode), 4, system.clock.slots),
        on_batch=lambda numbers, records, _: tally.add(numbers, records),
    )
    greedy = comparison.points[1].controllers["greedy"]
    for ratio in RATIOS:
        assert greedy.values[ratio].shape == (1, EPISODES)
        assert greedy.values[ratio][0].tolist() == tally.totals.metric[ratio].tolist()
        assert greedy.means[ratio].mean == pytest.approx(np.mean(tally.totals.metric[ratio]))


def test_all_controllers_run_the_same_episodes_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "evaluation_controller.py").write_text(CONTROLLER)
    (tmp_path / "scenario.yaml").write_text(SCENARIO.read_text())
    seen: dict[str, set[int]] = {}

    def keep(system: System, episodes: Sequence[int]) -> Floats:
        seen["bound"] = set(episodes)
        return np.ones(len(episodes))

    name = "evaluation_controller:Remembers"
    path = list(sys.path)
    options = ["network.engine=lindistflow", "controller.options.share=0.5"]
    comparison = cosim.compare(
        tmp_path / "scenario.yaml", [name], episodes=3, overrides=options, allow_code=True, bound=keep
    )
    assert seen["bound"] == set(comparison.episode) == {2_000_000, 2_000_001, 2_000_002}
    assert list(comparison.points[0].controllers) == [name]
    assert comparison.points[0].controllers[name].differences == {}
    assert sys.path == path


def test_differences_are_in_pairs(comparison: cosim.Comparison) -> None:
    assert comparison.against == "idle"
    for point in comparison.points:
        assert point.controllers["idle"].differences == {}
        greedy, coordinated = (point.controllers[name] for name in ("greedy", "coordinated"))
        for ratio in RATIOS:
            idle = point.controllers["idle"].values[ratio]
            assert greedy.differences[ratio].mean == pytest.approx((greedy.values[ratio] - idle).mean())
        assert coordinated.differences["load_restoration_ratio"].low > 0.1  # type: ignore[operator]


def test_differences_against_another(comparison: cosim.Comparison) -> None:
    other = compare(vary="fleet.size=10:20:10", against="greedy")
    assert values_of(other) == values_of(comparison)
    for one, two in zip(comparison.points, other.points, strict=True):
        assert list(two.controllers) == list(one.controllers) == list(RULES)
        assert two.controllers["greedy"].differences == {}
        for ratio in RATIOS:
            there, back = one.controllers["greedy"].differences[ratio], two.controllers["idle"].differences[ratio]
            assert back.mean == pytest.approx(-there.mean)  # type: ignore[operator]
            assert [back.low, back.high] == pytest.approx([-there.high, -there.low], abs=1e-3)  # type: ignore[operator]


def test_who_else_is_compared_and_how_wide_changes_nothing(comparison: cosim.Comparison) -> None:
    alone = compare(("greedy",), vary="fleet.size=20", replicas=1)
    (point,) = alone.summary()["points"]
    assert point["controllers"]["greedy"] == comparison.summary()["points"][1]["controllers"]["greedy"]


def test_workers_change_nothing() -> None:
    assert without_times(compare(("random",), episodes=4, workers=2)) == without_times(compare(("random",), episodes=4))


def test_points_are_scenarios_of_their_own(comparison: cosim.Comparison) -> None:
    assert [point.vary for point in comparison.points] == [{"fleet.size": 10}, {"fleet.size": 20}]
    few, many = (point.controllers["coordinated"].means["load_restoration_ratio"] for point in comparison.points)
    assert few.high < many.low  # type: ignore[operator]


def test_the_seed_may_vary() -> None:
    seeds = compare(("random",), vary="seed=3,4", episodes=2).points
    assert [point.seed for point in seeds] == [3, 4]
    one, other = (point.controllers["random"].values["energy_consumption_ratio"] for point in seeds)
    assert (one != other).all()


def test_lengths_of_episodes_may_vary_and_progress_counts_all_slots() -> None:
    told: list[tuple[int, int]] = []
    compare(("idle", "random"), vary="clock.slots=2,3", episodes=3, progress=lambda *counts: told.append(counts))
    assert told[0] == (3, 3 * 2 * (2 + 3))
    assert told[-1] == (30, 30)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_episodes_are_a_data_frame(comparison: cosim.Comparison) -> None:
    frame = comparison.episodes
    assert frame.columns.tolist() == ["fleet.size", "controller", "training_seed", "episode", *RATIOS]
    assert len(frame) == 2 * 3 * EPISODES
    rows = frame[(frame["fleet.size"] == 20) & (frame.controller == "coordinated")]
    assert rows.episode.tolist() == list(comparison.episode)
    mean = comparison.points[1].controllers["coordinated"].means["load_restoration_ratio"].mean
    assert rows.load_restoration_ratio.mean() == pytest.approx(mean)


def test_a_bound_gives_fractions_of_it() -> None:
    def twice(system: System, episodes: Sequence[int]) -> Floats:
        assert system.scenario.fleet.size == 10
        return np.linspace(0.5, 1.5, len(episodes))

    comparison = compare(("idle", "greedy"), vary="fleet.size=10", bound=twice)
    greedy = comparison.points[0].controllers["greedy"]
    assert greedy.fraction_of_bound is not None
    # The bounds have a mean of 1.
    assert greedy.fraction_of_bound.mean == pytest.approx(greedy.means["load_restoration_ratio"].mean)
    found = comparison.summary()["points"][0]["controllers"]["greedy"]["fraction_of_bound"]
    assert list(found) == ["mean", "low", "high"]
    titles = [cell for part in comparison_view(comparison.summary()).renderables for cell in rows_of(part)]
    assert "fraction of bound" in titles


def test_the_bound_is_shown_and_kept_and_counts_as_progress() -> None:
    told: list[tuple[int, int]] = []
    asked: list[int] = []

    def grows(system: System, episodes: Sequence[int]) -> Floats:
        asked.append(len(episodes))
        return np.array(episodes) - 2_000_000.0

    comparison = compare(
        ("idle", "random"),
        episodes=20,
        overrides=["clock.slots=2"],
        bound=grows,
        progress=lambda *counts: told.append(counts),
    )
    assert told[-1] == (20 * 2 * 3, 20 * 2 * 3)
    assert asked == [16, 4]
    frame = comparison.episodes
    assert frame.columns.tolist() == ["controller", "training_seed", "episode", *RATIOS, "bound"]
    assert (frame.bound == frame.episode - 2_000_000).all()
    assert comparison.summary()["points"][0]["bound"]["mean"] == 9.5
    tables = [part for part in comparison_view(comparison.summary()).renderables if hasattr(part, "columns")]
    assert "  bound" in rows_of(tables[0])


def test_training_seeds_count_as_values_of_one_controller(seeds: list[Path]) -> None:
    controllers = ("coordinated", "maddqn", "mine=maddqn")
    comparison = compare(controllers, weights={"mine": seeds}, against="maddqn")
    (point,) = comparison.points
    mine, shipped, rule = (point.controllers[name] for name in ("mine", "maddqn", "coordinated"))
    alone = compare(("maddqn",), weights={"maddqn": seeds[1]}).points[0].controllers["maddqn"]
    assert (mine.training_seeds, shipped.training_seeds, rule.training_seeds) == (2, 1, 1)
    for ratio in RATIOS:
        both = np.concatenate([shipped.values[ratio], alone.values[ratio]])
        assert mine.values[ratio].tolist() == both.tolist()
        assert mine.seed_means[ratio].tolist() == pytest.approx(both.mean(axis=1))
        assert mine.means[ratio] == bootstrap(mean, both, seed=point.seed)
        assert mine.differences[ratio] == bootstrap(mean_difference, both, shipped.values[ratio], seed=point.seed)
    restoration = mine.values["load_restoration_ratio"]
    assert (restoration[0] != restoration[1]).any()
    assert [contender.controller for contender in comparison.contenders] == ["coordinated", "maddqn", "maddqn"]
    assert [file.file for file in comparison.contenders[2].weights] == [str(path) for path in seeds]
    rows = comparison.episodes[comparison.episodes.controller == "mine"]
    assert rows.training_seed.tolist() == [0] * EPISODES + [1] * EPISODES
    summary = comparison.summary()["points"][0]
    assert summary["training_seeds"] == {"coordinated": 1, "maddqn": 1, "mine": 2}
    means = summary["seed_means"]["mine"]["load_restoration_ratio"]
    assert means == pytest.approx(restoration.mean(axis=1))
    shown = [str(part) for part in comparison_view(comparison.summary()).renderables]
    line = f"load restoration of mine with each of its 2 training seeds: {means[0]:.3f}, {means[1]:.3f}"
    assert line in shown


def test_what_is_disclosed_is_what_privacy_counts() -> None:
    names = ("independent", "maddpg-pointer", "dt-maddpg", "coordinated")
    heard, silent = (compare((*names, "greedy"), privacy=each).points[0] for each in (True, False))
    alone = heard.controllers["independent"].privacy
    assert alone is not None
    assert alone.execution == alone.training
    assert alone.execution.sent_messages_per_ev_and_slot == 1.0  # its state, to its own twin
    for name in names[1:]:
        counted = privacy(SCENARIO, controller=name, episodes=EPISODES, engine="lindistflow").traffic
        found = heard.controllers[name].privacy
        assert found is not None
        assert (found.training is None) == (name == "coordinated")
        for phase, of_phase in (("execution", found.execution), ("training", found.training)):
            if of_phase is None:
                continue
            wanted = counted[phase]["without_weights"]
            left_bytes = counted[phase]["raw_bytes_left"] / (counted["evs"] * counted["slots"])
            assert of_phase.raw_bytes_left_per_ev_and_slot == left_bytes
            assert of_phase.data_decentralisation == counted[phase]["data_decentralisation"]
            assert of_phase.sent_messages_per_ev_and_slot == wanted["per_ev_and_slot"]["sent_messages"]
            assert of_phase.sent_bytes_per_ev_and_slot == wanted["per_ev_and_slot"]["sent_bytes"]
            assert of_phase.jain_index == wanted["balance"]["jain"]
            assert of_phase.busiest_over_mean == wanted["balance"]["busiest_over_mean"]
    trained = {name: heard.controllers[name].privacy.training for name in names[:3]}  # type: ignore[union-attr]
    left = [each.raw_bytes_left_per_ev_and_slot for each in trained.values()]  # type: ignore[union-attr]
    assert left == [0.0, 976.0, 0.0]
    assert heard.controllers["greedy"].privacy is None
    for name in (*names, "greedy"):
        assert silent.controllers[name].privacy is None
        # Who is heard decides as it would unheard.
        for ratio, values in silent.controllers[name].values.items():
            assert heard.controllers[name].values[ratio].tobytes() == values.tobytes()


def test_episodes_side_by_side_change_nothing_of_what_is_disclosed() -> None:
    found = [
        compare(("maddqn",), privacy=True, replicas=replicas).points[0].controllers["maddqn"] for replicas in (1, 4)
    ]
    assert found[0].privacy == found[1].privacy


def test_what_is_disclosed_is_the_mean_over_training_seeds(seeds: list[Path]) -> None:
    both, *alone = (
        compare(("maddqn",), weights={"maddqn": files}, privacy=True).points[0].controllers["maddqn"].privacy
        for files in (seeds, seeds[:1], seeds[1:])
    )
    assert alone[0] != alone[1]
    assert both == mean_disclosure([each for each in alone if each is not None])


def test_messages_are_not_counted_in_several_processes() -> None:
    with pytest.raises(ValueError, match="privacy is counted in one process: workers must be 1, got 2"):
        compare(("coordinated",), privacy=True, workers=2)


def test_progress_counts_every_training_seed(seeds: list[Path]) -> None:
    told: list[tuple[int, int]] = []
    compare(
        ("idle", "maddqn"),
        weights={"maddqn": seeds},
        overrides=["clock.slots=2"],
        progress=lambda *counts: told.append(counts),
    )
    assert told[-1] == (EPISODES * 2 * 3, EPISODES * 2 * 3)


def test_an_overview_of_all_points_ends_the_report(comparison: cosim.Comparison) -> None:
    *_, overview = [part for part in comparison_view(comparison.summary()).renderables if hasattr(part, "columns")]
    assert [str(column.header) for column in overview.columns[1:]] == ["10", "20"]
    labels = rows_of(overview)
    assert labels[:5] == ["load restoration", "  idle", "  greedy", "  coordinated", "restoration fairness"]
    assert labels[-4:] == ["CPU ms to decide", "  idle", "  greedy", "  coordinated"]
    mean = comparison.points[1].controllers["coordinated"].means["load_restoration_ratio"].mean
    assert list(overview.columns[2].cells)[3] == f"{mean:.3f}"


def test_csv_holds_every_bit(comparison: cosim.Comparison, tmp_path: Path) -> None:
    comparison.write_csv(tmp_path / "ratios.csv")
    read = pandas.read_csv(tmp_path / "ratios.csv", float_precision="round_trip")
    pandas.testing.assert_frame_equal(read, comparison.episodes, check_exact=True)
    assert [path.name for path in tmp_path.iterdir()] == ["ratios.csv"]


def rows_of(part: Any) -> list[str]:
    """Texts of the first column, if it is a table."""
    return [str(cell) for cell in part.columns[0].cells] if hasattr(part, "columns") else []


@pytest.mark.parametrize(
    ("choices", "problem"),
    [
        ({"episodes": 0}, "episodes must be 1 to 1,000,000, got 0"),
        ({"replicas": 0}, "replicas and workers must be at least 1, got 0 and 1"),
        ({"workers": 0}, "replicas and workers must be at least 1, got None and 0"),
        ({"controllers": ()}, "name one or more controllers"),
        ({"controllers": ("idle", "idle")}, "controller 'idle' is named twice"),
        ({"against": "random"}, "'random' is none of the controllers to compare: idle, greedy, coordinated"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(choices: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        compare(**choices)


def test_nothing_runs_before_all_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosim.evaluation.run_episodes", lambda *_, **__: pytest.fail("ran"))
    for choices in ({"vary": "fleet.size=4:-1:-5"}, {"controllers": ("idle", "nobody")}):
        with pytest.raises(ScenarioError):
            compare(**choices)


def test_no_weights_are_run_unless_all_fit(monkeypatch: pytest.MonkeyPatch, seeds: list[Path], tmp_path: Path) -> None:
    monkeypatch.setattr("cosim.evaluation.run_episodes", lambda *_, **__: pytest.fail("ran"))
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(seeds[1].read_bytes()[:-7])
    damaged.with_suffix(".json").write_text(seeds[1].with_suffix(".json").read_text())
    team = FOLDER / "team-ppo.safetensors"
    for file, problem in (
        (damaged, f"{damaged}: is not the file that damaged.json describes"),
        (team, f"{team}: holds weights of 'team-ppo', not of 'maddqn'"),
        (tmp_path / "none", f"{tmp_path / 'none'}: cannot be read (No such file or directory)"),
    ):
        with pytest.raises(ControllerError) as caught:
            compare(("idle", "mine=maddqn"), weights={"mine": [seeds[0], file]}, vary="fleet.size=10,20")
        assert str(caught.value) == problem
    with pytest.raises(ScenarioError) as wrong:
        compare(("maddqn", "rule=greedy"), weights={"rule": [seeds[0]]})
    assert str(wrong.value) == f"--weights rule={seeds[0]}: controller 'greedy' takes no weights"


def test_options_are_meant_for_all_controllers() -> None:
    with pytest.raises(ScenarioError, match=r"controller\.options: does not take these options"):
        compare(("idle",), overrides=["controller.options.share=0.5"])
