"""The bound: its values where they are known, and that no policy exceeds it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cosim
from cosim import bound
from cosim.bound import earliest_trips, episode_bounds, restoration_bound
from cosim.errors import ScenarioError
from cosim.planning.trips import Trips
from cosim.system import System

SCENARIOS = Path(__file__).parents[1] / "scenarios"
DETERMINISTIC = SCENARIOS / "outage_33bus_deterministic.yaml"
QUICK = 'network.engine="lindistflow"'


def load(name: str, *overrides: str) -> System:
    return cosim.load(SCENARIOS / f"{name}.yaml", [QUICK, *overrides])


def ratio_of_one(system: System, levels: int = bound.LEVELS) -> float:
    (found,) = episode_bounds(system, [0], levels)
    assert found.load_restoration_ratio is not None
    return found.load_restoration_ratio


@pytest.mark.parametrize(("size", "ratio"), [(20, 0.7385), (30, 1.0)])
def test_without_noise(size: int, ratio: float) -> None:
    found = restoration_bound(DETERMINISTIC, episodes=1, overrides=[QUICK, f"fleet.size={size}"])
    (episode,) = found.per_episode
    assert found.load_restoration_ratio.mean == episode.load_restoration_ratio == pytest.approx(ratio, abs=1e-3)
    assert episode.load_restoration_ratio_of_walks == pytest.approx(ratio, abs=2e-3)
    assert episode.reference_shed_kwh == pytest.approx(2275.43, abs=0.01)


def test_looser_relaxations_give_the_looser_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of 1.5 kWh, the whole slot of arrival, and selling at full power: 0.847, as estimated elsewhere."""

    def whole_slots(system: System) -> Trips:
        trips = earliest_trips(system)
        return Trips(trips.slots, np.full_like(trips.rest_h, system.clock.slot_h), trips.energy_kwh)

    monkeypatch.setattr(bound, "earliest_trips", whole_slots)
    system = load("outage_33bus_deterministic", "fleet.size=20", "fleet.p_sch_max=1.0")
    assert ratio_of_one(system, levels=35) == pytest.approx(0.847, abs=1e-3)


def test_finer_levels_give_a_lower_bound() -> None:
    system = load("outage_33bus_deterministic", "fleet.size=20")
    coarse, fine = ratio_of_one(system, 18), ratio_of_one(system, 103)
    assert coarse > fine > 0.7385


def test_no_policy_exceeds_it() -> None:
    overrides = [QUICK, "fleet.size=20"]
    scenario = SCENARIOS / "outage_33bus.yaml"
    bounds = restoration_bound(scenario, episodes=10, overrides=overrides).per_episode
    highest = np.array([episode.load_restoration_ratio for episode in bounds], dtype=float)
    best = {}
    for name in ("random", "greedy", "coordinated", "best_response", "mpc"):
        options = ["controller.options.levels=52"] if name in ("best_response", "mpc") else []
        results = cosim.run(scenario, episodes=10, controller=name, overrides=[*overrides, *options], records=False)
        ratio = np.array(results.totals.metric["load_restoration_ratio"])
        assert (ratio <= highest + 1e-9).all(), name
        best[name] = float(ratio.mean())
    assert best["mpc"] > max(best["greedy"], best["coordinated"], best["best_response"])
    assert best["mpc"] > 0.85 * highest.mean()


@pytest.mark.parametrize("name", ["random_start", "many_limits", "siouxfalls"])
def test_other_scenarios_keep_to_it(name: str) -> None:
    system = {
        "random_start": lambda: load("outage_33bus", 'fleet.start.place="random_node"', "fleet.size=20"),
        "many_limits": lambda: load(
            "outage_33bus",
            'network.discharging_limit="net_load"',
            'network.charging_limit="surplus"',
            "stations.3.chargers=2",
        ),
        "siouxfalls": lambda: load("outage_siouxfalls"),
    }[name]()
    controlled = cosim.run(system, episodes=2, records=False)
    reached = np.array(controlled.totals.metric["load_restoration_ratio"])
    highest = [episode.load_restoration_ratio for episode in episode_bounds(system, range(2), levels=103)]
    assert (reached <= np.array(highest, dtype=float)).all()
    assert max(highest) <= 1.0


def test_without_evs_only_storage_can_restore() -> None:
    assert 0.0 <= ratio_of_one(load("outage_33bus_deterministic", "fleet.size=0"), 52) < 0.01


def test_an_episode_without_shedding_has_no_ratio() -> None:
    overrides = [QUICK, "profiles.load.values=[0.1,0.1,0.1,0.1,0.1,0.1,0.1]", "fleet.size=2"]
    found = restoration_bound(DETERMINISTIC, episodes=2, overrides=overrides).summary()
    assert found["episodes_without_shedding"] == 2
    assert found["load_restoration_ratio"] == {"mean": None, "low": None, "high": None, "unit": "1"}


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="episodes must be at least 1, got 0"):
        restoration_bound(DETERMINISTIC, episodes=0)
    with pytest.raises(ValueError, match="for a scenario file"):
        restoration_bound(load("outage_33bus_deterministic"), overrides=["fleet.size=2"])


def test_dark_load_stays_dark_whatever_a_fleet_does() -> None:
    overrides = [
        "network.engine=lindistflow",
        "network.microgrids.4.buses=null",
        "network.microgrids.4.wt=null",
        "network.timetable=[{line: [15, 16], out: '12:00'}]",
    ]
    bound = restoration_bound(DETERMINISTIC, episodes=1, overrides=overrides).per_episode[0]
    idle = cosim.run(DETERMINISTIC, episodes=1, overrides=[*overrides, "controller.name=idle"])
    slots = idle.microgrid_slots
    dark_kwh = slots[(slots.microgrid == 5) & (slots.island < 0)].load_kw.sum() * 0.5
    assert dark_kwh > 500.0
    assert bound.least_shed_kwh >= dark_kwh


def test_commuters_have_no_bound() -> None:
    with pytest.raises(ScenarioError, match=r"fleet\.commute: the bound knows no EVs that commute"):
        restoration_bound(SCENARIOS / "v2g_day.yaml", episodes=1)


def test_islands_of_several_microgrids_have_no_bound() -> None:
    with pytest.raises(ScenarioError, match="islands with stations or storage in several microgrids"):
        restoration_bound(SCENARIOS / "day_33bus.yaml", episodes=1)
