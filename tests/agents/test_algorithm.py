"""What all algorithms do alike: their weights are handed on, their state is taken up again, and copies are renewed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from commuter_fleet import fleet_for
from torch import nn

from agents.algorithm import Algorithm
from agents.catalogue import LINES, make_algorithm, make_settings
from agents.learner_state import Parts
from cosim.errors import ControllerError


class Smallest(Algorithm):
    """A network, a counter, and a count of how often it was told to renew."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.decides = nn.Linear(2, 1)
        self.updates = np.full(1, seed)
        self.renewed = 0

    def parts(self) -> Parts:
        return {"network": self.decides, "updates": self.updates}

    def renew(self) -> None:
        self.renewed += 1

    def nothing(self, *_: Any) -> Any:
        raise NotImplementedError

    shapes = inputs = choose = update = nothing


def test_weights_are_those_of_the_network_that_decides() -> None:
    one, other = Smallest(1), Smallest(2)
    other.load_weights(one.weights())
    assert torch.equal(one.decides.weight, other.decides.weight)  # type: ignore[arg-type]
    assert (other.updates.tolist(), other.renewed) == ([2], 1)


def test_a_state_is_all_parts_and_is_taken_up_again() -> None:
    one, other = Smallest(1), Smallest(2)
    state = one.state()
    assert set(state) == {"network.weight", "network.bias", "updates"}
    other.load_state(state)
    assert torch.equal(one.decides.bias, other.decides.bias)  # type: ignore[arg-type]
    assert (other.updates.tolist(), other.renewed) == ([1], 1)
    with pytest.raises(ControllerError, match="'updates' is not as it was written"):
        other.load_state({name: value for name, value in state.items() if name != "updates"})


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_the_weights_of_each_line_are_part_of_its_state(line: Any) -> None:
    algorithm = make_algorithm(line, fleet_for(line, 2), make_settings(line, {}), 0)
    held = {name.partition(".")[2] for name in algorithm.state()}
    assert set(algorithm.weights()) <= held
