"""The fleets that ship: they are there, they fit, and they are better than the rule that is blind to others."""

from __future__ import annotations

from pathlib import Path

import pytest

import cosim
from agents.catalogue import LINES
from agents.registry import CONTROLLERS
from agents.trained import FOLDER
from agents.weights import load_weights
from cosim.errors import ControllerError

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"
TRAINED = [entry.name for entry in CONTROLLERS if entry.target.startswith("agents.trained:")]
SHIPPED = [name for name in TRAINED if (FOLDER / f"{name}.safetensors").exists()]


def restoration(controller: str, *overrides: str) -> float:
    chosen = ["network.engine=lindistflow", f"controller.name={controller}", *overrides]
    mean = cosim.run(cosim.load(SCENARIO, chosen), episodes=8, records=False).metrics["load_restoration_ratio"].mean
    assert mean is not None
    return mean


def test_every_line_is_a_controller_and_every_shipped_fleet_is_of_one() -> None:
    assert set(TRAINED) == {line.name for line in LINES}
    assert sorted(path.stem for path in FOLDER.glob("*.safetensors")) == sorted(SHIPPED)


@pytest.mark.parametrize("name", sorted(set(TRAINED) - set(SHIPPED)))
def test_a_line_whose_weights_do_not_ship_says_so(name: str) -> None:
    problem = f"no weights of '{name}' ship; train it and set controller.options.weights=DIR/best.safetensors"
    with pytest.raises(ControllerError, match=problem):
        cosim.run(cosim.load(SCENARIO, [f"controller.name={name}"]), episodes=1)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_fleet_works_at_once_and_beats_greedy(name: str) -> None:
    system = cosim.load(SCENARIO)
    _, card = load_weights(FOLDER / f"{name}.safetensors", system.spec, name)
    assert (card.fleet_size, card.order) == (30, "sequential")
    assert card.command.startswith(
        f"cosim train scenarios/outage_33bus.yaml --set network.engine=lindistflow --algorithm {name}"
    )
    assert restoration(name) > restoration("greedy") + 0.1


def test_a_fleet_that_learned_other_stations_says_so() -> None:
    with pytest.raises(ControllerError, match=r"knows the stations CDS1, CDS2, CDS3, CDS4, CDS5, but the scenario has"):
        cosim.run(cosim.load(SCENARIO, [f"controller.name={SHIPPED[0]}", "stations.0.name=North"]), episodes=1)


@pytest.mark.parametrize("size", [1, 60])
def test_a_fleet_may_be_of_another_size(size: int) -> None:
    assert 0.0 <= restoration(SHIPPED[0], f"fleet.size={size}") <= 1.0
