"""Every event at the stations with its time, as Parquet or JSON lines.

Events stand in the order in which they happened. At one instant, at one station: who leaves, chargers that fail or are
repaired, those who come, by number, each followed by what becomes of it; powers last.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas

from cosim.charging.customer import Customer
from cosim.charging.public_station import Event
from cosim.errors import QueueError
from cosim.queueing.plan import Plan
from cosim.queueing.replication import replicate
from cosim.units import SECONDS_PER_HOUR

#: Columns of a trace: name and what it means.
COLUMNS = {
    "station": "name of the station",
    "time_h": "time since the study began [h]",
    "event": "arrive, queue, start, power, end, displaced, leave, fault or repair",
    "customer": "number of the customer at its station, by arrival; -1 for faults and repairs",
    "charger": "number of the charger; -1 for none",
    "power_kw": "power that the customer draws from then on [kW]; 0 where it draws none",
    "energy_kwh": "energy in its battery [kWh]; 0 for faults and repairs",
    "outcome": "what became of who leaves: served, balked, blocked or reneged; else empty",
}
SUFFIXES = (".parquet", ".jsonl")


def check_trace(path: Path) -> None:
    """See to it that a trace can be written.

    Raises:
        QueueError: If its name says no known form, it is there already, or its folder is not.
    """
    if path.suffix not in SUFFIXES:
        raise QueueError(f"--trace {path}: must end in {' or '.join(SUFFIXES)}")
    if path.exists():
        raise QueueError(f"--trace {path}: must be a new file")
    if not path.parent.is_dir():
        raise QueueError(f"--trace {path}: there is no folder {path.parent}")


def trace(plan: Plan, number: int = 0) -> pandas.DataFrame:
    """All events of one replication, stations one after another.

    Args:
        plan: The study.
        number: Number of the replication.

    Returns:
        A row per event, with the columns of `COLUMNS`.
    """
    rows: list[tuple[Any, ...]] = []

    def take(station: int, time_s: float, event: Event, customer: Customer | None, charger: int) -> None:
        flow = None if customer is None else customer.flow
        rows.append(
            (
                plan.station_names[station],
                time_s / SECONDS_PER_HOUR,
                event.value,
                -1 if customer is None else customer.number,
                charger,
                0.0 if flow is None else flow.power_kw,
                0.0 if customer is None else customer.energy_kwh,
                customer.outcome.name.lower() if customer is not None and event is Event.LEAVE else "",
            )
        )

    replicate(plan, number, take)
    return pandas.DataFrame(rows, columns=list(COLUMNS))


def write_trace(path: Path, rows: pandas.DataFrame) -> None:
    """Write a trace, whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    part = path.with_suffix(f"{path.suffix}.part")
    try:
        if path.suffix == ".parquet":
            rows.to_parquet(part, index=False)
        else:
            lines = (json.dumps(row, allow_nan=False) for row in rows.to_dict("records"))
            part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
