"""Signposts lead along ways that are as quick as a search finds, for everybody who may go there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_roads import SIOUX_ROADS

from cosim.scenario.schema import LatticeRoads
from cosim.traffic.next_roads import NextRoads
from cosim.traffic.road_network import RoadNetwork, build_lattice
from cosim.traffic.routing import Place, Router

LATTICE = build_lattice(LatticeRoads(kind="lattice", columns=4, rows=3))


@pytest.mark.parametrize("closed", [(), (0, 5), (2, 3, 7)], ids=str)
@pytest.mark.parametrize("roads", [LATTICE, SIOUX_ROADS], ids=["lattice", "sioux falls"])
def test_ways_are_as_quick_as_those_of_a_search(roads: RoadNetwork, closed: tuple[int, ...]) -> None:
    shut = np.zeros(roads.nodes, dtype=bool)
    shut[list(closed)] = True
    roads = replace(roads, closed_to_transit=shut)
    time_s = roads.free_time_s * np.random.default_rng(1).uniform(1.0, 3.0, roads.roads)
    router, signposts = Router(roads), NextRoads(roads, np.arange(roads.nodes))
    signposts.look(time_s)
    for origin in range(roads.nodes):
        for destination in range(roads.nodes):
            legs = router.route(Place(origin), Place(destination), time_s.tolist())
            if legs is None:
                assert signposts.road(origin, destination) == -1
                continue
            found = signposts.way(origin, destination)
            assert time_s[found].sum() == pytest.approx(router.time_of_s(legs, time_s.tolist()))
            assert signposts.road(destination, destination) == -1
            assert not shut[roads.head[found[:-1]]].any()
