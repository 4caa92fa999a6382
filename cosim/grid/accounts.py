"""What happened in the grid, as it was found, and the records that follow from it.

A slot keeps only what must be known when it ends. Costs, losses and flags are worked out of it when somebody asks,
for one slot or, with one axis more, for all slots of a batch of episodes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.grid.conditions import Conditions
from cosim.grid.dispatch import Dispatch
from cosim.grid.microgrid import Availability, Microgrids
from cosim.grid.power_flow import PowerFlowResult
from cosim.interface import Floats, Ints
from cosim.records.schema import BusSlots, MicrogridSlots
from cosim.scenario.schema import GridCosts
from cosim.stacking import stacked
from cosim.units import KW_PER_MW

#: A limit counts as passed beyond this [kW, kvar].
TOLERANCE_KW = 1e-6


@dataclass(frozen=True)
class GridAccounts:
    """What does not change while records are worked out.

    Attributes:
        costs: Prices.
        slot_h: Length of a slot [h].
        microgrids: The microgrids, with all their units.
        conditions: Units and islands of each slot.
    """

    costs: GridCosts
    slot_h: float
    microgrids: Microgrids
    conditions: Conditions


@dataclass(frozen=True)
class GridState:
    """Powers and energies of N cases in a slot; with T slots, every shape has a T in front.

    Attributes:
        slot: Number of the slot, shape [].
        p_kw: Active power drawn at each bus but the slack units' [kW], shape [N, B].
        q_kvar: Reactive power drawn likewise [kvar], shape [N, B].
        ess_start_kwh: Energy in storage at the slot's start [kWh], shape [N, M].
        ess_end_kwh: Energy in storage at the slot's end [kWh], shape [N, M].
        redispatched: 1 where a linear program dispatched, shape [N, M].
        violated: 1 where a voltage is out of its band all the same, shape [N, M].
        for_lines: 1 where a linear program dispatched for lines alone, shape [N, M].
        overloaded: 1 where a line is beyond its limit all the same, shape [N, M].
        bus_fed_kvar: Reactive power of diesel that does not hold its island's voltage [kvar], shape [N, B].
        bus_load_kw: Load to serve at each bus [kW], shape [N, B].
        bus_shed_kw: Load not served at each bus [kW], shape [N, B].
        bus_critical_shed_kw: The part of it that is critical [kW], shape [N, B].
        wanted_shed_kw: Load that would be shed if no voltage had to be kept [kW], shape [N, M].
        limits_kw: What EVs may draw, what they may feed in, and what is lacking [kW], shape [3, N, M].
    """

    slot: Ints | int
    p_kw: Floats
    q_kvar: Floats
    ess_start_kwh: Floats
    ess_end_kwh: Floats
    redispatched: Ints
    violated: Ints
    for_lines: Ints
    overloaded: Ints
    bus_fed_kvar: Floats
    bus_load_kw: Floats
    bus_shed_kw: Floats
    bus_critical_shed_kw: Floats
    wanted_shed_kw: Floats
    limits_kw: Floats


@dataclass(frozen=True)
class GridSlot:
    """What happened in the grid in a slot, or in T slots: N = 2R cases, R replicas and their references without EVs.

    Attributes:
        accounts: What does not change.
        replicas: Number of replicas, R.
        available: Load and renewables, shape [N, M].
        dispatch: What the units did, shape [N, M].
        flow: The power flow.
        state: Powers and energies.
    """

    accounts: GridAccounts
    replicas: int
    available: Availability
    dispatch: Dispatch
    flow: PowerFlowResult
    state: GridState

    @classmethod
    def together(cls, slots: Sequence[GridSlot]) -> GridSlot:
        """T slots of the same episodes as one, every array with T in front."""
        return cls(
            slots[0].accounts,
            slots[0].replicas,
            stacked([slot.available for slot in slots]),
            stacked([slot.dispatch for slot in slots]),
            stacked([slot.flow for slot in slots]),
            stacked([slot.state for slot in slots]),
        )

    @cached_property
    def microgrids(self) -> MicrogridSlots:
        """With EVs, shape [R, M]."""
        return self._of_cases(slice(self.replicas))

    @cached_property
    def reference(self) -> MicrogridSlots:
        """Had no EV ever taken part, shape [R, M]."""
        return self._of_cases(slice(self.replicas, None))

    @cached_property
    def buses(self) -> BusSlots:
        """At the buses, shape [R, B]."""
        with_evs, without = slice(self.replicas), slice(self.replicas, None)
        return BusSlots(
            vm_pu=self.flow.vm_pu[..., with_evs, :],
            p_kw=self.state.p_kw[..., with_evs, :],
            q_kvar=self.state.q_kvar[..., with_evs, :],
            reference_vm_pu=self.flow.vm_pu[..., without, :],
            load_kw=self.state.bus_load_kw[..., with_evs, :],
            shed_kw=self.state.bus_shed_kw[..., with_evs, :],
            critical_shed_kw=self.state.bus_critical_shed_kw[..., with_evs, :],
            reference_shed_kw=self.state.bus_shed_kw[..., without, :],
            reference_critical_shed_kw=self.state.bus_critical_shed_kw[..., without, :],
        )

    def _of_cases(self, cases: slice) -> MicrogridSlots:
        return MicrogridSlots(*(getattr(self.cases, f.name)[..., cases, :] for f in fields(MicrogridSlots)))

    @cached_property
    def cases(self) -> MicrogridSlots:
        """The replicas, then the same had no EV ever taken part, shape [N, M]."""
        accounts, available, dispatch, state = self.accounts, self.available, self.dispatch, self.state
        costs, slot_h, conditions = accounts.costs, accounts.slot_h, accounts.conditions
        most_kw, most_kvar, island, dg_follows = map(
            self._of_slots,
            (conditions.forming_max_kw, conditions.forming_max_kvar, conditions.leads, conditions.dg_follows),
        )
        drawn_kw, drawn_kvar = (conditions.drawn_in_islands(state.slot, power) for power in (state.p_kw, state.q_kvar))
        follower_kw = dispatch.dg_kw * dg_follows
        follower_kvar = state.bus_fed_kvar[..., accounts.microgrids.dg_bus] * dg_follows
        surplus_kw, feed_in_kw, deficit_kw = np.moveaxis(state.limits_kw, -3, 0)
        normal_kw = dispatch.shed_kw - dispatch.critical_shed_kw
        load_kvar = drawn_kvar + follower_kvar
        held_kw = self.flow.slack_p_mw * KW_PER_MW
        slack_kw, slack_kvar = held_kw + follower_kw, self.flow.slack_q_mvar * KW_PER_MW + follower_kvar
        losses_kwh = (held_kw - drawn_kw) * slot_h
        dg_kvar = np.minimum(np.maximum(load_kvar, -most_kvar), most_kvar)
        over_kw = np.maximum(slack_kw - most_kw, 0.0)
        beyond = (over_kw > TOLERANCE_KW) | (np.abs(slack_kvar) > most_kvar + TOLERANCE_KW)
        return MicrogridSlots(
            load_kw=available.load_kw,
            load_kvar=available.load_kvar,
            served_kw=available.load_kw - dispatch.shed_kw,
            shed_kw=dispatch.shed_kw,
            critical_kw=available.load_kw * accounts.microgrids.critical_share,
            critical_shed_kw=dispatch.critical_shed_kw,
            **self._reasons(),
            ev_kw=dispatch.ev_kw,
            pv_available_kw=available.pv_kw,
            wt_available_kw=available.wt_kw,
            pv_kw=dispatch.pv_kw,
            wt_kw=dispatch.wt_kw,
            curtailed_kw=dispatch.curtailed_kw,
            dg_kw=dispatch.dg_kw,
            supply_kw=dispatch.supply_kw,
            exchange_kw=self._exchange_kw(),
            dg_kvar=dg_kvar,
            short_kvar=np.abs(load_kvar - dg_kvar),
            ess_charge_kw=dispatch.ess_charge_kw,
            ess_discharge_kw=dispatch.ess_discharge_kw,
            ess_start_kwh=state.ess_start_kwh,
            ess_end_kwh=state.ess_end_kwh,
            slack_kw=slack_kw,
            slack_kvar=slack_kvar,
            slack_over_kw=over_kw,
            losses_kwh=losses_kwh,
            surplus_kw=surplus_kw,
            deficit_kw=deficit_kw,
            discharge_limit_kw=feed_in_kw,
            dg_cny=costs.dg_cny_per_kwh * dispatch.dg_kw * slot_h,
            shedding_cny=costs.shedding_cny_per_kwh * normal_kw * slot_h
            + costs.critical_cny_per_kwh * dispatch.critical_shed_kw * slot_h,
            ess_cny=costs.ess_cny_per_kwh * dispatch.ess_discharge_kw * slot_h,
            curtailment_cny=costs.curtailment_cny_per_kwh * dispatch.curtailed_kw * slot_h,
            supply_cny=costs.supply_cny_per_kwh * dispatch.supply_kw * slot_h,
            losses_cny=costs.dg_cny_per_kwh * losses_kwh,
            redispatched=state.redispatched,
            voltage_violated=state.violated,
            line_overloaded=state.overloaded,
            slack_beyond_limit=beyond.astype(np.int64),
            island=np.broadcast_to(island, dispatch.shed_kw.shape),
        )

    def _reasons(self) -> dict[str, Floats]:
        """Why load is not served [kW], by column, shape [N, M]; together they are what is shed.

        In the dark nothing can be; what the program sheds beyond what was wanted is for voltages, or lines; the rest
        could have been served as far as storage has power to spare, had it had (or not kept) the energy; beyond that
        diesel, utility and storage have not enough power.
        """
        shed_kw, state, conditions = self.dispatch.shed_kw, self.state, self.accounts.conditions
        lit = self._of_slots(conditions.leads) >= 0
        idle_kw = np.maximum(self._of_slots(conditions.ess_power_kw) - self.dispatch.ess_discharge_kw, 0.0)
        idle_kw, island_shed_kw = (conditions.island_totals(state.slot, kw) for kw in (idle_kw, shed_kw))
        kept_kw = np.maximum(shed_kw - state.wanted_shed_kw, 0.0) * lit
        line_kw = kept_kw * state.for_lines
        left_kw = (shed_kw - kept_kw) * lit
        # Of an island's, each microgrid has its part by what it sheds.
        share = left_kw / np.where(island_shed_kw > 0.0, island_shed_kw, 1.0)
        energy_kw = np.minimum(left_kw, idle_kw * share)
        return {
            "unserved_dark_kw": shed_kw * ~lit,
            "unserved_power_kw": left_kw - energy_kw,
            "unserved_energy_kw": energy_kw,
            "unserved_voltage_kw": kept_kw - line_kw,
            "unserved_line_kw": line_kw,
        }

    def _of_slots(self, values: NDArray[Any]) -> NDArray[Any]:
        """What is the same in all cases, of every slot of an episode [T, M]; in these slots, with an axis for cases."""
        of_slots: NDArray[Any] = values[self.state.slot][..., None, :]
        return of_slots

    def _exchange_kw(self) -> Floats:
        """Power that each microgrid gets from the others of its island [kW], shape [N, M]."""
        done = self.dispatch
        used_kw = self.available.load_kw - done.shed_kw + done.ev_kw + done.ess_charge_kw
        return used_kw - (done.pv_kw + done.wt_kw + done.dg_kw + done.supply_kw + done.ess_discharge_kw)
