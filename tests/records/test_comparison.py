"""Tables are the same to the last bit, or the first value that is not is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_records import small_records

from cosim.records.comparison import Difference, compare_tables
from cosim.records.table import Table


def changed(name: str, column: str, row: int, value: Any) -> tuple[Table, Table]:
    stored, now = small_records(range(6))[name], small_records(range(6))[name]
    stored.columns[column][row] = value
    return stored, now


def test_the_same_is_the_same() -> None:
    one, other = small_records(range(6)), small_records(range(6))
    assert [compare_tables(one[name], other[name]) for name in one] == [(0, None)] * len(one)


def test_the_last_bit_counts() -> None:
    stored, now = small_records(range(6))["ev_slots"], small_records(range(6))["ev_slots"]
    row = int(np.flatnonzero(~np.isnan(now.columns["x_km"]))[5])
    value = now.columns["x_km"][row]
    stored.columns["x_km"][row] = np.nextafter(value, 9.0)
    place = {name: int(now.columns[name][row]) for name in ("episode", "slot", "ev")}
    expected = Difference("ev_slots", "x_km", place, repr(float(stored.columns["x_km"][row])), repr(float(value)))
    assert compare_tables(stored, now) == (1, expected)


def test_minus_zero_is_another_zero_and_nan_is_itself() -> None:
    stored, now = changed("ev_slots", "x_km", 3, -0.0)
    now.columns["x_km"][3] = 0.0
    assert compare_tables(stored, now)[0] == 1
    stored.columns["x_km"][3] = now.columns["x_km"][3] = np.nan
    # Another pattern of bits that is no number.
    stored.columns["x_km"].view(np.int64)[3] ^= 1
    assert compare_tables(stored, now) == (0, None)
    now.columns["x_km"][3] = 0.0
    assert compare_tables(stored, now)[0] == 1


@pytest.mark.parametrize(("column", "value"), [("state", 7), ("outcome", -2)])
def test_whole_numbers_count(column: str, value: int) -> None:
    count, first = compare_tables(*changed("ev_slots", column, 2, value))
    assert count == 1
    assert first is not None
    assert (first.column, first.stored, first.place) == (column, str(value), {"episode": 0, "slot": 1, "ev": 0})


@pytest.mark.parametrize(
    ("column", "value"), [("enter_s", [0.5, 9.0]), ("enter_s", []), ("road", [3]), ("to_km", [-0.0])]
)
def test_lists_count(column: str, value: list[float]) -> None:
    stored, now = changed("trips", column, 2, value)
    if column == "to_km":
        now.columns[column][2] = [0.0]
    if stored.columns[column][2] == now.columns[column][2] and column != "to_km":
        now.columns[column][2] = [1]
    count, first = compare_tables(stored, now)
    assert count == 1
    assert first is not None
    assert (first.table, first.column, first.stored) == ("trips", column, repr(value))
    # Episode 1 has one trip, episode 2 two: this is the second of them.
    assert first.place == {"episode": 2, "ev": int(now.columns["ev"][2]), "row": 1}


def test_rows_that_are_missing_or_too_many_count() -> None:
    few, many = small_records(range(3))["visits"], small_records(range(6))["visits"]
    count, first = compare_tables(few, many)
    assert count == len(many) - len(few) == 3
    assert first == Difference("visits", "rows", {"episode": 4, "ev": int(many.columns["ev"][3]), "row": 0}, "3", "6")
    assert compare_tables(many, few)[0] == 3
