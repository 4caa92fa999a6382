import math
import time

import pytest

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.source import parse_yaml, read_document


def tree_of(text):
    return parse_yaml(text, "text")[0]


@pytest.fixture
def read(tmp_path):
    def read(content):
        file = tmp_path / "outage.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_document(file)

    return read


@pytest.fixture
def issue_of(read, tmp_path):
    """The only issue of a file that cannot be read, without the folder."""

    def issue_of(content):
        with pytest.raises(ScenarioError) as caught:
            read(content)
        (issue,) = caught.value.issues
        return str(issue).replace(f"{tmp_path}/", "")

    return issue_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10:00", "10:00"),
        ("no", "no"),
        ("On", "On"),
        ("true", True),
        ("FALSE", False),
        ("2016-07-05", "2016-07-05"),
        ("~", None),
        ("null", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("007", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("1e-3", 0.001),
        ("1E5", 1e5),
        (".5", 0.5),
        ("1.", 1.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("'3'", "3"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_follow_yaml_1_2(text, value):
    read_value = tree_of(f"a: {text}")["a"]
    assert read_value == value
    assert type(read_value) is type(value)


def test_nan_is_a_float():
    assert math.isnan(tree_of("a: .nan")["a"])


def test_aliases_are_copies():
    tree = tree_of("a: &x [1]\nb: *x")
    assert tree == {"a": [1], "b": [1]}
    assert tree["a"] is not tree["b"]


def test_byte_order_mark_is_skipped(read):
    assert read(b"\xef\xbb\xbfa: 1").tree == {"a": 1}


def test_line_of_keys_items_and_what_is_missing(read):
    document = read("# a comment\nfleet: {size: 3}\nstations:\n  - name: A\n    chargers: 2\n  - name: B\n")
    assert document.line("fleet.size") == 2
    assert document.line("stations.0.chargers") == 5
    assert document.line("stations.1") == 6
    assert document.line("stations.1.chargers") == 6
    assert document.line("network.case") == 2
    assert document.line("") == 2


def test_paths_are_relative_to_the_file(read, tmp_path):
    document = read("a: 1")
    assert document.resolve("data/load.csv") == tmp_path / "data" / "load.csv"
    assert str(document.resolve("/data/load.csv")) == "/data/load.csv"


def test_locate_fills_in_lines_sorts_and_removes_repetitions(read, tmp_path):
    document = read("a: 1\nb: 2\n")
    b, a, elsewhere = ScenarioIssue("b", "x"), ScenarioIssue("a", "x"), ScenarioIssue("", "x", "load.csv", 9)
    located = [str(issue).replace(f"{tmp_path}/", "") for issue in document.locate([elsewhere, b, a, b])]
    assert located == ["outage.yaml:1: a: x", "outage.yaml:2: b: x", "load.csv:9: x"]


def lines_of_bomb():
    yield "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"
    for level in range(1, 8):
        yield f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]"


@pytest.mark.parametrize(
    ("content", "issue"),
    [
        ("", "outage.yaml: is empty"),
        ("# nothing\n", "outage.yaml: is empty"),
        ("- 1\n", "outage.yaml:1: must be a mapping of keys to values"),
        ("\n3\n", "outage.yaml:2: must be a mapping of keys to values"),
        (b"a: 1\nb: \xff\n", "outage.yaml:2: is not UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n\0\0", "outage.yaml:1: is not UTF-8 text"),
        ("a: 1\nb: \0\n", "outage.yaml:2: is not text: character #x00 is not allowed"),
        ("x" * 1_000_001, "outage.yaml: is larger than 1 MB"),
        (
            "a: [1, 2\nb: 3\n",
            "outage.yaml:2: is not valid YAML: expected ',' or ']', but got ':' (in what begins on line 1)",
        ),
        ("a: b: c", "outage.yaml:1: is not valid YAML: mapping values are not allowed here"),
        ("a:\n\t- 1", "outage.yaml:2: is not valid YAML: found character '\\t' that cannot start any token"),
        ("a: *x", "outage.yaml:1: is not valid YAML: found undefined alias 'x'"),
        ('a: "\\UFFFFFFFF"', "outage.yaml:1: is not valid YAML: an escape or a number is out of range"),
        ('a:\n  b: "\\uD800"', "outage.yaml:2: a.b: holds a character that is not Unicode"),
        ("a: 1\n---\nb: 2\n", "outage.yaml:2: holds more than one document"),
        ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", "outage.yaml:5: b.c: is given twice, first on line 3"),
        ("a: !!python/object:os.system x", "outage.yaml:1: tags are not allowed, got '!!python/object:os.system'"),
        ("a: 1\nb: !foo x", "outage.yaml:2: tags are not allowed, got '!foo'"),
        ("a: ! x", "outage.yaml:1: tags are not allowed, got '!'"),
        ("a: &x\n  b: *x", "outage.yaml:2: alias *x contains itself"),
        ("a: &x 1\nb: &x 2", "outage.yaml:2: anchor &x is used twice"),
        ("a:\n  1: x", "outage.yaml:2: a: a key must be text, got '1' without quotes"),
        ("true: x", "outage.yaml:1: a key must be text, got 'true' without quotes"),
        ("? [a, b]\n: 1", "outage.yaml:1: a key must be text, got a collection"),
        ("a: " + "9" * 101, "outage.yaml:1: a: is a number of more than 100 digits"),
        ("\n".join(lines_of_bomb()), "outage.yaml:1: holds more than 200000 keys and values, aliases written out"),
        ("a: " + "[" * 100_000, "outage.yaml:1: is nested deeper than 50 levels"),
        ("{" * 100_000, "outage.yaml:1: is nested deeper than 50 levels"),
        ("- " * 100_000, "outage.yaml:1: is nested deeper than 50 levels"),
        ("? " * 100_000, "outage.yaml:1: is nested deeper than 50 levels"),
    ],
)  # fmt: skip
def test_what_is_refused(content, issue, issue_of):
    before = time.perf_counter()
    assert issue_of(content) == issue
    assert time.perf_counter() - before < 10


def test_aliases_cannot_nest_deeper_than_brackets(issue_of):
    text = f"a: &a {'[' * 40}{']' * 40}\nb: {'[' * 30}*a{']' * 30}\n"
    assert issue_of(text).endswith(": is nested deeper than 50 levels")


def test_missing_file(tmp_path):
    with pytest.raises(ScenarioError, match=r"none.yaml: cannot be read: No such file or directory$"):
        read_document(tmp_path / "none.yaml")


def test_directory(tmp_path):
    with pytest.raises(ScenarioError, match=r": cannot be read: Is a directory$"):
        read_document(tmp_path)
