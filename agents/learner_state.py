"""What a learner holds as flat tensors: networks, optimisers and arrays by name, so that no pickle is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from cosim.errors import ControllerError

#: What a learner consists of, by name.
Parts = Mapping[str, nn.Module | Optimizer | NDArray[Any]]


def tensors_of(parts: Parts) -> dict[str, Tensor]:
    """All tensors of some parts, each named by its part and what it is there: `critic.0.weight`, `optimiser.3.step`."""
    tensors: dict[str, Tensor] = {}
    for name, part in parts.items():
        if isinstance(part, np.ndarray):
            tensors[name] = torch.from_numpy(part)
        else:
            of_part = optimiser_tensors(part) if isinstance(part, Optimizer) else part.state_dict()
            tensors |= {f"{name}.{key}": value for key, value in of_part.items()}
    return tensors


def load_tensors(parts: Parts, tensors: Mapping[str, Tensor]) -> None:
    """Put tensors that `tensors_of` gave back into parts of the same kind.

    Raises:
        ControllerError: If they are of other parts.
    """
    for name, part in parts.items():
        if isinstance(part, np.ndarray):
            given = tensors.get(name)
            if given is None or tuple(given.shape) != part.shape:
                raise _other(name)
            part[...] = given.numpy()
        elif isinstance(part, Optimizer):
            load_optimiser(part, tensors_within(name, tensors), name)
        else:
            _load_network(name, part, tensors_within(name, tensors))


def tensors_within(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of one part, by what they are there."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def optimiser_tensors(optimiser: Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers of each parameter, `3.exp_avg`, and the learning rate of each group, `rate.0`."""
    read = optimiser.state_dict()
    tensors = {
        f"{number}.{key}": torch.as_tensor(value)
        for number, of_parameter in read["state"].items()
        for key, value in of_parameter.items()
        if value is not None
    }
    rates = {
        f"rate.{k}": torch.tensor(group["lr"], dtype=torch.float64) for k, group in enumerate(read["param_groups"])
    }
    return {**tensors, **rates}


def load_optimiser(optimiser: Optimizer, tensors: Mapping[str, Tensor], name: str) -> None:
    """Put back what `optimiser_tensors` gave.

    Args:
        optimiser: Over parameters of the same shapes.
        tensors: What it remembered.
        name: How it is called in messages.

    Raises:
        ControllerError: If it was another optimiser, or over other parameters.
    """
    groups = optimiser.state_dict()["param_groups"]
    shapes = [tuple(parameter.shape) for group in optimiser.param_groups for parameter in group["params"]]
    if sorted(key for key in tensors if key.startswith("rate.")) != sorted(f"rate.{k}" for k in range(len(groups))):
        raise _other(name)
    for k, group in enumerate(groups):
        group["lr"] = float(tensors[f"rate.{k}"])
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        owner, _, quantity = key.partition(".")
        if owner == "rate":
            continue
        # A number of its own, as a count of steps, or one for each number of the parameter.
        if int(owner) >= len(shapes) or tuple(value.shape) not in ((), shapes[int(owner)]):
            raise _other(name)
        state.setdefault(int(owner), {})[quantity] = value.clone()
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def _load_network(name: str, network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    if {key: tuple(value.shape) for key, value in tensors.items()} != expected:
        raise _other(name)
    network.load_state_dict(tensors)


def _other(name: str) -> ControllerError:
    return ControllerError(f"{name!r} is not as it was written; another version of ev-cosim wrote it")
