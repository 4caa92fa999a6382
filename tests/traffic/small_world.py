"""Small worlds at random, strange ones among them, and what happens in them, for the tests of this folder."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import Any

import numpy as np
from hypothesis import strategies as st
from small_roads import SCENARIOS, roads_of

from cosim.clock import Clock
from cosim.interface import Action
from cosim.scenario.schema import (
    CongestionSection,
    FleetSection,
    FleetStart,
    LatticeRoads,
    Noise,
    Scenario,
    StationSection,
    UncertaintySection,
)
from cosim.system import load_system
from cosim.traffic.model import FleetState, TrafficModel, TrafficSlot
from cosim.traffic.road_network import RoadNetwork, build_lattice
from cosim.traffic.routing import Router

SLOTS = 4
#: Where EVs are told to go: anywhere; all to the same point; nowhere; away from the middle of the map.
HABITS = ("anywhere", "same target", "nowhere", "outwards")


@cache
def base_scenario() -> Scenario:
    return load_system(SCENARIOS / "outage_33bus_deterministic.yaml").scenario


@dataclass(frozen=True)
class Case:
    """A small world, and the seed of what happens in it."""

    fleet: FleetSection
    roads: LatticeRoads
    station_nodes: tuple[int, ...]
    chargers: int
    ev_flow_vph: float
    base_share: float
    limits_kw: tuple[float, ...]
    seed: int
    slot_s: int = 1800
    ring: bool = False
    habit: str = "anywhere"
    flow_std: float = 0.0
    shared: bool = False
    """Whether stations are those that the fleet shares with others, with places enough for all."""

    @property
    def features(self) -> dict[str, Any]:
        return {"waiting_places": 1_000} if self.shared else {}

    @property
    def clock(self) -> Clock:
        return Clock(start_s=36_000, slot_s=self.slot_s, slots=SLOTS)

    @cached_property
    def network(self) -> RoadNetwork:
        """The lattice, or a ring of as many nodes whose roads lead round in one direction."""
        lattice = build_lattice(self.roads)
        if not self.ring or lattice.nodes < 2:
            return lattice
        turns = 2.0 * math.pi * np.arange(lattice.nodes) / lattice.nodes
        radius_km = self.roads.spacing_km
        node_km = radius_km * (1.0 + np.stack([np.cos(turns), np.sin(turns)], axis=1))
        road_s = float(lattice.free_time_s[0])
        links = [(k, (k + 1) % lattice.nodes, radius_km, road_s) for k in range(lattice.nodes)]
        return roads_of(
            [(x, y) for x, y in node_km.tolist()],
            links,
            capacity_vph=self.roads.capacity_vph,
            bpr_b=self.roads.bpr_b,
            area_km=(2.0 * radius_km, 2.0 * radius_km),
        )

    def model(self) -> TrafficModel:
        stations = [
            StationSection(name=f"S{k}", node=node, chargers=self.chargers, bus=0, **self.features)
            for k, node in enumerate(self.station_nodes)
        ]
        scenario = base_scenario().model_copy(
            update={
                "fleet": self.fleet,
                "stations": stations,
                "congestion": CongestionSection(ev_flow_vph=self.ev_flow_vph),
                "uncertainty": UncertaintySection(traffic=Noise(std=self.flow_std)),
                "seed": self.seed,
            }
        )
        roads = self.network
        # More from slot to slot where there is noise, and not the same on all roads.
        slots = 1.0 + self.flow_std * np.arange(SLOTS)
        share = self.base_share * (1.0 + self.flow_std * np.arange(roads.roads) / max(roads.roads, 1))
        flow_vph = slots[:, None] * share * self.roads.capacity_vph
        return TrafficModel(scenario, self.clock, roads, Router(roads), np.array(self.station_nodes), flow_vph)

    def orders(self, state: FleetState, slot: int) -> tuple[Action, np.ndarray]:
        """Actions and limits of a slot."""
        generator = np.random.default_rng((self.seed, slot))
        size = state.state.shape
        heading_rad, distance_km = self._moves(state, generator)
        action = Action(
            heading_rad=heading_rad,
            distance_km=distance_km,
            power_share=generator.choice([-self.fleet.p_sch_max, -0.3, 0.0, 1e-3, 0.5, 1.0, 1.0], size),
        )
        return action, generator.choice(self.limits_kw, (size[0], len(self.station_nodes), 2))

    def _moves(self, state: FleetState, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Headings and distances: by default some EVs stay, most go somewhere on the map, some anywhere."""
        size, area_km = state.state.shape, np.array(self.network.area_km)
        reach_km = self.fleet.max_move_km
        aim_km = generator.choice([0.0, 0.5, 1.0], (*size, 2)) * area_km
        if self.habit == "same target":
            aim_km = np.broadcast_to(generator.choice([0.0, 0.5, 1.0], 2) * area_km, aim_km.shape)
        towards_km = aim_km - state.position_km
        if self.habit == "outwards":
            towards_km = state.position_km - 0.5 * area_km + 1e-3
        heading_rad = np.arctan2(towards_km[..., 1], towards_km[..., 0]) % (2 * np.pi)
        straight_km = np.hypot(towards_km[..., 0], towards_km[..., 1]) * generator.choice([0.0, 0.9, 1.0, 1.0], size)
        if self.habit == "nowhere":
            return heading_rad, np.zeros(size)
        anywhere = generator.random(size) < 0.1
        far = anywhere | (self.habit == "outwards")
        return (
            np.where(anywhere, generator.uniform(0, 2 * np.pi, size), heading_rad),
            np.where(far, reach_km, np.minimum(straight_km, reach_km)),
        )

    def run(self, episodes: tuple[int, ...]) -> Run:
        model = self.model()
        model.begin(episodes)
        run = Run([], [], [model.state()])
        for number in range(SLOTS):
            given = self.orders(run.states[-1], number)
            run.orders.append(given)
            run.slots.append(model.step(*given))
            run.states.append(model.state())
        return run


@dataclass
class Run:
    """What was told in each slot, what came of it, and the states before, between and after."""

    orders: list[tuple[Action, np.ndarray]]
    slots: list[TrafficSlot]
    states: list[FleetState]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    columns, rows = draw(st.sampled_from([(4, 3), (3, 2), (5, 2), (2, 1), (1, 3), (1, 1)]))
    nodes = columns * rows
    soc = draw(st.sampled_from([0.5, 0.5, 0.5, 0.1, 0.12, 0.95]))
    spread = draw(st.sampled_from([0.0, 0.2])) if soc == 0.5 else 0.0
    efficiency = draw(st.sampled_from([1.0, 0.95, 0.3]))
    fleet = FleetSection(
        size=draw(st.sampled_from([9, 15, 3, 2, 1, 0])),
        battery_kwh=draw(st.sampled_from([60.0, 60.0, 60.0, 0.5])),
        charge_kw=draw(st.sampled_from([60.0, 0.7, 400.0])),
        discharge_kw=draw(st.sampled_from([60.0, 0.7])),
        charge_efficiency=efficiency,
        discharge_efficiency=efficiency,
        consumption_kwh_per_km=draw(st.sampled_from([0.2, 0.2, 0.2, 0.0, 40.0])),
        move_scale_km=draw(st.sampled_from([10.0, 10.0, 3.0, 0.1])),
        p_sch_max=draw(st.sampled_from([0.7, 1.0])),
        routing=draw(st.sampled_from(["departure", "departure", "nodes", "fixed"])),
        start=FleetStart(
            place=draw(st.sampled_from(["random_station", "round_robin", "random_node"])), soc=soc, soc_spread=spread
        ),
    )
    count = draw(st.sampled_from([1, min(2, nodes), min(3, nodes), nodes]))
    return Case(
        fleet=fleet,
        roads=LatticeRoads(
            kind="lattice",
            columns=columns,
            rows=rows,
            spacing_km=draw(st.sampled_from([4.0, 4.0, 0.4, 0.001])),
            speed_kmh=draw(st.sampled_from([40.0, 40.0, 3.0])),
            bpr_b=draw(st.sampled_from([1.0, 0.15, 0.0])),
        ),
        station_nodes=tuple(draw(st.permutations(range(nodes)))[:count]),
        chargers=draw(st.sampled_from([1, 1, 2, 20])),
        ev_flow_vph=draw(st.sampled_from([10.0, 200.0, 400.0, 0.0, 1e5])),
        base_share=draw(st.sampled_from([0.6, 0.6, 0.0, 30.0])),
        limits_kw=draw(st.sampled_from([(33.0, 1000.0), (0.0, 5.0, 100.0), (1e-9, 50.0), (0.0,)])),
        seed=draw(st.integers(0, 2**32)),
        slot_s=draw(st.sampled_from([1800, 1800, 60, 7200])),
        ring=draw(st.sampled_from([False, False, True])),
        habit=draw(st.sampled_from(["anywhere", "anywhere", *HABITS])),
        flow_std=draw(st.sampled_from([0.0, 0.3])),
    )


def arrays_of(record: object) -> dict[str, np.ndarray]:
    return {f.name: v for f in fields(record) if isinstance(v := getattr(record, f.name), np.ndarray)}  # type: ignore[arg-type]
