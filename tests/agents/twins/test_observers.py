"""What attackers hear is what was said, and what that changed."""

from __future__ import annotations

import numpy as np

from agents.twins.eavesdropper import Overheard
from agents.twins.observers import turns


def test_a_change_of_totals_knows_of_what_was_taken_back() -> None:
    """Two EVs in a turn: one goes on as it said before, the other leaves its station."""
    kwh, station, sums = np.zeros((1, 12, 6, 12)), np.zeros((1, 12, 6), dtype=np.int64), np.zeros((1, 12, 3, 12))
    kwh[0, 0, :2, 1:3], kwh[0, 1, 0, 1:3], kwh[0, 1, 1, 2] = -10.0, -10.0, 4.0
    station[0, 1, 1] = 2
    changed = Overheard(
        decided=np.ones_like(station),
        turn=np.zeros_like(station),
        station=station,
        arrival=np.zeros_like(station),
        offer_kwh=kwh,
        fed_kwh=sums,
        drawn_kwh=sums,
        position_km=np.zeros((1, 12, 6, 2)),
        energy_kwh=np.full((1, 12, 6), 30.0),
    )
    told = turns(changed, np.array([0]), np.array([1]), np.array([0]))[0, 2:].reshape(2, 3, 3) * 100.0
    assert told[0].tolist() == [[-10.0, -10.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert told[1].tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 4.0, 0.0]]
