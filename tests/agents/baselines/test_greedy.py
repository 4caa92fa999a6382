"""The greedy rule on a line of three stations, with literal actions."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from agents.baselines.greedy import GreedyController
from cosim.interface import Action, EvState, FleetSpec, Floats, Ints, Observation

#: Stations A, B and C on a line; the node k is k km from its start, at 40 km/h.
STATION_KM = np.array([0, 12, 36])


class Line:
    """Fulfils `Navigator` for places at the nodes of the line."""

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
        station_distance_km=np.abs(STATION_KM[:, None] - STATION_KM).astype(float),
        station_chargers=np.full(3, chargers),
        station_microgrid=np.arange(3),
        microgrid_name=("1", "2", "3"),
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


def act(observation: Observation, return_reserve: bool = True) -> tuple[float, float, float]:
    return only(GreedyController(fleet(), return_reserve).act(observation))


def test_goes_to_the_nearest_deficit_as_far_as_a_slot_reaches() -> None:
    assert act(observe([[0]], 57.0)) == (0.0, 10.0, -0.8)
    assert act(observe([[10]], 55.0)) == (0.0, 2.0, -0.8)
    assert act(observe([[30]], 40.0)) == (0.0, 6.0, -0.8)


def test_passes_by_a_deficit_too_small_for_one_ev() -> None:
    assert act(observe([[12]], 50.0, deficit_kw=(0.0, 39.9, 400.0))) == (0.0, 10.0, -0.8)
    assert act(observe([[12]], 50.0, deficit_kw=(0.0, 40.0, 400.0))) == (0.0, 0.0, -0.8)


def test_stays_and_sells_down_to_the_minimum_when_there_is_no_reserve() -> None:
    assert act(observe([[12]], 40.0), return_reserve=False) == (0.0, 0.0, -0.8)
    # 5 kWh above the minimum: 4 kWh in half an hour are 8 of 50 kW.
    assert act(observe([[12]], 11.0), return_reserve=False) == pytest.approx((0.0, 0.0, -0.16))


def test_keeps_the_energy_for_the_way_back() -> None:
    # 12 km take 2.4 kWh; 5 kWh are left to sell.
    assert act(observe([[12]], 13.4)) == pytest.approx((0.0, 0.0, -0.16))


@pytest.mark.parametrize(("slot", "share"), [(0, -0.16), (6, -0.16), (7, -0.2368), (11, -0.2368)])
def test_keeps_it_only_while_a_round_trip_fits(slot: int, share: float) -> None:
    # A trip of two slots, so up to slot 12 - 2 - 4; then 7.4 kWh are sold.
    assert act(observe([[12]], 13.4, slot=slot)) == pytest.approx((0.0, 0.0, share))


def test_goes_to_the_nearest_surplus_when_nothing_is_left_to_sell() -> None:
    # Exactly the energy for the way, and a little rounding less.
    for energy_kwh in (8.4, 8.4 - 1e-12):
        assert act(observe([[12]], energy_kwh)) == (math.pi, 10.0, 1.0)
    assert act(observe([[30]], 9.0, surplus_kw=(400.0, 0.0, 40.0), deficit_kw=(0.0, 0.0, 0.0))) == (0.0, 6.0, 1.0)


def test_charges_until_full_then_leaves() -> None:
    assert act(observe([[0]], 40.0)) == (0.0, 0.0, 1.0)
    assert act(observe([[0]], 56.1)) == (0.0, 10.0, -0.8)


@pytest.mark.parametrize(
    "observation",
    [
        pytest.param(observe([[12]], 8.3, deficit_kw=(0.0, 0.0, 0.0)), id="too little energy for the way"),
        pytest.param(observe([[0]], 57.0, slot=11), id="too late to arrive"),
        pytest.param(observe([[5]], 40.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), id="no surplus, no deficit"),
        pytest.param(observe([[0]], 57.0, deficit_kw=(0.0, 0.0, 0.0)), id="full, no deficit"),
    ],
)
def test_stays_without_a_charger_when_nothing_is_useful(observation: Observation) -> None:
    assert act(observation) == (0.0, 0.0, 0.0)


def test_an_ev_that_drives_is_given_no_move() -> None:
    assert act(observe([[5]], 57.0, state=EvState.DRIVING))[:2] == (0.0, 0.0)


def test_a_replica_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(1)
    together = observe(rng.integers(0, 37, (3, 20)), rng.uniform(6.0, 57.0, (3, 20)), slot=3)
    controller = GreedyController(fleet(20))
    action = controller.act(together)
    for r in range(3):
        alone = controller.act(replica_of(together, r))
        for name in ("heading_rad", "distance_km", "power_share"):
            assert getattr(alone, name)[0].tolist() == getattr(action, name)[r].tolist()


def test_a_fleet_of_none() -> None:
    action = GreedyController(fleet(0)).act(observe(np.zeros((2, 0)), 0.0))
    assert action.heading_rad.shape == action.distance_km.shape == action.power_share.shape == (2, 0)
