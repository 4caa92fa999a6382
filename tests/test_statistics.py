"""Means over training seeds and episodes, and their intervals, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.interface import Floats
from cosim.metrics import Estimate
from cosim.statistics import bootstrap, interquartile_mean, mean, mean_difference, mean_fraction, means_of_seeds

NAN = float("nan")


def values(*rows: list[float]) -> Floats:
    """Values of some training seeds, a row for each."""
    return np.array(rows)


def width(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.high - estimate.low


def test_mean_is_over_seeds_and_episodes() -> None:
    assert mean(values([1, 2, 3], [4, 5, 9])) == 4.0
    assert mean(np.stack([values([1, 2], [3, 6]), values([0, 0], [0, 4])])).tolist() == [3.0, 1.0]


def test_means_of_seeds_are_over_the_episodes_that_all_of_them_have() -> None:
    assert means_of_seeds(values([1, 2, 9], [4, 6, NAN])).tolist() == [1.5, 5.0]
    assert np.isnan(means_of_seeds(values([NAN], [1]))).all()


def test_interquartile_mean_is_that_of_the_middle_half() -> None:
    # Eight values: 0 and 1 below, 40 and 50 above are left out, wherever they stand.
    assert interquartile_mean(values([50, 2, 3, 1], [0, 4, 5, 40])) == pytest.approx(3.5)
    # Of three values a quarter is less than one.
    assert interquartile_mean(values([0, 1, 8])) == pytest.approx(3.0)


def test_a_difference_is_one_of_means() -> None:
    assert mean_difference(values([1, 2], [3, 6]), values([1, 2])) == pytest.approx(1.5)


def test_a_fraction_is_one_of_means() -> None:
    # (0.1 + 0.8) / (0.2 + 1.0), not the mean of 0.5 and 0.8.
    assert mean_fraction(values([0.1, 0.8]), values([0.2, 1.0])) == pytest.approx(0.75)
    assert np.isnan(mean_fraction(values([0.1, 0.8]), values([0.0, 0.0])))


def test_two_episodes_span_the_interval() -> None:
    # Means of resamples are 0, 0.5 and 1 with 1/4, 1/2 and 1/4.
    assert bootstrap(mean, values([0, 1]), seed=3) == Estimate(0.5, 0.0, 1.0, "1")


def test_two_seeds_that_agree_in_all_episodes_span_the_interval_too() -> None:
    # Episodes do not differ, seeds do: 0.5 ± half, whatever the number of episodes.
    assert bootstrap(mean, values([0] * 50, [1] * 50), seed=3) == Estimate(0.5, 0.0, 1.0, "1")


def test_many_episodes_have_the_interval_of_the_normal_distribution() -> None:
    # 400 values of 0 or 1: a standard deviation of 0.5 / 20, so 0.5 ± 1.96 x 0.025 = 0.451 to 0.549.
    found = bootstrap(mean, np.tile([0.0, 1.0], 200)[None, :], seed=3)
    assert (found.low, found.high) == (pytest.approx(0.451, abs=0.004), pytest.approx(0.549, abs=0.004))


def test_variances_of_seeds_and_episodes_add_up() -> None:
    # Value = effect of the seed + effect of the episode: 25 seeds at ±0.5 give a standard deviation of 0.1 (24 of
    # them and a 0 one: 0.098), 100 episodes at ±0.5 one of 0.05: together 0.110, so ± 1.96 x 0.110 = ± 0.215.
    seeds, episodes = np.array([0.0] + [-0.5, 0.5] * 12), np.tile([-0.5, 0.5], 50)
    found = bootstrap(mean, seeds[:, None] + episodes, seed=3)
    assert found.mean == pytest.approx(0.0)
    assert (found.low, found.high) == (pytest.approx(-0.215, abs=0.02), pytest.approx(0.215, abs=0.02))


def test_an_interquartile_mean_is_hardly_moved_by_outliers() -> None:
    generator = np.random.default_rng(0)
    given = generator.normal(1.0, 0.1, (3, 40))
    given[:, :3] = -50.0
    middle = bootstrap(interquartile_mean, given, seed=1)
    assert middle.mean == pytest.approx(1.0, abs=0.03)
    assert width(middle) < 0.1 * width(bootstrap(mean, given, seed=1))


def test_differences_in_pairs_have_smaller_intervals_than_means() -> None:
    generator = np.random.default_rng(0)
    hard = generator.normal(0.0, 1.0, 200)
    one = (hard + generator.normal(0.1, 0.05, 200))[None, :]
    other = (hard + generator.normal(0.0, 0.05, 200))[None, :]
    paired = bootstrap(mean_difference, one, other, seed=1)
    unpaired = bootstrap(mean_difference, one, generator.permutation(other[0])[None, :], seed=1)
    assert paired.mean == pytest.approx(unpaired.mean)
    assert width(paired) < 0.1 * width(unpaired)
    assert paired.low is not None
    assert paired.low > 0.0


def test_controllers_with_different_numbers_of_seeds_share_the_episodes() -> None:
    # Three seeds at 1 above the other in every episode: the same difference in every resample.
    other = np.random.default_rng(0).random((1, 30))
    found = bootstrap(mean_difference, np.repeat(other + 1.0, 3, axis=0), other, seed=1)
    assert [found.mean, found.low, found.high] == pytest.approx([1.0, 1.0, 1.0])


def test_an_episode_without_a_value_is_left_out_everywhere() -> None:
    one, other = values([1, NAN, 3, 8], [1, 7, 3, 8]), values([0, 5, 1, NAN])
    assert bootstrap(mean, one, seed=1).mean == pytest.approx(4.0)
    assert bootstrap(mean_difference, one, other, seed=1).mean == pytest.approx(1.5)


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    assert bootstrap(mean, values([2]), unit="h", seed=1) == Estimate(2.0, None, None, "h")
    assert bootstrap(mean, values([NAN, 2]), seed=1) == Estimate(2.0, None, None, "1")
    assert bootstrap(mean, values([NAN, NAN]), seed=1) == Estimate(None, None, None, "1")
    assert bootstrap(mean_fraction, values([1, 2]), values([0, 0]), seed=1) == Estimate(None, None, None, "1")


def test_intervals_depend_on_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    given = np.random.default_rng(0).random((1, 40))
    found = bootstrap(mean, given, seed=3)
    assert found != bootstrap(mean, given, seed=4)
    # However many resamples are drawn at once.
    monkeypatch.setattr("cosim.statistics.RESAMPLED_AT_ONCE", 1000)
    assert found == bootstrap(mean, given, seed=3)
