"""What is shared by microgrids that are together."""

from __future__ import annotations

import numpy as np

from cosim.grid.islands import Islands

# 0 and 2 are together, 1 is dark, 3 alone.
ISLANDS = Islands(np.array([0, -1, 0, 1]))
VALUES = np.array([[1.0, 2.0, 3.0, 4.0]])


def test_totals_are_those_of_islands_and_who_is_dark_has_its_own() -> None:
    assert ISLANDS.total(VALUES).tolist() == [[4.0, 2.0, 4.0, 4.0]]
    assert ISLANDS.live.tolist() == [True, False, True, True]
    assert not ISLANDS.alone


def test_parts_are_in_proportion_and_add_up() -> None:
    total = ISLANDS.total(VALUES)
    part = ISLANDS.part(total, np.array([[3.0, 1.0, 1.0, 0.0]]))
    # Nobody has a weight in the last island.
    assert part.tolist() == [[3.0, 2.0, 1.0, 0.0]]


def test_who_is_alone_keeps_all_to_the_last_bit() -> None:
    alone = Islands(np.arange(4))
    assert alone.alone
    assert alone.total(VALUES) is VALUES
    assert alone.part(VALUES, np.zeros((1, 4))) is VALUES
