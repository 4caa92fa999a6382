"""A fleet on a line of three stations: A at 0, B at 12 and C at 36 km, at 40 km/h."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from cosim.interface import FleetSpec, Floats, Navigator
from cosim.planning.program import FleetProgram, Groups, Prices, Storage, Supply
from cosim.planning.trips import Trips
from cosim.planning.walks import Levels, Starts

STATION_KM = np.array([0.0, 12.0, 36.0])
A, B, C = range(3)


def fleet(size: int = 1, slots: int = 4, chargers: int = 10) -> FleetSpec:
    """EVs of 6 to 57 kWh that sell at most 20 kWh a slot (25 of their battery) and draw at most 20 (18 stored)."""
    return FleetSpec(
        slots=slots,
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
        station_position_km=np.stack([STATION_KM, np.zeros(3)], axis=1),
        station_chargers=np.full(3, chargers),
        station_microgrid=np.arange(3),
        station_share=np.ones(3),
        microgrid_name=("1", "2", "3"),
        road_position_km=np.zeros((0, 2)),
        road_capacity_vph=np.zeros(0),
        navigator=cast(Navigator, None),
    )


def line_trips(spec: FleetSpec) -> Trips:
    """Trips between the stations."""
    distance_km = np.abs(STATION_KM[:, None] - STATION_KM)
    return Trips.usual(spec, distance_km, distance_km / 40.0)


def slots_of(values: Any, slots: int) -> Floats:
    """The same in every slot, from one value per station: shape [H, T]."""
    return np.broadcast_to(np.asarray(values, dtype=float)[:, None], (3, slots)).copy()


def starts(spec: FleetSpec, levels: Levels, station: list[int], energy_kwh: float) -> Starts:
    """EVs at stations, all with the same energy."""
    trips = line_trips(spec).from_some(np.array([station]))
    return Starts(trips, np.broadcast_to(levels.of(np.array(energy_kwh)), (1, len(station))).copy())


def program(
    spec: FleetSpec,
    station: list[int],
    energy_kwh: float,
    draw_kwh: Any = (100.0, 0.0, 0.0),
    deficit_kwh: Any = (0.0, 100.0, 100.0),
    storage: Storage | None = None,
    prices: Prices = Prices(),  # noqa: B008 - frozen
    favourable: bool = True,
) -> FleetProgram:
    """The program of EVs at stations, each a group of its own; limits in kWh a slot."""
    levels = Levels(spec, 511, favourable=favourable)
    deficit = slots_of(deficit_kwh, spec.slots)
    none = Storage.none(3, spec.slots)
    supply = Supply(deficit, slots_of(draw_kwh, spec.slots), deficit, storage or none)
    groups = Groups(np.ones(len(station)), starts(spec, levels, station, energy_kwh))
    return FleetProgram(levels, line_trips(spec), supply, groups, prices)
