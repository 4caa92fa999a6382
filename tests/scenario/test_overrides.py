from pathlib import Path

import pytest

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.overrides import apply_overrides
from cosim.scenario.source import Document


@pytest.fixture
def document():
    tree = {"fleet": {"size": 30}, "stations": [{"name": "A"}, {"name": "B"}], "network": None}
    lines = {"": 1, "fleet": 1, "fleet.size": 2, "stations": 3, "network": 6}
    return Document(Path("outage.yaml"), tree, lines)


def issues_of(document, *assignments):
    with pytest.raises(ScenarioError) as caught:
        apply_overrides(document, assignments)
    return [str(issue) for issue in caught.value.issues]


@pytest.mark.parametrize(
    ("assignment", "keys", "value"),
    [
        ("fleet.size=40", ("fleet", "size"), 40),
        ("fleet.costs.time_cny_per_h=1e-3", ("fleet", "costs", "time_cny_per_h"), 0.001),
        ("stations.1.chargers=3", ("stations", 1, "chargers"), 3),
        ("stations.0={name: C}", ("stations", 0), {"name": "C"}),
        ("profiles.load.values=[1, 2]", ("profiles", "load", "values"), [1, 2]),
        ("clock.start=10:00", ("clock", "start"), "10:00"),
        ("description=a = b", ("description",), "a = b"),
        ("network.case=no", ("network", "case"), "no"),
        ("fleet=null", ("fleet",), None),
    ],
)
def test_values_are_set(document, assignment, keys, value):
    changed = apply_overrides(document, [assignment]).tree
    for key in keys:
        changed = changed[key]
    assert changed == value


def test_document_stays_as_it_is(document):
    apply_overrides(document, ["fleet.size=40"])
    assert document.tree["fleet"]["size"] == 30
    assert document.overrides == {}


def test_later_overrides_win(document):
    changed = apply_overrides(document, ["fleet.size=40", "fleet={size: 50}", "fleet.size=60"])
    assert changed.tree["fleet"] == {"size": 60}
    assert changed.overrides == {"fleet": "fleet={size: 50}", "fleet.size": "fleet.size=60"}


def test_mistakes_in_overrides_name_the_override(document):
    changed = apply_overrides(document, ["fleet.start={soc: 2}"])
    located = changed.locate([ScenarioIssue("fleet.start.soc", "x"), ScenarioIssue("fleet.size", "x")])
    assert [str(issue) for issue in located] == [
        "--set fleet.start={soc: 2}: fleet.start.soc: x",
        "outage.yaml:2: fleet.size: x",
    ]


@pytest.mark.parametrize(
    ("assignment", "issue"),
    [
        ("fleet.size", "--set fleet.size: must have the form PATH=VALUE, e.g. fleet.size=40"),
        ("=3", "--set =3: must have the form PATH=VALUE, e.g. fleet.size=40"),
        ("fleet..size=3", "--set fleet..size=3: must have the form PATH=VALUE, e.g. fleet.size=40"),
        ("fleet.size=", "--set fleet.size=: fleet.size: has no value; write null for none"),
        ("stations.2.bus=1", "--set stations.2.bus=1: stations: has 2 items, numbered from 0; got '2'"),
        ("stations.-1.bus=1", "--set stations.-1.bus=1: stations: has 2 items, numbered from 0; got '-1'"),
        ("fleet.size.x=1", "--set fleet.size.x=1: fleet.size: is 30 and has no keys"),
        ("fleet=!foo x", "--set fleet=!foo x: fleet: tags are not allowed, got '!foo'"),
        ("fleet={a: 1, a: 2}", "--set fleet={a: 1, a: 2}: fleet.a: is given twice, first on line 1"),
        (
            "fleet.size=[1",
            "--set fleet.size=[1: fleet.size: is not valid YAML: expected ',' or ']', but got the end of the text",
        ),
        ("a\n.b", "--set a\\n.b: must have the form PATH=VALUE, e.g. fleet.size=40"),
        (".".join("a" * 51) + "=1", f"--set {'.'.join('a' * 51)}=1: path is longer than 50 levels"),
    ],
)
def test_what_is_refused(document, assignment, issue):
    assert issues_of(document, assignment) == [issue]


def test_all_mistakes_are_reported(document):
    assert len(issues_of(document, "fleet.size", "fleet.size=3", "stations.7=1")) == 2
