"""What happened on roads and at stations, as it was booked, and the records that follow from it.

A slot keeps only what was booked in it. Costs and means are worked out of it when somebody asks, for one slot or,
with one axis more, for all slots of a batch of episodes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cosim.charging.visit import Visit
from cosim.interface import Floats, Ints
from cosim.records.schema import EvSlots, StationSlots
from cosim.scenario.schema import FleetCosts
from cosim.stacking import stacked
from cosim.traffic.station_set import Guests
from cosim.traffic.trip import Trip
from cosim.units import hours


@dataclass(frozen=True)
class TrafficAccounts:
    """What does not change while records are worked out.

    Attributes:
        costs: Prices.
        slot_s: Length of a slot [s].
    """

    costs: FleetCosts
    slot_s: int


@dataclass(frozen=True)
class EvBook:
    """What each EV was told and did in a slot, shape [R, I]; with T slots, [T, R, I].

    Attributes:
        heading_rad: Action: direction [rad].
        distance_km: Action: straight distance [km].
        power_share: Action: share of the power, > 0 charges.
        outcome: What became of the action.
        energy_start_kwh: Energy in the battery at the slot's start [kWh].
        energy_end_kwh: Energy in the battery at the slot's end [kWh].
        position_km: Position at the slot's end [km], shape [R, I, 2].
        station: Station at the slot's end, or the one that it left for the day in this slot; -1 elsewhere.
        state: What it is doing at the slot's end.
        charged_kwh: Energy drawn at chargers [kWh].
        discharged_kwh: Energy fed in at chargers [kWh].
        driven_km: Distance driven [km].
        driven_s: Time spent driving [s].
        energy_cny: Cost of energy by the tariff [CNY], < 0 where the EV is paid.
    """

    heading_rad: Floats
    distance_km: Floats
    power_share: Floats
    outcome: Ints
    energy_start_kwh: Floats
    energy_end_kwh: Floats
    position_km: Floats
    station: Ints
    state: Ints
    charged_kwh: Floats
    discharged_kwh: Floats
    driven_km: Floats
    driven_s: Floats
    energy_cny: Floats


@dataclass(frozen=True)
class StationBook:
    """What each station sold, bought and held in a slot; with T slots, every shape has a T in front.

    Attributes:
        limit_kw: Charging and discharging limit [kW], shape [R, H, 2].
        tally: The station's sums, in the order of `StationTally`, shape [R, H, 7].
    """

    limit_kw: Floats
    tally: Floats


@dataclass(frozen=True)
class TrafficSlot:
    """What happened on the roads and at the stations in a slot, or in T slots.

    Attributes:
        accounts: What does not change.
        ev_book: Per EV.
        station_book: Per station.
        base_flow_vph: Flow of other vehicles [vehicles/h], shape [R, E]; with T slots, a list of T arrays.
        trips: Trips of each replica's episode so far, if they are kept.
        visits: Stays at stations of each replica's episode so far.
        guests: Customers of each replica's episode so far, station by station.
    """

    accounts: TrafficAccounts
    ev_book: EvBook
    station_book: StationBook
    base_flow_vph: Floats | Sequence[Floats]
    trips: Sequence[Sequence[Trip]]
    visits: Sequence[Sequence[Visit]]
    guests: Sequence[Sequence[Guests]]

    @classmethod
    def together(cls, slots: Sequence[TrafficSlot]) -> TrafficSlot:
        """T slots of the same episodes as one, the arrays of the books with T in front."""
        last = slots[-1]
        return cls(
            last.accounts,
            stacked([slot.ev_book for slot in slots]),
            stacked([slot.station_book for slot in slots]),
            [np.asarray(slot.base_flow_vph) for slot in slots],
            last.trips,
            last.visits,
            last.guests,
        )

    @property
    def station_power_kw(self) -> Floats:
        """Mean power of each station [kW], > 0 drawn, shape [R, H]."""
        tally = self.station_book.tally
        power_kw: Floats = (tally[..., 0] - tally[..., 1] + tally[..., 6]) / hours(self.accounts.slot_s)
        return power_kw

    @cached_property
    def evs(self) -> EvSlots:
        """Per EV, shape [R, I]."""
        book, costs = self.ev_book, self.accounts.costs
        return EvSlots(
            heading_rad=book.heading_rad,
            distance_km=book.distance_km,
            power_share=book.power_share,
            outcome=book.outcome,
            x_km=book.position_km[..., 0],
            y_km=book.position_km[..., 1],
            station=book.station,
            state=book.state,
            energy_start_kwh=book.energy_start_kwh,
            energy_end_kwh=book.energy_end_kwh,
            charged_kwh=book.charged_kwh,
            discharged_kwh=book.discharged_kwh,
            driven_km=book.driven_km,
            driven_s=book.driven_s,
            battery_cny=costs.battery_cny_per_kwh * (book.charged_kwh + book.discharged_kwh),
            distance_cny=costs.distance_cny_per_km * book.driven_km,
            time_cny=costs.time_cny_per_h * hours(1.0) * book.driven_s,
            energy_cny=book.energy_cny,
        )

    @cached_property
    def stations(self) -> StationSlots:
        """Per station, shape [R, H]."""
        book, slot_s = self.station_book, self.accounts.slot_s
        sums = np.moveaxis(book.tally, -1, 0)
        charged_kwh, discharged_kwh, queue_s, queue_max, busy_s, busy_max, customers_kwh = sums
        return StationSlots(
            power_kw=self.station_power_kw,
            charged_kwh=charged_kwh,
            discharged_kwh=discharged_kwh,
            customers_kwh=customers_kwh,
            charge_limit_kw=book.limit_kw[..., 0],
            discharge_limit_kw=book.limit_kw[..., 1],
            queue_mean=queue_s / slot_s,
            queue_max=queue_max.astype(np.int64),
            busy_mean=busy_s / slot_s,
            busy_max=busy_max.astype(np.int64),
        )
