"""Local dispatch by rule: renewables, EVs, diesel, storage, then shedding; or EVs, storage, then curtailment.

Every function works on arrays of shape [N, M]: N cases (replicas, with and without EVs) of M microgrids.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.grid.islands import Islands
from cosim.grid.microgrid import Availability, Microgrids
from cosim.interface import Floats


@dataclass(frozen=True)
class Dispatch:
    """What the units of each microgrid do in a slot; all >= 0 but `ev_kw`, shape [N, M].

    Attributes:
        ev_kw: Power of the EVs [kW], > 0 drawn.
        pv_kw: Photovoltaic power used [kW].
        wt_kw: Wind power used [kW].
        dg_kw: Diesel power [kW].
        supply_kw: Power from the utility [kW].
        ess_charge_kw: Power into storage, at the bus [kW].
        ess_discharge_kw: Power out of storage, at the bus [kW].
        shed_kw: Load not served [kW].
        critical_shed_kw: The part of it that is critical [kW].
        curtailed_kw: Renewable power not used [kW].
    """

    ev_kw: Floats
    pv_kw: Floats
    wt_kw: Floats
    dg_kw: Floats
    supply_kw: Floats
    ess_charge_kw: Floats
    ess_discharge_kw: Floats
    shed_kw: Floats
    critical_shed_kw: Floats
    curtailed_kw: Floats


def dispatch_by_rule(
    microgrids: Microgrids,
    available: Availability,
    ev_kw: Floats,
    ess_kwh: Floats,
    slot_h: float,
    islands: Islands,
) -> Dispatch:
    """Balance each island in the fixed order of priority; microgrids share what their island does.

    Diesel, storage, curtailment and shedding of an island are shared in proportion to what each could give.

    Args:
        microgrids: The units, as they are in the slot.
        available: Load and renewable power of the slot [kW], shape [N, M].
        ev_kw: Power of the EVs, fixed by their stations [kW], > 0 drawn, shape [N, M].
        ess_kwh: Energy in storage at the slot's start [kWh], shape [N, M].
        slot_h: Length of the slot [h].
        islands: Who is together.

    Source:
        Wu, Cai, Li 2025, eq. (6)-(9); the order is ours, see docs/model.md.
    """
    total, part = islands.total, islands.part
    there_kw = available.pv_kw + available.wt_kw
    # In the dark there is no voltage to feed into.
    renewable_kw = there_kw if islands.alone else there_kw * islands.live
    net_kw = total(available.load_kw + ev_kw - renewable_kw)
    formed_kw = np.minimum(np.maximum(net_kw, 0.0), total(microgrids.forming_max_kw))
    supply_kw = np.minimum(formed_kw, total(microgrids.supply_max_kw))
    missing_kw = np.maximum(net_kw - formed_kw, 0.0)
    could_give_kw = ess_discharge_limit_kw(microgrids, ess_kwh, slot_h)
    discharge_kw = np.minimum(missing_kw, total(could_give_kw))
    surplus_kw = np.maximum(-net_kw, 0.0)
    could_take_kw = ess_charge_limit_kw(microgrids, ess_kwh, slot_h)
    charge_kw = np.minimum(surplus_kw, total(could_take_kw))
    curtailed_kw = part(surplus_kw - charge_kw, renewable_kw) + (there_kw - renewable_kw)
    used = 1.0 - curtailed_kw / np.where(there_kw > 0.0, there_kw, 1.0)
    shed_kw = missing_kw - discharge_kw
    if microgrids.has_critical:
        # Normal load of the whole island first.
        critical_kw = available.load_kw * microgrids.critical_share
        normal_kw = available.load_kw - critical_kw
        critical_shed_kw = np.minimum(np.maximum(shed_kw - total(normal_kw), 0.0), total(critical_kw))
        own_critical_kw = part(critical_shed_kw, critical_kw)
        own_shed_kw = part(shed_kw - critical_shed_kw, normal_kw) + own_critical_kw
    else:
        own_critical_kw, own_shed_kw = np.zeros_like(shed_kw), part(shed_kw, available.load_kw)
    return Dispatch(
        ev_kw=ev_kw,
        pv_kw=available.pv_kw * used,
        wt_kw=available.wt_kw * used,
        dg_kw=part(formed_kw - supply_kw, microgrids.dg_p_max_kw),
        supply_kw=part(supply_kw, microgrids.supply_max_kw),
        ess_charge_kw=part(charge_kw, could_take_kw),
        ess_discharge_kw=part(discharge_kw, could_give_kw),
        shed_kw=own_shed_kw,
        critical_shed_kw=own_critical_kw,
        curtailed_kw=curtailed_kw,
    )


def ess_discharge_limit_kw(microgrids: Microgrids, ess_kwh: Floats, slot_h: float) -> Floats:
    """Power that storage can give for a whole slot, at the bus [kW], shape [N, M]."""
    stored_kwh = np.maximum(ess_kwh - microgrids.ess_min_kwh, 0.0)
    return np.minimum(microgrids.ess_power_kw, stored_kwh * microgrids.ess_discharge_efficiency / slot_h)


def ess_charge_limit_kw(microgrids: Microgrids, ess_kwh: Floats, slot_h: float) -> Floats:
    """Power that storage can take for a whole slot, at the bus [kW], shape [N, M]."""
    room_kwh = np.maximum(microgrids.ess_max_kwh - ess_kwh, 0.0)
    return np.minimum(microgrids.ess_power_kw, room_kwh / (microgrids.ess_charge_efficiency * slot_h))


def ess_after(microgrids: Microgrids, dispatch: Dispatch, ess_kwh: Floats, slot_h: float) -> Floats:
    """Energy in storage at the slot's end [kWh], shape [N, M]."""
    stored_kw = dispatch.ess_charge_kw * microgrids.ess_charge_efficiency
    taken_kw = dispatch.ess_discharge_kw / microgrids.ess_discharge_efficiency
    return ess_kwh + (stored_kw - taken_kw) * slot_h
