"""The fleets that ship: they are there, they fit, and they are as good as their pages say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import cosim
from agents.catalogue import LINES
from agents.registry import CONTROLLERS
from agents.trained import FOLDER, DtMaddpgFleet
from agents.weights import load_weights
from cosim.errors import ControllerError

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"
DAY = SCENARIO.with_name("v2g_day.yaml")
TRAINED = [entry.name for entry in CONTROLLERS if entry.target.startswith("agents.trained:")]
COMMUTING = [line.name for line in LINES if line.commutes]
#: Trained in the paper's order.
AT_ONCE = ("admaddpg-literal", "maddpg", "maddpg-pointer", "independent")
#: Heading, distance and power by sigmoid find no way to recharge: docs/algorithms/maddpg.md says why.
LITERAL = ("admaddpg-literal", "maddpg")


@cache
def restoration(controller: str, *overrides: str) -> float:
    chosen = ["network.engine=lindistflow", f"controller.name={controller}", *overrides]
    mean = cosim.run(cosim.load(SCENARIO, chosen), episodes=8, records=False).metrics["load_restoration_ratio"].mean
    assert mean is not None
    return mean


def test_every_line_is_a_controller_and_ships() -> None:
    assert set(TRAINED) == {line.name for line in LINES} == {path.stem for path in FOLDER.glob("*.safetensors")}
    assert all((FOLDER / f"{name}.csv").exists() for name in TRAINED)


@pytest.mark.parametrize(("latency_h", "slots"), [(0, 0), (0.001, 1), (0.5, 1), (0.501, 2), (1, 2)])
def test_a_late_message_is_known_as_the_next_slot_begins(latency_h: float, slots: int) -> None:
    fleet = DtMaddpgFleet(cosim.load(SCENARIO).spec, message_latency_h=latency_h)
    assert fleet.board._telling.latency_slots == slots


@pytest.mark.parametrize("latency_h", [-1.0, float("nan"), float("inf"), "1", True])
def test_a_latency_is_a_time(latency_h: object) -> None:
    with pytest.raises(ControllerError, match=r"controller.options.message_latency_h: must be a number of at least 0"):
        DtMaddpgFleet(cosim.load(SCENARIO).spec, message_latency_h=latency_h)  # type: ignore[arg-type]


def test_who_guides_commuters_is_the_same_for_all() -> None:
    assert {entry.name for entry in CONTROLLERS if entry.commutes} == set(COMMUTING)


def test_a_line_whose_weights_do_not_ship_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.trained.FOLDER", tmp_path)
    problem = "no weights of 'maddqn' ship; train it and set controller.options.weights=DIR/best.safetensors"
    with pytest.raises(ControllerError, match=problem):
        cosim.run(cosim.load(SCENARIO, ["controller.name=maddqn"]), episodes=1)


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in COMMUTING])
def test_a_shipped_fleet_works_at_once(name: str) -> None:
    system = cosim.load(SCENARIO)
    _, card = load_weights(FOLDER / f"{name}.safetensors", system.spec, name)
    assert (card.fleet_size, card.order) == (30, "simultaneous" if name in AT_ONCE else "sequential")
    assert card.command.startswith(
        f"cosim train scenarios/outage_33bus.yaml --set network.engine=lindistflow --algorithm {name}"
    )
    assert restoration(name) > (0.15 if name in LITERAL else restoration("greedy") + 0.1)


def day_reward(controller: str) -> float:
    chosen = ["network.engine=lindistflow", f"controller.name={controller}"]
    records = cosim.run(cosim.load(DAY, chosen), episodes=8).records
    return float(records["rewards"].cube("total").sum(axis=1).mean())


@pytest.mark.parametrize("name", COMMUTING)
def test_shipped_commuters_earn_more_than_who_charges_on_arrival(name: str) -> None:
    _, card = load_weights(FOLDER / f"{name}.safetensors", cosim.load(DAY).spec, name)
    assert (card.fleet_size, card.order) == (20, "simultaneous")
    assert card.command.startswith(
        f"cosim train scenarios/v2g_day.yaml --set network.engine=lindistflow --algorithm {name}"
    )
    assert day_reward(name) > day_reward("on_arrival") + 40.0


@pytest.mark.parametrize(
    ("scenario", "name", "said"),
    [
        (SCENARIO, "v2g-il", r"v2g-il guides EVs that commute; give the scenario fleet\.commute"),
        (DAY, "maddqn", "maddqn guides EVs that choose where to go, but these commute; for them there are v2g-il"),
    ],
)
def test_a_fleet_of_the_other_kind_says_so(scenario: Path, name: str, said: str) -> None:
    with pytest.raises(ControllerError, match=said):
        cosim.run(cosim.load(scenario, [f"controller.name={name}"]), episodes=1)


def test_a_fleet_that_learned_other_stations_says_so() -> None:
    with pytest.raises(ControllerError, match=r"knows the stations CDS1, CDS2, CDS3, CDS4, CDS5, but the scenario has"):
        cosim.run(cosim.load(SCENARIO, [f"controller.name={TRAINED[0]}", "stations.0.name=North"]), episodes=1)


@pytest.mark.parametrize("size", [1, 60])
def test_a_fleet_may_be_of_another_size(size: int) -> None:
    assert 0.0 <= restoration(TRAINED[0], f"fleet.size={size}") <= 1.0
