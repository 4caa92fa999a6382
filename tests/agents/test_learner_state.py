"""Networks, optimisers and arrays become flat tensors, and go on as if nothing had been."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from agents.learner_state import (
    Parts,
    load_optimiser,
    load_tensors,
    optimiser_tensors,
    tensors_of,
    tensors_within,
)
from cosim.errors import ControllerError

Make = Callable[[list[nn.Parameter]], torch.optim.Optimizer]
OPTIMISERS: list[Make] = [
    lambda parameters: torch.optim.Adam(parameters, lr=0.1),
    lambda parameters: torch.optim.AdamW(parameters, lr=0.1, amsgrad=True),
    lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    lambda parameters: torch.optim.RMSprop([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.2}]),
]


def step(network: nn.Module, optimiser: torch.optim.Optimizer, times: int) -> None:
    for k in range(times):
        optimiser.zero_grad()
        network(torch.full((2, 3), 0.1 * k + 0.3)).square().sum().backward()
        optimiser.step()


@pytest.mark.parametrize("make", OPTIMISERS)
@pytest.mark.parametrize("before", [0, 3])
def test_an_optimiser_goes_on(make: Make, before: int) -> None:
    torch.manual_seed(0)
    network, other = nn.Linear(3, 2), nn.Linear(3, 2)
    optimiser, second = make(list(network.parameters())), make(list(other.parameters()))
    step(network, optimiser, before)
    optimiser.param_groups[0]["lr"] = 0.05
    other.load_state_dict(network.state_dict())
    tensors = {name: value.clone() for name, value in optimiser_tensors(optimiser).items()}
    load_optimiser(second, tensors, "optimiser")
    step(network, optimiser, 4)
    step(other, second, 4)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
    # What was loaded is its own.
    assert all(
        torch.equal(value, optimiser_tensors(second)[name]) for name, value in optimiser_tensors(optimiser).items()
    )


def parts(width: int = 4) -> Parts:
    network = nn.Sequential(nn.Linear(3, width), nn.Linear(width, 2))
    optimiser = torch.optim.Adam(network.parameters())
    step(network, optimiser, 2)
    return {"network": network, "optimiser": optimiser, "priority": np.arange(6.0).reshape(2, 3)}


def test_parts_are_put_back() -> None:
    torch.manual_seed(0)
    one, other = parts(), parts()
    other["priority"][...] = 0.0  # type: ignore[index]
    tensors = {name: value.clone() for name, value in tensors_of(one).items()}
    assert {"network.0.weight", "optimiser.3.exp_avg_sq", "optimiser.rate.0", "priority"} <= set(tensors)
    assert set(tensors_within("network", tensors)) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    assert any(not torch.equal(value, tensors_of(other)[name]) for name, value in tensors.items())
    load_tensors(other, tensors)
    assert all(torch.equal(value, tensors_of(other)[name]) for name, value in tensors.items())


@pytest.mark.parametrize(
    ("missing", "name"),
    [("network.0.bias", "network"), ("optimiser.rate.0", "optimiser"), ("priority", "priority")],
)
def test_what_is_missing_is_named(missing: str, name: str) -> None:
    tensors = tensors_of(parts())
    del tensors[missing]
    with pytest.raises(ControllerError, match=f"'{name}' is not as it was written; another version of ev-cosim"):
        load_tensors(parts(), tensors)


def test_other_shapes_are_refused() -> None:
    tensors = tensors_of(parts(width=5))
    with pytest.raises(ControllerError, match="'network' is not as it was written"):
        load_tensors(parts(), tensors)
    of_network = {**tensors, **{k: v for k, v in tensors_of(parts()).items() if k.startswith("network.")}}
    with pytest.raises(ControllerError, match="'optimiser' is not as it was written"):
        load_tensors(parts(), of_network)
    with pytest.raises(ControllerError, match="'priority' is not as it was written"):
        load_tensors(parts(), {**tensors_of(parts()), "priority": torch.zeros(3)})
