"""Where a voltage leaves its band under the rule, a linear program dispatches that island and slot anew.

Its rows are the balance of the island and the linearised DistFlow voltages; its prices only express the
rule's order of priority. HiGHS solves it, through scipy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from cosim.errors import SimulationError
from cosim.interface import Floats

# Priorities, not prices: each is well above the ones below it.
SHED_WEIGHT = 1e3
DISCHARGE_WEIGHT = 10.0
DG_WEIGHT = 1.0
CURTAIL_WEIGHT = 0.5
#: Per voltage outside the band, counted as the power that would cure it at the most sensitive bus [kW]; so that the
#: program always has a solution, and sheds before it leaves the band at any voltage level.
VIOLATION_WEIGHT = 1e9


@dataclass(frozen=True)
class IslandSlot:
    """One island in one slot, as the program sees it; n buses.

    Attributes:
        load_kw: Active load of each bus [kW], shape [n].
        load_kvar: Reactive load of each bus [kvar], shape [n].
        ev_kw: EV power at each bus [kW], > 0 drawn, shape [n].
        pv_kw: Photovoltaic power to be had [kW].
        wt_kw: Wind power to be had [kW].
        dg_max_kw: Highest diesel power [kW].
        ess_charge_max_kw: Highest power into storage [kW].
        ess_discharge_max_kw: Highest power out of storage [kW].
        pv_bus: Place of the photovoltaic unit in the island.
        wt_bus: Place of the wind turbine in the island.
        ess_bus: Place of the storage in the island.
        drop_per_kw: Voltage drop at bus j per active power drawn at bus k [p.u./kW], shape [n, n].
        drop_per_kvar: Voltage drop at bus j per reactive power drawn at bus k [p.u./kvar], shape [n, n].
        vm_no_load_pu: Voltages with nothing drawn, corrected for what the linear model misses [p.u.], shape [n].
        vm_min_pu: Lowest voltage allowed [p.u.].
        vm_max_pu: Highest voltage allowed [p.u.].
    """

    load_kw: Floats
    load_kvar: Floats
    ev_kw: Floats
    pv_kw: float
    wt_kw: float
    dg_max_kw: float
    ess_charge_max_kw: float
    ess_discharge_max_kw: float
    pv_bus: int
    wt_bus: int
    ess_bus: int
    drop_per_kw: Floats
    drop_per_kvar: Floats
    vm_no_load_pu: Floats
    vm_min_pu: float
    vm_max_pu: float


@dataclass(frozen=True)
class IslandDispatch:
    """What the program decides for an island; all >= 0 [kW].

    Attributes:
        shed_kw: Load not served at each bus, shape [n].
        pv_kw: Photovoltaic power used.
        wt_kw: Wind power used.
        ess_charge_kw: Power into storage.
        ess_discharge_kw: Power out of storage.
        dg_kw: Diesel power.
    """

    shed_kw: Floats
    pv_kw: float
    wt_kw: float
    ess_charge_kw: float
    ess_discharge_kw: float
    dg_kw: float


def redispatch(island: IslandSlot) -> IslandDispatch:
    """Dispatch an island so that its voltages stay in their band, if any dispatch can do that.

    Raises:
        SimulationError: If HiGHS gives no solution, which the program's form excludes.

    Source:
        Wu, Cai, Li 2025, eq. (2)-(9), with the priorities of docs/model.md.
    """
    buses = len(island.load_kw)
    # Variables: shed at each bus, pv, wt, charge, discharge, dg, violation.
    pv, wt, charge, discharge, dg, violation = range(buses, buses + 6)
    variables = buses + 6
    weight = np.zeros(variables)
    weight[:buses] = SHED_WEIGHT
    weight[[pv, wt]] = -CURTAIL_WEIGHT
    weight[discharge], weight[dg], weight[violation] = DISCHARGE_WEIGHT, DG_WEIGHT, VIOLATION_WEIGHT
    upper = np.empty(variables)
    upper[:buses] = island.load_kw
    upper[[pv, wt, charge]] = island.pv_kw, island.wt_kw, island.ess_charge_max_kw
    upper[[discharge, dg, violation]] = island.ess_discharge_max_kw, island.dg_max_kw, np.inf

    balance = np.zeros((1, variables))
    balance[0, :buses] = 1.0
    balance[0, [pv, wt, discharge, dg]] = 1.0
    balance[0, charge] = -1.0
    demand_kw = island.load_kw.sum() + island.ev_kw.sum()

    # Shedding a bus's load sheds its reactive load in proportion.
    kvar_per_kw = island.load_kvar / np.where(island.load_kw > 0.0, island.load_kw, 1.0)
    rise = np.zeros((buses, variables))
    rise[:, :buses] = island.drop_per_kw + island.drop_per_kvar * kvar_per_kw
    rise[:, pv] = island.drop_per_kw[:, island.pv_bus]
    rise[:, wt] = island.drop_per_kw[:, island.wt_bus]
    rise[:, discharge] = island.drop_per_kw[:, island.ess_bus]
    rise[:, charge] = -island.drop_per_kw[:, island.ess_bus]
    loaded_pu = (
        island.vm_no_load_pu
        - island.drop_per_kw @ (island.load_kw + island.ev_kw)
        - island.drop_per_kvar @ island.load_kvar
    )
    tolerated = np.zeros((buses, variables))
    tolerated[:, violation] = np.abs(rise).max() or 1.0
    # In kW at the most sensitive bus: coefficients in p.u./kW are so small that HiGHS drops them.
    per_kw = 1.0 / tolerated[0, violation]
    result = linprog(
        weight,
        A_ub=np.vstack([-rise - tolerated, rise - tolerated]) * per_kw,
        b_ub=np.concatenate([loaded_pu - island.vm_min_pu, island.vm_max_pu - loaded_pu]) * per_kw,
        A_eq=balance,
        b_eq=[demand_kw],
        bounds=np.stack([np.zeros(variables), upper], axis=1),
        method="highs",
    )
    if result.x is None:
        raise SimulationError(f"the redispatch of an island has no solution: {result.message}")
    x = np.clip(result.x, 0.0, upper)
    return IslandDispatch(x[:buses], *(float(x[k]) for k in (pv, wt, charge, discharge, dg)))
