"""Means and variances of those values that count."""

from __future__ import annotations

import pytest
import torch

from agents.masked import mean_of, variance_of

VALUES, COUNTS = torch.tensor([1.0, 5.0, 99.0, 3.0]), torch.tensor([True, True, False, True])


def test_only_what_counts_counts() -> None:
    assert float(mean_of(VALUES, COUNTS)) == 3.0
    assert float(variance_of(VALUES, COUNTS)) == pytest.approx(8.0 / 3.0)


def test_nothing_counts() -> None:
    assert float(mean_of(VALUES, torch.zeros(4))) == 0.0
    assert float(variance_of(VALUES, torch.zeros(4))) == 0.0
