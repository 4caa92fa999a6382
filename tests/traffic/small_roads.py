"""Road networks small enough to work by hand, for the tests of this folder."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cosim.scenario.schema import LatticeRoads, TntpRoads
from cosim.traffic.road_network import RoadNetwork, build_lattice, build_tntp

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SIOUX_FALLS = SCENARIOS / "data" / "siouxfalls"

LATTICE = build_lattice(LatticeRoads(kind="lattice"))
SIOUX_ROADS = build_tntp(
    TntpRoads(kind="tntp", network="SiouxFalls_net.tntp", nodes="SiouxFalls_node.tntp"), lambda name: SIOUX_FALLS / name
)


def roads_of(
    node_km: Sequence[tuple[float, float]],
    links: Sequence[tuple[int, int, float, float]],
    capacity_vph: float = 100.0,
    bpr_b: float = 0.0,
    closed: Sequence[int] = (),
    area_km: tuple[float, float] = (20.0, 20.0),
) -> RoadNetwork:
    """A network of directed links (tail, head, length [km], free time [s])."""
    tail, head, length_km, free_time_s = (list(column) for column in zip(*links, strict=True))
    one = np.ones(len(links))
    return RoadNetwork(
        node_number=np.arange(len(node_km)),
        node_km=np.array(node_km, dtype=float),
        tail=np.array(tail),
        head=np.array(head),
        length_km=np.array(length_km, dtype=float),
        free_time_s=np.array(free_time_s, dtype=float),
        capacity_vph=one * capacity_vph,
        bpr_b=one * bpr_b,
        bpr_power=one * 4.0,
        area_km=area_km,
        closed_to_transit=np.isin(np.arange(len(node_km)), closed),
    )


def both_ways(*links: tuple[int, int, float, float]) -> list[tuple[int, int, float, float]]:
    """Each link and its opposite: roads 2 k and 2 k + 1."""
    return [way for a, b, km, s in links for way in ((a, b, km, s), (b, a, km, s))]


# A triangle of two-way roads 0-1 and 1-2 and a one-way road from 2 back to 0.
TRIANGLE = roads_of(
    [(0, 0), (4, 0), (4, 3)], [*both_ways((0, 1, 4, 400), (1, 2, 3, 300)), (2, 0, 5, 500)], area_km=(4, 3)
)


def random_one_way_roads(seed: int, nodes: int = 30, links: int = 90) -> RoadNetwork:
    generator = np.random.default_rng(seed)
    pairs = list(itertools.permutations(range(nodes), 2))
    chosen = [pairs[k] for k in generator.choice(len(pairs), links, replace=False)]
    node_km = generator.uniform(0, 20, (nodes, 2))
    # Lengths and times that have little to do with the drawing.
    return roads_of(
        [(x, y) for x, y in node_km.tolist()],
        [(a, b, *generator.uniform(0.5, 5.0, 1).tolist(), *generator.uniform(30, 900, 1).tolist()) for a, b in chosen],
    )
