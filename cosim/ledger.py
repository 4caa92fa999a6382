"""The energy ledger: in every slot, every kilowatt-hour of every EV, station, storage and microgrid is somewhere.

It is closed for all slots of a batch of episodes at once, when the batch has ended.

Each balance is taken from quantities that were booked apart, so that an entry that is forgotten or booked
twice shows at once. A run that breaks the ledger stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from cosim.charging.battery import BatteryKind
from cosim.errors import LedgerError
from cosim.grid.microgrid import Microgrids
from cosim.interface import Floats, Ints
from cosim.records.schema import EvSlots, MicrogridSlots, StationSlots
from cosim.sums import sum_by_column

#: A balance closes if no more than this is missing [kWh].
TOLERANCE_KWH = 1e-6


class Balance(NamedTuple):
    """An equation or a bound that must hold.

    Attributes:
        what: Kind of the units that it holds for.
        name: The equation, or the bound.
        missing_kwh: By how much it is broken [kWh], shape [T, N, X].
    """

    what: str
    name: str
    missing_kwh: Floats


@dataclass
class Ledger:
    """Balances of each slot, and the largest error so far.

    Args:
        slot_h: Length of a slot [h].

    Attributes:
        max_error_kwh: Largest imbalance of any entry so far [kWh].
    """

    slot_h: float
    max_error_kwh: float = field(default=0.0, init=False)

    def check_traffic(
        self,
        evs: EvSlots,
        stations: StationSlots,
        battery: BatteryKind,
        consumption_kwh_per_km: float,
        episodes: Sequence[int],
        slots: Sequence[int],
    ) -> None:
        """Check EVs and stations.

        Args:
            evs: Per EV, shape [T, R, I].
            stations: Per station, shape [T, R, H].
            battery: Bounds and efficiencies of the batteries.
            consumption_kwh_per_km: Energy for driving [kWh/km].
            episodes: Episode of each replica.
            slots: Numbers of the slots.

        Raises:
            LedgerError: If a balance does not close, or a battery is out of its bounds.
        """
        stored_kwh = evs.charged_kwh * battery.charge_efficiency - evs.discharged_kwh / battery.discharge_efficiency
        driven_kwh = evs.driven_km * consumption_kwh_per_km
        gained_kwh = evs.energy_end_kwh - evs.energy_start_kwh
        count = stations.charged_kwh.shape[-1]
        sold_kwh = stations.charged_kwh + stations.customers_kwh
        self._close(
            [
                Balance("EV", "stored - driven = gained", stored_kwh - driven_kwh - gained_kwh),
                Balance(
                    "EV",
                    "energy within its bounds",
                    _outside(evs.energy_end_kwh, battery.energy_min_kwh, battery.energy_max_kwh),
                ),
                # Within a slot an EV charges at one station only, and is still there at its end.
                Balance(
                    "station",
                    "charged = charged by its EVs",
                    stations.charged_kwh - sum_by_column(evs.charged_kwh, evs.station, count),
                ),
                Balance(
                    "station",
                    "discharged = discharged by its EVs",
                    stations.discharged_kwh - sum_by_column(evs.discharged_kwh, evs.station, count),
                ),
                Balance(
                    "EV", "no energy away from stations", (evs.charged_kwh + evs.discharged_kwh) * (evs.station < 0)
                ),
                Balance(
                    "station",
                    "charged within its limit",
                    np.maximum(sold_kwh - stations.charge_limit_kw * self.slot_h, 0.0),
                ),
                Balance(
                    "station",
                    "discharged within its limit",
                    np.maximum(stations.discharged_kwh - stations.discharge_limit_kw * self.slot_h, 0.0),
                ),
            ],
            episodes,
            slots,
        )

    def check_customers(self, stations: StationSlots, drawn_kwh: Floats, episodes: Sequence[int]) -> None:
        """Check what customers drew.

        Args:
            stations: Per station, shape [T, R, H].
            drawn_kwh: Energy that the customers of each station say they have drawn [kWh], shape [R, H].
            episodes: Episode of each replica.

        Raises:
            LedgerError: If a station sold them more or less, slot by slot.
        """
        missing_kwh = stations.customers_kwh.sum(axis=0) - drawn_kwh
        last = len(stations.customers_kwh) - 1
        self._close([Balance("station", "sold = drawn by its customers", missing_kwh[None])], episodes, [last])

    def check_grid(
        self,
        cases: MicrogridSlots,
        station_kw: Floats,
        station_microgrid: Ints,
        microgrids: Microgrids,
        episodes: Sequence[int],
        slots: Sequence[int],
    ) -> None:
        """Check microgrids, their storage, and the border to the stations.

        Args:
            cases: Per microgrid, shape [T, N, M]: R replicas, and perhaps after them their references.
            station_kw: Power of all stations [kW], > 0 drawn, shape [T, N, H].
            station_microgrid: Microgrid of each station, shape [H].
            microgrids: The units.
            episodes: Episode of each replica.
            slots: Numbers of the slots.

        Raises:
            LedgerError: If a balance does not close.
        """
        hours = self.slot_h
        supplied_kw = cases.pv_kw + cases.wt_kw + cases.dg_kw + cases.supply_kw + cases.ess_discharge_kw
        used_kw = cases.served_kw + cases.ev_kw + cases.ess_charge_kw
        load_kw = cases.served_kw + cases.shed_kw - cases.load_kw
        available_kw = cases.pv_available_kw + cases.wt_available_kw
        renewable_kw = available_kw - cases.pv_kw - cases.wt_kw - cases.curtailed_kw
        below_kw = np.maximum(-cases.served_kw, 0.0) + np.maximum(-cases.shed_kw, 0.0)
        stored_kw = cases.ess_charge_kw * microgrids.ess_charge_efficiency
        taken_kw = cases.ess_discharge_kw / microgrids.ess_discharge_efficiency
        gained_kwh = cases.ess_end_kwh - cases.ess_start_kwh
        drawn_kw = sum_by_column(station_kw, station_microgrid, len(microgrids)) - cases.ev_kw
        self._close(
            [
                Balance("microgrid", "supplied = used", _of_islands(supplied_kw - used_kw, cases.island) * hours),
                Balance(
                    "microgrid", "supplied + exchanged = used", (supplied_kw + cases.exchange_kw - used_kw) * hours
                ),
                Balance(
                    "microgrid", "nothing supplied in the dark", (supplied_kw + used_kw) * (cases.island < 0) * hours
                ),
                Balance("microgrid", "served + shed = load", load_kw * hours),
                Balance("microgrid", "served and shed not below 0", below_kw * hours),
                Balance("microgrid", "shed = its reasons", (cases.shed_kw - _unserved_kw(cases)) * hours),
                Balance("microgrid", "available = used + curtailed", renewable_kw * hours),
                # Losses are an entry of their own: what the slack unit delivers beyond its dispatch.
                Balance(
                    "microgrid",
                    "slack = diesel + utility + losses",
                    (cases.slack_kw - cases.dg_kw - cases.supply_kw) * hours - cases.losses_kwh,
                ),
                Balance("microgrid", "losses not below 0", np.maximum(-cases.losses_kwh, 0.0)),
                Balance("storage", "stored - taken = gained", (stored_kw - taken_kw) * hours - gained_kwh),
                Balance(
                    "storage",
                    "energy within its bounds",
                    _outside(cases.ess_end_kwh, microgrids.ess_min_kwh, microgrids.ess_max_kwh),
                ),
                Balance("microgrid", "EVs = its stations", drawn_kw * hours),
            ],
            episodes,
            slots,
        )

    def _close(self, balances: Sequence[Balance], episodes: Sequence[int], slots: Sequence[int]) -> None:
        errors_kwh = np.abs(np.concatenate([balance.missing_kwh.ravel() for balance in balances]))
        worst = float(errors_kwh.max(initial=0.0))
        # Written so that a NaN fails as well.
        if worst <= TOLERANCE_KWH:
            self.max_error_kwh = max(self.max_error_kwh, worst)
            return
        # The first slot that does not close is where to look; what follows may only follow from it.
        for t, slot in enumerate(slots):
            for balance in balances:
                missing_kwh = balance.missing_kwh[t]
                error_kwh = np.nan_to_num(np.abs(missing_kwh), nan=np.inf)
                if error_kwh.max(initial=0.0) > TOLERANCE_KWH:
                    case, number = np.unravel_index(int(error_kwh.argmax()), error_kwh.shape)
                    who = f"episode {episodes[int(case) % len(episodes)]}"
                    reference = " (reference without EVs)" if case >= len(episodes) else ""
                    raise LedgerError(
                        f"{who}{reference}, slot {slot}, {balance.what} {number}: "
                        f"'{balance.name}' misses {missing_kwh[case, number]:.3g} kWh"
                    )


def _unserved_kw(cases: MicrogridSlots) -> Floats:
    """What is not served, reason by reason [kW]."""
    of_units_kw = cases.unserved_dark_kw + cases.unserved_power_kw + cases.unserved_energy_kw
    return of_units_kw + cases.unserved_voltage_kw + cases.unserved_line_kw


def _of_islands(values: Floats, island: Ints) -> Floats:
    """Sums over islands, at each of their microgrids; who is in the dark has its own; shape [T, N, M]."""
    numbers = np.arange(values.shape[-1])
    if (island == numbers).all():
        return values
    numbered = np.where(island >= 0, island, -1 - numbers)
    together = numbered[..., :, None] == numbered[..., None, :]
    sums: Floats = (values[..., None, :] * together).sum(axis=-1)
    return sums


def _outside(energy_kwh: Floats, low_kwh: Floats | float, high_kwh: Floats | float) -> Floats:
    """How far energies are outside their bounds [kWh]."""
    outside_kwh: Floats = np.maximum(np.maximum(low_kwh - energy_kwh, energy_kwh - high_kwh), 0.0)
    return outside_kwh
