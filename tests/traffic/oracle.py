"""The traffic once more, as a textbook would write it: slow, and sharing no code with what it checks.

One generator process per drive and per station event, a plain list as queue, a search over the whole road graph
per trip, the nearest point by trying all roads. It reads arrays and parameters only.
"""

import itertools
import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from cosim.system import System

Way = list[tuple[int, float, float]]
"""Roads, each with the kilometres from which and to which it is driven."""


@dataclass
class Stay:
    """One request of one EV for a charger."""

    ev: int
    station: int
    wanted_kw: float
    asked_s: float
    power_kw: float = 0.0
    since_s: float = 0.0
    plug_in_s: float | None = None
    plug_out_s: float | None = None
    charged_kwh: float = 0.0
    discharged_kwh: float = 0.0


@dataclass
class Presence:
    """One stay of one EV at a station, whether it wants a charger or not."""

    ev: int
    station: int
    arrive_s: float
    depart_s: float | None = None


@dataclass
class Ev:
    """One EV: at a node, or on a road at some kilometres."""

    energy_kwh: float
    node: int
    road: int = -1
    at_km: float = 0.0
    driving: bool = False
    share: float = 0.0
    stay: Stay | None = None
    presence: Presence | None = None


@dataclass
class Drive:
    """What became of a trip."""

    ev: int
    way: Way
    depart_s: float
    planned_s: float
    enter_s: list[float] = field(default_factory=list)
    leg_s: float = 0.0
    arrive_s: float | None = None


class Oracle:
    """One episode."""

    def __init__(self, system: System, base_flow_vph: np.ndarray, starts: list[tuple[int, float]]) -> None:
        self.roads, self.fleet = system.roads, system.scenario.fleet
        self.ev_flow_vph = system.scenario.congestion.ev_flow_vph
        self.slot_s = system.clock.slot_s
        self.base_flow_vph = base_flow_vph
        self.station_node = system.station_node.tolist()
        self.chargers = [station.chargers for station in system.scenario.stations]
        self.env = simpy.Environment()
        self.evs = [Ev(energy_kwh, node) for node, energy_kwh in starts]
        self.on_road = np.zeros(self.roads.roads, dtype=int)
        self.plugged: list[list[Stay]] = [[] for _ in self.station_node]
        self.queue: list[list[Stay]] = [[] for _ in self.station_node]
        self.plan = [0 for _ in self.station_node]
        self.drives: list[Drive] = []
        self.stays: list[Stay] = []
        self.presences: list[Presence] = []
        self.slot = 0
        ends = zip(self.roads.tail.tolist(), self.roads.head.tolist(), strict=True)
        self.road_of = {end: road for road, end in enumerate(ends)}
        for number in range(len(self.evs)):
            self.come(number)

    # ------------------------------------------------------------------------------------------- a slot

    def run_slot(self, actions: np.ndarray, limits_kw: np.ndarray) -> None:
        self.limits_kw = limits_kw
        self.end_s = (self.slot + 1) * self.slot_s
        flow_vph = self.base_flow_vph[self.slot] + self.ev_flow_vph * self.on_road
        time_s = self.bpr_s(flow_vph)
        ways = [
            None if ev.driving else self.find_way(ev, *action[:2].tolist(), time_s)
            for ev, action in zip(self.evs, actions, strict=True)
        ]
        stood_still = [not ev.driving for ev in self.evs]
        for ev, action in zip(self.evs, actions, strict=True):
            if not ev.driving:
                ev.share = float(action[2])
        for number, (ev, way) in enumerate(zip(self.evs, ways, strict=True)):
            if way:
                if ev.stay is not None:
                    self.leave(ev.stay)
                if ev.presence is not None:
                    ev.presence.depart_s, ev.presence = float(self.env.now), None
                planned_s = sum((b - a) / self.roads.length_km[road] * time_s[road] for road, a, b in way)
                drive = Drive(number, way, float(self.env.now), float(planned_s))
                self.drives.append(drive)
                ev.driving = True
                self.enter(drive)
                self.env.process(self.drive(ev, drive))
        for ev, stood in zip(self.evs, stood_still, strict=True):
            if stood and not ev.driving and ev.stay is not None:
                ev.stay.wanted_kw = self.wanted_kw(ev)
                if not self.may_hold(ev, ev.stay.station, ev.stay.wanted_kw):
                    self.leave(ev.stay)
        for number, (ev, stood) in enumerate(zip(self.evs, stood_still, strict=True)):
            if stood and not ev.driving:
                self.ask(number)
        for station in range(len(self.station_node)):
            self.rearrange(station)
        self.env.run(until=self.end_s)
        for stays in self.plugged:
            for stay in stays:
                self.flow(stay)
        self.slot += 1

    def bpr_s(self, flow_vph: np.ndarray) -> np.ndarray:
        roads = self.roads
        return roads.free_time_s * (1 + roads.bpr_b * (flow_vph / roads.capacity_vph) ** roads.bpr_power)

    # ---------------------------------------------------------------------------------------- on the road

    def enter(self, drive: Drive) -> None:
        road, from_km, to_km = drive.way[len(drive.enter_s)]
        self.on_road[road] += 1
        drive.enter_s.append(float(self.env.now))
        whole_s = self.bpr_s(self.base_flow_vph[self.slot] + self.ev_flow_vph * self.on_road)[road]
        drive.leg_s = float(whole_s * (to_km - from_km) / self.roads.length_km[road])

    def drive(self, ev: Ev, drive: Drive) -> Generator[simpy.Event, Any, None]:
        for k, (road, from_km, to_km) in enumerate(drive.way):
            if k > 0:
                self.enter(drive)
            yield self.env.timeout(drive.leg_s)
            self.on_road[road] -= 1
            ev.energy_kwh -= (to_km - from_km) * self.fleet.consumption_kwh_per_km
        drive.arrive_s = float(self.env.now)
        ev.driving = False
        self.stand(ev, *drive.way[-1][::2])
        self.come(drive.ev)
        self.ask(drive.ev)

    def stand(self, ev: Ev, road: int, at_km: float) -> None:
        ev.node, ev.road, ev.at_km = -1, road, at_km
        if at_km < 2e-6:
            ev.node, ev.road, ev.at_km = int(self.roads.tail[road]), -1, 0.0
        elif at_km > self.roads.length_km[road] - 2e-6:
            ev.node, ev.road, ev.at_km = int(self.roads.head[road]), -1, 0.0

    def spot(self, ev: Ev) -> np.ndarray:
        node_km = self.roads.node_km
        if ev.road < 0:
            return node_km[ev.node]
        tail, head = self.roads.tail[ev.road], self.roads.head[ev.road]
        return node_km[tail] + ev.at_km / self.roads.length_km[ev.road] * (node_km[head] - node_km[tail])

    def find_way(self, ev: Ev, heading_rad: float, distance_km: float, time_s: np.ndarray) -> Way:
        if distance_km <= 1e-6:
            return []
        aim = self.spot(ev) + distance_km * np.array([math.cos(heading_rad), math.sin(heading_rad)])
        if (aim < -1e-6).any() or (aim > np.array(self.roads.area_km) + 1e-6).any():
            return []
        target = Ev(0.0, -1)
        far_km = np.hypot(*(self.roads.node_km[self.station_node] - aim).T)
        if far_km.min() <= 1.1:
            target.node = self.station_node[int(far_km.argmin())]
        else:
            first, last = self.roads.node_km[self.roads.tail], self.roads.node_km[self.roads.head]
            along = last - first
            share = np.clip(((aim - first) * along).sum(axis=1) / (along**2).sum(axis=1), 0, 1)
            gap_km = np.hypot(*(first + share[:, None] * along - aim).T)
            if gap_km.min() > 1.0:
                return []
            road = int(np.flatnonzero(gap_km <= gap_km.min() + 1e-9)[0])
            self.stand(target, road, float(share[road] * self.roads.length_km[road]))
        way: Way = []
        left_km = self.fleet.l_max * self.fleet.move_scale_km
        for road, from_km, to_km in self.quickest(ev, target, time_s):
            if to_km - from_km > left_km + 1e-6:
                if left_km > 1e-6:
                    way.append((road, from_km, from_km + left_km))
                break
            way.append((road, from_km, to_km))
            left_km -= to_km - from_km
        length_km = sum(to_km - from_km for _, from_km, to_km in way)
        spare_kwh = ev.energy_kwh - self.fleet.soc_min * self.fleet.battery_kwh
        if length_km <= 1e-6 or length_km * self.fleet.consumption_kwh_per_km > spare_kwh + 1e-9:
            return []
        return way

    def quickest(self, start: Ev, target: Ev, time_s: np.ndarray) -> Way:
        """Start and target become nodes of a graph of all roads; pieces of roads keep their kilometres."""
        roads = self.roads
        points: dict[int, list[tuple[float, int]]] = {}
        names = []
        for name, ev in ((roads.nodes, start), (roads.nodes + 1, target)):
            names.append(ev.node if ev.road < 0 else name)
            if ev.road >= 0:
                points.setdefault(ev.road, []).append((ev.at_km, name))
                back = self.road_of.get((int(roads.head[ev.road]), int(roads.tail[ev.road])), -1)
                if back >= 0:
                    share = 1 - ev.at_km / roads.length_km[ev.road]
                    points.setdefault(back, []).append((float(share * roads.length_km[back]), name))
        pieces: dict[tuple[int, int], tuple[int, float, float]] = {}
        weights: dict[tuple[int, int], float] = {}
        for road, (tail, head, km) in enumerate(zip(roads.tail, roads.head, roads.length_km, strict=True)):
            stops = [(0.0, int(tail)), *sorted(points.get(road, [])), (float(km), int(head))]
            for (from_km, a), (to_km, b) in itertools.pairwise(stops):
                pieces[(a, b)] = (road, from_km, to_km)
                weights[(a, b)] = max((to_km - from_km) / km * time_s[road], 1e-12)
        rows, columns = zip(*weights, strict=True)
        graph = csr_array((list(weights.values()), (rows, columns)), shape=(roads.nodes + 2, roads.nodes + 2))
        _, before = dijkstra(graph, indices=names[0], return_predecessors=True)
        way: Way = []
        node = names[1]
        while node != names[0] and before[node] >= 0:
            way.append(pieces[(int(before[node]), node)])
            node = int(before[node])
        return way[::-1]

    # ---------------------------------------------------------------------------------------- at stations

    def come(self, number: int) -> None:
        ev = self.evs[number]
        if ev.road < 0 and ev.node in self.station_node:
            ev.presence = Presence(number, self.station_node.index(ev.node), float(self.env.now))
            self.presences.append(ev.presence)

    def wanted_kw(self, ev: Ev) -> float:
        if abs(ev.share) <= 1e-3:
            return 0.0
        return ev.share * (self.fleet.charge_kw if ev.share > 0 else self.fleet.discharge_kw)

    def may_hold(self, ev: Ev, station: int, wanted_kw: float) -> bool:
        if wanted_kw == 0.0:
            return False
        if wanted_kw > 0:
            room_kwh = self.fleet.soc_max * self.fleet.battery_kwh - ev.energy_kwh
            return bool(self.limits_kw[station, 0] > 0) and room_kwh > 1e-9
        return (
            bool(self.limits_kw[station, 1] > 0) and ev.energy_kwh - self.fleet.soc_min * self.fleet.battery_kwh > 1e-9
        )

    def ask(self, number: int) -> None:
        ev = self.evs[number]
        if ev.road >= 0 or ev.node not in self.station_node or ev.stay is not None:
            return
        station, wanted_kw = self.station_node.index(ev.node), self.wanted_kw(ev)
        if self.may_hold(ev, station, wanted_kw):
            ev.stay = Stay(number, station, wanted_kw, float(self.env.now))
            self.stays.append(ev.stay)
            self.queue[station].append(ev.stay)
            self.rearrange_soon(station)

    def leave(self, stay: Stay) -> None:
        if stay.plug_in_s is None:
            self.queue[stay.station].remove(stay)
        else:
            self.flow(stay)
            self.plugged[stay.station].remove(stay)
        stay.plug_out_s = float(self.env.now)
        self.evs[stay.ev].stay = None

    def flow(self, stay: Stay) -> None:
        kwh = stay.power_kw * (self.env.now - stay.since_s) / 3600
        stay.since_s = float(self.env.now)
        if kwh > 0:
            stay.charged_kwh += kwh
            self.evs[stay.ev].energy_kwh += kwh * self.fleet.charge_efficiency
        else:
            stay.discharged_kwh -= kwh
            self.evs[stay.ev].energy_kwh += kwh / self.fleet.discharge_efficiency

    def rearrange_soon(self, station: int) -> None:
        self.env.timeout(0).callbacks.append(lambda _: self.rearrange(station))

    def rearrange(self, station: int) -> None:
        """Let those in who wait, share the power, and come back when the first battery is full or empty."""
        plugged, queue = self.plugged[station], self.queue[station]
        for stay in plugged:
            self.flow(stay)
        queue.sort(key=lambda stay: (stay.asked_s, stay.ev))
        while queue and len(plugged) < self.chargers[station]:
            stay = queue.pop(0)
            stay.plug_in_s = stay.since_s = float(self.env.now)
            plugged.append(stay)
        left_kw = self.limits_kw[station].tolist()
        next_s = math.inf
        for stay in plugged:
            way = 0 if stay.wanted_kw > 0 else 1
            kw = min(abs(stay.wanted_kw), left_kw[way])
            left_kw[way] -= kw
            stay.power_kw = kw if way == 0 else -kw
            energy_kwh, fleet = self.evs[stay.ev].energy_kwh, self.fleet
            if kw > 0 and way == 0:
                room_kwh = (fleet.soc_max * fleet.battery_kwh - energy_kwh) / fleet.charge_efficiency
                next_s = min(next_s, room_kwh / kw * 3600)
            elif kw > 0:
                rest_kwh = (energy_kwh - fleet.soc_min * fleet.battery_kwh) * fleet.discharge_efficiency
                next_s = min(next_s, rest_kwh / kw * 3600)
        self.plan[station] += 1
        if self.env.now + next_s < self.end_s:
            self.env.process(self.first_at_bound(station, self.plan[station], next_s))

    def first_at_bound(self, station: int, plan: int, after_s: float) -> Generator[simpy.Event, Any, None]:
        yield self.env.timeout(after_s)
        if plan != self.plan[station]:
            return
        for stay in list(self.plugged[station]):
            self.flow(stay)
            if stay.power_kw != 0.0 and not self.may_hold(self.evs[stay.ev], station, stay.power_kw):
                self.leave(stay)
        self.rearrange(station)
