"""Attacks on plans: what is heard is what was told, and who hears what he asks for is right."""

from __future__ import annotations

import numpy as np
import pytest
from commuter_fleet import day

from agents.commuters.attack import GUESSES, HEARS, PlanListener, reconstruct
from agents.trained import V2gDtMaddpgFleet
from cosim.experiment import run_episodes
from cosim.schedule import Schedule


@pytest.fixture(scope="module")
def samples() -> dict[str, np.ndarray]:
    system = day()
    listener = PlanListener(system.spec, V2gDtMaddpgFleet(system.spec))
    run_episodes(
        system,
        listener,
        Schedule((0, 1, 2, 3), 4, system.clock.slots),
    )
    return listener.samples()


def test_sums_are_those_of_the_station(samples: dict[str, np.ndarray]) -> None:
    # Slot and episode as one number; EVs of one station are those with the same sums.
    moments = samples["nothing"][:, 0] * 1000 + samples["episode"]
    for moment in np.unique(moments)[::40]:
        of_moment = moments == moment
        sums, own = samples["sums"][of_moment, 1:], samples["message"][of_moment, 1:]
        _, station = np.unique(sums, axis=0, return_inverse=True)
        for number in range(station.max() + 1):
            there = station.ravel() == number
            assert own[there].sum(axis=0) == pytest.approx(sums[there][0], abs=1e-3)


@pytest.mark.parametrize("guess", GUESSES)
def test_who_hears_the_truth_is_right_and_who_hears_nothing_is_not(samples: dict[str, np.ndarray], guess: str) -> None:
    told = {**samples, "message": samples["truth"]}
    right, blind = reconstruct(told, "message", guess), reconstruct(told, "nothing", guess)
    assert right.charge_points < 0.5 * blind.charge_points
    assert right.departure_h < 0.5 * blind.departure_h


def test_all_that_may_be_heard_is_there(samples: dict[str, np.ndarray]) -> None:
    assert set(HEARS) < set(samples)
    assert len({len(values) for values in samples.values()}) == 1
