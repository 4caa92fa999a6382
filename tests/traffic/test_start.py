"""Where EVs are, and how full, when an episode begins."""

import numpy as np
import pytest

from cosim.charging.battery import Battery
from cosim.scenario.schema import FleetSection, FleetStart
from cosim.traffic.routing import Place
from cosim.traffic.start import battery_kind, start_fleet

STATION_NODE = np.array([47, 58, 51, 30, 24])


Start = tuple[list[Battery], list[Place]]


def start(episode: int = 0, seed: int = 1, size: int = 30, **options: object) -> Start:
    return start_fleet(FleetSection(size=size, start=FleetStart(**options)), STATION_NODE, 81, seed, episode)


def nodes(start: Start) -> list[int]:
    assert all(place.road == -1 for place in start[1])
    return [place.node for place in start[1]]


def energies(start: Start) -> list[float]:
    return [battery.energy_kwh for battery in start[0]]


def test_round_robin_puts_ev_i_at_station_i_mod_5() -> None:
    begun = start(place="round_robin", soc_spread=0.0, size=12)
    assert nodes(begun) == [47, 58, 51, 30, 24, 47, 58, 51, 30, 24, 47, 58]
    assert energies(begun) == [36.0] * 12  # 0.6 of 60 kWh


def test_random_stations_are_stations_and_all_of_them() -> None:
    assert set(nodes(start(size=200))) == set(STATION_NODE.tolist())


def test_random_nodes_are_nodes_of_all_kinds() -> None:
    found = set(nodes(start(place="random_node", size=2000)))
    assert found == set(range(81))


def test_energies_lie_within_the_spread() -> None:
    found = energies(start(soc=0.5, soc_spread=0.2, size=500))
    assert min(found) >= 18.0
    assert max(found) <= 42.0
    assert max(found) - min(found) > 20.0


def test_an_episode_begins_the_same_every_time_and_unlike_others() -> None:
    def both(episode: int, seed: int = 1) -> tuple[list[int], list[float]]:
        begun = start(episode, seed)
        return nodes(begun), energies(begun)

    assert both(3) == both(3)
    assert both(3) != both(4)
    assert both(3) != both(3, seed=2)


def test_where_evs_begin_does_not_shift_how_full_they_are() -> None:
    assert energies(start(place="round_robin")) == energies(start(place="random_node")) == energies(start())


def test_nobody_is_a_fleet() -> None:
    assert start(size=0) == ([], [])


def test_the_bounds_of_a_battery_are_shares_of_its_capacity() -> None:
    kind = battery_kind(FleetSection(battery_kwh=80.0, soc_min=0.25, soc_max=0.75, charge_efficiency=0.9))
    assert (kind.energy_min_kwh, kind.energy_max_kwh) == (20.0, 60.0)
    assert (kind.charge_efficiency, kind.discharge_efficiency) == (0.9, 0.95)


def test_batteries_are_of_one_kind_but_each_its_own() -> None:
    (first, second), _ = start(place="round_robin", soc_spread=0.0, size=2)
    first.flow(60.0, 60.0)
    assert first.kind is second.kind
    assert second.energy_kwh == pytest.approx(36.0)
