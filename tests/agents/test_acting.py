"""A network as it acts gives a row the same numbers, whatever rows lie beside it."""

from __future__ import annotations

import torch
from torch import nn

from agents.acting import Acting


def test_rows_do_not_depend_on_their_number() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(130, 64), nn.ReLU(), nn.Linear(64, 3))
    acting, rows = Acting(network), torch.randn(101, 130)
    whole = acting.network(rows.double()).float()
    for count in (1, 2, 3, 7, 30, 64):
        assert torch.equal(acting.network(rows[:count].double()).float(), whole[:count])


def test_a_copy_is_as_the_network_was_when_it_was_last_renewed() -> None:
    network = nn.Linear(2, 1)
    acting, row = Acting(network), torch.ones(1, 2)
    before = acting.network(row.double())
    with torch.no_grad():
        network.weight.add_(1.0)
    assert torch.equal(acting.network(row.double()), before)
    acting.renew()
    assert torch.allclose(acting.network(row.double()), before + 2.0)
    assert network.weight.dtype == torch.float32
