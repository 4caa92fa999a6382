"""Powers at the buses: what microgrids do, spread over their buses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.grid.conditions import Conditions
from cosim.grid.dispatch import Dispatch
from cosim.grid.microgrid import Availability, Microgrids
from cosim.grid.network import Network
from cosim.grid.stage import Stage
from cosim.interface import Floats, Ints
from cosim.sums import ColumnSums, sum_by_column


@dataclass(frozen=True)
class BusPower:
    """Powers at the buses, shape [N, B].

    Attributes:
        load_kw: Active load to serve [kW].
        load_kvar: Reactive load to serve [kvar].
        critical_kw: The part of the active load that is critical [kW].
        shed_kw: Active load not served [kW].
        critical_shed_kw: The part of it that is critical [kW].
        ev_kw: EV power [kW], > 0 drawn.
        fed_kvar: Reactive power of diesel that does not hold its island's voltage [kvar].
        p_kw: All active power drawn but the slack unit's [kW].
        q_kvar: All reactive power drawn but the slack unit's [kvar].
    """

    load_kw: Floats
    load_kvar: Floats
    critical_kw: Floats
    shed_kw: Floats
    critical_shed_kw: Floats
    ev_kw: Floats
    fed_kvar: Floats
    p_kw: Floats
    q_kvar: Floats


class BusPowers:
    """Spreads what microgrids do over their buses; load is shed in the same proportion at all buses of a microgrid.

    Args:
        network: The network.
        microgrids: Its microgrids, with all their units.
        conditions: Units and islands of each slot.
        station_bus: Position of each station's bus, shape [H].
    """

    def __init__(self, network: Network, microgrids: Microgrids, conditions: Conditions, station_bus: Ints) -> None:
        self._network = network
        self._microgrids = microgrids
        self._conditions = conditions
        self._at_buses = ColumnSums(station_bus, network.buses)

    def begin(self, available: Availability) -> None:
        """Start new episodes.

        Args:
            available: Load and renewables of N cases, shape [N, T, M].
        """
        network = self._network
        # The slot comes first, so that a slot's values lie side by side.
        p_factor, q_factor, of_microgrid_kw = (
            np.ascontiguousarray(values.swapaxes(0, 1))
            for values in (available.p_factor, available.q_factor, available.load_kw)
        )
        self._load_kw = network.load_kw * p_factor[..., network.microgrid]
        self._load_kvar = network.load_kvar * q_factor[..., network.microgrid]
        # To divide by.
        self._some_load_kw, self._some_of_microgrid_kw = (
            np.where(kw > 0.0, kw, 1.0) for kw in (self._load_kw, of_microgrid_kw)
        )
        self._nothing = np.zeros_like(self._load_kw[0])

    def of_slot(self, slot: int, available: Availability, dispatch: Dispatch, station_kw: Floats) -> BusPower:
        """The powers of a slot.

        Args:
            slot: Its number.
            available: Load and renewables in it, shape [N, M].
            dispatch: What the units do, shape [N, M].
            station_kw: Power of the stations [kW], > 0 drawn, shape [N, H].
        """
        units, stage = self._microgrids, self._conditions.stage(slot)
        load_kw, load_kvar = self._load_kw[slot], self._load_kvar[slot]
        ev_kw = self._at_buses(station_kw)
        critical_kw, shed_kw, critical_shed_kw = self._shed(slot, available, dispatch)
        served = 1.0 - shed_kw / self._some_load_kw[slot]
        p_kw = load_kw - shed_kw + ev_kw
        # Microgrids have buses of their own, so that no index below stands twice.
        p_kw[:, units.pv_bus] -= dispatch.pv_kw
        p_kw[:, units.wt_bus] -= dispatch.wt_kw
        p_kw[:, units.ess_bus] += dispatch.ess_charge_kw - dispatch.ess_discharge_kw
        q_kvar, fed_kvar = load_kvar * served, self._nothing
        if stage.has_followers:
            p_kw[:, units.dg_bus] -= dispatch.dg_kw * stage.dg_follows
            fed_kvar = np.zeros_like(load_kvar)
            fed_kvar[:, units.dg_bus] = self._followers_kvar(slot, stage, q_kvar)
            q_kvar = q_kvar - fed_kvar
        return BusPower(load_kw, load_kvar, critical_kw, shed_kw, critical_shed_kw, ev_kw, fed_kvar, p_kw, q_kvar)

    def _shed(self, slot: int, available: Availability, dispatch: Dispatch) -> tuple[Floats, ...]:
        """Critical load, all load shed and critical load shed at each bus [kW], each of shape [N, B]."""
        network, units, load_kw = self._network, self._microgrids, self._load_kw[slot]
        island = network.microgrid
        if not units.has_critical:
            of_load = dispatch.shed_kw / self._some_of_microgrid_kw[slot]
            return self._nothing, load_kw * of_load[:, island], self._nothing
        critical_kw = load_kw * network.critical_share
        own_kw = available.load_kw * units.critical_share
        normal_kw = available.load_kw - own_kw
        of_critical = dispatch.critical_shed_kw / np.where(own_kw > 0.0, own_kw, 1.0)
        of_normal = (dispatch.shed_kw - dispatch.critical_shed_kw) / np.where(normal_kw > 0.0, normal_kw, 1.0)
        critical_shed_kw = critical_kw * of_critical[:, island]
        return critical_kw, (load_kw - critical_kw) * of_normal[:, island] + critical_shed_kw, critical_shed_kw

    def _followers_kvar(self, slot: int, stage: Stage, q_kvar: Floats) -> Floats:
        """What diesel that does not hold its island's voltage gives of the reactive power there [kvar], shape [N, M].

        Beside other diesel it is in proportion to what each could give; beside the utility it gives none.
        """
        units = self._conditions.units(slot)
        follows = stage.dg_follows & (stage.islands.total(units.supply_max_kw) == 0.0)
        drawn_kvar = stage.islands.total(sum_by_column(q_kvar, self._network.microgrid, len(self._microgrids)))
        limit_kvar = units.dg_q_max_kvar
        own_kvar: Floats = np.clip(stage.islands.part(drawn_kvar, limit_kvar), -limit_kvar, limit_kvar) * follows
        return own_kvar
