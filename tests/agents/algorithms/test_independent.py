"""Networks side by side are networks apart: values, gradients, clipping."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from line_fleet import fleet
from torch import nn

from agents.algorithms.independent import Independent, Settings, q_networks
from agents.episode_replay import EpisodeReplay
from agents.learning import kept_shapes

EVS, STATIONS = 3, 3


def replay_of(made: Independent, seed: int = 0) -> EpisodeReplay:
    """Four episodes of whatever, in which everybody decides."""
    generator, shapes = np.random.default_rng(seed), kept_shapes(fleet(EVS), made)
    replay = EpisodeReplay(4, shapes)
    drawn = {name: generator.normal(size=(4, *shape)).astype(np.float32) for name, (shape, _) in shapes.items()}
    drawn["possible"] = np.ones_like(drawn["possible"], dtype=np.bool_)
    drawn["choice"] = generator.integers(0, STATIONS * 3, drawn["choice"].shape)
    replay.add(drawn)
    return replay


def test_each_network_is_one_of_its_own() -> None:
    torch.manual_seed(0)
    networks = q_networks(EVS, STATIONS, 8)
    rows = torch.randn(EVS, 5, 3 * 19 + 8)
    found = networks(rows)
    assert found.shape == (EVS, 5, STATIONS * 3)
    for ev in range(EVS):
        values = rows[ev]
        for layer in networks:
            values = layer(values) if isinstance(layer, nn.ReLU) else values @ layer.weight[ev] + layer.bias[ev]
        assert torch.allclose(found[ev], values, atol=1e-6)


def test_an_ev_learns_from_its_own_rows_only() -> None:
    settings = Settings(hidden=8, rows=16, updates=1)
    made, other = Independent(fleet(EVS), settings, 0), Independent(fleet(EVS), settings, 0)
    before = copy.deepcopy(made.weights())
    replay, changed = replay_of(made), replay_of(made)
    changed.arrays["reward"][:, :, 1] += 5.0
    for algorithm, of in ((made, replay), (other, changed)):
        algorithm.update(of, 0.0, np.random.default_rng(3))
    for name, value in made.weights().items():
        same = [torch.equal(value[ev], other.weights()[name][ev]) for ev in range(EVS)]
        assert same == [True, False, True], name
        assert not torch.equal(value, before[name])


def test_a_large_gradient_of_one_does_not_shorten_the_steps_of_others() -> None:
    made = Independent(fleet(EVS), Settings(hidden=8, gradient_norm=1.0), 0)
    value = made.networks(torch.randn(EVS, 4, 3 * 19 + 8)).sum(dim=(1, 2))
    made._descend((value * torch.tensor([1000.0, 1e-3, 0.0])).sum(), 1e-3)
    norms = torch.stack([p.grad.square().sum(dim=(1, 2)) for p in made.networks.parameters()]).sum(dim=0).sqrt()
    assert float(norms[0]) == pytest.approx(1.0, abs=1e-4)
    assert 0.0 < float(norms[1]) < 0.1
    assert float(norms[2]) == 0.0
