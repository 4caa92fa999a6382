"""Names and units of all columns agree."""

from __future__ import annotations

import pytest

from cosim.records.schema import TABLES, Column, columns_of, table_kind

UNITS = {
    "kw": "kW",
    "kvar": "kvar",
    "kwh": "kWh",
    "cny": "CNY",
    "km": "km",
    "s": "s",
    "pu": "p.u.",
    "kv": "kV",
    "ohm": "ohm",
    "rad": "rad",
    "vph": "vehicles/h",
}
#: Numbers that are not whole and have no unit: shares, means of counts, rewards.
PURE = {"power_share", "queue_mean", "busy_mean", "shedding", "cost", "penalty", "total"}
PURE |= {"stability", "fossil", "renewable", "satisfaction", "revenue", "x", "y", "bpr_b", "bpr_power"}
COLUMNS = [pytest.param(column, id=f"{kind.name}.{column.name}") for kind in TABLES for column in columns_of(kind)]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_has_its_unit_as_its_suffix_or_none(column: Column) -> None:
    suffix = column.name.rpartition("_")[2] if "_" in column.name else ""
    assert column.unit == UNITS.get(suffix, "")
    if not column.unit:
        assert column.kind in ("int", "bool", "str", "list of int") or column.name in PURE
    else:
        assert column.kind in ("float", "list of float")
    assert column.about.endswith(".")


def test_names_are_unique_and_keys_come_first() -> None:
    assert len({kind.name for kind in TABLES}) == len(TABLES)
    for kind in TABLES:
        names = [column.name for column in columns_of(kind)]
        assert len(set(names)) == len(names), kind.name
        assert names[: len(kind.keys)] == [key.name for key in kind.keys]


def test_tables_are_found_by_name() -> None:
    assert [table_kind(kind.name) for kind in TABLES] == list(TABLES)
