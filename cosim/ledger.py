"""The energy ledger: in every slot, every kilowatt-hour of every EV, station, storage and microgrid is somewhere.

Each balance is taken from quantities that were booked apart, so that an entry that is forgotten or booked
twice shows at once. A run that breaks the ledger stops.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cosim.charging.battery import BatteryKind
from cosim.errors import LedgerError
from cosim.grid.microgrid import Microgrids
from cosim.interface import Floats, Ints
from cosim.records.schema import EvSlots, MicrogridSlots, StationSlots

#: A balance closes if no more than this is missing [kWh].
TOLERANCE_KWH = 1e-6


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
        episodes: tuple[int, ...],
        slot: int,
    ) -> None:
        """Check EVs and stations.

        Args:
            evs: Per EV, shape [R, I].
            stations: Per station, shape [R, H].
            battery: Bounds and efficiencies of the batteries.
            consumption_kwh_per_km: Energy for driving [kWh/km].
            episodes: Episode of each replica.
            slot: Number of the slot.

        Raises:
            LedgerError: If a balance does not close, or a battery is out of its bounds.
        """
        stored_kwh = evs.charged_kwh * battery.charge_efficiency - evs.discharged_kwh / battery.discharge_efficiency
        driven_kwh = evs.driven_km * consumption_kwh_per_km
        gained_kwh = evs.energy_end_kwh - evs.energy_start_kwh
        self._close("EV", "stored - driven = gained", stored_kwh - driven_kwh - gained_kwh, episodes, slot)
        below_kwh = np.maximum(battery.energy_min_kwh - evs.energy_end_kwh, 0.0)
        above_kwh = np.maximum(evs.energy_end_kwh - battery.energy_max_kwh, 0.0)
        self._close("EV", "energy within its bounds", below_kwh + above_kwh, episodes, slot)
        # Within a slot an EV charges at one station only, and is still there at its end.
        for name, of_stations in (("charged", stations.charged_kwh), ("discharged", stations.discharged_kwh)):
            of_evs_kwh = _by_column(getattr(evs, f"{name}_kwh"), evs.station, of_stations.shape[1])
            self._close("station", f"{name} = {name} by its EVs", of_stations - of_evs_kwh, episodes, slot)
        elsewhere_kwh = np.where(evs.station < 0, evs.charged_kwh + evs.discharged_kwh, 0.0)
        self._close("EV", "no energy away from stations", elsewhere_kwh, episodes, slot)
        limit_kwh = stations.charge_limit_kw * self.slot_h
        over_kwh = np.maximum(stations.charged_kwh - limit_kwh, 0.0)
        self._close("station", "charged within its limit", over_kwh, episodes, slot)
        limit_kwh = stations.discharge_limit_kw * self.slot_h
        over_kwh = np.maximum(stations.discharged_kwh - limit_kwh, 0.0)
        self._close("station", "discharged within its limit", over_kwh, episodes, slot)

    def check_grid(
        self,
        slots: MicrogridSlots,
        station_kw: Floats,
        station_microgrid: Ints,
        microgrids: Microgrids,
        episodes: tuple[int, ...],
        slot: int,
    ) -> None:
        """Check microgrids, their storage, and the border to the stations.

        Args:
            slots: Per microgrid, shape [R, M].
            station_kw: Power of all stations [kW], > 0 drawn, shape [R, H].
            station_microgrid: Microgrid of each station, shape [H].
            microgrids: The units.
            episodes: Episode of each replica.
            slot: Number of the slot.

        Raises:
            LedgerError: If a balance does not close.
        """
        supplied_kw = slots.pv_kw + slots.wt_kw + slots.dg_kw + slots.ess_discharge_kw
        used_kw = slots.served_kw + slots.ev_kw + slots.ess_charge_kw
        self._close("microgrid", "supplied = used", (supplied_kw - used_kw) * self.slot_h, episodes, slot)
        load_kw = slots.served_kw + slots.shed_kw - slots.load_kw
        self._close("microgrid", "served + shed = load", load_kw * self.slot_h, episodes, slot)
        below_kw = np.maximum(-slots.served_kw, 0.0) + np.maximum(-slots.shed_kw, 0.0)
        self._close("microgrid", "served and shed not below 0", below_kw * self.slot_h, episodes, slot)
        available_kw = slots.pv_available_kw + slots.wt_available_kw
        renewable_kw = available_kw - slots.pv_kw - slots.wt_kw - slots.curtailed_kw
        self._close("microgrid", "available = used + curtailed", renewable_kw * self.slot_h, episodes, slot)
        # Losses are an entry of their own: what the slack unit delivers beyond its dispatch.
        slack_kwh = (slots.slack_kw - slots.dg_kw) * self.slot_h - slots.losses_kwh
        self._close("microgrid", "slack = diesel + losses", slack_kwh, episodes, slot)
        self._close("microgrid", "losses not below 0", np.maximum(-slots.losses_kwh, 0.0), episodes, slot)
        stored_kw = slots.ess_charge_kw * microgrids.ess_charge_efficiency
        taken_kw = slots.ess_discharge_kw / microgrids.ess_discharge_efficiency
        gained_kwh = slots.ess_end_kwh - slots.ess_start_kwh
        self._close(
            "storage", "stored - taken = gained", (stored_kw - taken_kw) * self.slot_h - gained_kwh, episodes, slot
        )
        outside_kwh = np.maximum(microgrids.ess_min_kwh - slots.ess_end_kwh, 0.0)
        outside_kwh += np.maximum(slots.ess_end_kwh - microgrids.ess_max_kwh, 0.0)
        self._close("storage", "energy within its bounds", outside_kwh, episodes, slot)
        everywhere = np.broadcast_to(station_microgrid, station_kw.shape)
        drawn_kw = _by_column(station_kw, everywhere, slots.ev_kw.shape[1]) - slots.ev_kw
        self._close("microgrid", "EVs = its stations", drawn_kw * self.slot_h, episodes, slot)

    def _close(self, what: str, balance: str, missing_kwh: Floats, episodes: tuple[int, ...], slot: int) -> None:
        if missing_kwh.size == 0:
            return
        error_kwh = np.abs(missing_kwh)
        worst = float(error_kwh.max())
        # Written so that a NaN fails as well.
        if not worst <= TOLERANCE_KWH:
            replica, number = np.unravel_index(int(np.argmax(np.nan_to_num(error_kwh, nan=np.inf))), error_kwh.shape)
            raise LedgerError(
                f"episode {episodes[int(replica)]}, slot {slot}, {what} {number}: "
                f"'{balance}' misses {missing_kwh[replica, number]:.3g} kWh"
            )
        self.max_error_kwh = max(self.max_error_kwh, worst)


def _by_column(values: Floats, column: Ints, columns: int) -> Floats:
    """Sum each row's values [R, N] by their columns [R, N]; column -1 counts nowhere. Shape [R, columns]."""
    sums = np.zeros((len(values), columns + 1))
    np.add.at(sums, (np.arange(len(values))[:, None], column), values)
    return sums[:, :columns]
