"""Time is added up, and what is not named is simulation."""

from __future__ import annotations

import pytest

from cosim.training.spent import Spent


def test_what_is_not_named_is_simulation() -> None:
    spent = Spent(cpu_s=10.0, decisions_s=2.0, updates_s=3.0, checkpoints_s=0.5, transport_s=0.5, wall_s=20.0)
    assert spent.simulation_s == 4.0
    assert spent.shares() == pytest.approx(
        {"simulation": 0.4, "decisions": 0.2, "updates": 0.3, "checkpoints": 0.05, "transport": 0.05}
    )
    both = spent.plus(Spent(cpu_s=5.0, updates_s=1.0, actors_waited_s=2.0))
    assert (both.cpu_s, both.updates_s, both.wall_s, both.actors_waited_s) == (15.0, 4.0, 20.0, 2.0)
    assert set(Spent().shares().values()) == {0.0}
