"""The readers of TNTP files, on small texts and on the Sioux Falls files."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cosim.errors import ScenarioError
from cosim.traffic.tntp import MAX_ISSUES, read_flow, read_network, read_nodes, read_trips

SIOUX_FALLS = Path(__file__).parents[2] / "scenarios" / "data" / "siouxfalls"

NETWORK = """\
<NUMBER OF NODES> 3
<FIRST THRU NODE> 1
<NUMBER OF LINKS> 3
<END OF METADATA>

~\ttail\thead\tcapacity\tlength\ttime\tb\tpower\tspeed\ttoll\ttype\t;
\t1\t2\t100\t2.5\t3\t0.15\t4\t0\t0\t1\t;
\t2\t3\t200\t1\t2\t0.15\t4\t0\t0\t1\t;
\t3\t1\t300\t4\t5\t0.2\t2\t0\t0\t1\t;
"""
FIRST_LINK = "\t1\t2\t100\t2.5\t3\t0.15\t4\t0\t0\t1\t;"

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "file.tntp"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def mistakes(reader: Callable[[Path], object], path: Path) -> list[tuple[int, str]]:
    with pytest.raises(ScenarioError) as caught:
        reader(path)
    assert all(issue.source == str(path) for issue in caught.value.issues)
    return [(issue.line, issue.problem) for issue in caught.value.issues]


# ------------------------------------------------------------------------------------------ small texts


def test_network_holds_what_the_file_says(write: Write) -> None:
    network = read_network(write(NETWORK))
    assert (network.nodes, network.first_thru_node) == (3, 1)
    assert network.tail.tolist() == [1, 2, 3]
    assert network.head.tolist() == [2, 3, 1]
    assert network.capacity_vph.tolist() == [100, 200, 300]
    assert network.length.tolist() == [2.5, 1, 4]
    assert network.free_flow_time.tolist() == [3, 2, 5]
    assert network.b.tolist() == [0.15, 0.15, 0.2]
    assert network.power.tolist() == [4, 4, 2]


def test_layout_of_the_file_does_not_matter(write: Write) -> None:
    network = read_network(
        write(
            "\ufefftail head capacity length time b power\r\n"
            "1 2 100 2.5 3 0.15 4 ~ no semicolon\r\n"
            "<number of links>3\r\n\r\n"
            "2\t3   200 1 2 .15 4;\r\n~ a comment; 9 9\r\n ;\r\n"
            "3 1 3e2 4 5 0.2 2 0 0 1;\r\n"
            "<SOMETHING ELSE> a b c\r\n"
            "< Number of Nodes > 3"
        )
    )
    expected = read_network(write(NETWORK))
    assert network.first_thru_node == 1
    for name in ("tail", "head", "capacity_vph", "length", "free_flow_time", "b", "power"):
        np.testing.assert_array_equal(getattr(network, name), getattr(expected, name))


@pytest.mark.parametrize(
    ("wrong_link", "problem"),
    [
        ("1 2 100 2.5 3 0.15 ;", "a row has at least 7 values"),
        ("1 2 x 2.5 3 0.15 4 ;", "capacity must be a finite number, got 'x'"),
        ("1 2 -1 2.5 3 0.15 4 ;", "capacity must be at least 1e-09, got -1"),
        ("1 2 0 2.5 3 0.15 4 ;", "capacity must be at least 1e-09, got 0"),
        ("1 2 100 -2.5 3 0.15 4 ;", "length must be at least 0, got -2.5"),
        ("1 2 100 2.5 -3 0.15 4 ;", "free_flow_time must be at least 0, got -3"),
        ("1 2 100 2.5 nan 0.15 4 ;", "free_flow_time must be a finite number, got 'nan'"),
        ("1 2 100 2.5 3 inf 4 ;", "b must be a finite number, got 'inf'"),
        ("1 2 1_00 2.5 3 0.15 4 ;", "capacity must be a finite number, got '1_00'"),
        ("1 2 100 2.5 3 0.15 4 ; 2 1 100 2.5 3 0.15 4 ;", "a row ends at its semicolon"),
        ("1 2.0 100 2.5 3 0.15 4 ;", "a node must be a whole number from 1 to 999999999, got '2.0'"),
        ("0 2 100 2.5 3 0.15 4 ;", "a node must be a whole number from 1 to 999999999, got '0'"),
        ("2 2 100 2.5 3 0.15 4 ;", "a link joins two nodes, got 2 twice"),
        ("1 4 100 2.5 3 0.15 4 ;", "node 4 is unknown: the nodes are 1 to 3"),
    ],
)
def test_wrong_link_is_named_with_its_line(write: Write, wrong_link: str, problem: str) -> None:
    [(line, found)] = mistakes(read_network, write(NETWORK.replace(FIRST_LINK, wrong_link)))
    assert line == 7
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("LINKS> 3", "LINKS> 4", 3, "<NUMBER OF LINKS>: 4 rows, but the file has 3"),
        ("NODES> 3", "NODES> 4", 1, "<NUMBER OF NODES>: 4 nodes, but the links join 3"),
        ("NODE> 1", "NODE> 4", 2, "<FIRST THRU NODE>: node 4 is unknown: the nodes are 1 to 3"),
        ("NODE> 1", "NODE> ²", 2, "<FIRST THRU NODE> must be a whole number"),
        ("LINKS> 3", "LINKS> many", 3, "<NUMBER OF LINKS> must be a whole number"),
        ("LINKS> 3", "LINKS 3", 3, "metadata is written <NAME> value"),
        ("<FIRST THRU NODE> 1", "<NUMBER OF NODES> 3", 2, "NUMBER OF NODES stands twice"),
        ("<NUMBER OF NODES> 3\n", "", 0, "<NUMBER OF NODES>: is missing"),
        ("\t2\t3\t200", "\t1\t2\t200", 8, "(1, 2) stands twice in the file"),
    ],
)
def test_contradiction_is_named_with_its_line(write: Write, old: str, new: str, line: int, problem: str) -> None:
    found = mistakes(read_network, write(NETWORK.replace(old, new)))
    assert any(at == line and text.startswith(problem) for at, text in found), found


def test_all_mistakes_come_together_in_the_order_of_lines(write: Write) -> None:
    text = NETWORK.replace("LINKS> 3", "LINKS> 5").replace("\t100\t", "\tx\t").replace("\t300\t", "\t-1\t")
    assert [line for line, _ in mistakes(read_network, write(text))] == [3, 7, 9]
    endless = NETWORK + "1 2 3 ;\n" * 100
    assert len(mistakes(read_network, write(endless))) == MAX_ISSUES


@pytest.mark.parametrize("reader", [read_network, read_nodes, read_flow, read_trips])
def test_file_that_cannot_be_read_is_a_mistake_of_the_scenario(
    reader: Callable[[Path, str], object], tmp_path: Path
) -> None:
    with pytest.raises(ScenarioError) as caught:
        reader(tmp_path / "absent.tntp", "roads.network")
    [issue] = caught.value.issues
    assert (issue.path, issue.problem, issue.line) == ("roads.network", "cannot be read: No such file or directory", 0)

    for name, content in (("empty", b""), ("latin", b"caf\xe9"), ("header", b"Node X Y ;\n")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ScenarioError):
            reader(path, "")


def test_nodes_with_and_without_a_header(write: Write) -> None:
    expected = {1: (-96.5, 43.0), 7: (0.0, 1.0)}
    assert read_nodes(write("Node\tX\tY\t;\n1\t-96.5\t43\t;\n7 0 1\n")) == expected
    assert read_nodes(write("1 -96.5 43 ;\n7 0 1 ;")) == expected


def test_wrong_nodes(write: Write) -> None:
    found = mistakes(read_nodes, write("node X Y ;\n1 0 0 ;\n1 2 2 ;\nx 0 0 ;\n2 nan 0 ;\n3 0 ;\n"))
    assert [line for line, _ in found] == [3, 4, 5, 6]


def test_flow_with_and_without_colon(write: Write) -> None:
    assert read_flow(write("From To Volume Cost\n1 2 30.5 6\n2 1 0 5.5\n")) == {(1, 2): (30.5, 6.0), (2, 1): (0.0, 5.5)}
    assert read_flow(write("<NUMBER OF LINKS> 1\n~ Tail Head : Volume Cost ;\n1 2 : 30.5 6 ;\n")) == {
        (1, 2): (30.5, 6.0)
    }


def test_wrong_flow(write: Write) -> None:
    found = mistakes(read_flow, write("<NUMBER OF LINKS> 2\n1 2 30 6\n1 2 30 6\n1 1 5 5\n2 1 -5 5\n2 1 5\n"))
    assert [line for line, _ in found] == [1, 3, 4, 5, 6]


def test_trips_of_several_origins(write: Write) -> None:
    text = "<NUMBER OF ZONES> 2\n<TOTAL OD FLOW> 9\nOrigin 1\n 1 : 0.0; 2 : 4;\n\nORIGIN\t2\n1:5\n;\n"
    assert read_trips(write(text)) == {(1, 1): 0.0, (1, 2): 4.0, (2, 1): 5.0}


def test_wrong_trips(write: Write) -> None:
    text = "<NUMBER OF ZONES> 2\n1 : 5;\nOrigin 1\n2 : -5;\n3 : 1;\n1 : 1; 1 : 2;\n2 4;\nOrigin 9\n1 : 1;\n"
    assert [line for line, _ in mistakes(read_trips, write(text))] == [2, 4, 5, 6, 7, 8, 9]


# ------------------------------------------------------------------------------------------- Sioux Falls


def test_sioux_falls_has_the_published_size() -> None:
    network = read_network(SIOUX_FALLS / "SiouxFalls_net.tntp")
    links = set(zip(network.tail.tolist(), network.head.tolist(), strict=True))
    trips = read_trips(SIOUX_FALLS / "SiouxFalls_trips.tntp")
    assert (network.nodes, len(links)) == (24, 76)
    assert set(read_nodes(SIOUX_FALLS / "SiouxFalls_node.tntp")) == set(range(1, 25))
    assert set(read_flow(SIOUX_FALLS / "SiouxFalls_flow.tntp")) == links
    assert len(trips) == 24 * 24
    assert sum(trips.values()) == 360_600


def test_published_costs_are_the_bpr_costs_of_the_published_flows() -> None:
    network = read_network(SIOUX_FALLS / "SiouxFalls_net.tntp")
    flow = read_flow(SIOUX_FALLS / "SiouxFalls_flow.tntp")
    links = zip(network.tail.tolist(), network.head.tolist(), strict=True)
    volume, published_cost = np.array([flow[link] for link in links]).T
    congestion = 1 + network.b * (volume / network.capacity_vph) ** network.power
    np.testing.assert_allclose(network.free_flow_time * congestion, published_cost, rtol=1e-6)


def test_published_flow_carries_the_trip_table() -> None:
    flow = read_flow(SIOUX_FALLS / "SiouxFalls_flow.tntp")
    trips = read_trips(SIOUX_FALLS / "SiouxFalls_trips.tntp")
    excess: dict[int, float] = defaultdict(float)
    for (tail, head), (volume, _) in flow.items():
        excess[tail] += volume
        excess[head] -= volume
    for (origin, destination), volume in trips.items():
        excess[origin] -= volume
        excess[destination] += volume
    assert len(excess) == 24
    assert max(map(abs, excess.values())) < 1e-6
