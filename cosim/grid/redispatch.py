"""Where a voltage leaves its band under the rule, a linear program dispatches that island and slot anew.

Its rows are the balance of the island and the linearised DistFlow voltages; its prices only express the
rule's order of priority. HiGHS solves it, through scipy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from cosim.errors import SimulationError
from cosim.interface import Floats, Ints

# Priorities, not prices: each is well above the ones below it.
CRITICAL_WEIGHT = 1e4
SHED_WEIGHT = 1e3
DISCHARGE_WEIGHT = 10.0
DG_WEIGHT = 1.0
SUPPLY_WEIGHT = 0.9
CURTAIL_WEIGHT = 0.5
#: Per voltage outside the band, counted as the power that would cure it at the most sensitive bus [kW]; so that the
#: program always has a solution, and sheds before it leaves the band at any voltage level.
VIOLATION_WEIGHT = 1e9


#: Sides of the polygon that stands for the circle of a line's limit; it is within it, by 2 % at most.
SIDES = 16

Complexes = NDArray[np.complex128]


@dataclass(frozen=True)
class IslandSlot:
    """One island in one slot, as the program sees it; n buses, A microgrids.

    Attributes:
        load_kw: Active load of each bus [kW], shape [n].
        load_kvar: Reactive load of each bus [kvar], shape [n].
        critical_kw: The part of the active load that is critical [kW], shape [n].
        ev_kw: EV power at each bus [kW], > 0 drawn, shape [n].
        fed_kvar: Reactive power of diesel that does not hold the voltage, at its bus [kvar], shape [n].
        pv_kw: Photovoltaic power to be had [kW], shape [A].
        wt_kw: Wind power to be had [kW], shape [A].
        dg_max_kw: Highest diesel power [kW], shape [A].
        supply_max_kw: Highest power from the utility, which then holds the voltage [kW].
        ess_charge_max_kw: Highest power into storage [kW], shape [A].
        ess_discharge_max_kw: Highest power out of storage [kW], shape [A].
        pv_bus: Place of each photovoltaic unit in the island, shape [A].
        wt_bus: Place of each wind turbine in the island, shape [A].
        ess_bus: Place of each storage in the island, shape [A].
        dg_bus: Place of each diesel generator in the island, shape [A].
        drop_per_kw: Voltage drop at bus j per active power drawn at bus k [p.u./kW], shape [n, n].
        drop_per_kvar: Voltage drop at bus j per reactive power drawn at bus k [p.u./kvar], shape [n, n].
        vm_no_load_pu: Voltages with nothing drawn, corrected for what the linear model misses [p.u.], shape [n].
        vm_min_pu: Lowest voltage allowed [p.u.].
        vm_max_pu: Highest voltage allowed [p.u.].
        line_share: Complex power on each line with a limit per complex power drawn at each bus, shape [L, n].
        line_max_kva: These limits [kVA], shape [L].
    """

    load_kw: Floats
    load_kvar: Floats
    critical_kw: Floats
    ev_kw: Floats
    fed_kvar: Floats
    pv_kw: Floats
    wt_kw: Floats
    dg_max_kw: Floats
    supply_max_kw: float
    ess_charge_max_kw: Floats
    ess_discharge_max_kw: Floats
    pv_bus: Ints
    wt_bus: Ints
    ess_bus: Ints
    dg_bus: Ints
    drop_per_kw: Floats
    drop_per_kvar: Floats
    vm_no_load_pu: Floats
    vm_min_pu: float
    vm_max_pu: float
    line_share: Complexes
    line_max_kva: Floats


@dataclass(frozen=True)
class IslandDispatch:
    """What the program decides for an island; all >= 0 [kW].

    Attributes:
        shed_kw: Load not served at each bus, shape [n].
        critical_shed_kw: The part of it that is critical, shape [n].
        pv_kw: Photovoltaic power used, shape [A].
        wt_kw: Wind power used, shape [A].
        ess_charge_kw: Power into storage, shape [A].
        ess_discharge_kw: Power out of storage, shape [A].
        dg_kw: Diesel power, shape [A].
        supply_kw: Power from the utility.
    """

    shed_kw: Floats
    critical_shed_kw: Floats
    pv_kw: Floats
    wt_kw: Floats
    ess_charge_kw: Floats
    ess_discharge_kw: Floats
    dg_kw: Floats
    supply_kw: float


def _line_rows(
    island: IslandSlot, kvar_per_kw: Floats, variables: int, units: Sequence[Ints], critical: slice
) -> tuple[Floats, Floats]:
    """Rows that keep the power of lines within a polygon in the circle of their limit.

    Args:
        island: The island.
        kvar_per_kw: Reactive load shed with active load, shape [n].
        variables: Number of variables.
        units: Places of pv, wt, charge, discharge and dg among them.
        critical: Places of critical load shed.

    Returns:
        Rows [SIDES * L, variables], and what they must stay below [kVA].
    """
    share = island.line_share
    change = np.zeros((len(share), variables), dtype=np.complex128)
    change[:, : len(kvar_per_kw)] = -share * (1.0 + 1j * kvar_per_kw)
    if critical.stop > critical.start:
        change[:, critical] = change[:, : len(kvar_per_kw)]
    pv, wt, charge, discharge, dg = units
    for at, bus in ((pv, island.pv_bus), (wt, island.wt_bus), (discharge, island.ess_bus), (dg, island.dg_bus)):
        change[:, at] = -share[:, bus]
    change[:, charge] = share[:, island.ess_bus]
    loaded = share @ (island.load_kw + island.ev_kw + 1j * (island.load_kvar - island.fed_kvar))
    directions = np.exp(-2j * np.pi * np.arange(SIDES) / SIDES)
    rows = (directions[:, None, None] * change).real.reshape(-1, variables)
    reach_kva = np.tile(island.line_max_kva * np.cos(np.pi / SIDES), SIDES)
    return rows, reach_kva - (directions[:, None] * loaded).real.ravel()


def redispatch(island: IslandSlot) -> IslandDispatch:
    """Dispatch an island so that its voltages stay in their band, if any dispatch can do that.

    Raises:
        SimulationError: If HiGHS gives no solution, which the program's form excludes.

    Source:
        Wu, Cai, Li 2025, eq. (2)-(9), with the priorities of docs/model.md.
    """
    buses, units = len(island.load_kw), len(island.pv_kw)
    # Variables: normal load shed at each bus; pv, wt, charge, discharge, dg of each microgrid; violation; where there
    # are any, the utility's supply, and critical load shed at each bus.
    pv, wt, charge, discharge, dg = np.arange(buses, buses + 5 * units).reshape(5, units)
    violation = buses + 5 * units
    supplied = island.supply_max_kw > 0.0
    supply = slice(violation + 1, violation + 1 + supplied)
    critical = slice(supply.stop, supply.stop + (buses if island.critical_kw.any() else 0))
    variables = critical.stop
    weight = np.zeros(variables)
    weight[:buses] = SHED_WEIGHT
    weight[pv] = weight[wt] = -CURTAIL_WEIGHT
    weight[discharge], weight[dg], weight[violation] = DISCHARGE_WEIGHT, DG_WEIGHT, VIOLATION_WEIGHT
    weight[supply], weight[critical] = SUPPLY_WEIGHT, CRITICAL_WEIGHT
    upper = np.empty(variables)
    upper[:buses] = island.load_kw - island.critical_kw
    upper[pv], upper[wt], upper[charge] = island.pv_kw, island.wt_kw, island.ess_charge_max_kw
    upper[discharge], upper[dg], upper[violation] = island.ess_discharge_max_kw, island.dg_max_kw, np.inf
    upper[supply] = island.supply_max_kw
    if island.critical_kw.any():
        upper[critical] = island.critical_kw

    balance = np.ones((1, variables))
    balance[0, charge] = -1.0
    balance[0, violation] = 0.0
    demand_kw = island.load_kw.sum() + island.ev_kw.sum()

    # Shedding a bus's load sheds its reactive load in proportion.
    kvar_per_kw = island.load_kvar / np.where(island.load_kw > 0.0, island.load_kw, 1.0)
    rise = np.zeros((buses, variables))
    rise[:, :buses] = island.drop_per_kw + island.drop_per_kvar * kvar_per_kw
    if island.critical_kw.any():
        rise[:, critical] = rise[:, :buses]
    rise[:, pv] = island.drop_per_kw[:, island.pv_bus]
    rise[:, wt] = island.drop_per_kw[:, island.wt_bus]
    rise[:, discharge] = island.drop_per_kw[:, island.ess_bus]
    rise[:, charge] = -island.drop_per_kw[:, island.ess_bus]
    # 0 where diesel holds the voltage itself.
    rise[:, dg] = island.drop_per_kw[:, island.dg_bus]
    loaded_pu = (
        island.vm_no_load_pu
        - island.drop_per_kw @ (island.load_kw + island.ev_kw)
        - island.drop_per_kvar @ (island.load_kvar - island.fed_kvar)
    )
    tolerated = np.zeros((buses, variables))
    tolerated[:, violation] = np.abs(rise).max() or 1.0
    lines, limit_kva = _line_rows(island, kvar_per_kw, variables, (pv, wt, charge, discharge, dg), critical)
    lines[:, violation] = -1.0
    # In kW at the most sensitive bus: coefficients in p.u./kW are so small that HiGHS drops them.
    per_kw = 1.0 / tolerated[0, violation]
    result = linprog(
        weight,
        A_ub=np.vstack([(-rise - tolerated) * per_kw, (rise - tolerated) * per_kw, lines]),
        b_ub=np.concatenate(
            [(loaded_pu - island.vm_min_pu) * per_kw, (island.vm_max_pu - loaded_pu) * per_kw, limit_kva]
        ),
        A_eq=balance,
        b_eq=[demand_kw],
        bounds=np.stack([np.zeros(variables), upper], axis=1),
        method="highs",
    )
    if result.x is None:
        raise SimulationError(f"the redispatch of an island has no solution: {result.message}")
    x = np.clip(result.x, 0.0, upper)
    supply_kw = float(x[supply].sum())
    critical_kw = x[critical] if island.critical_kw.any() else np.zeros(buses)
    return IslandDispatch(x[:buses] + critical_kw, critical_kw, x[pv], x[wt], x[charge], x[discharge], x[dg], supply_kw)
