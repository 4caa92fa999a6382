"""Exact values of stations that are simple enough: what a simulated queue is held against.

All have c alike chargers and serve in order of arrival. Rates are per hour, times in hours. "Waiting" is the time in
the queue of a customer who was let in, whether it ended at a charger or by leaving.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats

from cosim.errors import QueueError
from cosim.interface import Floats

#: What is left of a distribution that is cut off weighs less than this.
TAIL = 1e-12
#: States of a chain that is cut off, at most.
MOST_STATES = 200_000


@dataclass(frozen=True)
class QueueValues:
    """What is known of a station in the steady state.

    Attributes:
        model: Name of the model, e.g. `M/M/4`.
        source: Where its formulas stand.
        exact: Whether they are exact; else an approximation.
        waiting_probability: Share of the customers let in who wait at all.
        waiting_time_mean_h: Mean time in the queue of those let in [h].
        queue_length_mean: Mean number waiting.
        utilisation: Mean share of the chargers in use.
        blocked_share: Share of all customers who find no place.
        reneged_share: Share of those let in who leave the queue.
        waits_longer: Share of those let in who wait longer than a time [h]; None where it is not known.
    """

    model: str
    source: str
    exact: bool
    waiting_probability: float
    waiting_time_mean_h: float
    queue_length_mean: float
    utilisation: float
    blocked_share: float = 0.0
    reneged_share: float = 0.0
    waits_longer: Callable[[float], float] | None = None

    def waiting_time_quantile_h(self, share: float) -> float | None:
        """The time that a share of the customers does not wait longer than [h]; None where it is not known.

        Args:
            share: Between 0 and 1.
        """
        longer = self.waits_longer
        if longer is None:
            return None
        if longer(0.0) <= 1.0 - share:
            return 0.0
        high_h = max(self.waiting_time_mean_h, 1e-6)
        while longer(high_h) > 1.0 - share:
            high_h *= 2.0
        found: float = scipy.optimize.brentq(lambda time_h: longer(time_h) - (1.0 - share), 0.0, high_h, xtol=1e-12)
        return found


def erlang_b(chargers: int, load: float) -> float:
    """Share of the customers who are turned away where nobody may wait.

    Args:
        chargers: Number of chargers, c >= 1.
        load: Arrival rate times mean service time, a >= 0.

    Source:
        Erlang 1917; the recursion B(k) = a B(k-1) / (k + a B(k-1)).
    """
    blocked = 1.0
    for count in range(1, chargers + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked


def erlang_c(chargers: int, load: float) -> float:
    """Share of the customers who wait, if all wait as long as it takes.

    Args:
        chargers: Number of chargers, c.
        load: Arrival rate times mean service time, a < c.

    Source:
        Erlang 1917; C = B / (1 - (a / c) (1 - B)).
    """
    blocked = erlang_b(chargers, load)
    return blocked / (1.0 - load / chargers * (1.0 - blocked))


def mmc(chargers: int, arrivals_per_h: float, service_h: float) -> QueueValues:
    """M/M/c: Poisson arrivals, exponential service, everybody waits.

    Args:
        chargers: Number of chargers, c.
        arrivals_per_h: Arrival rate [1/h], > 0.
        service_h: Mean service time [h], > 0.

    Raises:
        QueueError: If the load is not below 1.

    Source:
        Gross, Shortle, Thompson, Harris 2008, Fundamentals of Queueing Theory, section 2.3.
    """
    _check_load(chargers, arrivals_per_h, service_h)
    waits = erlang_c(chargers, arrivals_per_h * service_h)
    spare_per_h = chargers / service_h - arrivals_per_h
    mean_h = waits / spare_per_h
    return QueueValues(
        f"M/M/{chargers}",
        "Erlang 1917",
        True,
        waits,
        mean_h,
        arrivals_per_h * mean_h,
        arrivals_per_h * service_h / chargers,
        waits_longer=lambda time_h: waits * math.exp(-spare_per_h * time_h),
    )


def mmck(chargers: int, places: int, arrivals_per_h: float, service_h: float) -> QueueValues:
    """M/M/c/K: as M/M/c, but no more than some may wait; who finds no place goes away.

    Args:
        chargers: Number of chargers, c.
        places: Places to wait, K - c >= 0.
        arrivals_per_h: Arrival rate [1/h], > 0.
        service_h: Mean service time [h], > 0.

    Source:
        Gross, Shortle, Thompson, Harris 2008, section 2.5; without places Erlang 1917.
    """
    service_per_h = 1.0 / service_h
    room = chargers + places
    chance = _birth_and_death(
        lambda _: arrivals_per_h, lambda present: min(present, chargers) * service_per_h, room + 1
    )
    blocked = float(chance[room])
    met = chance[:room] / (1.0 - blocked)
    queue = float(np.arange(places + 1) @ chance[chargers:])
    let_in_per_h = arrivals_per_h * (1.0 - blocked)
    # Who meets n >= c others waits for n - c + 1 departures, each after 1 / (c mu).
    ahead = np.arange(1, places + 1)

    def waits_longer(time_h: float) -> float:
        return float(met[chargers:] @ scipy.special.gammaincc(ahead, chargers * service_per_h * time_h))

    return QueueValues(
        f"M/M/{chargers}/{room}",
        "Gross et al. 2008, section 2.5" if places else "Erlang 1917",
        True,
        float(met[chargers:].sum()),
        queue / let_in_per_h,
        queue,
        let_in_per_h * service_h / chargers,
        blocked_share=blocked,
        waits_longer=waits_longer,
    )


def erlang_a(chargers: int, arrivals_per_h: float, service_h: float, patience_h: float) -> QueueValues:
    """M/M/c+M: as M/M/c, but who has waited for an exponential time leaves.

    Args:
        chargers: Number of chargers, c.
        arrivals_per_h: Arrival rate [1/h], > 0.
        service_h: Mean service time [h], > 0.
        patience_h: Mean patience [h], > 0.

    Source:
        Palm 1957; Garnett, Mandelbaum, Reiman 2002, Designing a call center with impatient customers.
    """

    def leaves_per_h(present: int) -> float:
        return min(present, chargers) / service_h + max(present - chargers, 0) / patience_h

    chance = _birth_and_death(lambda _: arrivals_per_h, leaves_per_h, MOST_STATES)
    queue = float(np.maximum(np.arange(len(chance)) - chargers, 0) @ chance)
    reneged = queue / patience_h / arrivals_per_h
    return QueueValues(
        f"M/M/{chargers}+M",
        "Palm 1957 (Erlang A)",
        True,
        float(chance[chargers:].sum()),
        queue / arrivals_per_h,
        queue,
        arrivals_per_h * (1.0 - reneged) * service_h / chargers,
        reneged_share=reneged,
    )


def mdc(chargers: int, arrivals_per_h: float, service_h: float) -> QueueValues:
    """M/D/c: Poisson arrivals, all services take the same time.

    Args:
        chargers: Number of chargers, c.
        arrivals_per_h: Arrival rate [1/h], > 0.
        service_h: Service time [h], > 0.

    Raises:
        QueueError: If the load is not below 1, or so near to it that the chain has too many states.

    Source:
        Crommelin 1932: one service time later those in service have left, and those who came meanwhile are there.
        Tijms 2003, A First Course in Stochastic Models, section 9.6.2.
    """
    _check_load(chargers, arrivals_per_h, service_h)
    load = arrivals_per_h * service_h
    chance = _crommelin(chargers, load)
    queue = float(np.maximum(np.arange(len(chance)) - chargers, 0) @ chance)
    return QueueValues(
        f"M/D/{chargers}",
        "Crommelin 1932",
        True,
        float(chance[chargers:].sum()),
        queue / arrivals_per_h,
        queue,
        load / chargers,
    )


def allen_cunneen(
    chargers: int, arrivals_per_h: float, service_h: float, arrival_scv: float, service_scv: float
) -> QueueValues:
    """GI/G/c, approximately: the waiting time of M/M/c times the mean of both squared coefficients of variation.

    Args:
        chargers: Number of chargers, c.
        arrivals_per_h: Arrival rate [1/h], > 0.
        service_h: Mean service time [h], > 0.
        arrival_scv: Variance of the times between arrivals over the square of their mean, >= 0.
        service_scv: Likewise of the services.

    Raises:
        QueueError: If the load is not below 1.

    Source:
        Allen 1990, Probability, Statistics, and Queueing Theory, section 5.4 (Allen-Cunneen).
    """
    markov = mmc(chargers, arrivals_per_h, service_h)
    factor = (arrival_scv + service_scv) / 2.0
    return QueueValues(
        f"GI/G/{chargers}",
        "Allen-Cunneen (Allen 1990), an approximation",
        False,
        markov.waiting_probability,
        markov.waiting_time_mean_h * factor,
        markov.queue_length_mean * factor,
        markov.utilisation,
    )


def _check_load(chargers: int, arrivals_per_h: float, service_h: float) -> None:
    load = arrivals_per_h * service_h / chargers
    if load >= 1.0:
        raise QueueError(
            f"{arrivals_per_h:g} arrivals/h of {service_h:g} h each load {chargers} chargers by {load:.4g}; "
            "a queue without a limit has a steady state only below 1"
        )


def _birth_and_death(birth: Callable[[int], float], death: Callable[[int], float], most: int) -> Floats:
    """Probabilities of 0, 1, 2, ... customers, shape [N], N at most `most`; cut off where the tail no longer counts."""
    weight = [1.0]
    total = 1.0
    for present in range(1, most):
        weight.append(weight[-1] * birth(present - 1) / death(present))
        total += weight[-1]
        ratio = birth(present) / death(present + 1)
        if ratio < 1.0 and weight[-1] * ratio / (1.0 - ratio) < TAIL * total and most == MOST_STATES:
            break
        if total > 1e200:
            weight = [value / total for value in weight]
            total = 1.0
    chance = np.array(weight)
    normed: Floats = chance / chance.sum()
    return normed


def _crommelin(chargers: int, load: float) -> Floats:
    """Probabilities of 0, 1, 2, ... customers of M/D/c, cut off where the tail no longer counts, shape [N]."""
    states = 8 * chargers + 40
    while states <= 8_000:
        came = scipy.stats.poisson.pmf(np.arange(states), load)
        # From i customers, those beyond c stay and j come: i -> max(i - c, 0) + j.
        move = np.zeros((states, states))
        for present in range(states):
            stay = max(present - chargers, 0)
            move[present, stay:] = came[: states - stay]
            move[present, -1] += 1.0 - move[present].sum()
        balance = move.T - np.eye(states)
        balance[-1] = 1.0
        chance: Floats = np.linalg.solve(balance, np.eye(states)[-1])
        if chance[-1] * states < TAIL:
            return chance
        states *= 2
    raise QueueError(f"a load of {load / chargers:.6g} per charger is too near to 1 for the exact value of M/D/c")
