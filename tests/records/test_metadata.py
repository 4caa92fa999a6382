"""Metadata reads back as what was written, whatever the names are like."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cosim.records.metadata import Change, dump_yaml, first_change
from cosim.scenario.source import parse_yaml

HOSTILE = [
    *("1e5", "1e+5", "1E5", "1.", ".5", "+.inf", ".nan", "-1", "+12", "0o7", "0x1F", "0b1", "0777", "1_000", "10:00"),
    *("on", "no", "y", "Yes", "TRUE", "~", "null", "Null", "", " ", "=", "<<", "2016-06-23", "é[red]", "😀"),
    *("- a", ": x", "a: b", "#c", "'q'", '"q"', "&a", "*a", "!t", "%", "@", "`", "?", "---", "...", "{", "[", "|", ">"),
    *(
        "a\nb",
        "a\r\nb",
        "\t",
        " lead",
        "trail ",
        "\x85",
        "a\x85b",
        "\u2028",
        "\u2029x",
        "\ufeffx",
        "a" * 300,
        "x y " * 60,
    ),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_names(name: str) -> None:
    tree = {"scenario": {"name": name, name: [name, {"x": name}]}}
    assert parse_yaml(dump_yaml(tree), "metadata.yaml")[0] == tree
    assert yaml.safe_load(dump_yaml(tree)) == tree


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    # Control characters are no text in YAML, and no scenario file can have them.
    | st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"))),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"))), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "no"]), VALUES, min_size=1))
def test_plain_values_read_back_the_same(tree: dict[str, object]) -> None:
    read, _ = parse_yaml(dump_yaml(tree), "metadata.yaml")
    assert repr(read) == repr(tree)


@pytest.mark.parametrize(
    ("stored", "given_", "change"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, Change("x.a.1.b", 2, 3)),
        ({"a": [1]}, {"a": [1, 2]}, Change("x.a", [1], [1, 2])),
        ({"a": 1}, {"b": 1}, Change("x.a", 1, None)),
        ({}, {"b": 1}, Change("x.b", None, 1)),
        ({"a": {}}, {"a": []}, Change("x.a", {}, [])),
        ({"a": [], "b": 1.0}, {"b": 1, "a": []}, None),
    ],
)
def test_the_first_change_is_named(stored: object, given_: object, change: Change | None) -> None:
    assert first_change("x", stored, given_) == change
