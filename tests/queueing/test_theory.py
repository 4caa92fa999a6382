"""Exact values of simple stations: the published ones, limits in which one model becomes another, and refusals."""

from __future__ import annotations

import math

import pytest

from cosim.errors import QueueError
from cosim.queueing.theory import allen_cunneen, erlang_a, erlang_b, erlang_c, mdc, mmc, mmck

SERVICE_H = 0.5

#: Values of M/M/c by Erlang C and of M/D/c by Crommelin: share that waits, mean wait [h], mean queue.
EXACT = [
    (mmc, 1, 1.5, 0.750000, 1.500000, 2.250000),
    (mmc, 2, 3.0, 0.642857, 0.642857, 1.928571),
    (mmc, 4, 6.0, 0.509434, 0.254717, 1.528302),
    (mdc, 4, 6.0, 0.490437, 0.133481, 0.800883),
    (mmc, 4, 7.6, 0.891419, 2.228547, 16.936961),
    (mmc, 10, 16.0, 0.409180, 0.102295, 1.636721),
]


@pytest.mark.parametrize(("model", "chargers", "arrivals_per_h", "waits", "wait_h", "queue"), EXACT)
def test_exact_values(model, chargers, arrivals_per_h, waits, wait_h, queue) -> None:
    found = model(chargers, arrivals_per_h, SERVICE_H)
    assert found.exact
    assert found.waiting_probability == pytest.approx(waits, abs=1e-6)
    assert found.waiting_time_mean_h == pytest.approx(wait_h, abs=1e-6)
    assert found.queue_length_mean == pytest.approx(queue, abs=1e-6)
    assert found.queue_length_mean == pytest.approx(arrivals_per_h * found.waiting_time_mean_h)
    assert found.utilisation == pytest.approx(arrivals_per_h * SERVICE_H / chargers)


def test_share_that_waits_longer_than_a_time_and_its_quantiles() -> None:
    found = mmc(4, 6.0, SERVICE_H)
    assert found.waits_longer(0.5) == pytest.approx(0.187410, abs=1e-6)
    assert found.waiting_time_quantile_h(1.0 - found.waits_longer(0.5)) == pytest.approx(0.5)
    # Less than half wait with two EVs an hour: the median is no wait.
    assert mmc(4, 2.0, SERVICE_H).waiting_time_quantile_h(0.5) == 0.0
    assert mdc(4, 6.0, SERVICE_H).waiting_time_quantile_h(0.9) is None


def test_without_places_mmck_is_erlang_b() -> None:
    found = mmck(4, 0, 6.0, SERVICE_H)
    assert found.blocked_share == pytest.approx(0.206107, abs=1e-6) == erlang_b(4, 3.0)
    assert found.waiting_time_mean_h == found.waiting_probability == 0.0


def test_with_many_places_mmck_is_mmc() -> None:
    limited, whole = mmck(4, 300, 6.0, SERVICE_H), mmc(4, 6.0, SERVICE_H)
    assert limited.blocked_share < 1e-9
    assert limited.waiting_time_mean_h == pytest.approx(whole.waiting_time_mean_h)
    for time_h in (0.0, 0.1, 0.5, 2.0):
        assert limited.waits_longer(time_h) == pytest.approx(whole.waits_longer(time_h))


def test_mmck_by_hand() -> None:
    # One charger, one place, as many arrivals as services: three states, alike.
    found = mmck(1, 1, 2.0, SERVICE_H)
    assert found.blocked_share == pytest.approx(1.0 / 3.0)
    assert found.queue_length_mean == pytest.approx(1.0 / 3.0)
    assert found.waiting_probability == pytest.approx(0.5)
    assert found.waits_longer(0.5) == pytest.approx(0.5 * math.exp(-1.0))
    # A load beyond 1 has a steady state, because places are limited.
    assert mmck(1, 5, 20.0, SERVICE_H).utilisation == pytest.approx(1.0, abs=1e-3)


def test_with_long_patience_erlang_a_is_mmc_and_with_none_it_is_erlang_b() -> None:
    assert erlang_a(4, 6.0, SERVICE_H, 1e9).waiting_time_mean_h == pytest.approx(0.254717, abs=1e-5)
    assert erlang_a(4, 6.0, SERVICE_H, 1e-9).reneged_share == pytest.approx(erlang_b(4, 3.0), abs=1e-6)


def test_erlang_a_with_patience_as_long_as_service_is_poisson() -> None:
    # Everybody leaves at rate 1 / 0.5 h, served or not: as with endless chargers.
    found = erlang_a(2, 6.0, SERVICE_H, SERVICE_H)
    chance = [math.exp(-3.0) * 3.0**n / math.factorial(n) for n in range(60)]
    assert found.waiting_probability == pytest.approx(1.0 - chance[0] - chance[1])
    queue = sum((n - 2) * chance[n] for n in range(2, 60))
    assert found.queue_length_mean == pytest.approx(queue)
    assert found.reneged_share == pytest.approx(queue / SERVICE_H / 6.0)
    # Overload is no matter: who waits too long leaves.
    assert 0.0 < erlang_a(2, 60.0, SERVICE_H, 0.1).reneged_share < 1.0


def test_allen_cunneen_is_exact_for_markov_and_marked_as_approximate() -> None:
    markov, constant = (allen_cunneen(4, 6.0, SERVICE_H, 1.0, scv) for scv in (1.0, 0.0))
    assert markov.waiting_time_mean_h == mmc(4, 6.0, SERVICE_H).waiting_time_mean_h
    assert constant.waiting_time_mean_h == pytest.approx(mdc(4, 6.0, SERVICE_H).waiting_time_mean_h, rel=0.05)
    assert not constant.exact


@pytest.mark.parametrize("model", [mmc, mdc])
def test_a_load_of_one_or_more_has_no_steady_state(model) -> None:
    with pytest.raises(QueueError, match=r"8 arrivals/h of 0.5 h each load 4 chargers by 1; .* only below 1"):
        model(4, 8.0, SERVICE_H)


def test_one_charger_by_pollaczek_and_khinchine() -> None:
    # M/D/1: half the wait of M/M/1.
    assert mdc(1, 1.5, SERVICE_H).waiting_time_mean_h == pytest.approx(0.75)
    assert erlang_c(1, 0.75) == pytest.approx(0.75)
