"""Road networks from lattices and TNTP files, and the nodes of stations."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_roads import LATTICE, SIOUX_FALLS, SIOUX_ROADS, roads_of

import cosim
from cosim.errors import ScenarioError
from cosim.scenario.schema import LatticeRoads, ListedRoads, StationSection, TntpRoads
from cosim.traffic import tntp
from cosim.traffic.road_network import RoadNetwork, build_lattice, build_listed, build_roads, build_tntp, station_nodes

SIOUX = TntpRoads(kind="tntp", network="SiouxFalls_net.tntp", nodes="SiouxFalls_node.tntp")


def in_data(name: str) -> Path:
    return SIOUX_FALLS / name


def station(name: str = "S", node: int | None = None, position_km: list[float] | None = None) -> StationSection:
    return StationSection(name=name, node=node, position_km=position_km, bus=0)


def mistakes(stations: list[StationSection], roads: RoadNetwork) -> list[tuple[str, str]]:
    with pytest.raises(ScenarioError) as caught:
        station_nodes(stations, roads)
    return [(issue.path, issue.problem) for issue in caught.value.issues]


# ----------------------------------------------------------------------------------------------- lattice


def test_the_default_lattice_has_81_nodes_and_288_roads() -> None:
    assert (LATTICE.nodes, LATTICE.roads, LATTICE.area_km) == (81, 288, (32.0, 32.0))


def test_nodes_are_numbered_row_by_row_from_the_origin() -> None:
    assert LATTICE.node_km[[0, 1, 8, 9, 80]].tolist() == [[0, 0], [4, 0], [32, 0], [0, 4], [32, 32]]
    assert LATTICE.node_number.tolist() == list(range(81))


def test_a_lattice_of_three_by_two_by_hand() -> None:
    roads = build_lattice(LatticeRoads(kind="lattice", columns=3, rows=2, spacing_km=2, speed_kmh=30))
    pairs = list(zip(roads.tail.tolist(), roads.head.tolist(), strict=True))
    assert pairs == [
        *[(0, 1), (1, 0), (0, 3), (3, 0), (1, 2), (2, 1), (1, 4), (4, 1), (2, 5), (5, 2)],
        *[(3, 4), (4, 3), (4, 5), (5, 4)],
    ]
    assert roads.length_km.tolist() == [2.0] * 14
    assert roads.free_time_s.tolist() == [240.0] * 14  # 2 km at 30 km/h
    assert roads.area_km == (4.0, 2.0)


def test_every_road_of_a_lattice_has_its_opposite() -> None:
    opposite = np.array(LATTICE.opposite)
    assert (LATTICE.tail[opposite] == LATTICE.head).all()
    assert (LATTICE.head[opposite] == LATTICE.tail).all()


def test_out_roads_lists_each_road_once_at_its_tail() -> None:
    listed = [(road, tail, head) for tail, out in enumerate(LATTICE.out_roads) for road, head in out]
    assert sorted(listed) == [
        (k, *ends) for k, ends in enumerate(zip(LATTICE.tail.tolist(), LATTICE.head.tolist(), strict=True))
    ]


def test_a_one_way_road_has_no_opposite() -> None:
    roads = roads_of([(0, 0), (1, 0), (1, 1)], [(0, 1, 1, 60), (1, 2, 1, 60), (2, 1, 1, 60)])
    assert roads.opposite == [-1, 2, 1]


# ------------------------------------------------------------------------------------------------- TNTP


def test_sioux_falls_has_24_nodes_and_76_roads() -> None:
    assert (SIOUX_ROADS.nodes, SIOUX_ROADS.roads) == (24, 76)
    assert SIOUX_ROADS.node_number.tolist() == list(range(1, 25))
    assert not SIOUX_ROADS.closed_to_transit.any()


def test_one_unit_of_length_is_a_kilometre_and_one_of_time_a_minute() -> None:
    # The file's first link: 1 to 2, capacity 25900.20064, length 6, free-flow time 6.
    assert (SIOUX_ROADS.tail[0], SIOUX_ROADS.head[0]) == (0, 1)
    assert (SIOUX_ROADS.length_km[0], SIOUX_ROADS.free_time_s[0]) == (6.0, 360.0)
    assert SIOUX_ROADS.capacity_vph[0] == 25900.20064
    assert (SIOUX_ROADS.bpr_b[0], SIOUX_ROADS.bpr_power[0]) == (0.15, 4.0)


def test_the_units_can_mean_something_else() -> None:
    section = SIOUX.model_copy(update={"km_per_length": 0.5, "minutes_per_time": 0.25})
    roads = build_tntp(section, in_data)
    assert (roads.length_km[0], roads.free_time_s[0]) == (3.0, 90.0)


def test_coordinates_are_stretched_linearly_onto_the_area() -> None:
    drawn = tntp.read_nodes(in_data("SiouxFalls_node.tntp"))
    drawn_xy = np.array([drawn[number] for number in range(1, 25)])
    assert SIOUX_ROADS.node_km.min(axis=0).tolist() == [0.0, 0.0]
    assert SIOUX_ROADS.node_km.max(axis=0) == pytest.approx([32.0, 32.0], abs=1e-12)
    share = (drawn_xy - drawn_xy.min(axis=0)) / (drawn_xy.max(axis=0) - drawn_xy.min(axis=0))
    assert SIOUX_ROADS.node_km / 32.0 == pytest.approx(share, abs=1e-12)
    assert SIOUX_ROADS.area_km == (32.0, 32.0)


def tntp_files(folder: Path, links: str, nodes: str, first_thru: int = 1) -> TntpRoads:
    rows = links.strip().split("\n")
    count = len({end for row in rows for end in row.split()[:2]})
    (folder / "net").write_text(
        f"<NUMBER OF NODES> {count}\n<FIRST THRU NODE> {first_thru}\n<NUMBER OF LINKS> {len(rows)}\n"
        + "<END OF METADATA>\n"
        + "\n".join(row + " 0.15 4 ;" for row in rows)
    )
    (folder / "nodes").write_text(nodes)
    return TntpRoads(kind="tntp", network="net", nodes="nodes")


def test_a_map_on_one_line_is_not_stretched_across_it(tmp_path: Path) -> None:
    section = tntp_files(tmp_path, "1 2 100 5 6\n2 1 100 5 6", "node x y ;\n1 10 7 ;\n2 30 7 ;")
    assert build_roads(section, lambda name: tmp_path / name).node_km.tolist() == [[0, 0], [32, 0]]


def test_nodes_below_the_first_through_node_are_closed_to_transit(tmp_path: Path) -> None:
    section = tntp_files(tmp_path, "1 2 100 5 6\n2 3 100 5 6", "1 0 0 ;\n2 1 0 ;\n3 2 1 ;", first_thru=3)
    roads = build_roads(section, lambda name: tmp_path / name)
    assert roads.closed_to_transit.tolist() == [True, True, False]


def test_nodes_without_coordinates_and_links_without_length_are_told_together(tmp_path: Path) -> None:
    section = tntp_files(tmp_path, "1 2 100 5 6\n2 3 100 0 6", "1 0 0 ;\n2 1 0 ;")
    with pytest.raises(ScenarioError) as caught:
        build_tntp(section, lambda name: tmp_path / name)
    assert [(issue.path, issue.problem) for issue in caught.value.issues] == [
        ("roads.nodes", "node 3 of the links has no coordinates in nodes"),
        ("roads.network", "link 2-3 has no length"),
    ]


# ---------------------------------------------------------------------------------------------- stations


def test_stations_stand_at_nodes_by_number_or_by_position() -> None:
    stations = [station("a", node=24), station("b", node=1)]
    assert station_nodes(stations, SIOUX_ROADS).tolist() == [23, 0]
    stations = [station("a", position_km=[8, 20]), station("b", position_km=[4.0009, 0])]
    assert station_nodes(stations, LATTICE).tolist() == [47, 1]


def test_an_unknown_node_is_told_with_the_nearest_number() -> None:
    assert mistakes([station(node=124)], SIOUX_ROADS) == [
        ("stations.0.node", "there is no road node 124; nodes are 1 to 24; did you mean 24?")
    ]
    assert mistakes([station(node=-7)], LATTICE) == [
        ("stations.0.node", "there is no road node -7; nodes are 0 to 80; did you mean 7?")
    ]


def test_a_position_at_no_node_is_told_with_the_nearest_node() -> None:
    assert mistakes([station(position_km=[5.5, 0.25])], LATTICE) == [
        ("stations.0.position_km", "there is no road node at [5.5, 0.25] km; the nearest is at [4, 0] km")
    ]


def test_two_stations_at_one_node_are_a_mistake_of_the_second() -> None:
    assert mistakes([station("a", node=3), station("b", node=4), station("c", node=3)], SIOUX_ROADS) == [
        ("stations.2", "stands at node 3, where 'a' is already")
    ]


def test_all_mistakes_are_told_at_once() -> None:
    stations = [station("a", node=0), station("b", position_km=[1, 1]), station("c", node=0), station("d", node=99)]
    assert [path for path, _ in mistakes(stations, LATTICE)] == [
        "stations.1.position_km",
        "stations.2",
        "stations.3.node",
    ]


# -------------------------------------------------------------------------------------------------- lists


def listed(roads: list[dict[str, object]], nodes: dict[int, list[float]] | None = None) -> ListedRoads:
    places = nodes or {7: [0.0, 0.0], 3: [3.0, 4.0], 5: [3.0, 0.0]}
    return ListedRoads.model_validate(
        {"kind": "list", "nodes": [{"node": n, "position_km": at} for n, at in places.items()], "roads": roads}
    )


def road(from_node: int, to_node: int, **more: object) -> dict[str, object]:
    return {"from_node": from_node, "to_node": to_node, **more}


def test_a_listed_network_by_hand() -> None:
    made = build_roads(
        listed([road(7, 3), road(3, 5, length_km=6.0, speed_kmh=30.0, both_ways=False), road(5, 7)]), Path
    )
    assert made.node_number.tolist() == [7, 3, 5]
    assert list(zip(made.tail.tolist(), made.head.tolist(), strict=True)) == [(0, 1), (1, 0), (1, 2), (2, 0), (0, 2)]
    assert made.length_km.tolist() == [5.0, 5.0, 6.0, 3.0, 3.0]
    assert made.free_time_s.tolist() == pytest.approx([450.0, 450.0, 720.0, 270.0, 270.0])
    assert (made.area_km, made.opposite) == ((3.0, 4.0), [1, 0, -1, 4, 3])


@pytest.mark.parametrize(
    ("roads", "path", "problem"),
    [
        ([road(7, 4)], "roads.roads.0.to_node", "there is no node 4; it must be one of roads.nodes"),
        ([road(7, 7)], "roads.roads.0.to_node", "leads back to node 7, where it begins"),
        ([road(7, 3), road(3, 7)], "roads.roads.1", "leads from 3 to 7 as roads.roads.0 does"),
        ([road(7, 3)], "roads.nodes", "no way leads there and back from the other nodes: 5; add roads"),
        ([road(7, 3), road(3, 5, both_ways=False)], "roads.nodes", "there and back from the other nodes: 5"),
    ],
)
def test_a_listed_network_that_is_none_is_refused_with_its_nodes(roads, path, problem) -> None:
    with pytest.raises(ScenarioError) as caught:
        build_listed(listed(roads))
    assert caught.value.issues[0].path == path
    assert problem in caught.value.issues[0].problem


def test_nodes_at_one_place_or_listed_twice_are_refused() -> None:
    with pytest.raises(ScenarioError, match="its ends are at one place; give it a length_km"):
        build_listed(listed([road(1, 2)], {1: [1.0, 1.0], 2: [1.0, 1.0]}))
    twice = listed([road(7, 3), road(3, 5)]).model_copy(update={"nodes": listed([road(7, 3)]).nodes * 2})
    with pytest.raises(ScenarioError, match="node 7 is listed already"):
        build_listed(twice)


def test_an_outage_runs_on_a_listed_network() -> None:
    stations = [[0, 0], [10, 0], [20, 0], [10, 10], [20, 10]]
    roads = listed(
        [road(k, k + 1) for k in range(4)] + [road(0, 3), road(1, 3)], dict(enumerate(map(list, stations)))
    ).model_dump()
    overrides = [f"roads={json.dumps(roads)}", "congestion.base_flow.road_factor=null"]
    overrides += [f"stations.{k}.position_km={at}" for k, at in enumerate(stations)]
    results = cosim.run(
        Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml",
        overrides=overrides,
        episodes=2,
        controller="coordinated",
    )
    assert results.metrics["load_restoration_ratio"].mean > 0.3
