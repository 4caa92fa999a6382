"""Compares tables to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from cosim.records.schema import Column, columns_of
from cosim.records.table import Table, Values

Mask = Any  # a numpy array of flags


@dataclass(frozen=True)
class Difference:
    """The first value of a table that differs.

    Attributes:
        table: Name of the table.
        column: Name of the column; `rows` if the numbers of rows differ.
        place: Episode, slot, unit or row that it is in.
        stored: The value that was stored, as text with all its digits.
        now: The value that it should have.
    """

    table: str
    column: str
    place: Mapping[str, int]
    stored: str
    now: str


def compare_tables(stored: Table, now: Table) -> tuple[int, Difference | None]:
    """Compare two tables of one kind; not-a-number equals itself, 0.0 and -0.0 differ.

    Args:
        stored: One table.
        now: The other.

    Returns:
        Number of rows that differ, and the first of these differences.
    """
    shared = min(len(stored), len(now))
    differing = np.zeros(shared, dtype=np.bool_)
    of_column: dict[str, Mask] = {}
    for column in columns_of(now.kind):
        values, others = stored.columns[column.name][:shared], now.columns[column.name][:shared]
        of_column[column.name] = _differing(column, values, others)
        differing |= of_column[column.name]
    count = int(differing.sum()) + abs(len(stored) - len(now))
    if differing.any():
        row = int(np.argmax(differing))
        name = next(name for name, mask in of_column.items() if mask[row])
        values = (_shown(table.columns[name][row]) for table in (stored, now))
        return count, Difference(now.kind.name, name, _place(now, row), *values)
    if count:
        longer = max(stored, now, key=len)
        return count, Difference(now.kind.name, "rows", _place(longer, shared), str(len(stored)), str(len(now)))
    return 0, None


def _differing(column: Column, stored: Values, now: Values) -> Mask:
    """Rows that differ in a column."""
    if column.kind == "float":
        neither = np.isnan(stored) & np.isnan(now)
        return np.logical_and(_bits(stored) != _bits(now), ~neither)
    if column.kind in ("int", "bool"):
        return np.not_equal(stored, now)
    if column.kind == "list of float" and stored == now and np.array_equal(_all_bits(stored), _all_bits(now)):
        return np.zeros(len(now), dtype=np.bool_)
    # Python writes a number such that it reads back as the same bits.
    return np.array([repr(one) != repr(other) for one, other in zip(stored, now, strict=True)], dtype=np.bool_)


def _bits(values: Values) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.ascontiguousarray(values, dtype=np.float64).view(np.int64)


def _all_bits(cells: list[list[float]]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return _bits(np.fromiter(chain.from_iterable(cells), dtype=np.float64))


def _place(table: Table, row: int) -> dict[str, int]:
    """Where a row is: its keys; its EV and its number within the episode where they are not enough."""
    keys = [key.name for key in table.kind.keys]
    names = [*keys, *(["ev"] if "ev" in table.columns and "ev" not in keys else [])]
    place = {name: int(table.columns[name][row]) for name in names}
    if len(keys) < 3:
        of_same = table.columns["episode"][:row] == table.columns["episode"][row] if keys else np.ones(row)
        place["row"] = int(np.sum(of_same))
    return place


def _shown(value: Any) -> str:
    return repr(value.item() if isinstance(value, np.generic) else value)
