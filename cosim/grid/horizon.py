"""Dispatch at the least cost over all slots to come: a linear program for each island, decided anew in every slot.

Microgrids that are one island at any time to come are planned together. The program knows balances and storage, not
voltages; where these bind, `voltage.py` has the last word. What EVs will do is not known: the present slot has their
power, those to come have none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from scipy.optimize import linprog
from scipy.sparse.csgraph import connected_components

from cosim.errors import SimulationError
from cosim.grid.conditions import Conditions
from cosim.grid.dispatch import Dispatch, ess_charge_limit_kw
from cosim.grid.microgrid import Availability
from cosim.interface import Floats, Ints
from cosim.scenario.schema import GridCosts

#: Of plans that cost the same, one that sheds later rather than now [CNY/kWh and slot].
PER_SLOT_CNY = 1e-7
#: Variables of a slot and a microgrid.
DG, CHARGE, DISCHARGE, SHED, CURTAIL, SUPPLY, CRITICAL = range(7)
VARIABLES = 7


class HorizonProgram:
    """Plans islands over the slots to come.

    Args:
        conditions: Units and islands of each slot.
        costs: Prices.
        slot_h: Length of a slot [h].
    """

    def __init__(self, conditions: Conditions, costs: GridCosts, slot_h: float) -> None:
        self._conditions = conditions
        self._slot_h = slot_h
        self._price = np.zeros(VARIABLES)
        self._price[[DG, DISCHARGE, SHED, CURTAIL, SUPPLY, CRITICAL]] = (
            costs.dg_cny_per_kwh,
            costs.ess_cny_per_kwh,
            costs.shedding_cny_per_kwh,
            costs.curtailment_cny_per_kwh,
            costs.supply_cny_per_kwh,
            costs.critical_cny_per_kwh,
        )
        # Charging has no price of its own; without a hair of one, energy could go in and out for nothing.
        self._price[CHARGE] = PER_SLOT_CNY
        self._balance: dict[tuple[int, int, int], tuple[Any, Any]] = {}
        self._groups: dict[tuple[int, int], list[Ints]] = {}

    def dispatch(self, slot: int, coming: Availability, ev_kw: Floats, ess_kwh: Floats) -> Dispatch:
        """Dispatch the present slot.

        Args:
            slot: Its number.
            coming: Load and renewable power of the present slot and those to come [kW], shape [N, K, M].
            ev_kw: Power of the EVs in the present slot [kW], > 0 drawn, shape [N, M].
            ess_kwh: Energy in storage now [kWh], shape [N, M].

        Raises:
            SimulationError: If HiGHS gives no solution, which the program's form excludes.

        Source:
            Wu, Cai, Li 2025, eq. (1) and (6) to (9), over the slots to come.
        """
        cases, slots, microgrids = coming.load_kw.shape
        demand_kw = coming.load_kw.copy()
        demand_kw[:, 0] += ev_kw
        renewable_kw = coming.pv_kw + coming.wt_kw
        found = np.empty((VARIABLES, cases, microgrids))
        for case in range(cases):
            for group in self._groups_of(slot, slots):
                found[:, case, group] = self._plan(
                    slot,
                    group,
                    coming.load_kw[case][:, group],
                    demand_kw[case][:, group],
                    renewable_kw[case][:, group],
                    ess_kwh[case, group],
                )
        self._net(slot, found, ess_kwh)
        available_kw = renewable_kw[:, 0]
        used = 1.0 - found[CURTAIL] / np.where(available_kw > 0.0, available_kw, 1.0)
        return Dispatch(
            ev_kw=ev_kw,
            pv_kw=coming.pv_kw[:, 0] * used,
            wt_kw=coming.wt_kw[:, 0] * used,
            dg_kw=found[DG],
            supply_kw=found[SUPPLY],
            ess_charge_kw=found[CHARGE],
            ess_discharge_kw=found[DISCHARGE],
            shed_kw=found[SHED] + found[CRITICAL],
            critical_shed_kw=found[CRITICAL],
            curtailed_kw=found[CURTAIL],
        )

    def _net(self, slot: int, found: Floats, ess_kwh: Floats) -> None:
        """Storage does one thing at a time; what it would burn by doing both is curtailed, as far as it has no room.

        Where curtailment has a price and storage has losses, the program would rather burn a surplus than curtail it.
        """
        net_kw = found[CHARGE] - found[DISCHARGE]
        charge_kw = np.maximum(net_kw, 0.0)
        room_kw = ess_charge_limit_kw(self._conditions.units(slot), ess_kwh, self._slot_h)
        found[DISCHARGE] = np.maximum(-net_kw, 0.0)
        found[CHARGE] = np.minimum(charge_kw, room_kw)
        found[CURTAIL] += charge_kw - found[CHARGE]

    def _plan(
        self, slot: int, group: Ints, load_kw: Floats, demand_kw: Floats, renewable_kw: Floats, ess_kwh: Floats
    ) -> Floats:
        """What a group of microgrids does in the present slot, by variable, shape [7, C]; powers have shape [K, C]."""
        slots, count = load_kw.shape
        slot_h = self._slot_h
        critical_kw = load_kw * self._conditions.units(slot).critical_share[group]
        upper, lower = np.zeros((2, slots, count, VARIABLES))
        for k in range(slots):
            units, live = self._conditions.units(slot + k), self._conditions.islands(slot + k).live[group]
            upper[k, :, DG], upper[k, :, SUPPLY] = units.dg_p_max_kw[group], units.supply_max_kw[group]
            upper[k, :, [CHARGE, DISCHARGE]] = units.ess_power_kw[group]
            # In the dark all load is shed, and nothing can be fed in.
            lower[k, :, SHED] = np.where(live, 0.0, load_kw[k] - critical_kw[k])
            lower[k, :, CRITICAL] = np.where(live, 0.0, critical_kw[k])
            lower[k, :, CURTAIL] = np.where(live, 0.0, renewable_kw[k])
        upper[:, :, SHED], upper[:, :, CRITICAL], upper[:, :, CURTAIL] = (
            load_kw - critical_kw,
            critical_kw,
            renewable_kw,
        )
        later = PER_SLOT_CNY * np.arange(slots, 0, -1)[:, None] * np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0])
        price = np.broadcast_to((self._price + later)[:, None], upper.shape)
        # Energy after each slot is that of now and all that went in and out until then.
        stored = np.zeros((count, count, VARIABLES))
        own = np.arange(count)
        stored[own, own, CHARGE] = units.ess_charge_efficiency[group]
        stored[own, own, DISCHARGE] = -1.0 / units.ess_discharge_efficiency[group]
        energy = np.kron(np.tril(np.ones((slots, slots))), stored.reshape(count, -1)) * slot_h
        rows, supplied = self._balance_of(slot, slots, group)
        result = linprog(
            (price * slot_h).ravel(),
            A_ub=np.vstack([energy, -energy]),
            b_ub=np.concatenate(
                [
                    np.tile(np.maximum(units.ess_max_kwh[group] - ess_kwh, 0.0), slots),
                    np.tile(np.maximum(ess_kwh - units.ess_min_kwh[group], 0.0), slots),
                ]
            ),
            A_eq=supplied,
            b_eq=rows @ (demand_kw - renewable_kw).ravel(),
            bounds=np.stack([lower.ravel(), upper.ravel()], axis=1),
            method="highs",
        )
        if result.x is None:
            raise SimulationError(f"the dispatch of an island over {slots} slots has no solution: {result.message}")
        now: Floats = np.clip(result.x.reshape(upper.shape)[0], lower[0], upper[0])
        return now.T

    def _groups_of(self, slot: int, slots: int) -> list[Ints]:
        """Microgrids that have to be planned together from a slot on."""
        last = slot + slots - 1
        key = self._conditions.number(slot), self._conditions.number(last)
        if key not in self._groups:
            islands = [self._conditions.islands(at) for at in range(slot, last + 1)]
            joined = sum(scipy.sparse.csr_array(each.together) for each in islands)
            count, number = connected_components(joined, directed=False)
            self._groups[key] = [np.flatnonzero(number == k) for k in range(count)]
        return self._groups[key]

    def _balance_of(self, slot: int, slots: int, group: Ints) -> tuple[Any, Any]:
        """Which slots and microgrids [K * C] are in one balance each; what is supplied less used in it, by variable."""
        key = slot, slots, int(group[0])
        if key not in self._balance:
            of_slots = []
            for k in range(slots):
                together = self._conditions.islands(slot + k).together[np.ix_(group, group)]
                of_slots.append(np.unique(together, axis=0)[::-1])
            rows = scipy.sparse.block_diag(of_slots, format="csr")
            signs = np.zeros(VARIABLES)
            signs[[DG, DISCHARGE, SHED, SUPPLY, CRITICAL]], signs[[CHARGE, CURTAIL]] = 1.0, -1.0
            self._balance[key] = rows, scipy.sparse.csr_array(scipy.sparse.kron(rows, signs[None]))
        return self._balance[key]
