"""Cells of a map: what lies near a point is in the list of its cell."""

import numpy as np
import pytest

from cosim.traffic import cells
from cosim.traffic.cells import CellMap


def at(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, dtype=float)


def test_points_of_one_cell_have_its_number() -> None:
    # 3 columns and 2 rows of 2 km.
    cell_map = CellMap((0.0, 0.0), (5.0, 3.0), 2.0)
    assert cell_map.cell(at((0, 0), (1.9, 1.9), (0, 2), (2, 0), (4.5, 2.5))).tolist() == [0, 0, 1, 2, 5]


def test_the_far_edge_of_the_map_is_in_its_last_cell() -> None:
    cell_map = CellMap((-1.0, -1.0), (3.0, 3.0), 2.0)
    assert cell_map.cell(at((3, 3), (2.9, 2.9), (-1, -1), (1, 1))).tolist() == [8, 4, 0, 4]


def test_points_off_the_map_are_in_cells_at_its_edge() -> None:
    cell_map = CellMap((0.0, 0.0), (5.0, 3.0), 2.0)
    inside = cell_map.cell(at((0, 0), (5, 3), (0, 3), (5, 0), (3, 3)))
    outside = cell_map.cell(at((-7, -0.1), (99, 1e9), (-1e12, 4), (6, -1), (3, 50)))
    assert outside.tolist() == inside.tolist()


def test_what_is_near_a_cell_is_listed_in_order_and_then_nothing() -> None:
    cell_map = CellMap((0.0, 0.0), (5.0, 1.0), 2.0)
    low_km, high_km = np.array([[4.5, 0.0], [0.0, 0.0], [0.5, 0.5]]), np.array([[4.5, 0.0], [2.5, 0.0], [0.5, 0.5]])
    assert cell_map.near(low_km, high_km, 0.1).tolist() == [[1, 2], [1, -1], [0, -1]]
    # 2 km more reach two of three cells, or all of them.
    assert cell_map.near(low_km, high_km, 2.0).tolist() == [[1, 2, -1], [0, 1, 2], [0, 1, -1]]


def test_where_nothing_is_there_is_still_room_for_it() -> None:
    cell_map = CellMap((0.0, 0.0), (5.0, 3.0), 2.0)
    assert cell_map.near(np.empty((0, 2)), np.empty((0, 2)), 1.0).tolist() == [[-1]] * 6


def test_a_map_of_one_point_is_one_cell() -> None:
    cell_map = CellMap((4.0, 4.0), (4.0, 4.0), 2.0)
    assert cell_map.cell(at((4, 4), (0, 9))).tolist() == [0, 0]
    assert cell_map.near(np.array([[4.0, 4.0]]), np.array([[4.0, 4.0]]), 1.0).tolist() == [[0]]


@pytest.mark.parametrize("size_km", [(20.0, 20.0), (0.5, 30.0), (30.0, 0.0)])
@pytest.mark.parametrize("reach_km", [0.0, 0.7, 3.0])
def test_everything_within_reach_of_a_point_is_in_the_list_of_its_cell(
    size_km: tuple[float, float], reach_km: float
) -> None:
    generator = np.random.default_rng(5)
    cell_map = CellMap((-3.0, 2.0), (-3.0 + size_km[0], 2.0 + size_km[1]), 1.5)
    corners_km = generator.uniform((-3.0, 2.0), (-3.0 + size_km[0], 2.0 + size_km[1]), (2, 60, 2))
    low_km, high_km = corners_km.min(axis=0), corners_km.max(axis=0)
    near = cell_map.near(low_km, high_km, reach_km)
    # Also points off the map, as targets are.
    points_km = generator.uniform((-6.0, -1.0), (size_km[0], 5.0 + size_km[1]), (400, 2))
    gap_km = np.maximum(np.maximum(low_km - points_km[:, None], points_km[:, None] - high_km), 0.0)
    within = (gap_km <= reach_km).all(axis=2)
    for row, listed in zip(within, near[cell_map.cell(points_km)], strict=True):
        assert set(np.flatnonzero(row)) <= set(listed.tolist())
        count = int((listed >= 0).sum())
        assert (np.diff(listed[:count]) > 0).all()
        assert (listed[count:] == -1).all()


def test_a_map_has_not_too_many_cells_however_small_they_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "MOST_CELLS", 100)
    cell_map = CellMap((0.0, 0.0), (1000.0, 500.0), 1e-3)
    number = cell_map.cell(at((1000, 500)))
    # What is cut off at the edges makes a few more.
    assert 50 <= number[0] < 130
    assert len(cell_map.near(np.array([[1.0, 1.0]]), np.array([[2.0, 2.0]]), 1.0)) == number[0] + 1
    assert CellMap((0.0, 0.0), (0.0, 1e8), 2.0).cell(at((0, 1e8)))[0] < 100
