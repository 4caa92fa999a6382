"""Coordinates of road nodes from CSV and GeoJSON, and what is wrong with such files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_roads import SIOUX_FALLS

import cosim
from cosim.errors import ScenarioError
from cosim.traffic.coordinates import read_coordinates

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_siouxfalls.yaml"


def point(node: object, x: object = 1.0, y: object = 2.0) -> dict[str, object]:
    return {"type": "Feature", "properties": {"node": node}, "geometry": {"type": "Point", "coordinates": [x, y]}}


def collection(*features: object) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


def mistakes(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        read_coordinates(path, "roads.nodes")
    assert all(issue.path == "roads.nodes" for issue in caught.value.issues)
    return [issue.problem.removeprefix(f"{path}: ") for issue in caught.value.issues]


@pytest.mark.parametrize("suffix", ["csv", "geojson"])
def test_all_forms_give_the_same_roads(tmp_path: Path, suffix: str) -> None:
    positions = read_coordinates(SIOUX_FALLS / "SiouxFalls_node.tntp")
    path = tmp_path / f"nodes.{suffix}"
    if suffix == "csv":
        path.write_text("node,x,y\n" + "".join(f"{node},{x!r},{y!r}\n" for node, (x, y) in positions.items()))
    else:
        path.write_text(collection(*(point(node, *at) for node, at in positions.items())))
    assert read_coordinates(path) == positions
    assert (cosim.load(SCENARIO, [f"roads.nodes={path}"]).roads.node_km == cosim.load(SCENARIO).roads.node_km).all()


def test_a_node_may_be_the_id_of_its_feature(tmp_path: Path) -> None:
    feature = {
        "type": "Feature",
        "id": 4,
        "properties": None,
        "geometry": {"type": "Point", "coordinates": [1, 2, 300]},
    }
    (tmp_path / "nodes.geojson").write_text(collection(feature))
    assert read_coordinates(tmp_path / "nodes.geojson") == {4: (1.0, 2.0)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("node,x\n1,2\n", "line 1: has no column y; it must have node, x, y"),
        ("node,x,y\n", "the file: has no nodes"),
        ("node,x,y\n1,2,3\n1,4,5\n", "line 3: node 1 has a place already"),
        ("node,x,y\n-1,2,3\n", "line 2: the node must be a whole number of at least 0, got '-1'"),
        ("node,x,y\n1,2,nan\n", "line 2: node 1: x and y must be numbers, got '2' and 'nan'"),
        ("node,x,y\n1,2\n", "line 2: node 1: x and y must be numbers, got '2' and null"),
    ],
)
def test_mistakes_in_csv(tmp_path: Path, text: str, problem: str) -> None:
    assert mistakes(tmp_path / "nodes.csv", text) == [problem]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "the file: is no JSON"),
        ("[]", "the file: is no GeoJSON FeatureCollection"),
        (collection({"geometry": {"type": "LineString"}}), "feature 0: must be a Point"),
        (collection(point(1), point(1)), "feature 1: node 1 has a place already"),
        (collection(point(1.5)), "feature 0: the node must be a whole number of at least 0, got 1.5"),
        (collection(point(True)), "feature 0: the node must be a whole number of at least 0, got true"),
        (collection(point(1, "east")), "feature 0: node 1: x and y must be numbers, got 'east' and 2.0"),
        (
            collection({"geometry": {"type": "Point", "coordinates": [1]}}),
            "feature 0: must have two coordinates, got [1]",
        ),
    ],
)
def test_mistakes_in_geojson(tmp_path: Path, text: str, problem: str) -> None:
    (found,) = mistakes(tmp_path / "nodes.geojson", text)
    assert found.startswith(problem)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.csv cannot be read"):
        read_coordinates(tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_bytes(b"node,x,y\n\xff")
    with pytest.raises(ScenarioError, match=r"bad\.csv is not in UTF-8"):
        read_coordinates(tmp_path / "bad.csv")
