"""The fleet's program on a line of three stations, against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from planning_fleet import A, B, C, fleet, program

from cosim.planning.program import Prices, Storage


def test_one_full_ev_serves_what_its_battery_holds() -> None:
    fleet_program = program(fleet(), [A], 57.0, draw_kwh=(0.0, 0.0, 0.0))
    fleet_program.solve(0.01)
    # 57 - 6 - 2.4 kWh for the way are left to sell.
    assert fleet_program.most_kwh == pytest.approx(38.88, abs=0.02)
    assert fleet_program.served_kwh == pytest.approx(38.88, abs=0.02)


def test_chargers_are_shared_in_time() -> None:
    served = []
    for evs in (1, 2, 3):
        fleet_program = program(fleet(slots=2, chargers=1), [B] * evs, 57.0)
        fleet_program.solve(0.01)
        served.append(fleet_program.most_kwh)
    # 20 kWh a slot, however many EVs take turns.
    assert served == pytest.approx([40.0, 40.0, 40.0], abs=0.1)


def test_no_more_than_the_deficit_is_served() -> None:
    fleet_program = program(fleet(), [B] * 3, 57.0, deficit_kwh=(0.0, 5.0, 0.0))
    fleet_program.solve(0.01)
    assert fleet_program.most_kwh == pytest.approx(20.0)


def test_storage_serves_what_it_holds_and_can_store() -> None:
    storage = Storage(
        power_kwh=np.array([0.0, 6.0, 0.0]),
        start_kwh=np.array([0.0, 20.0, 0.0]),
        min_kwh=np.array([0.0, 10.0, 0.0]),
        max_kwh=np.array([0.0, 30.0, 0.0]),
        charge_efficiency=np.full(3, 0.5),
        discharge_efficiency=np.full(3, 0.8),
        spare_kwh=np.array([np.zeros(4), [4.0, 0.0, 0.0, 0.0], np.zeros(4)]),
    )
    fleet_program = program(fleet(), [A], 6.0, draw_kwh=(0.0, 0.0, 0.0), storage=storage)
    fleet_program.solve(0.01)
    # 10 kWh above the minimum and half of 4 kWh, of which 0.8 come out.
    assert fleet_program.most_kwh == pytest.approx(0.8 * 12.0)


def test_what_walks_serve_and_what_can_be_served_meet() -> None:
    fleet_program = program(fleet(slots=10), [A, A, B, B, C], 31.0, (30.0, 0.0, 0.0), (0.0, 25.0, 15.0))
    fleet_program.solve(0.05)
    assert 0.0 <= fleet_program.most_kwh - fleet_program.served_kwh <= 0.05
    assert fleet_program.share.sum(axis=0) == pytest.approx(np.ones(5))


def test_prices_make_it_serve_early_and_drive_little() -> None:
    free = program(fleet(slots=8), [A, B], 57.0, deficit_kwh=(0.0, 100.0, 100.0))
    free.solve(0.01)
    priced = program(fleet(slots=8), [A, B], 57.0, deficit_kwh=(0.0, 100.0, 100.0), prices=Prices(0.05, 0.01))
    priced.solve(0.01)
    assert priced.served_kwh < free.served_kwh
    fed_kwh = (priced.share[..., None] * priced.walks.fed_kwh).sum(axis=0)
    # The EV at B sells what it has at once, as far as the tolerance makes it.
    assert fed_kwh[1, :2].tolist() == pytest.approx([20.0, 20.0], abs=2.0)


def test_a_decision_is_kept() -> None:
    fleet_program = program(fleet(slots=6), [B, B], 57.0, deficit_kwh=(0.0, 100.0, 100.0))
    fleet_program.solve(0.01)
    before_kwh = fleet_program.served_kwh
    fleet_program.go_first_to(np.array([1]), np.array([C]))
    fleet_program.solve(0.01)
    taken = fleet_program.walks.station[..., 0][fleet_program.share > 1e-9]
    assert sorted(set(taken.tolist())) == [B, C]
    assert fleet_program.served_kwh < before_kwh
