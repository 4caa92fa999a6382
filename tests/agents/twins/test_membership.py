"""Members of a run are found by sums where few are summed up, and hardly where many are."""

from __future__ import annotations

import numpy as np
import pytest
from line_fleet import STATION_KM, fleet

from agents.twins.eavesdropper import Overheard
from agents.twins.membership import members_found


def overheard(episodes: int, evs: int, *, seed: int, speaks: bool = True) -> Overheard:
    """EVs at stations that offer there, in the first slot, all that they have."""
    spec = fleet(evs)
    generator, slots, stations = np.random.default_rng(seed), spec.slots, len(STATION_KM)
    station = generator.integers(0, stations, (episodes, 1, evs)) * np.ones((1, slots, 1), dtype=np.int64)
    energy_kwh = generator.uniform(6.0, 57.0, (episodes, 1, evs)) * np.ones((1, slots, 1))
    offer_kwh = np.zeros((episodes, slots, evs, slots))
    if speaks:
        offer_kwh[:, 0, :, 0] = -(energy_kwh[:, 0] - 6.0)
    fed_kwh = np.stack([(-offer_kwh * (station == k)[..., None]).sum(axis=2) for k in range(stations)], axis=2)
    position_km = np.stack([STATION_KM[station].astype(float), np.zeros_like(energy_kwh)], axis=-1)
    decided = np.ones_like(station)
    turn = np.zeros_like(station)
    return Overheard(
        decided, turn, station, decided, offer_kwh, fed_kwh, np.zeros_like(fed_kwh), position_km, energy_kwh
    )


def found(evs: int, *, speaks: bool = True) -> float:
    known, asked = (overheard(60, evs, seed=seed, speaks=speaks) for seed in (0, 1))
    return float(members_found(fleet(evs), known, asked).mean())


def test_one_vehicle_cannot_hide_and_many_can() -> None:
    alone, few, many = (found(evs) for evs in (1, 3, 60))
    assert alone > 0.8
    assert alone > few > many
    assert 0.5 < many < 0.62


def test_where_nothing_is_said_nothing_is_found() -> None:
    assert found(10, speaks=False) == pytest.approx(0.5, abs=1e-9)


def test_a_vehicle_of_no_run_is_not_found() -> None:
    """Sums of runs that have nothing to do with the vehicles asked for."""
    known, asked, others = (overheard(60, 10, seed=seed) for seed in (0, 1, 2))
    mixed = Overheard(**{**vars(asked), "fed_kwh": others.fed_kwh})
    assert members_found(fleet(10), known, mixed).mean() == pytest.approx(0.5, abs=0.05)


def test_one_episode_has_no_strangers() -> None:
    known, asked = overheard(1, 3, seed=0), overheard(1, 3, seed=1)
    assert np.isnan(members_found(fleet(3), known, asked)).all()
