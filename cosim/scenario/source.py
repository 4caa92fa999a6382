"""Read a YAML file into plain values and remember on which line each of them stands.

The scalars follow YAML 1.2 (`10:00` and `no` are text), and whatever could hide a mistake or exhaust the
machine is refused: duplicate keys, tags, recursive or exploding aliases, bottomless nesting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import yaml

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.text_file import UnreadableError, read_text
from cosim.scenario.wording import MAX_SHOWN, dotted, one_line, shown

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 50
MAX_NODES: Final = 200_000
MAX_CHARACTERS: Final = 10_000_000
MAX_DIGITS: Final = 100
MAX_PATH: Final = 400
MAX_OVERRIDE: Final = 200

#: PyYAML's names of tokens, in plain words.
TOKENS: Final = {
    "'<stream end>'": "the end of the text",
    "end of stream": "end of the text",
    "'<document start>'": "nothing more",
    "'<document end>'": "the end of the document",
    "'<block mapping start>'": "a key",
    "'<block sequence start>'": "a list",
    "<block end>": "the end of the block",
    "'<scalar>'": "a value",
    "the node content": "a value",
}


@dataclass(frozen=True)
class Document:
    """A scenario file as plain values, before anything is known about their meaning.

    Args:
        path: The file.
        tree: Its values: mappings, lists, text, numbers, true, false and null.
        lines: Line of each dotted path, counted from 1; the empty path is the whole file.
        overrides: Text of the override on the command line that set each dotted path.
    """

    path: Path
    tree: dict[str, Any]
    lines: dict[str, int]
    overrides: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The directory that relative paths in the file refer to."""
        return self.path.parent

    def resolve(self, file: str) -> Path:
        """Find a file that the scenario names.

        Args:
            file: Path as written in the scenario.

        Returns:
            The path, relative to the scenario file unless absolute.
        """
        return self.folder / file

    def line(self, path: str) -> int:
        """Find the line of a value.

        Args:
            path: Dotted path, e.g. `stations.2.chargers`.

        Returns:
            Its line, or that of its nearest ancestor in the file, counted from 1.
        """
        return next(self.lines[part] for part in _ancestors(path) if part in self.lines)

    def locate(self, issues: Iterable[ScenarioIssue]) -> list[ScenarioIssue]:
        """Fill in where mistakes stand.

        Args:
            issues: Mistakes; those that already name a source keep it.

        Returns:
            The mistakes without repetitions, those of overrides first, then by line.
        """
        located = dict.fromkeys(issue if issue.source else self._located(issue) for issue in issues)
        return sorted(located, key=lambda issue: issue.line)

    def _located(self, issue: ScenarioIssue) -> ScenarioIssue:
        override = next((self.overrides[part] for part in _ancestors(issue.path) if part in self.overrides), None)
        if override is not None:
            return replace(issue, source=override_source(override))
        return replace(issue, source=one_line(str(self.path)), line=self.line(issue.path))


def override_source(assignment: str) -> str:
    """Name an override as the source of a mistake.

    Args:
        assignment: Its text, e.g. `fleet.size=40`.

    Returns:
        E.g. `--set fleet.size=40`; of at most 200 characters after `--set`.
    """
    return f"--set {one_line(assignment, MAX_OVERRIDE)}"


def as_typed(error: ScenarioError, words: Mapping[str, str]) -> ScenarioError:
    """The same mistakes, those of overrides shown in the words that were typed.

    Args:
        error: The mistakes.
        words: What was typed, by the source of an override, as `override_source` gives it.
    """
    return ScenarioError([replace(issue, source=words.get(issue.source, issue.source)) for issue in error.issues])


def read_document(path: Path) -> Document:
    """Read a scenario file without judging its meaning.

    Args:
        path: A YAML file.

    Returns:
        Its values and their lines.

    Raises:
        ScenarioError: If it is no readable file, not UTF-8, not YAML, or uses what is refused in YAML.
    """
    source = one_line(str(path))
    try:
        text = read_text(path, MAX_BYTES)
    except UnreadableError as error:
        raise ScenarioError([ScenarioIssue("", str(error), source, error.line)]) from error
    tree, lines = parse_yaml(text, source)
    if tree is None:
        raise ScenarioError([ScenarioIssue("", "is empty", source)])
    if not isinstance(tree, dict):
        raise ScenarioError([ScenarioIssue("", "must be a mapping of keys to values", source, lines[""])])
    return Document(path, tree, lines)


def parse_yaml(text: str, source: str) -> tuple[Any, dict[str, int]]:
    """Turn YAML text into plain values.

    Args:
        text: One YAML document.
        source: Where the text comes from, for issues.

    Returns:
        The value, and the line of each dotted path in it.

    Raises:
        ScenarioError: If the text is not YAML, or uses what is refused in YAML.
    """
    root = _compose(text, source)
    builder = _Builder(source)
    return (None if root is None else builder.build(root, "", 1)), builder.lines


def _ancestors(path: str) -> Iterable[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield ""


class _RefusedError(yaml.YAMLError):
    """YAML that is correct, but has no place in a scenario."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


class _Loader(yaml.SafeLoader):
    """Composes nodes without tags, recursion or bottomless nesting, with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - replaces those of YAML 1.1
    depth = 0
    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        anchor = one_line(str(event.anchor), MAX_SHOWN)
        if isinstance(event, yaml.AliasEvent):
            node = self.anchors.get(event.anchor)
            # A list or mapping that has no end yet contains the alias that names it.
            if isinstance(node, yaml.CollectionNode) and node.end_mark is None:
                raise _RefusedError(f"alias *{anchor} contains itself", _line(event.start_mark))
        elif event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise _RefusedError(f"tags are not allowed, got {shown(tag)}", _line(event.start_mark))
        elif event.anchor in self.anchors:
            raise _RefusedError(f"anchor &{anchor} is used twice", _line(event.start_mark))
        self.depth += 1
        self.nodes += 1
        if self.depth > MAX_DEPTH:
            raise _RefusedError(f"is nested deeper than {MAX_DEPTH} levels", _line(event.start_mark))
        if self.nodes > MAX_NODES:
            raise _RefusedError(f"holds more than {MAX_NODES} keys and values", _line(event.start_mark))
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_NULL, _BOOL, _INT, _FLOAT, _STR = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))

_SURROGATE = re.compile("[\ud800-\udfff]")

for _tag, _pattern in (
    (_NULL, r"(~|null|Null|NULL|)\Z"),
    (_BOOL, r"(true|True|TRUE|false|False|FALSE)\Z"),
    (_INT, r"([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"),
    (_FLOAT, r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), None)


def _compose(text: str, source: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"is not text: character #x{ord(text[error.position]):02x} is not allowed"
        raise ScenarioError([ScenarioIssue("", problem, source, line)]) from error
    try:
        root = loader.get_node() if loader.check_node() else None
        if loader.check_node():
            raise _RefusedError("holds more than one document", loader.line + 1)
    except _RefusedError as error:
        raise ScenarioError([ScenarioIssue("", str(error), source, error.line)]) from error
    except yaml.MarkedYAMLError as error:
        raise ScenarioError([_syntax_issue(error, source)]) from error
    except (ValueError, OverflowError) as error:
        # PyYAML converts version numbers and escapes such as "\UFFFFFFFF" without checking their range.
        issue = ScenarioIssue("", "is not valid YAML: an escape or a number is out of range", source, loader.line + 1)
        raise ScenarioError([issue]) from error
    return root


def _syntax_issue(error: yaml.MarkedYAMLError, source: str) -> ScenarioIssue:
    line, begin = _line(error.problem_mark), _line(error.context_mark)
    where = f" (in what begins on line {begin})" if begin and begin != line else ""
    problem = str(error.problem)
    for token, words in TOKENS.items():
        problem = problem.replace(token, words)
    return ScenarioIssue("", f"is not valid YAML: {one_line(problem, 200)}{where}", source, line)


def _line(mark: Any) -> int:
    """Count the line of one of PyYAML's marks from 1; 0 if there is no mark."""
    return 0 if mark is None else mark.line + 1


class _Builder:
    """Turns nodes into values; an alias becomes a copy of what it names."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[str, int] = {}
        self.nodes = 0
        self.characters = 0

    def build(self, node: yaml.Node, path: str, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._error("", f"holds more than {MAX_NODES} keys and values, aliases written out", node)
        if depth > MAX_DEPTH:
            raise self._error(path, f"is nested deeper than {MAX_DEPTH} levels", node)
        if len(path) <= MAX_PATH:  # below, the line of what it is part of will do
            self.lines.setdefault(path, _line(node.start_mark))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, dotted(path, index), depth + 1) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        key_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag != _STR:
                given = (
                    f"{shown(key_node.value)} without quotes"
                    if isinstance(key_node, yaml.ScalarNode)
                    else "a collection"
                )
                raise self._error(path, f"a key must be text, got {given}", key_node)
            key: str = self._scalar(key_node, path)
            child = dotted(path, key)
            if key in mapping:
                raise self._error(child, f"is given twice, first on line {key_lines[key]}", key_node)
            self.nodes += 1
            key_lines[key] = _line(key_node.start_mark)
            if len(child) <= MAX_PATH:
                self.lines[child] = key_lines[key]
            mapping[key] = self.build(value_node, child, depth + 1)
        return mapping

    def _scalar(self, node: yaml.Node, path: str) -> Any:
        text: str = node.value
        self.characters += len(text)
        if self.characters > MAX_CHARACTERS:
            raise self._error("", f"holds more than {MAX_CHARACTERS} characters, aliases written out", node)
        if node.tag == _NULL:
            return None
        if node.tag == _BOOL:
            return text.lower() == "true"
        if node.tag == _INT:
            if len(text) > MAX_DIGITS:
                raise self._error(path, f"is a number of more than {MAX_DIGITS} digits", node)
            return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
        if node.tag == _FLOAT:
            # Python writes the infinities and NaN without the dot.
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        # Half a surrogate pair can be escaped in YAML, but never be written to a file again.
        if _SURROGATE.search(text):
            raise self._error(path, "holds a character that is not Unicode", node)
        return text

    def _error(self, path: str, problem: str, node: yaml.Node) -> ScenarioError:
        return ScenarioError([ScenarioIssue(path, problem, self.source, _line(node.start_mark))])
