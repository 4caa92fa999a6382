"""Weights that are damaged, altered or meant for something else are refused, with one line that says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from line_fleet import fleet

from agents.catalogue import find_line, make_algorithm, make_settings
from agents.weights import FEATURES_VERSION, FleetCard, load_weights, save_weights
from cosim.errors import ControllerError

SPEC = fleet()
CARD = FleetCard("maddqn", {"hidden": 8}, "sequential", SPEC.station_name, 1, 100, 3, 0.5, "cosim train ...")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    line = find_line("maddqn")
    path = tmp_path / "best.safetensors"
    save_weights(path, make_algorithm(line, SPEC, make_settings(line, CARD.settings), 3).weights(), CARD)
    return path


def test_what_was_saved_is_loaded(saved: Path) -> None:
    algorithm, card = load_weights(saved, SPEC, "maddqn")
    line = find_line("maddqn")
    fresh = make_algorithm(line, SPEC, make_settings(line, CARD.settings), 3)
    assert all(torch.equal(value, fresh.weights()[name]) for name, value in algorithm.weights().items())
    assert replace(card, sha256="") == CARD
    assert sorted(path.name for path in saved.parent.iterdir()) == ["best.json", "best.safetensors"]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def in_card(**changes: Any) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        card = path.with_suffix(".json")
        card.write_text(json.dumps({**json.loads(card.read_text()), **changes}))

    return change


def no_json(path: Path) -> None:
    path.with_suffix(".json").write_text("{")


def no_keys(path: Path) -> None:
    path.with_suffix(".json").write_text("{}")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (truncate, "best.safetensors: is not the file that best.json describes"),
        (flip, "best.safetensors: is not the file that best.json describes"),
        (lambda path: path.unlink(), "best.safetensors: cannot be read (No such file or directory)"),
        (lambda path: path.with_suffix(".json").unlink(), "best.json: cannot be read (No such file or directory)"),
        (no_json, "best.json: is no JSON"),
        (no_keys, "best.json: does not describe weights of a fleet"),
        (in_card(algorithm="team-ppo"), "holds weights of 'team-ppo', not of 'maddqn'"),
        (
            in_card(features_version=FEATURES_VERSION + 1),
            f"was trained on version {FEATURES_VERSION + 1} of the features, not {FEATURES_VERSION}; train it anew",
        ),
        (in_card(stations=["A", "B"]), "knows the stations A, B, but the scenario has A, B, C"),
        (in_card(settings={"hidden": 16}), "its tensors are not those of its settings"),
        (in_card(settings=[1]), "settings must be an object"),
    ],
)
def test_what_does_not_fit_is_refused(damage: Callable[[Path], None], problem: str, saved: Path) -> None:
    damage(saved)
    with pytest.raises(ControllerError) as caught:
        load_weights(saved, SPEC, "maddqn")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_network_for_each_ev_fits_one_size_of_the_fleet(tmp_path: Path) -> None:
    line, path = find_line("independent"), tmp_path / "best.safetensors"
    card = FleetCard("independent", {"hidden": 8}, "simultaneous", SPEC.station_name, 3, 100, 3, 0.5, "cosim train ...")
    save_weights(path, make_algorithm(line, fleet(3), make_settings(line, card.settings), 3).weights(), card)
    assert load_weights(path, fleet(3), "independent")[1].fleet_size == 3
    with pytest.raises(ControllerError) as caught:
        load_weights(path, fleet(4), "independent")
    said = "holds a network for each of 3 EVs, but the scenario has 4; set fleet.size=3 or train it anew"
    assert str(caught.value) == f"{path}: {said}"
