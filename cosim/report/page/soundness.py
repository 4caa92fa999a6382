"""Checks that a run folder's scenario and tables fit together, before anything is drawn from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cosim.clock import parse_time_of_day
from cosim.errors import RecordError
from cosim.records.table import Records, Table

#: Values of a scenario that a page needs, by their dotted path.
_NUMBER = (int, float)
_NEEDED: Mapping[str, type | tuple[type, ...]] = {
    "name": str,
    "seed": int,
    "controller.name": str,
    "clock.start": str,
    "clock.slots": int,
    "clock.slot_s": int,
    "fleet.size": int,
    "fleet.battery_kwh": _NUMBER,
    "fleet.soc_min": _NUMBER,
    "fleet.soc_max": _NUMBER,
    "fleet.consumption_kwh_per_km": _NUMBER,
    "network.engine": str,
    "network.vm_min_pu": _NUMBER,
    "network.vm_max_pu": _NUMBER,
}
#: Tables with a row for every slot and each row of another table, and that one.
_UNITS = {
    "microgrid_slots": "microgrids",
    "reference_slots": "microgrids",
    "bus_slots": "buses",
    "station_slots": "stations",
    "road_slots": "roads",
}
#: Columns that name a row of another table by its number, and that one.
_NUMBERS = {
    ("roads", "tail"): "nodes",
    ("roads", "head"): "nodes",
    ("stations", "microgrid"): "microgrids",
    ("buses", "microgrid"): "microgrids",
    ("visits", "station"): "stations",
    ("customers", "station"): "stations",
}
#: Columns with a number in each row, beside those of tables with a row for every slot.
_FILLED = {
    "nodes": ("x_km", "y_km"),
    "roads": ("length_km", "capacity_vph"),
    "stations": ("x_km", "y_km"),
    "trips": ("depart_s",),
}


def check_scenario(folder: Path, scenario: Mapping[str, Any]) -> None:
    """See to it that a scenario has what a page needs.

    Args:
        folder: The run folder.
        scenario: The resolved scenario.

    Raises:
        RecordError: If something is missing, or of another kind.
    """
    for path, kind in _NEEDED.items():
        value: Any = scenario
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if not isinstance(value, kind) or isinstance(value, bool):
            wanted = "text" if kind is str else "number"
            raise RecordError(f"{folder} is damaged: its scenario must have a {wanted} at {path}, not {value!r}")
    supply = scenario["network"].get("supply")
    if supply is not None and not (isinstance(supply, Mapping) and "bus" in supply):
        raise RecordError(f"{folder} is damaged: its scenario must have a bus at network.supply, not {supply!r}")
    try:
        parse_time_of_day(scenario["clock"]["start"])
    except ValueError as error:
        raise RecordError(f"{folder} is damaged: clock.start of its scenario: {error}") from error


def check_records(folder: Path, records: Records, fleet: int, slots: int) -> None:
    """See to it that the tables of an episode fit together, and have numbers where they must.

    Args:
        folder: The run folder.
        records: All tables of one episode.
        fleet: EVs that the scenario has.
        slots: Slots that an episode has.

    Raises:
        RecordError: If they do not.
    """
    counts = {name: len(next(iter(records[name].columns.values()))) for name in {*_UNITS.values(), "nodes"}}
    expected = {name: counts[units] for name, units in _UNITS.items()} | {"ev_slots": fleet}
    for name, count in expected.items():
        if records[name].shape != (1, slots, count):
            raise RecordError(
                f"{folder} is damaged: table {name!r} should have {slots} slots of {count} rows each in an episode"
            )
    for (name, column), other in _NUMBERS.items():
        numbers = np.asarray(records[name].columns[column], dtype=np.int64)
        if ((numbers < 0) | (numbers >= counts[other])).any():
            raise RecordError(f"{folder} is damaged: {column} of table {name!r} names rows that {other!r} lacks")
    for name in expected:
        _check_numbers(folder, records[name], tuple(records[name].columns))
    for name, columns in _FILLED.items():
        _check_numbers(folder, records[name], columns)


def _check_numbers(folder: Path, table: Table, columns: tuple[str, ...]) -> None:
    for column in columns:
        values = np.asarray(table.columns[column])
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise RecordError(f"{folder} is damaged: {column} of table {table.kind.name!r} lacks numbers")
