"""Collects what happened, and hands the records of each batch of episodes on when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cosim.charging.visit import Visit
from cosim.grid.model import GridSlot
from cosim.interface import Floats
from cosim.records.schema import Rewards, RoadSlots
from cosim.records.table import Records, Table, row_table, slot_table
from cosim.reward import RewardModel
from cosim.schedule import Schedule
from cosim.simulators.base import Ports, SlotSimulator
from cosim.system import System
from cosim.traffic.congestion import TravelTime
from cosim.traffic.model import TrafficSlot
from cosim.traffic.target import PENALISED
from cosim.traffic.trip import Trip

INPUTS = ("traffic", "grid")

Row = tuple[Any, ...]


class RecorderSimulator(SlotSimulator):
    """Steps once per batch of episodes, when its last slot has ended.

    Args:
        system: The scenario, built.
        schedule: Which episodes run when.
        complete: Whether rewards, trips and roads are recorded too, which no metric needs.
        on_batch: Called with the episodes and the records of each batch that has ended.
    """

    def __init__(
        self,
        system: System,
        schedule: Schedule,
        complete: bool,
        on_batch: Callable[[tuple[int, ...], Records], None],
    ) -> None:
        super().__init__("Recorder", INPUTS, (), {}, schedule)
        self._system = system
        self._complete = complete
        self._on_batch = on_batch
        self._travel_time = TravelTime(system.roads)
        self._reward = RewardModel(system.scenario.reward, system.clock.slot_h, PENALISED)

    def tick_after(self, tick: int) -> int:
        """The last slot of a batch; mosaik has every simulator step at 0 too."""
        return self.schedule.next_end(tick)

    def run_slot(self, tick: int, received: Ports) -> dict[str, Any]:
        """Hand the records of a batch on that has ended."""
        if self.schedule.ends_batch(tick):
            traffic: list[TrafficSlot] = received["traffic"]
            grid: list[GridSlot] = received["grid"]
            episodes = self.schedule.batch_at(tick)
            self._on_batch(episodes, Records(list(self._tables(episodes, traffic, grid))))
        return {}

    def _tables(
        self, episodes: tuple[int, ...], traffic: Sequence[TrafficSlot], grid: Sequence[GridSlot]
    ) -> Iterator[Table]:
        cases, replicas = [slot.cases for slot in grid], len(episodes)
        yield slot_table("microgrid_slots", episodes, cases, slice(replicas))
        yield slot_table("reference_slots", episodes, cases, slice(replicas, None))
        yield slot_table("bus_slots", episodes, [slot.buses for slot in grid])
        yield slot_table("ev_slots", episodes, [slot.evs for slot in traffic])
        yield slot_table("station_slots", episodes, [slot.stations for slot in traffic])
        last = traffic[-1]
        visits = [
            row for e, of_episode in zip(episodes, last.visits, strict=True) for row in _visit_rows(e, of_episode)
        ]
        yield row_table("visits", visits)
        if self._complete:
            yield slot_table("rewards", episodes, self._rewards(traffic, grid))
            yield row_table(
                "trips", [_trip_row(e, trip) for e, trips in zip(episodes, last.trips, strict=True) for trip in trips]
            )
            yield slot_table("road_slots", episodes, self._road_slots(traffic))

    def _rewards(self, traffic: Sequence[TrafficSlot], grid: Sequence[GridSlot]) -> list[Rewards]:
        self._reward.begin()
        return [
            self._reward.of_slot(on_roads.evs, in_grid.microgrids, in_grid.reference)
            for on_roads, in_grid in zip(traffic, grid, strict=True)
        ]

    def _road_slots(self, traffic: Sequence[TrafficSlot]) -> list[RoadSlots]:
        """Mean flow of each road in each slot, from the base flow and the time that EVs spent on it."""
        trips = traffic[-1].trips
        slot_s, slots = self._system.clock.slot_s, self._system.clock.slots
        on_road_s = np.zeros((slots, len(trips), self._system.roads.roads))
        for replica, of_episode in enumerate(trips):
            for trip in of_episode:
                _add_road_time(on_road_s[:, replica], trip, slot_s)
        weight_vph = self._system.scenario.congestion.ev_flow_vph
        flows = [
            slot.base_flow_vph + weight_vph * seconds / slot_s for slot, seconds in zip(traffic, on_road_s, strict=True)
        ]
        return [RoadSlots(flow_vph=flow, travel_time_s=self._travel_time.of_all_s(flow)) for flow in flows]


def _add_road_time(on_road_s: Floats, trip: Trip, slot_s: int) -> None:
    """Add the time that a trip spends on each road in each slot, shape [T, E], in place."""
    slots = len(on_road_s)
    # A trip that the episode's end cut short is on its road until then.
    end_s = trip.arrive_s if trip.arrive_s is not None else float(slots * slot_s)
    for leg, enter_s, leave_s in zip(trip.legs, trip.enter_s, [*trip.enter_s[1:], end_s], strict=False):
        for slot in range(int(enter_s // slot_s), min(int(leave_s // slot_s), slots - 1) + 1):
            on_road_s[slot, leg.road] += min(leave_s, (slot + 1) * slot_s) - max(enter_s, slot * slot_s)


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
