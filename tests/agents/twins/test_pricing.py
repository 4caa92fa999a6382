"""A price falls as more is meant to be fed in, and tells what is left as exactly as a byte can."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.twins.pricing import SOFT_KWH, STEPS, left_of, price_of


def test_a_price_is_the_derivative_of_what_is_served() -> None:
    deficit_kwh = torch.tensor(150.0, dtype=torch.float64)
    fed_kwh = torch.tensor([0.0, 100.0, 150.0, 200.0, 900.0], dtype=torch.float64, requires_grad=True)
    apart_kwh = ((deficit_kwh - fed_kwh).square() + SOFT_KWH**2).sqrt()
    (0.5 * (deficit_kwh + fed_kwh - apart_kwh)).sum().backward()  # type: ignore[no-untyped-call]
    assert fed_kwh.grad is not None
    price = price_of((deficit_kwh - fed_kwh).detach().numpy()) / (2.0 * STEPS)
    assert price.tolist() == pytest.approx(fed_kwh.grad.tolist(), abs=0.5 / (2.0 * STEPS))
    assert price[2] == 0.5


def test_little_is_told_exactly_and_much_roughly() -> None:
    left_kwh = np.array([-2000.0, -300.0, -30.0, 0.0, 3.0, 30.0, 100.0, 300.0, 2000.0])
    told_kwh = left_of(price_of(left_kwh))
    assert np.abs(told_kwh - left_kwh)[2:6].max() < 0.5
    assert told_kwh[3] == 0.0
    assert told_kwh[[1, 6, 7]].tolist() == pytest.approx([-300.0, 100.0, 300.0], rel=0.06)
    # The outermost bytes stand for all that is more.
    assert told_kwh[[0, -1]].tolist() == pytest.approx([-1125.0, 1125.0], rel=0.01)
    assert (np.diff(told_kwh) > 0.0).all()
