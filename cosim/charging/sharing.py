"""How vehicles share a power limit."""

from __future__ import annotations

from collections.abc import Sequence


def max_min_kw(most_kw: Sequence[float], limit_kw: float) -> list[float]:
    """The same for all, but nobody more than it can take: the smallest share is as large as it can be.

    Args:
        most_kw: What each can take [kW], >= 0.
        limit_kw: What all may have together [kW], >= 0.

    Returns:
        What each gets [kW]; together at most the limit.

    Source:
        Bertsekas, Gallager 1992, Data Networks, section 6.5.2 (progressive filling).
    """
    left_kw, count = limit_kw, len(most_kw)
    shares_kw = [0.0] * count
    for place, k in enumerate(sorted(range(count), key=most_kw.__getitem__)):
        share_kw = min(most_kw[k], left_kw / (count - place))
        shares_kw[k] = share_kw
        left_kw = max(left_kw - share_kw, 0.0)
    return shares_kw


def priority_kw(most_kw: Sequence[float], classes: Sequence[int], limit_kw: float) -> list[float]:
    """All that it can take to the first, then to the next: lower classes first, within a class in the order given.

    Args:
        most_kw: What each can take [kW], >= 0.
        classes: Class of each.
        limit_kw: What all may have together [kW], >= 0.

    Returns:
        What each gets [kW]; together at most the limit.
    """
    left_kw = limit_kw
    shares_kw = [0.0] * len(most_kw)
    for k in sorted(range(len(most_kw)), key=classes.__getitem__):
        shares_kw[k] = min(most_kw[k], left_kw)
        left_kw = max(left_kw - shares_kw[k], 0.0)
    return shares_kw
