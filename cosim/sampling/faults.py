"""When chargers fail and work again, charger by charger."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from cosim.charging.feed import Fault
from cosim.sampling.distribution import draw
from cosim.scenario.station_schema import Distribution, ListedFaults, RandomFaults
from cosim.seeding import stream
from cosim.units import SECONDS_PER_HOUR

#: Times that are drawn at once.
DRAWN_AT_ONCE = 64


def faults_of(
    faults: RandomFaults | ListedFaults | None, chargers: int, station: str, seed: int, number: int
) -> Iterator[Fault]:
    """Faults and repairs of a station, in order of time; endless if they are random.

    Args:
        faults: What a file says of them.
        chargers: Number of its chargers.
        station: Its name, which decides on the random stream.
        seed: Seed of all random streams.
        number: Number of the replication, or of the episode.
    """
    if isinstance(faults, ListedFaults):
        both = [
            Fault(time_h * SECONDS_PER_HOUR, fault.charger, works)
            for fault in faults.faults
            for time_h, works in ((fault.from_h, False), (fault.until_h, True))
        ]
        # At one instant a repair comes before a fault, of another charger as of the same.
        return iter(sorted(both, key=lambda fault: (fault.time_s, not fault.works, fault.charger)))
    if faults is None:
        return iter(())
    of_chargers = [_of_charger(faults, station, charger, seed, number) for charger in range(chargers)]
    return heapq.merge(*of_chargers, key=lambda fault: (fault.time_s, not fault.works, fault.charger))


def _of_charger(faults: RandomFaults, station: str, charger: int, seed: int, number: int) -> Iterator[Fault]:
    generator = stream(seed, number, f"queue.{station}.faults.{charger}")

    def values(distribution: Distribution) -> Iterator[float]:
        while True:
            yield from draw(distribution, DRAWN_AT_ONCE, generator).tolist()

    time_s = 0.0
    for works_h, repair_h in zip(values(faults.until_failure_h), values(faults.repair_h), strict=False):
        time_s += works_h * SECONDS_PER_HOUR
        yield Fault(time_s, charger, works=False)
        time_s += repair_h * SECONDS_PER_HOUR
        yield Fault(time_s, charger, works=True)
