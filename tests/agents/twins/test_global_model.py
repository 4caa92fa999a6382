"""The model of the islands serves what is needed and offered, shares it, and can be climbed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from agents.credit import CreditWeights
from agents.twins.global_model import Balances, GlobalModel, soft_min

#: All that an EV feeds in counts, and nothing else.
OWN_ONLY = CreditWeights(scale=1.0, marginal=0.0, travel=0.0, charging=0.0)
MARGINAL_ONLY = CreditWeights(scale=1.0, marginal=1.0, travel=0.0, charging=0.0)


def tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def balances(
    deficit: float = 0.0, surplus: float = 0.0, fed: float = 0.0, drawn: float = 0.0, slots: int = 3
) -> Balances:
    """One EV, one station, the same in every slot."""
    return Balances(
        *(torch.full((1, 1, slots), value, dtype=torch.float64) for value in (deficit, surplus, fed, drawn))
    )


def offer(*kwh: float) -> Tensor:
    """One choice of one EV at one station."""
    return tensor([[[list(kwh)]]])


def test_soft_min_is_the_smaller_of_two() -> None:
    one, other = tensor([0.0, 0.0, 5.0, 40.0, 20.0]), tensor([0.0, 7.0, 30.0, 8.0, 20.0])
    assert soft_min(one, other).tolist() == pytest.approx([0.0, 0.0, 5.0, 8.0, 19.75], abs=0.02)


def test_what_is_needed_is_worth_its_energy_and_no_more() -> None:
    model, nothing = GlobalModel(3, weights=OWN_ONLY), tensor([[0.0]])
    assert float(model.worth(balances(deficit=100.0), offer(-10.0, -5.0, 0.0), nothing)) == pytest.approx(
        15.0, abs=0.02
    )
    assert float(model.worth(balances(deficit=4.0), offer(-10.0, 0.0, 0.0), nothing)) == pytest.approx(4.0, abs=0.02)
    assert float(model.worth(balances(), offer(-10.0, 0.0, 0.0), nothing)) == 0.0


def test_what_is_offered_beyond_the_need_is_shared() -> None:
    """Three EVs offer 10, 20 and 30 where 12 are needed: 2, 4 and 6."""
    model, nothing, offers = GlobalModel(1, weights=OWN_ONLY), tensor([[0.0]]), (10.0, 20.0, 30.0)
    worths = [
        float(model.worth(balances(deficit=12.0, fed=60.0 - own, slots=1), offer(-own), nothing)) for own in offers
    ]
    assert worths == pytest.approx([2.0, 4.0, 6.0], abs=0.01)


def test_the_marginal_part_is_what_would_be_lacking() -> None:
    model, nothing = GlobalModel(1, weights=MARGINAL_ONLY), tensor([[0.0]])
    for fed, lacking in ((5.0, 7.0), (40.0, 0.0)):
        worth = model.worth(balances(deficit=12.0, fed=fed, slots=1), offer(-10.0), nothing)
        assert float(worth) == pytest.approx(lacking, abs=0.1)


def test_driving_and_charging_cost() -> None:
    weights = CreditWeights(scale=1.0, marginal=0.0, travel=0.3, charging=0.015)
    worth = GlobalModel(1, weights=weights).worth(balances(surplus=100.0, slots=1), offer(20.0), tensor([[2.0]]))
    assert float(worth) == pytest.approx(-0.3 * 2.0 - 0.015 * 20.0, abs=0.01)


def test_the_horizon_ends_the_roll_out_and_discounts_count() -> None:
    nothing = tensor([[0.0]])
    offers = offer(-10.0, -10.0, -10.0)
    for horizon, expected in ((0, 0.0), (1, 10.0), (2, 15.0), (3, 17.5)):
        model = GlobalModel(horizon, gamma=0.5, weights=OWN_ONLY)
        assert float(model.worth(balances(deficit=100.0), offers, nothing)) == pytest.approx(expected, abs=0.02)


def test_it_is_differentiable_in_offers_and_sums() -> None:
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return (20.0 * torch.rand(*shape, generator=generator, dtype=torch.float64)).requires_grad_()

    parts = [drawn(2, 3, 4) for _ in range(4)]
    offers = (drawn(2, 3, 3, 4) - 10.0).detach().requires_grad_()
    model = GlobalModel(4)
    assert torch.autograd.gradcheck(
        lambda a, b, c, d, offered: model.worth(Balances(a, b, c, d), offered, torch.ones(2, 3)), (*parts, offers)
    )
