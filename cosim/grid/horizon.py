"""Dispatch at the least cost over all slots to come: a linear program for each island, decided anew in every slot.

The program knows the balance of the island and its storage, not its voltages; where these bind, `voltage.py` has the
last word. What EVs will do is not known: the present slot has their power, those to come have none.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
from scipy.optimize import linprog

from cosim.errors import SimulationError
from cosim.grid.dispatch import Dispatch, ess_charge_limit_kw
from cosim.grid.microgrid import Availability, Microgrids
from cosim.interface import Floats
from cosim.scenario.schema import GridCosts

#: Of plans that cost the same, one that sheds later rather than now [CNY/kWh and slot].
PER_SLOT_CNY = 1e-7
#: Variables of a slot.
DG, CHARGE, DISCHARGE, SHED, CURTAIL = range(5)


class HorizonProgram:
    """Plans islands over the slots to come.

    Args:
        microgrids: The units.
        costs: Prices.
        slot_h: Length of a slot [h].
    """

    def __init__(self, microgrids: Microgrids, costs: GridCosts, slot_h: float) -> None:
        self._units = microgrids
        self._slot_h = slot_h
        self._price = np.zeros(5)
        self._price[[DG, DISCHARGE, SHED, CURTAIL]] = (
            costs.dg_cny_per_kwh,
            costs.ess_cny_per_kwh,
            costs.shedding_cny_per_kwh,
            costs.curtailment_cny_per_kwh,
        )
        # Charging has no price of its own; without a hair of one, energy could go in and out for nothing.
        self._price[CHARGE] = PER_SLOT_CNY
        self._balance: dict[int, scipy.sparse.csr_array] = {}

    def dispatch(self, coming: Availability, ev_kw: Floats, ess_kwh: Floats) -> Dispatch:
        """Dispatch the present slot.

        Args:
            coming: Load and renewable power of the present slot and those to come [kW], shape [N, K, M].
            ev_kw: Power of the EVs in the present slot [kW], > 0 drawn, shape [N, M].
            ess_kwh: Energy in storage now [kWh], shape [N, M].

        Raises:
            SimulationError: If HiGHS gives no solution, which the program's form excludes.

        Source:
            Wu, Cai, Li 2025, eq. (1) and (6) to (9), over the slots to come.
        """
        cases, _, islands = coming.load_kw.shape
        demand_kw = coming.load_kw.copy()
        demand_kw[:, 0] += ev_kw
        renewable_kw = coming.pv_kw + coming.wt_kw
        found = np.empty((5, cases, islands))
        for case in range(cases):
            for island in range(islands):
                found[:, case, island] = self._plan(
                    island,
                    coming.load_kw[case, :, island],
                    demand_kw[case, :, island],
                    renewable_kw[case, :, island],
                    float(ess_kwh[case, island]),
                )
        self._net(found, ess_kwh)
        available_kw = renewable_kw[:, 0]
        used = 1.0 - found[CURTAIL] / np.where(available_kw > 0.0, available_kw, 1.0)
        return Dispatch(
            ev_kw=ev_kw,
            pv_kw=coming.pv_kw[:, 0] * used,
            wt_kw=coming.wt_kw[:, 0] * used,
            dg_kw=found[DG],
            ess_charge_kw=found[CHARGE],
            ess_discharge_kw=found[DISCHARGE],
            shed_kw=found[SHED],
            curtailed_kw=found[CURTAIL],
        )

    def _net(self, found: Floats, ess_kwh: Floats) -> None:
        """Storage does one thing at a time; what it would burn by doing both is curtailed, as far as it has no room.

        Where curtailment has a price and storage has losses, the program would rather burn a surplus than curtail it.
        """
        net_kw = found[CHARGE] - found[DISCHARGE]
        charge_kw = np.maximum(net_kw, 0.0)
        room_kw = ess_charge_limit_kw(self._units, ess_kwh, self._slot_h)
        found[DISCHARGE] = np.maximum(-net_kw, 0.0)
        found[CHARGE] = np.minimum(charge_kw, room_kw)
        found[CURTAIL] += charge_kw - found[CHARGE]

    def _plan(self, island: int, load_kw: Floats, demand_kw: Floats, renewable_kw: Floats, ess_kwh: float) -> Floats:
        """What an island does in the present slot, by variable, shape [5]."""
        units, slots, slot_h = self._units, len(load_kw), self._slot_h
        upper = np.empty((slots, 5))
        upper[:, DG] = units.dg_p_max_kw[island]
        upper[:, [CHARGE, DISCHARGE]] = units.ess_power_kw[island]
        upper[:, SHED] = load_kw
        upper[:, CURTAIL] = renewable_kw
        later = PER_SLOT_CNY * np.arange(slots, 0, -1)[:, None] * np.array([1.0, 0.0, 1.0, 1.0, 0.0])
        stored = np.array(
            [0.0, units.ess_charge_efficiency[island], -1.0 / units.ess_discharge_efficiency[island], 0, 0]
        )
        # Energy after each slot is that of now and all that went in and out until then.
        energy = np.kron(np.tril(np.ones((slots, slots))), stored) * slot_h
        result = linprog(
            ((self._price + later) * slot_h).ravel(),
            A_ub=np.vstack([energy, -energy]),
            b_ub=np.concatenate(
                [
                    np.full(slots, max(units.ess_max_kwh[island] - ess_kwh, 0.0)),
                    np.full(slots, max(ess_kwh - units.ess_min_kwh[island], 0.0)),
                ]
            ),
            A_eq=self._balance_of(slots),
            b_eq=demand_kw - renewable_kw,
            bounds=np.stack([np.zeros(upper.size), upper.ravel()], axis=1),
            method="highs",
        )
        if result.x is None:
            raise SimulationError(f"the dispatch of an island over {slots} slots has no solution: {result.message}")
        now: Floats = np.clip(result.x.reshape(slots, 5)[0], 0.0, upper[0])
        return now

    def _balance_of(self, slots: int) -> scipy.sparse.csr_array:
        """Supplied less used, slot by slot."""
        if slots not in self._balance:
            row = np.zeros(5)
            row[[DG, DISCHARGE, SHED]], row[[CHARGE, CURTAIL]] = 1.0, -1.0
            self._balance[slots] = scipy.sparse.csr_array(np.kron(np.eye(slots), row))
        return self._balance[slots]
