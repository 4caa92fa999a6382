"""Keeps voltages in their band: watches the power flow, and dispatches anew where the rule does not do.

The linear program's voltages are linear; what they miss of the engine's is added as a correction, and the
program repeated, until the engine finds the voltages that the program foresaw: stopping as soon as they are
within the band would shed too much, since the first correction, taken at a low voltage, is far too large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from cosim.grid.bus_power import BusPower
from cosim.grid.dispatch import Dispatch, ess_charge_limit_kw, ess_discharge_limit_kw
from cosim.grid.engines.lindistflow import shared_path_impedances
from cosim.grid.line_loading import LineLoading
from cosim.grid.microgrid import Availability, Microgrids
from cosim.grid.power_flow import PowerFlowResult
from cosim.grid.redispatch import IslandDispatch, IslandSlot, redispatch
from cosim.grid.stage import Stage
from cosim.interface import Floats, Ints
from cosim.units import KW_PER_MW

Flags = NDArray[np.bool_]

#: A voltage counts as outside its band beyond this [p.u.].
TOLERANCE_PU = 1e-6
#: At most so many corrections of the linear model by the engine's own voltages; near collapse it takes about ten.
ROUNDS = 20
#: Powers this near are the same [kW].
ALIKE_KW = 1e-6


@dataclass(frozen=True)
class KeptVoltage:
    """A dispatch with voltages in their band, as far as any dispatch can keep them there.

    Attributes:
        dispatch: The dispatch, shape [N, M].
        power: Powers at the buses, shape [N, B].
        flow: The power flow.
        redispatched: 1 where a voltage or a line was beyond its limit, and the program dispatched, shape [N, M].
        violated: 1 where a voltage is outside all the same, shape [N, M].
        for_lines: 1 where only a line was, shape [N, M].
        overloaded: 1 where a line is beyond its limit all the same, shape [N, M].
    """

    dispatch: Dispatch
    power: BusPower
    flow: PowerFlowResult
    redispatched: Ints
    violated: Ints
    for_lines: Ints
    overloaded: Ints


class VoltageKeeper:
    """Holds the voltages of a stage's islands within a band, and its lines below their limits if wanted.

    Args:
        stage: The stage.
        microgrids: The units that work in it.
        microgrid: Microgrid of each bus, shape [B].
        per_unit: Voltage in per unit of the bus per unit that the linear model finds, shape [B].
        vm_min_pu: Lowest voltage allowed [p.u.].
        vm_max_pu: Highest voltage allowed [p.u.].
        slot_h: Length of a slot [h].
        lines: Whether lines have limits.
    """

    def __init__(
        self,
        stage: Stage,
        microgrids: Microgrids,
        microgrid: Ints,
        per_unit: Floats,
        vm_min_pu: float,
        vm_max_pu: float,
        slot_h: float,
        *,
        lines: bool,
    ) -> None:
        feeder = stage.feeder
        self._microgrids = microgrids
        self._stage = stage
        self._microgrid = microgrid
        self._vm_min_pu = vm_min_pu
        self._vm_max_pu = vm_max_pu
        self._slot_h = slot_h
        self._islands = range(len(stage.leader))
        self._inside = [np.flatnonzero(feeder.island == k) for k in self._islands]
        self._members = [stage.live[inside] for inside in self._inside]
        self._held = [np.flatnonzero(stage.islands.island == k) for k in self._islands]
        shared_r, shared_x = shared_path_impedances(feeder)
        self._loading = LineLoading(feeder, shared_r + 1j * shared_x) if lines else None
        # In per unit of each bus.
        self._drop_per_kw = shared_r / KW_PER_MW * per_unit[stage.live, None]
        self._drop_per_kvar = shared_x / KW_PER_MW * per_unit[stage.live, None]

    def keep(
        self,
        available: Availability,
        dispatch: Dispatch,
        power: BusPower,
        flow: PowerFlowResult,
        ess_kwh: Floats,
        solve: Callable[[BusPower], PowerFlowResult],
        *,
        everywhere: bool = False,
    ) -> KeptVoltage:
        """Dispatch anew where a voltage is outside its band.

        Args:
            available: Load and renewables of the slot, shape [N, M].
            dispatch: The rule's dispatch.
            power: Its powers at the buses.
            flow: Its power flow.
            ess_kwh: Energy in storage at the slot's start [kWh], shape [N, M].
            solve: Solves the power flow.
            everywhere: Whether the program dispatches all islands, not only those.
        """
        outside, overloaded = self._outside(flow), self._overloaded(power)
        if not (everywhere or outside.any() or overloaded.any()):
            none = np.zeros(ess_kwh.shape, dtype=np.int64)
            return KeptVoltage(dispatch, power, flow, none, none, none, none)
        for_lines = overloaded & ~outside
        outside = outside | overloaded
        dispatch = _copy(dispatch)
        changes = ("p_kw", "q_kvar", "shed_kw", "critical_shed_kw")
        power = replace(power, **{name: getattr(power, name).copy() for name in changes})
        limits = (
            ess_charge_limit_kw(self._microgrids, ess_kwh, self._slot_h),
            ess_discharge_limit_kw(self._microgrids, ess_kwh, self._slot_h),
        )
        again = np.ones_like(outside) if everywhere else outside
        for _ in range(ROUNDS):
            foreseen_pu = flow.vm_pu.copy()
            for case, island in zip(*np.nonzero(again), strict=True):
                slot = self._island_slot(available, power, flow, limits, case, island)
                found = redispatch(slot)
                # Which renewable is curtailed is the same to the program; if that is all, the rule's share stays.
                if outside[case, island] or not _alike(found, dispatch, case, self._held[island]):
                    self._put(dispatch, power, found, available, case, island)
                foreseen_pu[case, self._members[island]] = self._linear_pu(slot, power, case, island)
            flow = solve(power)
            again = self._in_islands(np.abs(flow.vm_pu - foreseen_pu) > TOLERANCE_PU / 2.0)
            if not again.any():
                break
        violated = self._outside(flow)
        flags = (outside, violated, for_lines, self._overloaded(power))
        return KeptVoltage(dispatch, power, flow, *map(self._at_microgrids, flags))

    def _overloaded(self, power: BusPower) -> Flags:
        """Which islands have a line beyond its limit, shape [N, S]."""
        if self._loading is None:
            return np.zeros((len(power.p_kw), len(self._members)), dtype=np.bool_)
        return self._loading.beyond(power.p_kw[:, self._stage.live], power.q_kvar[:, self._stage.live])

    def _at_microgrids(self, of_islands: Flags) -> Ints:
        """Flags of islands [N, S] at their microgrids [N, M]; 0 in the dark."""
        of_each = np.zeros((len(of_islands), len(self._microgrids)), dtype=np.int64)
        for island, held in enumerate(self._held):
            of_each[:, held] = of_islands[:, island, None]
        return of_each

    def _linear_pu(self, slot: IslandSlot, power: BusPower, case: int, island: int) -> Floats:
        """Voltages of an island by its program's linear model [p.u.], shape [n]."""
        members = self._members[island]
        drop_pu: Floats = (
            slot.drop_per_kw @ power.p_kw[case, members] + slot.drop_per_kvar @ power.q_kvar[case, members]
        )
        return slot.vm_no_load_pu - drop_pu

    def _outside(self, flow: PowerFlowResult) -> Flags:
        """Which islands have a voltage outside its band, shape [N, S]."""
        return self._in_islands(
            (flow.vm_pu < self._vm_min_pu - TOLERANCE_PU) | (flow.vm_pu > self._vm_max_pu + TOLERANCE_PU)
        )

    def _in_islands(self, at_buses: Flags) -> Flags:
        """Which islands have a bus [N, B] that is flagged, shape [N, S]."""
        if not self._members or not at_buses.any():
            return np.zeros((len(at_buses), len(self._members)), dtype=bool)
        return np.stack([at_buses[:, members].any(axis=1) for members in self._members], axis=1)

    def _island_slot(
        self,
        available: Availability,
        power: BusPower,
        flow: PowerFlowResult,
        ess_limits_kw: tuple[Floats, Floats],
        case: int,
        island: int,
    ) -> IslandSlot:
        members, held = self._members[island], self._held[island]
        units = self._microgrids
        inside = np.ix_(self._inside[island], self._inside[island])
        if self._loading is None:
            line_share, line_max_kva = np.zeros((0, len(members)), dtype=np.complex128), np.zeros(0)
        else:
            line_share, line_max_kva = self._loading.of_island(island, self._inside[island])
        drop_per_kw, drop_per_kvar = self._drop_per_kw[inside], self._drop_per_kvar[inside]
        linear = -drop_per_kw @ power.p_kw[case, members] - drop_per_kvar @ power.q_kvar[case, members]

        def places(bus: Ints) -> Ints:
            return np.searchsorted(members, bus[held])

        return IslandSlot(
            load_kw=power.load_kw[case, members],
            load_kvar=power.load_kvar[case, members],
            critical_kw=power.critical_kw[case, members],
            ev_kw=power.ev_kw[case, members],
            fed_kvar=power.fed_kvar[case, members],
            pv_kw=available.pv_kw[case, held],
            wt_kw=available.wt_kw[case, held],
            dg_max_kw=units.dg_p_max_kw[held],
            supply_max_kw=float(units.supply_max_kw[held].sum()),
            ess_charge_max_kw=ess_limits_kw[0][case, held],
            ess_discharge_max_kw=ess_limits_kw[1][case, held],
            pv_bus=places(units.pv_bus),
            wt_bus=places(units.wt_bus),
            ess_bus=places(units.ess_bus),
            dg_bus=places(units.dg_bus),
            drop_per_kw=drop_per_kw,
            drop_per_kvar=drop_per_kvar,
            vm_no_load_pu=flow.vm_pu[case, members] - linear,
            vm_min_pu=self._vm_min_pu,
            vm_max_pu=self._vm_max_pu,
            line_share=line_share,
            line_max_kva=line_max_kva,
        )

    def _put(
        self,
        dispatch: Dispatch,
        power: BusPower,
        found: IslandDispatch,
        available: Availability,
        case: int,
        island: int,
    ) -> None:
        """Write an island's new dispatch in place."""
        members, held, units = self._members[island], self._held[island], self._microgrids
        at = (case, held)
        dispatch.pv_kw[at], dispatch.wt_kw[at], dispatch.dg_kw[at] = found.pv_kw, found.wt_kw, found.dg_kw
        dispatch.ess_charge_kw[at], dispatch.ess_discharge_kw[at] = found.ess_charge_kw, found.ess_discharge_kw
        dispatch.supply_kw[at] = np.where(units.supply_max_kw[held] > 0.0, found.supply_kw, 0.0)
        for microgrid, shed_kw in zip(held, self._by_microgrid(found.shed_kw, island), strict=True):
            dispatch.shed_kw[case, microgrid] = shed_kw
        for microgrid, shed_kw in zip(held, self._by_microgrid(found.critical_shed_kw, island), strict=True):
            dispatch.critical_shed_kw[case, microgrid] = shed_kw
        power.shed_kw[case, members], power.critical_shed_kw[case, members] = found.shed_kw, found.critical_shed_kw
        # Taken apart: the sum of both may fall below zero by rounding.
        dispatch.curtailed_kw[at] = (available.pv_kw[at] - found.pv_kw) + (available.wt_kw[at] - found.wt_kw)
        load_kw = power.load_kw[case, members]
        served = 1.0 - found.shed_kw / np.where(load_kw > 0.0, load_kw, 1.0)
        power.p_kw[case, members] = load_kw - found.shed_kw + power.ev_kw[case, members]
        power.q_kvar[case, members] = power.load_kvar[case, members] * served - power.fed_kvar[case, members]
        power.p_kw[case, units.pv_bus[held]] -= found.pv_kw
        power.p_kw[case, units.wt_bus[held]] -= found.wt_kw
        power.p_kw[case, units.ess_bus[held]] += found.ess_charge_kw - found.ess_discharge_kw
        power.p_kw[case, units.dg_bus[held]] -= np.where(self._stage.dg_follows[held], found.dg_kw, 0.0)

    def _by_microgrid(self, at_buses: Floats, island: int) -> list[float]:
        """Sums of values at an island's buses [n], by its microgrids."""
        held = self._held[island]
        if len(held) == 1:
            return [float(at_buses.sum())]
        of_bus = self._microgrid[self._members[island]]
        return [float(at_buses[of_bus == microgrid].sum()) for microgrid in held]


def _alike(found: IslandDispatch, dispatch: Dispatch, case: int, held: Ints) -> bool:
    """Whether a program decides for an island what the dispatch has already, but for who does how much of it."""
    at = (case, held)
    pairs = (
        (found.dg_kw.sum() + found.supply_kw, dispatch.dg_kw[at] + dispatch.supply_kw[at]),
        (found.ess_charge_kw.sum(), dispatch.ess_charge_kw[at]),
        (found.ess_discharge_kw.sum(), dispatch.ess_discharge_kw[at]),
        (found.shed_kw.sum(), dispatch.shed_kw[at]),
        (found.pv_kw.sum() + found.wt_kw.sum(), dispatch.pv_kw[at] + dispatch.wt_kw[at]),
    )
    return all(abs(one - other.sum()) < ALIKE_KW for one, other in pairs)


def _copy(dispatch: Dispatch) -> Dispatch:
    return Dispatch(*(getattr(dispatch, f.name).copy() for f in fields(dispatch)))
