"""Shares of a power limit, by hand and as properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.sharing import max_min_kw, priority_kw

POWERS = st.lists(st.floats(0.0, 400.0), max_size=8)
LIMITS = st.floats(0.0, 2_000.0)


def test_who_can_take_little_gets_all_of_it_and_the_others_share_the_rest_alike() -> None:
    assert max_min_kw([50.0, 10.0, 50.0], 70.0) == [30.0, 10.0, 30.0]
    assert max_min_kw([50.0, 10.0], 100.0) == [50.0, 10.0]
    assert max_min_kw([], 100.0) == []


def test_the_lowest_class_gets_all_that_it_can_take() -> None:
    assert priority_kw([50.0, 50.0, 50.0], [1, 0, 1], 70.0) == [20.0, 50.0, 0.0]


@given(most_kw=POWERS, limit_kw=LIMITS)
def test_the_limit_is_used_up_and_never_exceeded(most_kw: list[float], limit_kw: float) -> None:
    for shares_kw in (max_min_kw(most_kw, limit_kw), priority_kw(most_kw, [0] * len(most_kw), limit_kw)):
        assert sum(shares_kw) == pytest.approx(min(sum(most_kw), limit_kw), abs=1e-9)
        assert all(0.0 <= share <= most for share, most in zip(shares_kw, most_kw, strict=True))


@given(most_kw=POWERS, limit_kw=LIMITS)
def test_nobody_has_less_than_another_unless_it_can_take_no_more(most_kw: list[float], limit_kw: float) -> None:
    shares_kw = max_min_kw(most_kw, limit_kw)
    for share, most in zip(shares_kw, most_kw, strict=True):
        assert share == pytest.approx(most) or share >= max(shares_kw) - 1e-9
