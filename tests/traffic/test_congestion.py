"""Travel times under traffic, and the traffic of everybody else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_roads import LATTICE, SCENARIOS, SIOUX_FALLS, SIOUX_ROADS, roads_of

from cosim.errors import ScenarioError
from cosim.scenario.schema import CapacityShareFlow, CongestionSection, LatticeRoads, RoadFactor, TntpFlow
from cosim.scenario.uncertainty import factor_range
from cosim.system import load_system
from cosim.traffic import tntp
from cosim.traffic.congestion import base_time_range, expected_base_flow
from cosim.traffic.road_network import RoadNetwork, build_lattice
from cosim.traffic.travel_time import TravelTime

ONE_ROAD = roads_of([(0, 0), (6, 0)], [(0, 1, 6, 540)], capacity_vph=400, bpr_b=0.15)
PROFILES = {"traffic": np.array([0.5, 1.0, 0.25])}


def in_data(name: str) -> Path:
    return SIOUX_FALLS / name


def nowhere(name: str) -> Path:
    raise AssertionError(name)


def base_flow(
    base: CapacityShareFlow | TntpFlow | None,
    roads: RoadNetwork = LATTICE,
    resolve: Callable[[str], Path] = nowhere,
) -> np.ndarray:
    return expected_base_flow(CongestionSection(base_flow=base), roads, PROFILES, 3, resolve)


# ------------------------------------------------------------------------------------------ travel time


@pytest.mark.parametrize(
    ("flow_vph", "time_s"),
    [
        (0.0, 540.0),
        (200.0, 545.0625),  # 540 (1 + 0.15 / 16)
        (400.0, 621.0),  # 540 x 1.15
        (800.0, 1836.0),  # 540 (1 + 0.15 x 16)
    ],
)
def test_the_bpr_function_by_hand(flow_vph: float, time_s: float) -> None:
    assert TravelTime(ONE_ROAD).of_road_s(0, flow_vph) == pytest.approx(time_s, rel=1e-15)


def test_exponents_other_than_four_by_hand() -> None:
    roads = roads_of([(0, 0), (1, 0), (2, 0)], [(0, 1, 1, 100), (1, 2, 1, 100)], bpr_b=0.5)
    roads.bpr_power[:] = [1.0, 3.0]
    times = TravelTime(roads)
    assert times.of_all_s(np.array([50.0, 200.0])).tolist() == [125.0, 500.0]  # 1 + 0.5/2; 1 + 0.5 x 8
    assert [times.of_road_s(0, 50.0), times.of_road_s(1, 200.0)] == [125.0, 500.0]


def test_one_road_and_all_roads_agree_to_the_last_bit() -> None:
    generator = np.random.default_rng(3)
    for roads in (LATTICE, SIOUX_ROADS):
        times = TravelTime(roads)
        flow_vph = roads.capacity_vph * generator.uniform(0.0, 3.0, (4, roads.roads))
        together = times.of_all_s(flow_vph)
        apart = [[times.of_road_s(road, flow) for road, flow in enumerate(row)] for row in flow_vph.tolist()]
        assert together.tolist() == apart


def test_the_published_flow_of_sioux_falls_has_the_published_cost() -> None:
    published = tntp.read_flow(in_data("SiouxFalls_flow.tntp"))
    links = list(zip(SIOUX_ROADS.tail + 1, SIOUX_ROADS.head + 1, strict=True))
    volume, cost = np.array([published[link] for link in links]).T
    time_s = TravelTime(SIOUX_ROADS).of_all_s(volume)
    assert len(time_s) == 76
    assert time_s / 60.0 == pytest.approx(cost, rel=1e-6)


# ------------------------------------------------------------------------------------------ base flow


def test_no_base_flow_is_none() -> None:
    assert base_flow(None).tolist() == np.zeros((3, 288)).tolist()


def test_base_flow_is_a_share_of_capacity_by_slot() -> None:
    flow_vph = base_flow(CapacityShareFlow(kind="capacity_share"))
    assert (flow_vph == np.array([[200.0], [400.0], [100.0]])).all()


def test_the_road_factor_is_fixed_by_its_own_seed() -> None:
    def factors(seed: int) -> np.ndarray:
        factor = RoadFactor(low=0.8, high=1.2, seed=seed)
        return base_flow(CapacityShareFlow(kind="capacity_share", road_factor=factor)) / 400.0

    first = factors(1)
    assert (first == factors(1)).all()
    assert (first != factors(2)).any()
    # One factor a road, the same in every slot.
    assert first[1] == pytest.approx(2.0 * first[0])
    assert first[1].min() >= 0.8
    assert first[1].max() <= 1.2
    assert first[1].std() > 0.05


def test_a_flow_file_is_taken_times_the_profile() -> None:
    published = tntp.read_flow(in_data("SiouxFalls_flow.tntp"))
    volume = [published[link][0] for link in zip(SIOUX_ROADS.tail + 1, SIOUX_ROADS.head + 1, strict=True)]
    section = TntpFlow(kind="tntp", file="SiouxFalls_flow.tntp", profile="traffic")
    flow_vph = base_flow(section, SIOUX_ROADS, in_data)
    assert flow_vph.tolist() == [[share * v for v in volume] for share in (0.5, 1.0, 0.25)]
    flow_vph = base_flow(section.model_copy(update={"profile": None}), SIOUX_ROADS, in_data)
    assert flow_vph.tolist() == [volume] * 3


def test_a_flow_file_must_fit_the_roads(tmp_path: Path) -> None:
    (tmp_path / "flow").write_text("From To Volume Cost\n1 2 10 1\n2 1 10 1\n")
    roads = roads_of([(0, 0), (1, 0), (2, 0)], [(1, 2, 1, 60), (2, 0, 1, 60)])
    with pytest.raises(ScenarioError) as caught:
        base_flow(TntpFlow(kind="tntp", file="flow"), roads, lambda name: tmp_path / name)
    assert [(issue.path, issue.problem) for issue in caught.value.issues] == [
        ("congestion.base_flow.file", "flow has no volume for road 2-0"),
        ("congestion.base_flow.file", "flow has road 2-1, which the road network lacks"),
    ]


def test_only_the_first_few_roads_that_do_not_fit_are_told(tmp_path: Path) -> None:
    (tmp_path / "flow").write_text("\n".join(f"{k} {k + 1} 10 1" for k in range(100, 120)))
    with pytest.raises(ScenarioError) as caught:
        base_flow(TntpFlow(kind="tntp", file="flow"), SIOUX_ROADS, lambda name: tmp_path / name)
    assert len(caught.value.issues) == 10


def test_a_missing_flow_file_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        base_flow(TntpFlow(kind="tntp", file="none"), SIOUX_ROADS, lambda name: tmp_path / name)
    assert [issue.path for issue in caught.value.issues] == ["congestion.base_flow.file"]


# ---------------------------------------------------------------------------------- range of travel times

# 100 s free and capacity 100: 100 s x (1 + 0.5 load^4).
TWO_ROADS = roads_of([(0, 0), (1, 0), (2, 0)], [(0, 1, 1, 100), (1, 2, 1, 100)], bpr_b=0.5)


def test_the_range_of_travel_times_by_hand() -> None:
    # Strongest is the second slot, weakest the first, of which half remains; the factor doubles or halves them.
    found = base_time_range(TravelTime(TWO_ROADS), np.array([[50.0, 25.0], [100.0, 50.0]]), (0.5, 2.0))
    assert found is not None
    low_s, high_s = found
    assert low_s.tolist() == [100.0 * (1 + 0.5 * load**4) for load in (0.25, 0.125)]
    assert high_s.tolist() == [100.0 * (1 + 0.5 * load**4) for load in (2.0, 1.0)]


@pytest.mark.parametrize("power", [1.0, 2.5, 4.0])
def test_times_at_any_strength_lie_on_the_straight_between_the_ends(power: float) -> None:
    generator = np.random.default_rng(6)
    roads = replace(SIOUX_ROADS, bpr_power=np.full(SIOUX_ROADS.roads, power))
    shares, pattern_vph = np.array([0.6, 1.0, 0.2]), generator.uniform(0.0, 3.0, roads.roads) * roads.capacity_vph
    expected_vph, factors = shares[:, None] * pattern_vph, (0.7, 1.3)
    travel_time = TravelTime(roads)
    found = base_time_range(travel_time, expected_vph, factors)
    assert found is not None
    low_s, high_s = found
    for slot, factor in zip([0, 1, 2] * 10, [*factors, *generator.uniform(*factors, 28)], strict=True):
        time_s = travel_time.of_all_s(factor * expected_vph[slot])
        along = float((time_s - low_s).sum() / (high_s - low_s).sum())
        assert -1e-12 <= along <= 1.0 + 1e-12
        assert time_s == pytest.approx(low_s + along * (high_s - low_s), rel=1e-12)


def test_flows_of_two_patterns_have_no_such_range() -> None:
    expected_vph = np.array([[50.0, 25.0], [100.0, 50.001]])
    assert base_time_range(TravelTime(TWO_ROADS), expected_vph, (1.0, 1.0)) is None
    # Not even where the one lies within the range of the other.
    assert base_time_range(TravelTime(TWO_ROADS), np.array([[50.0, 0.0], [0.0, 50.0]]), (0.0, 2.0)) is None


def test_roads_with_exponents_of_their_own_have_no_such_range() -> None:
    roads = replace(TWO_ROADS, bpr_power=np.array([4.0, 3.0]))
    assert base_time_range(TravelTime(roads), np.array([[50.0, 25.0]]), (0.5, 2.0)) is None


@pytest.mark.parametrize("factors", [(1.0, 1.0), (0.0, 2.0)])
def test_without_traffic_the_range_is_the_free_time(factors: tuple[float, float]) -> None:
    found = base_time_range(TravelTime(TWO_ROADS), np.zeros((3, 2)), factors)
    assert found is not None
    assert [time_s.tolist() for time_s in found] == [[100.0, 100.0]] * 2


def test_a_slot_without_traffic_makes_the_free_time_the_least() -> None:
    found = base_time_range(TravelTime(TWO_ROADS), np.array([[0.0, 0.0], [100.0, 50.0]]), (0.5, 1.0))
    assert found is not None
    assert [time_s.tolist() for time_s in found] == [[100.0, 100.0], [150.0, 103.125]]


def test_a_network_without_roads_has_a_range_of_no_times() -> None:
    found = base_time_range(
        TravelTime(build_lattice(LatticeRoads(kind="lattice", columns=1, rows=1))), np.zeros((3, 0)), (0.5, 1.0)
    )
    assert found is not None
    assert [time_s.tolist() for time_s in found] == [[], []]


@pytest.mark.parametrize("file", ["outage_33bus.yaml", "outage_siouxfalls.yaml"])
def test_the_shipped_scenarios_have_such_a_range(file: str) -> None:
    system = load_system(SCENARIOS / file)
    factors = factor_range(system.scenario.uncertainty.traffic)
    assert base_time_range(TravelTime(system.roads), system.base_flow_vph, factors) is not None
