"""The map by hand: which cell a station, a road or an EV is in, what it shows, and what is in sight."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cosim.interface import EvState
from cosim.state_image import StateImage

NEED, FLOW, ENERGY = range(3)


def spec(**changes: Any) -> Any:
    """A map of 64 x 32 km, so cells of 2 x 1 km; two stations of one microgrid, one of another; three roads."""
    fields = {
        "slots": 12,
        "fleet_size": 4,
        "battery_kwh": 60.0,
        "charge_kw": 50.0,
        "discharge_kw": 40.0,
        "area_km": (64.0, 32.0),
        "station_position_km": np.array([[0.0, 0.0], [64.0, 32.0], [20.5, 10.5]]),
        "station_chargers": np.array([1, 3, 2]),
        "station_microgrid": np.array([0, 0, 1]),
        "station_share": np.array([0.25, 0.75, 1.0]),
        "road_position_km": np.array([[8.0, 4.0], [9.9, 4.9], [30.0, 4.0]]),
        "road_capacity_vph": np.array([400.0, 200.0, 100.0]),
    }
    return SimpleNamespace(**{**fields, **changes})


def observation(**changes: Any) -> Any:
    """Slot 3; EVs 0 and 1 in one cell, EV 2 on its way in another, EV 3 in the far corner."""
    fields = {
        "replicas": 1,
        "slot": 3,
        "position_km": np.array([[[20.5, 10.5], [21.0, 10.9], [32.0, 0.0], [64.0, 32.0]]]),
        "energy_kwh": np.array([[30.0, 60.0, 12.0, 0.0]]),
        "station": np.array([[2, -1, -1, 1]]),
        "state": np.array([[EvState.CHARGING, EvState.PARKED, EvState.DRIVING, EvState.QUEUEING]]),
        "road_flow_vph": np.array([[400.0, 100.0, 500.0]]),
        "deficit_forecast_kw": np.array([[[0.0, 90.0], [32.0, 90.0]]]),
        "surplus_forecast_kw": np.array([[[100.0, 90.0], [0.0, 90.0]]]),
    }
    return SimpleNamespace(**{**fields, **changes})


def filled(channel: np.ndarray[Any, Any]) -> dict[tuple[int, int], float]:
    return {(int(row), int(column)): float(channel[row, column]) for row, column in np.argwhere(channel != 0.0)}


def test_cells_count_from_the_south_west_and_a_border_belongs_to_the_last_one() -> None:
    points_km = np.array([[0.0, 0.0], [1.999, 0.999], [2.0, 1.0], [64.0, 0.0], [64.0, 32.0]])
    assert StateImage(spec()).cell(points_km).tolist() == [[0, 0], [0, 0], [1, 1], [0, 31], [31, 31]]


def test_stations_show_their_share_of_need_over_the_power_of_their_chargers() -> None:
    (image,) = StateImage(spec()).image(observation())
    assert image.shape == (3, 32, 32)
    assert image.dtype == np.float32
    # 25 of 100 kW over 1 x 50 kW, 75 of 100 kW over 3 x 50 kW, 32 kW over 2 x 40 kW.
    expected = {(0, 0): -0.5, (31, 31): -0.5, (10, 10): 0.4}
    assert filled(image[NEED]) == pytest.approx(expected)


def test_need_beyond_the_chargers_is_drawn_as_one() -> None:
    plenty = observation(deficit_forecast_kw=np.array([[[0.0], [81.0]]]), surplus_forecast_kw=np.full((1, 2, 1), 900.0))
    (image,) = StateImage(spec(station_microgrid=np.array([0, 0, 0]))).image(plenty)
    assert filled(image[NEED]) == {(0, 0): -1.0, (31, 31): -1.0, (10, 10): -1.0}


def test_roads_show_their_mean_flow_over_twice_the_capacity() -> None:
    (image,) = StateImage(spec()).image(observation())
    # Two roads of one cell, at 1 and 0.5 of their capacities; one at five times of it.
    assert filled(image[FLOW]) == pytest.approx({(4, 4): 0.375, (4, 15): 1.0})


def test_evs_show_what_they_hold_of_the_fleets_capacity() -> None:
    (image,) = StateImage(spec()).image(observation())
    assert filled(image[ENERGY]) == pytest.approx({(10, 10): 90.0 / 240.0, (0, 16): 12.0 / 240.0})


def test_own_vectors_have_place_energy_time_and_flags() -> None:
    own = StateImage(spec()).own(observation())
    assert own.dtype == np.float32
    assert own[0].tolist() == [
        pytest.approx([20.5 / 64, 10.5 / 32, 0.5, 0.25, 1, 0, 1]),
        pytest.approx([21.0 / 64, 10.9 / 32, 1.0, 0.25, 0, 0, 0]),
        pytest.approx([0.5, 0.0, 0.2, 0.25, 0, 1, 0]),
        pytest.approx([1.0, 1.0, 0.0, 0.25, 1, 0, 0]),
    ]


def test_an_ev_sees_cells_with_a_point_in_its_radius() -> None:
    drawing = StateImage(spec())
    images = drawing.image_within(observation(), 2.0)
    assert images.shape == (1, 4, 3, 32, 32)
    # EV 2 sees itself; its nearest road's cell begins 4 km north and ends at 32 km east.
    assert filled(images[0, 2, ENERGY]) == pytest.approx({(0, 16): 0.05})
    assert filled(images[0, 2, FLOW]) == {}


@pytest.mark.parametrize(
    ("radius_km", "seen"),
    [
        (0.0, [(0, 16)]),
        (2.49, [(0, 16)]),
        (2.5, [(0, 16), (3, 16)]),
        (4.9, [(0, 16), (3, 16)]),
        (5.0, [(0, 16), (0, 19), (3, 16)]),
    ],
)
def test_a_cell_begins_where_its_nearest_point_is(radius_km: float, seen: list[tuple[int, int]]) -> None:
    # The EV is at (33, 0.5) km; the cells of the roads begin 0, 2.5 and 5 km away.
    drawing = StateImage(spec(road_position_km=np.array([[33.5, 0.1], [33.0, 3.5], [39.0, 0.5]])))
    images = drawing.image_within(observation(position_km=np.array([[[33.0, 0.5]] * 4])), radius_km)
    assert sorted(filled(images[0, 0, FLOW])) == seen


def test_who_sees_all_sees_the_image() -> None:
    drawing = StateImage(spec())
    images = drawing.image_within(observation(), np.inf)
    assert all((images[0, ev] == drawing.image(observation())[0]).all() for ev in range(4))


def test_a_replica_is_drawn_the_same_beside_others() -> None:
    rng = np.random.default_rng(0)
    drawing = StateImage(spec(fleet_size=50))
    many = observation(
        replicas=3,
        position_km=rng.uniform((0.0, 0.0), (6.0, 3.0), size=(3, 50, 2)),
        energy_kwh=rng.uniform(0.0, 60.0, size=(3, 50)),
        road_flow_vph=rng.uniform(0.0, 400.0, size=(3, 3)),
        deficit_forecast_kw=rng.uniform(0.0, 40.0, size=(3, 2, 1)),
        surplus_forecast_kw=rng.uniform(0.0, 40.0, size=(3, 2, 1)),
    )
    names = ("position_km", "energy_kwh", "road_flow_vph", "deficit_forecast_kw", "surplus_forecast_kw")
    for replica in range(3):
        arrays = {name: getattr(many, name)[[replica]] for name in names}
        alone = observation(**arrays)
        assert (drawing.image(alone)[0] == drawing.image(many)[replica]).all()


def test_an_empty_fleet_and_a_map_that_is_a_line() -> None:
    nobody = observation(
        position_km=np.zeros((1, 0, 2)), energy_kwh=np.zeros((1, 0)), station=np.zeros((1, 0)), state=np.zeros((1, 0))
    )
    line = spec(area_km=(64.0, 0.0), station_position_km=np.array([[0.0, 0.0], [32.0, 0.0], [64.0, 0.0]]), fleet_size=0)
    line.road_position_km = line.road_position_km * [1.0, 0.0]
    drawing = StateImage(line)
    (image,) = drawing.image(nobody)
    assert sorted(filled(image[NEED])) == [(0, 0), (0, 16), (0, 31)]
    assert drawing.own(nobody).shape == (1, 0, 7)
    assert drawing.image_within(nobody, 1.0).shape == (1, 0, 3, 32, 32)
