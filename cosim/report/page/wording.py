"""Numbers in sentences."""

from __future__ import annotations


def percent(share: float, digits: int = 1) -> str:
    """A share as per cent.

    Args:
        share: The share, 1 for all.
        digits: Digits after the point.
    """
    return f"{100.0 * share:.{digits}f}\u00a0%"


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things.

    Args:
        number: How many.
        one: What one is called.
        many: What several are called; default: with an s.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
