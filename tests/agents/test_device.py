"""Learners update on a GPU where there is one. Without one, a made-up device shows whether all is in its place."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torch._functorch.config
from commuter_fleet import fleet_for
from line_fleet import fleet
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.optim import Optimizer

from agents.algorithm import Algorithm
from agents.catalogue import LINES, find_line, make_algorithm, make_settings
from agents.device import CPU, array, decides_apart, device_name, learning_device
from agents.episode_replay import EpisodeReplay
from agents.learner import Learner
from agents.students import kept_of

SPEC = fleet(3)
#: No tensor there has values, and none may meet one that is elsewhere.
MADE_UP = torch.device("meta")

CASES: list[tuple[str, Mapping[str, Any]]] = [
    *((line.name, {}) for line in LINES),
    ("admaddpg", {"literal_index": True}),
    # All episodes are over before these returns are: what comes after them is empty.
    ("admaddpg", {"steps": 12}),
    ("admaddpg-literal", {"others": "current", "nearness": True}),
    ("maddpg", {"critic": "set", "others": "current", "nearness": True}),
]


def made(name: str, settings: Mapping[str, Any]) -> Algorithm:
    line = find_line(name)
    return make_algorithm(line, fleet_for(line, 3), make_settings(line, settings), 0)


def replay_of(algorithm: Algorithm) -> EpisodeReplay:
    """Episodes of noise in which everybody decides."""
    generator, shapes = np.random.default_rng(0), kept_of(SPEC, algorithm)
    kept = {name: generator.random((4, *shape)).astype(kind) for name, (shape, kind) in shapes.items()}
    if "choice" in kept:
        kept["choice"][...] = generator.integers(0, 9, kept["choice"].shape)
    for name in {"possible", "decided"} & set(kept):
        kept[name][...] = True
    if "turn" in kept:
        kept["turn"][...] = np.arange(SPEC.fleet_size)
    replay = EpisodeReplay(4, shapes)
    replay.add(kept)
    return replay


def updated(algorithm: Algorithm, replay: EpisodeReplay) -> dict[str, float]:
    if algorithm.on_policy:
        # Before, only the critic learns.
        algorithm.parts()["rounds"][...] = algorithm.settings.warm_up  # type: ignore[index]
    return algorithm.update(replay, 0.5, np.random.default_rng(0))


def test_a_gpu_is_used_where_torch_sees_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (learning_device(), device_name(learning_device()), decides_apart(learning_device())) == (CPU, "cpu", False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"the GPU {device}")
    gpu = learning_device()
    assert (gpu.type, device_name(gpu), decides_apart(gpu)) == ("cuda", "the GPU cuda", True)


def test_values_on_the_cpu_are_not_copied() -> None:
    values = np.arange(3.0)
    algorithm = made("maddqn", {})
    assert np.shares_memory(array(algorithm.tensor(values)), values)


# ------------------------------------------------------------------------------------------------ a made-up device


@pytest.fixture
def nothing_has_values(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tensors have a shape and a device; a number or an array that is made of one is anything."""
    monkeypatch.setattr(FakeTensor, "__float__", lambda _: 0.5, raising=False)
    for module in {line.module for line in LINES}:
        monkeypatch.setattr(
            importlib.import_module(module), "array", lambda tensor: np.zeros(tensor.shape, np.float32), raising=False
        )
    with torch._functorch.config.patch(fake_tensor_allow_meta=True), FakeTensorMode(allow_non_fake_inputs=True):
        yield


def move(algorithm: Algorithm) -> None:
    """As `learn_on`; with parameters in the place of others, as tensors without values cannot be changed in place."""
    algorithm.device, moved = MADE_UP, {}
    for part in algorithm.parts().values():
        for module in part.modules() if isinstance(part, nn.Module) else ():
            for name, parameter in list(module.named_parameters(recurse=False)):
                moved[parameter] = nn.Parameter(parameter.detach().to(MADE_UP))
                setattr(module, name, moved[parameter])
            for name, buffer in list(module.named_buffers(recurse=False)):
                setattr(module, name, buffer.to(MADE_UP))
    for part in algorithm.parts().values():
        for group in part.param_groups if isinstance(part, Optimizer) else ():
            # Fused steps are for real devices only.
            group.update(params=[moved[parameter] for parameter in group["params"]], fused=False, foreach=False)


@pytest.mark.parametrize(("name", "settings"), CASES)
@pytest.mark.usefixtures("nothing_has_values")
def test_nothing_of_an_update_is_left_on_the_cpu(name: str, settings: Mapping[str, Any]) -> None:
    algorithm = made(name, settings)
    move(algorithm)
    assert all(np.isfinite(value) for value in updated(algorithm, replay_of(algorithm)).values())
    parameters = list(algorithm.decides.parameters())
    assert all(parameter.device == MADE_UP and parameter.grad is not None for parameter in parameters)


@pytest.mark.usefixtures("nothing_has_values")
def test_what_is_left_on_the_cpu_shows() -> None:
    algorithm = made("maddqn", {})
    move(algorithm)
    algorithm.device = CPU
    with pytest.raises(RuntimeError, match=r"two (different )?devices"):
        updated(algorithm, replay_of(algorithm))


# --------------------------------------------------------------------------------------------------------- a GPU


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(("name", "settings"), CASES)
def test_a_gpu_learns_what_a_cpu_learns_and_one_goes_on_where_the_other_was(
    name: str, settings: Mapping[str, Any]
) -> None:
    here, there, then_here, then_there = (made(name, settings) for _ in range(4))
    for algorithm in (there, then_there):
        algorithm.learn_on(learning_device())
    assert next(there.decides.parameters()).is_cuda
    replay = replay_of(here)
    begun, begun_there = state_of(here), state_of(there)
    assert all(np.array_equal(values, begun_there[part]) for part, values in begun.items())
    logged, logged_there = updated(here, replay), updated(there, replay)
    assert logged_there == pytest.approx(logged, rel=0.02, abs=0.02)
    found, found_there = state_of(here), state_of(there)
    assert set(found) == set(found_there)
    for part, values in found.items():
        np.testing.assert_allclose(found_there[part], values, rtol=0.05, atol=5e-3, err_msg=part)
    for algorithm in (then_here, then_there):
        algorithm.load_state({part: torch.from_numpy(values) for part, values in found_there.items()})
        taken = state_of(algorithm)
        assert all(np.array_equal(values, taken[part]) for part, values in found_there.items())
        assert all(np.isfinite(value) for value in updated(algorithm, replay).values())
    then_there.load_state({part: torch.from_numpy(values) for part, values in found.items()})
    assert all(np.isfinite(value) for value in updated(then_there, replay).values())


def state_of(algorithm: Algorithm) -> dict[str, Any]:
    """All parts as a checkpoint has them."""
    tensors = Learner(algorithm, kept_of(SPEC, algorithm), episodes=1, seed=0).tensors()
    return {
        name.removeprefix("algorithm."): np.array(values)
        for name, values in tensors.items()
        if name.startswith("algorithm.")
    }
