"""Path by path against Ciw: the same arrivals, services and patience, and every customer's wait must be the same."""

from __future__ import annotations

import ciw
import numpy as np
import pytest
import simpy

from cosim.charging.customer import Customer, Outcome
from cosim.charging.design import ChargerKind, StationDesign
from cosim.charging.public_station import PublicStation
from cosim.charging.timing import call_after

CUSTOMERS = 3_000
LAST_H = 1e9
TOLERANCE_H = 1e-9


class Drawn(ciw.dists.Distribution):
    """A value for each customer of a class, drawn before; customers of all classes are numbered by arrival."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def sample(self, t=None, ind=None) -> float:
        return float(self.values[ind.id_number - 1])


def paths(seed: int, load: float, chargers: int, classes: int) -> tuple[np.ndarray, ...]:
    """Arrival [h], service [h], patience [h] and class of each customer."""
    generator = np.random.default_rng(seed)
    arrival_h = np.cumsum(generator.exponential(1.0, CUSTOMERS))
    service_h = generator.gamma(2.0, load * chargers / 2.0, CUSTOMERS)
    return arrival_h, service_h, generator.exponential(1.5, CUSTOMERS), generator.integers(0, classes, CUSTOMERS)


def by_ciw(chargers: int, path: tuple[np.ndarray, ...], *, places=None, reneges=False, preempts=None):
    """Outcome, wait [h] and end [h] of each customer, by Ciw."""
    arrival_h, service_h, patience_h, group = path
    names = [f"Class {k}" for k in range(int(group.max()) + 1)]

    def between(k: int) -> list[float]:
        at = arrival_h[group == k]
        return [*np.diff(at, prepend=0.0).tolist(), LAST_H]

    network = ciw.create_network(
        arrival_distributions={name: [ciw.dists.Sequential(between(k))] for k, name in enumerate(names)},
        service_distributions={name: [Drawn(service_h)] for name in names},
        number_of_servers=[chargers],
        queue_capacities=[float("inf") if places is None else places],
        reneging_time_distributions={name: [Drawn(patience_h) if reneges else None] for name in names},
        **({} if preempts is None else {"priority_classes": ({n: k for k, n in enumerate(names)}, [preempts])}),
    )
    simulation = ciw.Simulation(network, tracker=None)
    simulation.simulate_until_max_time(LAST_H / 2)
    found = {}
    for record in simulation.get_all_records():
        number = record.id_number - 1
        outcome = {"service": "SERVED", "rejection": "BLOCKED", "renege": "RENEGED"}.get(record.record_type)
        if outcome is not None:
            found[number] = (outcome, record.waiting_time, record.exit_date)
    return found


def by_station(chargers: int, path: tuple[np.ndarray, ...], *, places=None, reneges=False, preempts=None):
    """The same by our station."""
    arrival_h, service_h, patience_h, group = (values.tolist() for values in path)
    design = StationDesign(
        (ChargerKind("dc", chargers, 50.0),),
        places=places,
        discipline="first_come" if preempts is None else "priority",
        preemptive=preempts == "resume",
    )
    env, left = simpy.Environment(0.0), []
    station = PublicStation(env, design, left.append)
    for number in range(CUSTOMERS):
        patience_s = patience_h[number] * 3600.0 if reneges else float("inf")
        customer = Customer(
            number,
            arrival_h[number] * 3600.0,
            hold_s=service_h[number] * 3600.0,
            patience_s=patience_s,
            priority=group[number],
        )
        call_after(env, customer.arrive_s, lambda event: station.arrive(event.value), customer)
    env.run()
    return {c.number: (c.outcome.name, c.waited_s / 3600.0, c.plug_out_s / 3600.0) for c in left}


CASES = {
    "first come first served": ({"classes": 1, "load": 0.9}, {}),
    "limited places": ({"classes": 1, "load": 1.2}, {"places": 3}),
    "no places": ({"classes": 1, "load": 1.0}, {"places": 0}),
    "reneging": ({"classes": 1, "load": 1.1}, {"reneges": True}),
    "priorities": ({"classes": 3, "load": 0.9}, {"preempts": False}),
    "preemption": ({"classes": 2, "load": 0.8}, {"preempts": "resume"}),
    "priorities and reneging": ({"classes": 2, "load": 1.1}, {"preempts": False, "reneges": True}),
}


@pytest.mark.parametrize("chargers", [1, 4])
@pytest.mark.parametrize("case", CASES)
def test_every_wait_is_that_of_ciw(case: str, chargers: int) -> None:
    kind, more = CASES[case]
    for seed in range(2):
        path = paths(seed, kind["load"], chargers, kind["classes"])
        theirs, ours = by_ciw(chargers, path, **more), by_station(chargers, path, **more)
        assert len(ours) == CUSTOMERS
        assert {number: theirs[number][0] for number in ours} == {number: ours[number][0] for number in ours}
        for number, (outcome, wait_h, end_h) in ours.items():
            if outcome != Outcome.BLOCKED.name and more.get("preempts") != "resume":
                assert wait_h == pytest.approx(theirs[number][1], abs=TOLERANCE_H)
            assert end_h == pytest.approx(theirs[number][2], abs=TOLERANCE_H)
            if outcome == Outcome.SERVED.name:
                # With preemption Ciw records spells; all time that is not service is waiting, in one stay or several.
                assert wait_h == pytest.approx(theirs[number][2] - path[0][number] - path[1][number], abs=TOLERANCE_H)
        assert len({outcome for outcome, _, _ in ours.values()}) == 1 + bool(more.get("reneges") or "places" in more)
