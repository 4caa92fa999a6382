"""Arrivals and wishes: their moments, their rates by hour, and that nothing shifts anything else."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.errors import QueueError
from cosim.sampling.distribution import arrival_times_h, draw
from cosim.scenario.moments import mean_and_scv
from cosim.scenario.station_schema import (
    Constant,
    Exponential,
    Gamma,
    HourlyArrivals,
    Listed,
    ListedArrivals,
    Lognormal,
    PoissonArrivals,
    RenewalArrivals,
    Uniform,
)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    "distribution",
    [
        Constant(kind="constant", value=2.0),
        Exponential(kind="exponential", mean=0.5),
        Uniform(kind="uniform", low=1.0, high=3.0),
        Gamma(kind="gamma", mean=2.0, scv=0.5),
        Lognormal(kind="lognormal", mean=2.0, scv=0.5),
    ],
)
def test_moments_are_those_that_are_said(distribution) -> None:
    values = draw(distribution, 200_000, generator())
    mean, scv = mean_and_scv(distribution)
    assert values.mean() == pytest.approx(mean, rel=0.01)
    assert values.var() / mean**2 == pytest.approx(scv, rel=0.03, abs=1e-12)
    # A customer's value does not depend on how many come.
    assert np.array_equal(draw(distribution, 10, generator()), values[:10])


def test_listed_values_are_taken_in_order_and_must_suffice() -> None:
    listed = Listed(kind="listed", values=[3.0, 1.0, 2.0])
    assert draw(listed, 2, generator()).tolist() == [3.0, 1.0]
    assert mean_and_scv(listed) == (2.0, pytest.approx(2.0 / 3.0 / 4.0))
    with pytest.raises(QueueError, match="3 values are listed, but 4 customers come; list more"):
        draw(listed, 4, generator())


def test_poisson_arrivals_come_at_their_rate_in_order_and_in_time() -> None:
    times = arrival_times_h(PoissonArrivals(kind="poisson", per_h=6.0), 0.0, 5_000.0, generator())
    assert len(times) == pytest.approx(30_000, abs=4 * 30_000**0.5)
    assert (np.diff(times) > 0.0).all()
    assert times[0] > 0.0
    assert times[-1] < 5_000.0
    assert np.diff(times).var() == pytest.approx(1.0 / 36.0, rel=0.05)


def test_hourly_arrivals_follow_the_hours_of_the_day_over_midnight() -> None:
    arrivals = HourlyArrivals(kind="hourly", hours=[0, 6, 12], per_h=[1.0, 0.0, 10.0])
    many = [arrival_times_h(arrivals, 8.0, 24.0, generator(seed)) for seed in range(300)]
    counts = np.histogram(np.concatenate(many), bins=[0, 4, 16, 22, 24])[0] / len(many)
    # From 8 to 12 nobody, to midnight ten an hour, to six one an hour, then nobody.
    assert counts.tolist() == pytest.approx([0.0, 120.0, 6.0, 0.0], rel=0.05)


def test_hours_that_begin_late_wrap_around_midnight() -> None:
    arrivals = HourlyArrivals(kind="hourly", hours=[6, 22], per_h=[0.0, 50.0])
    times = arrival_times_h(arrivals, 0.0, 24.0, generator())
    assert ((times < 6.0) | (times >= 22.0)).all()
    assert (times < 6.0).sum() == pytest.approx(300, abs=70)


def test_renewal_and_listed_arrivals() -> None:
    renewal = RenewalArrivals(kind="renewal", between_h=Constant(kind="constant", value=0.4))
    assert arrival_times_h(renewal, 0.0, 2.0, generator()).tolist() == pytest.approx([0.4, 0.8, 1.2, 1.6])
    between = RenewalArrivals(kind="renewal", between_h=Listed(kind="listed", values=[1.0, 0.5, 9.0]))
    assert arrival_times_h(between, 0.0, 24.0, generator()).tolist() == [1.0, 1.5, 10.5]
    listed = ListedArrivals(kind="listed", at_h=[0.5, 0.5, 30.0])
    assert arrival_times_h(listed, 8.0, 24.0, generator()).tolist() == [0.5, 0.5]


def test_too_many_customers_are_refused() -> None:
    with pytest.raises(QueueError, match="more than 10,000,000 customers would come; let fewer come"):
        arrival_times_h(PoissonArrivals(kind="poisson", per_h=1e6), 0.0, 100.0, generator())
