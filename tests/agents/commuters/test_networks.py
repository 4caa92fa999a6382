"""Networks that EVs share, or have each for itself."""

from __future__ import annotations

import torch

from agents.commuters.networks import EvNetwork


def test_a_shared_network_treats_all_alike() -> None:
    network, seen = EvNetwork(4, 8), torch.randn(5, 1, 4).expand(5, 3, 4)
    out = network(seen)
    assert out.shape == (5, 3)
    assert torch.allclose(out, out[:, :1].expand(5, 3))


def test_own_networks_differ_and_keep_the_front_axes() -> None:
    torch.manual_seed(0)
    network, seen = EvNetwork(4, 8, evs=3), torch.randn(2, 5, 1, 4).expand(2, 5, 3, 4)
    out = network(seen)
    assert out.shape == (2, 5, 3)
    assert not torch.allclose(out[..., 0], out[..., 1])
    for k in range(3):
        alone = torch.zeros(2, 5, 3, 4)
        alone[..., k, :] = seen[..., k, :]
        assert torch.allclose(network(alone)[..., k], out[..., k])


def test_nobody_learns_from_the_error_of_another() -> None:
    network = EvNetwork(4, 8, evs=3, last_layer=1.0)
    network(torch.randn(5, 3, 4))[:, 1].sum().backward()
    for weights in network.parameters():
        assert weights.grad is not None
        assert not weights.grad[[0, 2]].any()
        assert weights.grad[1].any()
