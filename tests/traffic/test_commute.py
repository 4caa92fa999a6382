"""EVs that commute: when they come and leave, and what happens to them meanwhile."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cosim.charging.visit import Visit
from cosim.clock import Clock
from cosim.experiment import run
from cosim.interface import Action, EvState, FleetSpec, Observation, can_decide
from cosim.scenario.schema import CommuteSection
from cosim.simulators.controller import check_action
from cosim.system import load_system
from cosim.traffic.commute import draw_stays

DAY = Path(__file__).parents[2] / "scenarios" / "v2g_day.yaml"
NOON_TO_NOON = Clock(12 * 3600, 1800, 48)
COMMUTE = CommuteSection.model_validate(
    {"arrival": {"mean": "18:30", "std_h": 1.0}, "departure": {"mean": "32:00", "std_h": 0.5}}
)


def test_stays_follow_their_normal_distributions_within_three_deviations() -> None:
    stays = draw_stays(COMMUTE, NOON_TO_NOON, 20_000, seed=1, episode=0)
    for drawn_s, mean_h, std_h in ((stays.arrive_s, 6.5, 1.0), (stays.depart_s, 20.0, 0.5)):
        drawn_h = drawn_s / 3600.0
        assert drawn_h.mean() == pytest.approx(mean_h, abs=0.03)
        assert drawn_h.std() == pytest.approx(std_h, rel=0.03)
        assert np.abs(drawn_h - mean_h).max() <= 3.0 * std_h + 1e-9


@pytest.mark.parametrize("minute", range(0, 60, 7))
def test_nobody_comes_before_the_start_by_rounding(minute: int) -> None:
    # The earliest that can be drawn is the very start, to the last bit or so.
    start = Clock(12 * 3600 + 60 * minute, 1800, 47)
    arrival = {"mean": f"12:{min(minute + 18, 59):02d}", "std_h": 0.1}
    commute = CommuteSection.model_validate({"arrival": arrival, "departure": {"mean": "32:00"}})
    stays = draw_stays(commute, start, 5000, seed=1, episode=0)
    assert stays.arrive_s.min() >= 0.0


def test_stays_depend_on_seed_and_episode_only() -> None:
    first, again, other = (draw_stays(COMMUTE, NOON_TO_NOON, 5, seed=1, episode=e) for e in (3, 3, 4))
    assert first.arrive_s.tolist() == again.arrive_s.tolist()
    assert first.arrive_s.tolist() != other.arrive_s.tolist()


@cache
def day(power_share: float, *overrides: str) -> tuple[list[Visit], list[dict[str, np.ndarray]]]:
    """Visits of a day in which all EVs are told the same all the time, and what each slot brought to each of them."""
    system = load_system(DAY, ["fleet.size=7", *overrides])
    traffic, slots = system.traffic_model(), []
    traffic.begin([0])
    action = Action.stay(1, 7)
    action.power_share[:] = power_share
    limit_kw = np.full((1, 5, 2), 1000.0)
    for _ in range(system.clock.slots):
        happened = traffic.step(action, limit_kw)
        slots.append({**vars(happened.ev_book), "departure_h": traffic.state().departure_h})
    return list(happened.visits[0]), slots


def test_every_ev_stays_once_from_its_arrival_to_its_departure() -> None:
    stays = draw_stays(load_system(DAY).scenario.fleet.commute, NOON_TO_NOON, 7, seed=1, episode=0)
    visits, _ = day(1.0)
    visits = sorted(visits, key=lambda visit: visit.ev)
    assert [visit.ev for visit in visits] == list(range(7))
    assert [visit.arrive_s for visit in visits] == pytest.approx(stays.arrive_s.tolist())
    assert [visit.depart_s for visit in visits] == pytest.approx(stays.depart_s.tolist())
    assert [visit.station for visit in visits] == [0, 1, 2, 3, 4, 0, 1]


def test_who_comes_within_a_slot_charges_from_that_very_moment() -> None:
    visits, slots = day(1.0)
    for visit in visits:
        slot = int(visit.arrive_s // 1800)
        charged_kwh = slots[slot]["charged_kwh"][0, visit.ev]
        assert charged_kwh == pytest.approx(11.0 * ((slot + 1) * 1800 - visit.arrive_s) / 3600)


def test_who_leaves_within_a_slot_frees_its_charger_at_that_very_moment() -> None:
    # Full power out of a full battery, from the last slot on, would go on for hours.
    visits, slots = day(-1.0, "fleet.battery_kwh=1000", "fleet.start.soc_spread=0")
    for visit in visits:
        assert visit.depart_s is not None
        slot = int(visit.depart_s // 1800)
        fed_kwh = slots[slot]["discharged_kwh"][0, visit.ev]
        assert fed_kwh == pytest.approx(11.0 * (visit.depart_s - slot * 1800) / 3600)
        assert slots[slot]["station"][0, visit.ev] == visit.station
        assert slots[slot]["state"][0, visit.ev] == EvState.AWAY
        assert visit.requests[-1].plug_out_s == visit.depart_s
        later = slots[slot + 1]
        assert later["station"][0, visit.ev] == -1
        assert later["discharged_kwh"][0, visit.ev] == 0.0


def test_who_leaves_as_a_slot_begins_asks_for_nothing_any_more() -> None:
    # All leave at 08:00 sharp, twenty hours after the start.
    sharp = ("fleet.commute.departure={mean: '32:00', std_h: 0}", "fleet.battery_kwh=1000", "fleet.start.soc_spread=0")
    visits, _ = day(1.0, *sharp)
    assert all(visit.depart_s == 20 * 3600.0 for visit in visits)
    assert all(request.plug_in_s is not None for visit in visits for request in visit.requests)
    assert all(request.request_s < visit.depart_s for visit in visits for request in visit.requests)


def test_energy_stays_as_it_is_while_an_ev_is_away() -> None:
    visits, slots = day(1.0)
    for visit in visits:
        assert visit.depart_s is not None
        before, after = slots[int(visit.arrive_s // 1800) - 1], slots[int(visit.depart_s // 1800) :]
        assert before["energy_end_kwh"][0, visit.ev] == slots[0]["energy_start_kwh"][0, visit.ev]
        assert len({slot["energy_end_kwh"][0, visit.ev] for slot in after}) == 1


def test_departure_is_counted_down() -> None:
    visits, slots = day(1.0)
    for visit in visits:
        assert visit.depart_s is not None
        left_h = [slot["departure_h"][0, visit.ev] for slot in slots]
        assert left_h == pytest.approx([max(visit.depart_s / 3600 - (k + 1) / 2, 0.0) for k in range(48)])


class Driver:
    """Tells everybody to drive east."""

    def __init__(self, spec: FleetSpec) -> None:
        self._spec = spec

    def act(self, observation: Observation) -> Action:
        action = Action.stay(observation.replicas, self._spec.fleet_size)
        action.distance_km[:] = 8.0
        check_action(action, self._spec, tuple(observation.episode.tolist()), observation.slot)
        return action


def test_who_commutes_does_not_drive_here() -> None:
    found = run(DAY, controller=f"{__name__}:Driver", episodes=1, allow_code=True, overrides=["fleet.size=3"])
    evs = found.records["ev_slots"]
    assert evs.total("driven_km").tolist() == [0.0]
    assert set(evs.cube("outcome").ravel().tolist()) == {2}


def test_who_is_away_cannot_decide() -> None:
    assert can_decide(np.array(list(EvState))).tolist() == [True, False, True, True, True, False]
