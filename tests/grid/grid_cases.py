"""The outage scenarios as the tests of this room use them."""

import copy
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandapower.networks

from cosim.grid.conditions import Conditions
from cosim.grid.islands import Islands
from cosim.grid.microgrid import Availability, Microgrids
from cosim.grid.model import GridModel, GridSlot
from cosim.grid.stage import Stage
from cosim.interface import Floats
from cosim.system import System, load_system

SCENARIOS = Path(__file__).parents[2] / "scenarios"
read_case33bw = functools.cache(pandapower.networks.case33bw)
ENGINE_NAMES = ("lindistflow", "lindistflow-losses", "power-grid-model", "pandapower", "opendss")


def case33bw() -> Any:
    return copy.deepcopy(read_case33bw())


@functools.cache
def outage(*overrides: str, name: str = "outage_33bus_deterministic") -> System:
    return load_system(SCENARIOS / f"{name}.yaml", overrides)


def run(model: GridModel, episodes: Sequence[int], station_kw: Floats | None = None, slots: int = 12) -> list[GridSlot]:
    """The first slots, with the same station power [R, H] in each of them."""
    if station_kw is None:
        station_kw = np.zeros((len(episodes), 5))
    model.begin(episodes)
    return [model.step(station_kw) for _ in range(slots)]


def total_kwh(slots: Sequence[GridSlot], field: str) -> Floats:
    """Energy of a power column over the slots [kWh], shape [R, M]."""
    return sum(getattr(slot.microgrids, field) for slot in slots) * 0.5


def column(slots: Sequence[GridSlot], field: str) -> Floats:
    """A column of the microgrids' record, shape [T, R, M]."""
    return np.stack([getattr(slot.microgrids, field) for slot in slots])


def one_microgrid(**changes: float) -> Microgrids:
    """DG 100 kW, storage of 50 kW from 20 to 180 kWh with efficiencies of 0.8 and 0.9."""
    values = {
        "dg_p_max_kw": 100.0,
        "dg_q_max_kvar": 100.0,
        "supply_max_kw": 0.0,
        "supply_max_kvar": 0.0,
        "ess_power_kw": 50.0,
        "ess_min_kwh": 20.0,
        "ess_max_kwh": 180.0,
        "ess_start_kwh": 100.0,
        "ess_charge_efficiency": 0.8,
        "ess_discharge_efficiency": 0.9,
        "load_kw": 300.0,
        "load_kvar": 0.0,
        "critical_share": 0.0,
    } | changes
    buses = {f"{unit}_bus": np.zeros(1, dtype=np.int64) for unit in ("dg", "ess", "pv", "wt")}
    return Microgrids(name=("MG",), **{key: np.array([value]) for key, value in values.items()}, **buses)


def alone(units: Microgrids, slots: int = 12) -> Conditions:
    """Every microgrid an island of its own in all slots."""
    numbers = np.arange(len(units))
    feeder: Any = None
    none = np.zeros(len(units), dtype=bool)
    stage = Stage(0, feeder, numbers, Islands(numbers), numbers, none, supplied=False, failed=frozenset())
    return Conditions((stage,), np.zeros(slots, dtype=np.int64), [units])


def available(load_kw: float, pv_kw: float = 0.0, wt_kw: float = 0.0) -> Availability:
    """One case of one microgrid."""
    return Availability(*(np.array([[kw]]) for kw in (load_kw, 0.0, pv_kw, wt_kw, 1.0, 1.0)))
