"""What linear power flow is off by, over whole days, and what a case costs: `python tests/benchmarks/linear_error.py`.

A run with power-grid-model says what is drawn at every bus in every slot; each engine then solves just that. Errors
are those of voltages at live buses, of the lowest voltage, and of losses.
"""

from __future__ import annotations

import functools
import os
import time
from dataclasses import dataclass
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np
from yardstick import heap_us

import cosim
from cosim.grid.network import Network
from cosim.grid.power_flow import open_engine
from cosim.grid.staged_flow import StagedFlow
from cosim.interface import Floats
from cosim.units import KW_PER_MW

SCENARIOS = Path(__file__).parents[2] / "scenarios"
AC = "power-grid-model"
ENGINES = ("lindistflow", "lindistflow-losses", AC)
#: Cases solved at once when it is timed, and how often.
TIMED, TRIES = 32, 7


@dataclass(frozen=True)
class Day:
    """A scenario to look at.

    Attributes:
        name: What it is called in the table.
        scenario: Its file, without the ending.
        overrides: What is different.
    """

    name: str
    scenario: str
    overrides: tuple[str, ...] = ()


def whole_day(name: str, case: str, supply_bus: int, station_bus: int, others: str = "") -> Day:
    """A day as `day_33bus` has it, of another network that is never cut; ten chargers at one bus, no units."""
    return Day(
        name,
        "day_33bus",
        (
            f"network.case={case}",
            "network.without=[sgen]",
            "network.timetable=[]",
            "network.vm_min_pu=0.8",
            f"network.supply={{bus: {supply_bus}, p_max_kw: 1.0e6, q_max_kvar: 1.0e6, vm_pu: 1.0}}",
            # A microgrid needs a unit to be named: one of 0.001 kW.
            f"network.microgrids=[{{name: all, pv: {{bus: {supply_bus}, p_max_kw: 0.001, profile: pv}}}}{others}]",
            f"stations=[{{name: CDS1, position_km: [8, 20], chargers: 10, bus: {station_bus}}}]",
        ),
    )


DAYS = (
    Day("33-bus, day with an outage", "day_33bus"),
    Day("CIGRE MV, outage", "outage_cigre_mv"),
    whole_day("33-bus uncut, day", "case33bw", 0, 17),
    # Its second substation is diesel without a limit.
    whole_day(
        "MV Oberrhein, day", "mv_oberrhein", 58, 100, ", {name: N, dg: {bus: 318, p_max_kw: 1.0e6, q_max_kvar: 1.0e6}}"
    ),
    whole_day("Kerber LV overhead, day", "create_kerber_landnetz_freileitung_1", 0, 1),
)


@dataclass(frozen=True)
class Drawn:
    """What is drawn at the buses of a network in an episode [MW, Mvar], each of shape [T, B]."""

    network: Network
    slot_h: float
    p_mw: Floats
    q_mvar: Floats


def drawn_in(day: Day) -> Drawn:
    """Run an episode with power-grid-model."""
    path, overrides = SCENARIOS / f"{day.scenario}.yaml", [*day.overrides, f"network.engine={AC}"]
    system = cosim.load(path, overrides)
    records = cosim.run(path, episodes=1, overrides=overrides).records
    assert records is not None
    p_kw, q_kvar = (records["bus_slots"].cube(name)[0] for name in ("p_kw", "q_kvar"))
    return Drawn(system.network, system.clock.slot_h, p_kw / KW_PER_MW, q_kvar / KW_PER_MW)


def solve(engine: str, drawn: Drawn) -> tuple[Floats, float]:
    """Voltages in every slot [p.u.], shape [T, B], 0 in the dark; and losses of the episode [kWh]."""
    flow = StagedFlow(drawn.network, functools.partial(open_engine, engine))
    vm_pu, losses_mw = np.zeros(drawn.p_mw.shape), 0.0
    for slot, number in enumerate(drawn.network.stage_of_slot):
        p_mw, q_mvar = drawn.p_mw[slot : slot + 1], drawn.q_mvar[slot : slot + 1]
        found = flow.solve(int(number), p_mw, q_mvar)
        vm_pu[slot] = found.vm_pu[0]
        losses_mw += float((found.slack_p_mw - drawn.network.stages[number].drawn_in_islands(p_mw)).sum())
    return vm_pu, losses_mw * KW_PER_MW * drawn.slot_h


def times_us(drawn: Drawn) -> dict[str, tuple[float, float]]:
    """CPU time of a case alone and as one of some, by engine, the engines in turn [us]; in the stage of most slots."""
    number = int(np.bincount(drawn.network.stage_of_slot).argmax())
    (slots,) = np.nonzero(drawn.network.stage_of_slot == number)
    cases = np.resize(slots, TIMED)
    flows = {engine: StagedFlow(drawn.network, functools.partial(open_engine, engine)) for engine in ENGINES}
    best = dict.fromkeys(ENGINES, (np.inf, np.inf))
    for _ in range(TRIES):
        for engine, flow in flows.items():
            tries = []
            for some, repeats in ((cases[:1], 20), (cases, 5)):
                p_mw, q_mvar = drawn.p_mw[some], drawn.q_mvar[some]
                begun_s = time.process_time()
                for _ in range(repeats):
                    flow.solve(number, p_mw, q_mvar)
                tries.append(1e6 * (time.process_time() - begun_s) / repeats / len(some))
            best[engine] = min(best[engine][0], tries[0]), min(best[engine][1], tries[1])
    return best


def main() -> None:
    print(f"yardstick {heap_us():.2f} us; errors against {AC}; us of CPU per case, alone and as one of {TIMED}")
    columns = ("network", "buses", "engine", "largest, p.u.", "mean, p.u.", "lowest voltage, p.u.", "losses, kWh")
    print(f"| {' | '.join(columns)} | alone, us | of {TIMED}, us |")
    print("|---|---|---|---|---|---|---|---|---|")
    for day in DAYS:
        drawn = drawn_in(day)
        expected_pu, expected_kwh = solve(AC, drawn)
        live = expected_pu > 0.0
        lowest_pu = expected_pu[live].min()
        spent_us = times_us(drawn)
        for engine in ENGINES:
            vm_pu, losses_kwh = solve(engine, drawn)
            error_pu = np.abs(vm_pu - expected_pu)[live]
            alone_us, of_some_us = spent_us[engine]
            alone, of_some = (spent_us[AC][k] / spent_us[engine][k] for k in (0, 1))
            lowest = f"{lowest_pu:.4f}" if engine == AC else f"{vm_pu[live].min() - lowest_pu:+.1e}"
            losses = f"{expected_kwh:,.1f}" if engine == AC else f"{losses_kwh / expected_kwh - 1:+.2%}"
            error = ("", "") if engine == AC else (f"{error_pu.max():.1e}", f"{error_pu.mean():.1e}")
            print(
                f"| {day.name} | {expected_pu.shape[1]} | `{engine}` | {error[0]} | {error[1]} | {lowest} | {losses} "
                f"| {alone_us:.1f} ({alone:.1f}x) | {of_some_us:.2f} ({of_some:.1f}x) |"
            )


if __name__ == "__main__":
    main()
