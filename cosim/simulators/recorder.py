"""Collects what happened, and hands the records of each batch of episodes on when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cosim.charging.visit import Visit
from cosim.errors import SimulationError
from cosim.grid.accounts import GridSlot
from cosim.interface import Floats
from cosim.ledger import Ledger
from cosim.records.table import Records, Table, row_table, slot_table
from cosim.schedule import Schedule
from cosim.simulators.base import Ports, SlotSimulator, episode_text
from cosim.system import System
from cosim.traffic.accounts import TrafficSlot
from cosim.traffic.road_flow import RoadFlow
from cosim.traffic.start import battery_kind
from cosim.traffic.station_set import Guests
from cosim.traffic.travel_time import TravelTime
from cosim.traffic.trip import Trip

INPUTS = ("traffic", "grid")

Row = tuple[Any, ...]


class RecorderSimulator(SlotSimulator):
    """Steps once per batch of episodes, when its last slot has ended.

    Args:
        system: The scenario, built.
        schedule: Which episodes run when.
        ledger: Checks every slot.
        complete: Whether rewards, trips and roads are recorded too, which no metric needs.
        on_batch: Called with the episodes and the records of each batch that has ended.
    """

    def __init__(
        self,
        system: System,
        schedule: Schedule,
        ledger: Ledger,
        complete: bool,
        on_batch: Callable[[tuple[int, ...], Records], None],
    ) -> None:
        super().__init__("Recorder", INPUTS, (), {}, schedule)
        self._system = system
        self._ledger = ledger
        self._complete = complete
        self._on_batch = on_batch
        self._road_flow = RoadFlow(TravelTime(system.roads), system.scenario.congestion.ev_flow_vph)
        self._reward = system.reward_model()

    def tick_after(self, tick: int) -> int:
        """The last slot of a batch; mosaik has every simulator step at 0 too."""
        return self.schedule.next_end(tick)

    def run_slot(self, tick: int, received: Ports) -> dict[str, Any]:
        """Close the ledger of a batch that has ended, and hand its records on."""
        if self.schedule.ends_batch(tick):
            slots, episodes = self._system.clock.slots, self.schedule.batch_at(tick)
            for name in INPUTS:
                if len(received[name]) != slots:
                    raise SimulationError(
                        f"simulator {name.title()!r} stopped at slot {len(received[name])} of {slots} of "
                        f"{episode_text(self.schedule, tick)}; the run is incomplete"
                    )
            traffic, grid = TrafficSlot.together(received["traffic"]), GridSlot.together(received["grid"])
            self._close(episodes, traffic, grid)
            self._on_batch(episodes, Records(list(self._tables(episodes, traffic, grid))))
        return {}

    def _close(self, episodes: tuple[int, ...], traffic: TrafficSlot, grid: GridSlot) -> None:
        system, fleet, slots = self._system, self._system.scenario.fleet, range(self._system.clock.slots)
        battery, consumption = battery_kind(fleet), fleet.consumption_kwh_per_km
        self._ledger.check_traffic(traffic.evs, traffic.stations, battery, consumption, episodes, slots)
        self._ledger.check_customers(traffic.stations, _drawn_kwh(traffic), episodes)
        drawn_kw = traffic.stations.power_kw
        with_reference_kw = np.concatenate([drawn_kw, np.zeros_like(drawn_kw)], axis=1)
        at, units = system.supply.microgrid, system.microgrids
        self._ledger.check_grid(grid.cases, with_reference_kw, at, units, episodes, slots)

    def _tables(self, episodes: tuple[int, ...], traffic: TrafficSlot, grid: GridSlot) -> Iterator[Table]:
        yield slot_table("microgrid_slots", episodes, grid.cases, slice(len(episodes)))
        yield slot_table("reference_slots", episodes, grid.cases, slice(len(episodes), None))
        yield slot_table("bus_slots", episodes, grid.buses)
        yield slot_table("ev_slots", episodes, traffic.evs)
        yield slot_table("station_slots", episodes, traffic.stations)
        visits = [
            row for e, of_episode in zip(episodes, traffic.visits, strict=True) for row in _visit_rows(e, of_episode)
        ]
        yield row_table("visits", visits)
        slots, slot_s = self._system.clock.slots, self._system.clock.slot_s
        guests = zip(episodes, traffic.guests, strict=True)
        yield row_table("customers", [row for e, each in guests for row in _customer_rows(e, each, slots * slot_s)])
        if self._complete:
            yield slot_table("rewards", episodes, self._reward.of_slots(traffic.evs, grid.microgrids, grid.reference))
            yield row_table(
                "trips",
                [_trip_row(e, trip) for e, trips in zip(episodes, traffic.trips, strict=True) for trip in trips],
            )
            yield slot_table("road_slots", episodes, self._road_flow.of(traffic))


def _trip_row(episode: int, trip: Trip) -> Row:
    # A destination counts once it is reached.
    arrived = trip.destination if trip.arrive_s is not None else -1
    return (
        episode,
        trip.ev,
        trip.depart_s,
        trip.arrive_s,
        trip.from_station,
        arrived,
        trip.length_km,
        trip.planned_s,
        [leg.road for leg in trip.legs],
        list(trip.enter_s),
        # The time that the last road takes is known from its entry on, also where the episode ends before.
        [*trip.enter_s[1:], trip.enter_s[-1] + trip.leg_s],
        [leg.from_km for leg in trip.legs],
        [leg.to_km for leg in trip.legs],
    )


def _drawn_kwh(traffic: TrafficSlot) -> Floats:
    """Energy that the customers of each station say they have drawn [kWh], shape [R, H]."""
    drawn_kwh = np.zeros(traffic.station_book.limit_kw.shape[1:3])
    for replica, guests in enumerate(traffic.guests):
        for of_station in guests:
            drawn_kwh[replica, of_station.station] = sum(c.charged_kwh for c in of_station.customers)
    return drawn_kwh


def _customer_rows(episode: int, guests: Sequence[Guests], end_s: float) -> Iterator[Row]:
    number = 0
    for of_station in guests:
        for customer, group in zip(of_station.customers, of_station.group.tolist(), strict=False):
            yield (
                episode,
                number,
                group,
                of_station.station,
                customer.arrive_s,
                customer.start_s,
                customer.plug_out_s,
                int(customer.outcome),
                customer.queue_met,
                customer.waited_s + (end_s - customer.waits_since_s if customer.waiting else 0.0),
                customer.interrupted,
                customer.charged_kwh,
            )
            number += 1


def _visit_rows(episode: int, visits: Sequence[Visit]) -> Iterator[Row]:
    for visit in visits:
        stay = (episode, visit.ev, visit.station, visit.arrive_s)
        if not visit.requests:
            yield (*stay, None, None, None, visit.depart_s, -1, 0.0, 0.0)
        for request in visit.requests:
            yield (
                *stay,
                request.request_s,
                request.plug_in_s,
                request.plug_out_s,
                visit.depart_s,
                request.queue_met,
                request.charged_kwh,
                request.discharged_kwh,
            )
