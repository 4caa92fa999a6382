"""A fleet on a line of three stations, for the tests of the rules."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from cosim.interface import Action, EvState, FleetSpec, Floats, Ints, Observation

#: Stations A, B and C on a line; the node k is k km from its start, at 40 km/h.
STATION_KM = np.array([0, 12, 36])


class Line:
    """Fulfils `Navigator` for places at the nodes of the line."""

    station_distance_km = np.abs(STATION_KM[:, None] - STATION_KM).astype(float)
    station_travel_time_h = station_distance_km / 40.0

    def distance_km(self, edge: Ints, node: Ints, offset_km: Floats) -> Floats:
        return np.abs(STATION_KM - node[..., None]).astype(float)

    def travel_time_h(self, edge: Ints, node: Ints, offset_km: Floats) -> Floats:
        return self.distance_km(edge, node, offset_km) / 40.0

    def aim(self, edge: Ints, node: Ints, offset_km: Floats, station: Ints) -> tuple[Floats, Floats]:
        way_km = (STATION_KM[station] - node).astype(float)
        return np.where(way_km < 0.0, math.pi, 0.0), np.minimum(np.abs(way_km), 10.0)


def fleet(size: int = 1, chargers: int = 10) -> FleetSpec:
    """EVs of 6 to 57 kWh that sell at most 20 kWh a slot (25 of their battery) and draw at most 20."""
    return FleetSpec(
        slots=12,
        slot_h=0.5,
        fleet_size=size,
        battery_kwh=60.0,
        energy_min_kwh=6.0,
        energy_max_kwh=57.0,
        charge_kw=40.0,
        discharge_kw=50.0,
        charge_efficiency=0.9,
        discharge_efficiency=0.8,
        consumption_kwh_per_km=0.2,
        max_move_km=10.0,
        max_discharge_share=0.8,
        area_km=(36.0, 1.0),
        station_name=("A", "B", "C"),
        station_position_km=np.stack([STATION_KM, np.zeros(3)], axis=1).astype(float),
        station_chargers=np.full(3, chargers),
        station_microgrid=np.arange(3),
        station_share=np.ones(3),
        microgrid_name=("1", "2", "3"),
        road_position_km=np.zeros((0, 2)),
        road_capacity_vph=np.zeros(0),
        navigator=Line(),
    )


def observe(
    node: object,
    energy_kwh: object,
    surplus_kw: object = (400.0, 0.0, 0.0),
    deficit_kw: object = (0.0, 400.0, 400.0),
    slot: int = 0,
    state: object = EvState.PARKED,
) -> Observation:
    """EVs [R, I] at nodes; surplus and deficit of each station, the same in every slot [H] or slot by slot [H, T]."""
    nodes = np.asarray(node, dtype=np.int64)
    replicas, evs = nodes.shape
    at = nodes[..., None] == STATION_KM
    ahead = [_ahead(power_kw, slot, replicas) for power_kw in (surplus_kw, deficit_kw)]
    return Observation(
        slot=slot,
        episode=np.arange(replicas),
        position_km=np.stack([nodes, np.zeros_like(nodes)], axis=-1).astype(float),
        edge=np.full((replicas, evs), -1),
        node=nodes,
        offset_km=np.zeros((replicas, evs)),
        energy_kwh=np.broadcast_to(np.asarray(energy_kwh, dtype=float), (replicas, evs)),
        station=np.where(at.any(axis=-1), np.argmax(at, axis=-1), -1),
        destination=np.full((replicas, evs), -1),
        state=np.broadcast_to(np.asarray(state, dtype=np.int64), (replicas, evs)),
        queue_length=np.zeros((replicas, 3), dtype=np.int64),
        chargers_busy=np.zeros((replicas, 3), dtype=np.int64),
        road_flow_vph=np.zeros((replicas, 0)),
        shed_kw=np.zeros((replicas, 3)),
        surplus_kw=np.zeros((replicas, 3)),
        station_limit_kw=np.stack([power_kw[..., 0] for power_kw in ahead], axis=-1),
        deficit_forecast_kw=ahead[1],
        surplus_forecast_kw=ahead[0],
        random=np.random.default_rng,
    )


def _ahead(power_kw: object, slot: int, replicas: int) -> Floats:
    of_slots = np.asarray(power_kw, dtype=float)
    of_slots = np.broadcast_to(of_slots[:, None], (3, 12)) if of_slots.ndim == 1 else of_slots
    ahead = np.zeros((replicas, 3, 12))
    ahead[..., : 12 - slot] = of_slots[:, slot:]
    return ahead


def replica_of(observation: Observation, replica: int) -> Observation:
    """One replica of an observation."""
    return dataclasses.replace(
        observation,
        **{
            name: value[replica : replica + 1]
            for name, value in vars(observation).items()
            if isinstance(value, np.ndarray)
        },
    )


def only(action: Action) -> tuple[float, float, float]:
    """Heading, distance and power share of the only EV."""
    return float(action.heading_rad[0, 0]), float(action.distance_km[0, 0]), float(action.power_share[0, 0])
