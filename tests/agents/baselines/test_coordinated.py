"""The coordinated rule on a line of three stations, with literal actions and intentions."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from line_fleet import fleet, observe, only, replica_of

from agents.baselines.coordinated import CoordinatedController
from cosim.interface import Action, EvState, Observation


def act(observation: Observation, return_reserve: bool = True) -> tuple[float, float, float]:
    return only(CoordinatedController(fleet(), return_reserve).act(observation))


def moves(action: Action) -> list[tuple[float, float, float]]:
    """Heading, distance and power share of each EV of the only replica."""
    columns = (action.heading_rad[0], action.distance_km[0], action.power_share[0])
    return [(float(a), float(b), float(c)) for a, b, c in zip(*columns, strict=True)]


def first_slots(power_kw: float, slots: int) -> list[float]:
    """A power in the first slots of an episode, then none."""
    return [power_kw] * slots + [0.0] * (12 - slots)


NOTHING = [0.0] * 12


# ------------------------------------------------------------------------------------- one EV on its own


def test_sells_where_it_is_down_to_the_energy_for_the_way_back() -> None:
    assert act(observe([[12]], 40.0)) == (0.0, 0.0, -0.8)
    assert act(observe([[12]], 28.4)) == pytest.approx((0.0, 0.0, -0.64))


@pytest.mark.parametrize(("slot", "share"), [(6, -0.64), (7, -0.7168)])
def test_keeps_that_energy_only_while_a_round_trip_fits(slot: int, share: float) -> None:
    assert act(observe([[12]], 28.4, slot=slot)) == pytest.approx((0.0, 0.0, share))


def test_sells_down_to_the_minimum_without_a_reserve() -> None:
    assert act(observe([[12]], 28.4), return_reserve=False) == pytest.approx((0.0, 0.0, -0.7168))


def test_goes_to_the_surplus_when_nothing_is_left_to_sell() -> None:
    assert act(observe([[12]], 8.4)) == (math.pi, 10.0, 0.0)
    assert act(observe([[2]], 6.4)) == (math.pi, 2.0, 1.0)


def test_does_not_buy_what_cannot_be_sold_later() -> None:
    deficit_kw = (NOTHING, first_slots(400.0, 2), NOTHING)
    assert act(observe([[0]], 20.0, deficit_kw=deficit_kw)) == (0.0, 10.0, 0.0)
    assert act(observe([[0]], 8.0, deficit_kw=deficit_kw)) == (0.0, 0.0, 0.0)


def test_does_not_depart_without_the_energy_or_the_slots() -> None:
    assert act(observe([[12]], 8.3, deficit_kw=(0.0, 0.0, 400.0))) == (0.0, 0.0, 0.0)
    assert act(observe([[0]], 57.0, slot=11)) == (0.0, 0.0, 0.0)


def test_power_in_the_slot_of_arrival_is_for_what_is_left_of_it() -> None:
    # 2 km take 3 min: 4 kWh in 27 min are 8.89 kW.
    heading_rad, distance_km, share = act(observe([[10]], 6.0 + 5.0 + 0.4, surplus_kw=(0.0, 0.0, 0.0)))
    assert (heading_rad, distance_km) == (0.0, 2.0)
    assert share == pytest.approx(-4.0 / 0.45 / 50.0)


# ------------------------------------------------------------------------------------------ one after the other


def test_intention_is_published_until_empty() -> None:
    controller = CoordinatedController(fleet())
    controller.act(observe([[0]], 57.0))
    board = controller.board
    assert (board.station[0, 0], board.arrival[0, 0]) == (1, 1)
    # 46.2 kWh of the battery are 36.96 at the charger: 18 in the 27 min left of slot 1, then the rest.
    assert board.offer_kwh[0, 0] == pytest.approx([0.0, -18.0, -18.96, *[0.0] * 9])
    assert board.fed_kwh[0, 1] == pytest.approx([0.0, 18.0, 18.96, *[0.0] * 9])


def test_nobody_goes_for_a_deficit_that_is_taken() -> None:
    # 40 kW for one slot are for one EV; then there is only C.
    observation = observe([[12, 12]], 40.0, (0.0, 0.0, 0.0), (NOTHING, first_slots(40.0, 1), [40.0] * 12))
    assert moves(CoordinatedController(fleet(2)).act(observation)) == [(0.0, 0.0, -0.8), (0.0, 10.0, 0.0)]


def test_nobody_goes_where_the_chargers_are_taken() -> None:
    observation = observe([[12, 12]], 40.0, (0.0, 0.0, 0.0), (NOTHING, first_slots(400.0, 1), [40.0] * 12))
    for chargers, second in ((1, (0.0, 10.0, 0.0)), (2, (0.0, 0.0, -0.8))):
        action = CoordinatedController(fleet(2, chargers)).act(observation)
        assert moves(action) == [(0.0, 0.0, -0.8), second]


def test_nobody_goes_for_a_surplus_that_is_taken() -> None:
    surplus_kw = (first_slots(40.0, 1), NOTHING, NOTHING)
    action = CoordinatedController(fleet(2)).act(observe([[0, 0]], 8.0, surplus_kw=surplus_kw))
    assert moves(action) == [(0.0, 0.0, 1.0), (0.0, 0.0, 0.0)]


def test_the_nearest_to_a_station_chooses_first() -> None:
    deficit_kw = (NOTHING, first_slots(40.0, 1), NOTHING)
    nothing = (0.0, 0.0, 0.0)
    observation = observe([[10, 12, 12]], 40.0, surplus_kw=nothing, deficit_kw=deficit_kw)
    assert moves(CoordinatedController(fleet(3)).act(observation)) == [nothing, (0.0, 0.0, -0.8), nothing]


def test_an_ev_that_drives_keeps_its_intention() -> None:
    deficit_kw = (NOTHING, first_slots(40.0, 3), NOTHING)
    controller = CoordinatedController(fleet(2))
    controller.act(observe([[0, 30]], [57.0, 6.0], deficit_kw=deficit_kw))
    before = controller.board.offer_kwh[0, 0].tolist()
    assert before[1:3] == pytest.approx([-18.0, -18.96])

    # The other one at the station now reads what is left of B: 2 kWh in slot 1, 1.04 in slot 2.
    state = [[EvState.DRIVING, EvState.PARKED]]
    action = controller.act(observe([[10, 12]], [55.0, 40.0], deficit_kw=deficit_kw, slot=1, state=state))
    assert controller.board.offer_kwh[0, 0].tolist() == before
    assert controller.board.station.tolist() == [[1, 1]]
    assert controller.board.offer_kwh[0, 1, 1:3] == pytest.approx([-2.0, -1.04])
    assert moves(action) == [(0.0, 0.0, 0.0), (0.0, 0.0, -0.8)]


def test_an_ev_that_chooses_again_does_not_compete_with_its_own_intention() -> None:
    controller = CoordinatedController(fleet(1, chargers=1), return_reserve=False)
    for slot, energy_kwh in ((0, 57.0), (1, 32.0)):
        action = controller.act(observe([[12]], energy_kwh, deficit_kw=(0.0, 40.0, 0.0), slot=slot))
        assert moves(action) == [(0.0, 0.0, -0.8)]
    assert controller.board.chargers[0, 1].tolist() == [0, 1, 1, *[0] * 9]


# --------------------------------------------------------------------------------------- episodes, replicas


def test_a_new_episode_begins_with_an_empty_board() -> None:
    controller = CoordinatedController(fleet(2))
    first = moves(controller.act(observe([[0, 0]], 57.0, deficit_kw=(0.0, 40.0, 40.0))))
    assert moves(controller.act(observe([[0, 0]], 57.0, deficit_kw=(0.0, 40.0, 40.0)))) == first


def test_each_choice_is_one_message() -> None:
    controller = CoordinatedController(fleet(2))
    for slot in range(3):
        controller.act(observe([[0, 12], [5, 30]], 30.0, slot=slot))
    assert controller.board.sent.number == 3 * 2 * 2


def test_a_replica_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(1)
    together, alone = CoordinatedController(fleet(20)), [CoordinatedController(fleet(20)) for _ in range(3)]
    for slot in range(12):
        drives = rng.random((3, 20)) < 0.1
        state = np.where(drives, EvState.DRIVING, EvState.PARKED)
        observation = observe(rng.integers(0, 37, (3, 20)), rng.uniform(6.0, 57.0, (3, 20)), slot=slot, state=state)
        action = together.act(observation)
        for r in range(3):
            single = alone[r].act(replica_of(observation, r))
            for field in dataclasses.fields(Action):
                assert getattr(single, field.name)[0].tolist() == getattr(action, field.name)[r].tolist()
            assert alone[r].board.offer_kwh[0].tolist() == together.board.offer_kwh[r].tolist()


def test_a_fleet_of_none() -> None:
    action = CoordinatedController(fleet(0)).act(observe(np.zeros((2, 0)), 0.0))
    assert action.heading_rad.shape == action.distance_km.shape == action.power_share.shape == (2, 0)
