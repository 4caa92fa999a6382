"""What an explorer does in a round follows from the round's number and the weights, whatever it did before."""

from __future__ import annotations

from typing import Any

import numpy as np
from line_fleet import fleet, observe

from agents.catalogue import find_line, make_algorithm, make_settings
from agents.explorer import Explorer
from cosim.interface import Floats

SPEC = fleet(size=3)
SETTINGS = {"hidden": 8, "epsilon": 1.0, "epsilon_end": 0.0, "epsilon_until": 1.0}


def weights(seed: int) -> dict[str, Any]:
    line = find_line("maddqn")
    made = make_algorithm(line, SPEC, make_settings(line, SETTINGS), seed)
    return {name: value.numpy().copy() for name, value in made.weights().items()}


def moves(explorer: Explorer, of: dict[str, Any], number: int, episodes: int) -> Floats:
    fleet_in_training = explorer.fleet(0, 10**6, lambda _: None)
    explorer.take(0, of, number, episodes)
    action = fleet_in_training.act(observe(np.full((8, 3), 12), 40.0))
    return np.stack([action.heading_rad, action.distance_km, action.power_share])


def explorer() -> Explorer:
    return Explorer([SPEC], algorithm="maddqn", settings=SETTINGS, order="sequential", episodes=100, seed=5)


def test_a_round_is_the_same_whatever_was_before_it() -> None:
    first, second = explorer(), explorer()
    moves(second, weights(1), 3, 30)
    assert np.array_equal(moves(first, weights(0), 4, 40), moves(second, weights(0), 4, 40))
    assert not np.array_equal(moves(first, weights(0), 4, 40), moves(first, weights(0), 5, 40))


def test_weights_and_progress_count() -> None:
    one = explorer()
    # At the end nothing is random any more: the weights alone decide.
    assert np.array_equal(moves(one, weights(0), 4, 100), moves(one, weights(0), 5, 100))
    assert not np.array_equal(moves(one, weights(0), 4, 100), moves(one, weights(1), 4, 100))
