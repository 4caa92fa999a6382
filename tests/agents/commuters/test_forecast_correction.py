"""What is learned of a forecast's error."""

from __future__ import annotations

import math

import torch
from commuter_fleet import commuters

from agents.commuters.forecast_correction import ForecastCorrection
from agents.commuters.view import KEPT


def persistence(slot: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Net load that goes round in a day: foretold to stay as it is, and as it comes, shape [S, 4]."""

    def net_kw(at: torch.Tensor) -> torch.Tensor:
        return 100.0 + 50.0 * torch.sin(2.0 * math.pi * at / 12.0)

    market = torch.zeros(len(slot), 3, KEPT)
    market[:, 0] = net_kw(slot)[:, None]
    return market, net_kw(slot[:, None] + torch.arange(4))


def test_it_changes_nothing_before_it_has_learned() -> None:
    market, _ = persistence(torch.arange(12))
    assert not ForecastCorrection(commuters(), 4)(market, torch.arange(12)).any()


def test_it_learns_what_persistence_is_wrong_by_and_leaves_the_present() -> None:
    torch.manual_seed(0)
    correction, slot = ForecastCorrection(commuters(), 4), torch.arange(12)
    optimiser = torch.optim.Adam(correction.parameters(), lr=1e-2)
    market, actual_kw = persistence(slot)
    known = torch.ones(12, 4, dtype=torch.bool)
    losses = []
    for _ in range(600):
        loss = correction.loss(market[:, 0, :4] + correction(market, slot), actual_kw, known)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.02 * losses[0]
    assert not correction(market, slot)[:, 0].any()


def test_what_comes_after_the_end_does_not_count() -> None:
    correction = ForecastCorrection(commuters(), 2)
    foretold, actual = torch.tensor([[100.0, 150.0]]), torch.tensor([[100.0, 9999.0]])
    assert float(correction.loss(foretold, actual, torch.tensor([[True, False]]))) == 0.0
    assert float(correction.loss(foretold, torch.tensor([[100.0, 200.0]]), torch.tensor([[True, True]]))) == 0.5
