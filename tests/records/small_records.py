"""Records of made-up episodes: every table, every kind of cell; what an episode holds depends on its number only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cosim.records.schema import TABLES, Column, TableKind, columns_of
from cosim.records.table import Records, Table, slot_keys, static_table

SLOTS = 2
UNITS = {"microgrid": 2, "bus": 3, "ev": 2, "station": 1, "road": 4}


def small_records(episodes: Sequence[int]) -> Records:
    """All tables with rows per episode."""
    return Records([_table(kind, episodes) for kind in TABLES if kind.keys])


def small_fixed() -> Records:
    """All tables that hold for the whole run."""
    generator = np.random.default_rng(1)
    tables = []
    for kind in TABLES:
        if not kind.keys:
            columns = {column.name: _cells(column, 3, generator) for column in columns_of(kind)}
            tables.append(static_table(kind.name, kind.columns(**columns)))
    return Records(tables)


def same_bits(one: Records, other: Records) -> bool:
    """Whether two sets of tables have the same names, shapes and values, to the last bit."""

    def bits(values: Any) -> Any:
        return (values.dtype, values.tobytes()) if isinstance(values, np.ndarray) else repr(values)

    return list(one) == list(other) and all(
        one[name].shape == other[name].shape
        and list(one[name].columns) == list(other[name].columns)
        and all(bits(cells) == bits(other[name].columns[column]) for column, cells in one[name].columns.items())
        for name in one
    )


def _table(kind: TableKind, episodes: Sequence[int]) -> Table:
    pieces = [_columns(kind, episode) for episode in episodes]
    columns: dict[str, Any] = {}
    for column in columns_of(kind):
        cells = [piece[column.name] for piece in pieces]
        listed = isinstance(cells[0], list)
        columns[column.name] = [cell for part in cells for cell in part] if listed else np.concatenate(cells)
    shape = (len(episodes), SLOTS, UNITS[kind.keys[2].name]) if len(kind.keys) == 3 else None
    return Table(kind, columns, shape)


def _columns(kind: TableKind, episode: int) -> dict[str, Any]:
    generator = np.random.default_rng(episode)
    if len(kind.keys) == 3:
        keys = slot_keys(kind, [episode], SLOTS, UNITS[kind.keys[2].name])
    else:
        # No rows in every third episode.
        keys = {"episode": np.full(episode % 3, episode, dtype=np.int64)}
    rows = len(keys["episode"])
    own = [column for column in columns_of(kind) if column.name not in keys]
    return {**keys, **{column.name: _cells(column, rows, generator) for column in own}}


def _cells(column: Column, rows: int, generator: np.random.Generator) -> Any:
    if column.kind == "float":
        values = generator.normal(size=rows)
        values[generator.random(rows) < 0.3] = np.nan
        return values
    if column.kind == "bool":
        return generator.integers(0, 2, rows)
    if column.kind == "int":
        return generator.integers(-1, 1 << 40, rows)
    if column.kind == "str":
        return [f"é[{k}]" for k in range(rows)]
    draw = generator.normal if column.kind == "list of float" else (lambda size: generator.integers(0, 99, size))
    return [draw(size=k % 3).tolist() for k in range(rows)]
