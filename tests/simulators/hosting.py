"""A plain mosaik scenario around our traffic, as somebody else would write it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mosaik

SCENARIO = str(Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml")
BY_CLASS = {"python": "cosim.simulators.hosted_traffic:HostedTraffic"}
OVER_TCP = {"cmd": "%(python)s -m cosim.simulators.traffic %(addr)s"}
SLOT_S, SLOTS = 1800, 12

#: Values by entity and attribute, slot after slot.
Seen = dict[str, dict[str, list[Any]]]
#: What is fed at a time [ticks], by entity and attribute.
Fed = Mapping[tuple[str, str], Sequence[Callable[[int], Any]]]


@contextmanager
def world(how: dict[str, str], time_resolution: float = 1.0) -> Iterator[mosaik.World]:
    config = {
        "Traffic": how,
        "Input": {"python": "mosaik.basic_simulators:InputSimulator"},
        "Output": {"python": "mosaik.basic_simulators:OutputSimulator"},
    }
    loop = asyncio.new_event_loop()
    made = mosaik.World(
        config,
        asyncio_loop=loop,
        mosaik_config={"start_timeout": 60},
        time_resolution=time_resolution,
        skip_greetings=True,
        configure_logging=False,
    )
    try:
        yield made
    finally:
        if not loop.is_closed():
            # What mosaik leaves behind where a simulator fails.
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            made.shutdown()


def run(
    how: dict[str, str],
    wanted: Mapping[str, Sequence[str]],
    fed: Fed | None = None,
    *,
    time_resolution: float = 1.0,
    until: int = SLOTS * SLOT_S,
    **params: Any,
) -> Seen:
    """Run a World with our traffic in it; `wanted` are attributes by the beginning of entities' names."""
    with world(how, time_resolution) as made:
        traffic = made.start("Traffic", **{"scenario": SCENARIO, **params}).Traffic()
        entity = {one.eid: one for one in [traffic, *traffic.children]}
        outputs = made.start("Output")
        output = outputs.Dict()
        inputs = made.start("Input", step_size=round(SLOT_S / time_resolution))
        for (eid, name), functions in (fed or {}).items():
            for function in functions:
                made.connect(inputs.Function(function=function), entity[eid], ("value", name))
        for eid, one in entity.items():
            for kind, names in wanted.items():
                if eid.startswith(kind):
                    # An output that several entities feed tells them apart by their names.
                    made.connect(one, output, *names)
        # mosaik closes its loop at the run's end; the dictionary is the one that is filled.
        by_time = outputs.get_dict(output.eid)
        made.run(until=until, print_progress=False)
    seen: Seen = {}
    for _, values in sorted(by_time.items()):
        for name, by_sender in values.items():
            for sender, value in by_sender.items():
                seen.setdefault(sender.partition(".")[2], {}).setdefault(name, []).append(value)
    return seen
