"""One replication of a study: customers come, stations serve them, and what became of each is kept as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.charging.customer import Outcome
from cosim.charging.day import StationDay
from cosim.charging.design import StationDesign
from cosim.charging.public_station import OnEvent
from cosim.errors import SimulationError
from cosim.interface import Floats, Ints
from cosim.queueing.plan import Plan
from cosim.sampling.faults import faults_of
from cosim.sampling.group import customers_of
from cosim.units import SECONDS_PER_HOUR

#: How far sums over time may be apart, as a share.
CLOSES = 1e-9


@dataclass(frozen=True)
class StationRecords:
    """What happened at a station; times in hours since the study began.

    Attributes:
        design: How it is built.
        arrive_h: Arrival of each customer [h], shape [N], by number as all that follow.
        group: Number of its group among those of the station.
        outcome: What became of it, numbers of `Outcome`.
        waited_h: Time in the queue [h].
        left_h: Time at which it left [h].
        charged_kwh: Energy drawn [kWh].
        queue_met: Customers who waited when it came.
        interrupted: Times that it lost its charger.
        wait_h: Beginning and end of each stay in the queue [h], shape [W, 2].
        spell_h: Beginning and end of each spell at a charger [h], shape [S, 2].
        spell_charger: Its charger, shape [S].
        spell_customer: Its customer, shape [S].
        limited_h: Beginning and end of each time in which the site limit held vehicles back [h], shape [L, 2].
    """

    design: StationDesign
    arrive_h: Floats
    group: Ints
    outcome: Ints
    waited_h: Floats
    left_h: Floats
    charged_kwh: Floats
    queue_met: Ints
    interrupted: Ints
    wait_h: Floats
    spell_h: Floats
    spell_charger: Ints
    spell_customer: Ints
    limited_h: Floats


#: Told of the station, and what happened there as `PublicStation` tells it.
OnStationEvent = Callable[[int, Any, Any, Any, Any], None]


def replicate(plan: Plan, number: int, on_event: OnStationEvent | None = None) -> list[StationRecords]:
    """Go through one replication.

    Args:
        plan: The study.
        number: Number of the replication, from 0; it decides on all random numbers, with the study's seed.
        on_event: Told of every event with the number of its station; None if nobody wants to know.

    Returns:
        The records of each station.

    Raises:
        SimulationError: If what the stations counted is not what their customers say.
        QueueError: If listed values do not suffice, or too many customers come.
    """
    return [
        _of_station(plan, station, number, None if on_event is None else _told(on_event, station))
        for station in range(len(plan.designs))
    ]


def _told(on_event: OnStationEvent, station: int) -> OnEvent:
    return lambda *event: on_event(station, *event)


def _of_station(plan: Plan, station: int, number: int, on_event: OnEvent | None) -> StationRecords:
    """Stations have nothing in common, so each has a day of its own."""
    design = plan.designs[station]
    coming = customers_of(plan.groups, station, plan.span, plan.seed, number)
    faults = faults_of(plan.faults[station], design.chargers, plan.station_names[station], plan.seed, number)
    day = StationDay(design, coming.customers, faults, on_event)
    day.run()
    records = _records(design, coming.group, day)
    _check(plan.station_names[station], records, day)
    return records


def _records(design: StationDesign, group: Ints, day: StationDay) -> StationRecords:
    def column(name: str) -> NDArray[Any]:
        return np.array([getattr(customer, name) for customer in day.customers])

    def pairs(spans: Sequence[tuple[float, float]]) -> Floats:
        return np.array(spans, dtype=float).reshape(-1, 2) / SECONDS_PER_HOUR

    station = day.station
    spells = station.spells
    return StationRecords(
        design=design,
        arrive_h=column("arrive_s").astype(float) / SECONDS_PER_HOUR,
        group=group,
        outcome=column("outcome").astype(np.int64),
        waited_h=column("waited_s").astype(float) / SECONDS_PER_HOUR,
        left_h=column("plug_out_s").astype(float) / SECONDS_PER_HOUR,
        charged_kwh=column("charged_kwh").astype(float),
        queue_met=column("queue_met").astype(np.int64),
        interrupted=column("interrupted").astype(np.int64),
        wait_h=pairs(station.waits),
        spell_h=pairs([(from_s, until_s) for _, _, from_s, until_s in spells]),
        spell_charger=np.array([spell[0] for spell in spells], dtype=np.int64),
        spell_customer=np.array([spell[1] for spell in spells], dtype=np.int64),
        limited_h=pairs(station.limited),
    )


def _check(name: str, records: StationRecords, day: StationDay) -> None:
    """Little's law on the path: what the station counted over time is what customers say, one by one."""
    station = day.station
    waited_h, plugged_h = records.waited_h.sum(), (records.spell_h[:, 1] - records.spell_h[:, 0]).sum()
    for what, counted_s, said_h in (("waiting", station.queue_s, waited_h), ("charging", station.busy_s, plugged_h)):
        counted_h = counted_s / SECONDS_PER_HOUR
        if abs(counted_h - said_h) > CLOSES * max(1.0, counted_h):
            raise SimulationError(
                f"station {name!r}: {counted_h!r} h of {what} were counted over time, but customers say {said_h!r} h"
            )
    if (records.outcome == Outcome.THERE).any():
        raise SimulationError(f"station {name!r}: somebody never left")
