"""Sums by column: right, and with the same last bit however many cases there are."""

import numpy as np
import pytest

from cosim.sums import sum_by_column


def test_sums_by_hand() -> None:
    values = np.array([[1.0, 2.0, 4.0, 8.0], [10.0, 20.0, 40.0, 80.0]])
    assert sum_by_column(values, np.array([0, 2, 0, 1]), 3).tolist() == [[5.0, 8.0, 2.0], [50.0, 80.0, 20.0]]


def test_each_case_may_have_columns_of_its_own_and_minus_one_counts_nowhere() -> None:
    values = np.array([[1.0, 2.0, 4.0], [10.0, 20.0, 40.0]])
    column = np.array([[1, -1, 1], [-1, -1, 0]])
    assert sum_by_column(values, column, 2).tolist() == [[0.0, 5.0], [40.0, 0.0]]


@pytest.mark.parametrize(("cases", "values", "columns"), [(0, 3, 2), (2, 0, 3), (1, 1, 1), (3, 2, 0)])
def test_there_may_be_none_of_anything(cases: int, values: int, columns: int) -> None:
    column = np.full(values, columns - 1)
    sums = sum_by_column(np.ones((cases, values)), column, columns)
    assert sums.shape == (cases, columns)
    assert sums.dtype == np.float64
    assert sums.sum() == (cases * values if columns else 0)


@pytest.mark.parametrize("own_columns", [False, True])
def test_the_last_bit_does_not_depend_on_the_number_of_cases(own_columns: bool) -> None:
    generator = np.random.default_rng(8)
    # Values whose sum depends on the order of adding.
    values = generator.standard_normal((33, 200)) * 10.0 ** generator.integers(-8, 8, (33, 200))
    column = generator.integers(-1, 4, (33, 200) if own_columns else 200)
    together = sum_by_column(values, column, 4)
    for case in range(33):
        one = slice(case, case + 1)
        alone = sum_by_column(values[one], column[one] if own_columns else column, 4)
        assert alone.tobytes() == together[one].tobytes()
        in_order = [0.0] * 4
        for value, k in zip(values[case].tolist(), (column[case] if own_columns else column).tolist(), strict=True):
            if k >= 0:
                in_order[k] += value
        assert together[case].tolist() == in_order


def test_arrays_of_any_layout_will_do() -> None:
    values = np.asfortranarray(np.random.default_rng(1).standard_normal((5, 40)))
    column = np.arange(40) % 3
    expected = sum_by_column(np.ascontiguousarray(values), column, 3)
    assert sum_by_column(values, column, 3).tobytes() == expected.tobytes()
    assert sum_by_column(values[::-1], column, 3).tobytes() == expected[::-1].tobytes()
