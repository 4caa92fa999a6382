"""Write the reference pages from the code that they describe: `python -m cosim.report.reference [FOLDER]`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic.fields import FieldInfo

from cosim.interface import Action, EvState, FleetSpec, Navigator, Observation, Outcome, fields_seen
from cosim.records.schema import TABLES, columns_of
from cosim.scenario.queue_schema import QueueStudy
from cosim.scenario.schema import Scenario
from cosim.scenario.section import Section
from cosim.state_image import StateImage
from cosim.traffic.target import ActionOutcome

SCENARIO_INTRODUCTION: Final = """\
# The scenario file

A scenario is one YAML file. Keys that this page does not name are mistakes, and so are numbers in quotes.
Any value can be changed on the command line by its dotted path, list items by their number from 0:
`--set fleet.size=40 --set stations.0.chargers=3 --set profiles.load.values=[0.9,1]`. Paths of files are
relative to the scenario file. A unit stands in a key's name (`p_max_kw`) or in brackets; energies are in kWh,
powers in kW, distances in km, prices in CNY, and efficiencies, shares and states of charge are between 0 and 1.
"""

QUEUE_INTRODUCTION: Final = """\
# The file of a queueing study

A queueing study is one YAML file with `kind: queue`, for `cosim queue`. Keys that this page does not name are
mistakes, and so are numbers in quotes. Any value can be changed on the command line by its dotted path, list items by
their number from 0: `--set stations.0.chargers=6`. Paths of files are relative to the study's file. A unit stands in a
key's name or in brackets; a distribution has the unit of the key that holds it, and is written alike wherever it
stands: each kind is described once, where it comes first.

Customers hold a charger for a time (`service_h`), or until they have an energy (`energy_kwh`, at most what the battery
lacks), or until they leave (`energy_kwh` and `stay_h`). The [guide](../guides/queueing.md) goes through a study.
"""

RECORDS_INTRODUCTION: Final = """\
# The records of a run

`cosim run FILE --out DIR` writes a folder:

- `metadata.yaml`: the scenario with all defaults and overrides resolved, the number of episodes, SHA-256 of every file
  that it was read from (of a controller's code too), and the versions and the machine that a result may depend on;
- one Parquet file for each table below, rows in the order of their key columns;
- `summary.json`: what `cosim run --json` prints; it is there when all episodes are.

**While a run goes on**, finished episodes are in `parts/000032/TABLE.parquet` (this one begins with episode 32), each
part whole. They are written every three seconds, and when the run ends early: by Ctrl-C, an error, a full disk. Only a
kill costs what has been gathered since. `cosim.read_records(DIR)` reads the tables in either state, all episodes or
some: `cosim.read_records(DIR, episodes=[3, 4], tables=["visits"])["visits"].frame()`.

**To go on**, give the same command with `--resume DIR` (`cosim.run(..., out=DIR, resume=True)`): finished episodes
stay, the others are added, and all tables and the summary, but for its timing, are those of a run that was not
disturbed. A larger `--episodes` extends a run, also one that has ended; `--replicas` and `--workers` may change.
Another scenario, seed, controller, engine, input file or version is refused, and the first field that differs is
named. `machine`, `replicas` and the hash of the scenario file in `metadata.yaml` become those of the last session.
Where DIR is new or empty, a run begins: so a script can always say `--resume DIR`.

**To verify**, `cosim verify DIR` runs the stored scenario again, and compares every record of every table to the last
bit (exit code 0 same, 4 different). It lists versions, machine and files then and now. The input files must still be
where they were; the scenario file need not. Across versions of numpy, of the C library, or across processors, last bits
may differ.

`cosim.run(...)` gives the same tables as data frames (`results.visits`). Times are seconds since the episode's
start; an empty cell is a time that never came. Powers of a slot are means over the slot, and exact energies
divided by its length. EVs, stations, microgrids, roads and nodes are counted from 0; the tables `stations`,
`microgrids`, `roads` and `nodes` have their rows in that order. Positions are in km on the map.
"""

INTERFACE_INTRODUCTION: Final = """\
# The interface of controllers

A controller is any class with a method `act(observation) -> action`, made as `Class(spec, **options)`. It sees
`cosim.interface` and, to plan, `cosim.planning`. Every array has the replica as its first axis: R replicas,
I EVs, H stations, M microgrids, E directed roads, T slots. [How to write one](../guides/controller.md) has an
example. `raw` fields are private to a vehicle, `public` ones are published by stations, microgrids and roads.
"""

TYPES: Final = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
BOUNDS: Final = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}
LENGTHS: Final = (("minLength", "maxLength", "characters"), ("minItems", "maxItems", "items"))


def scenario_page() -> str:
    """Describe every key of a scenario file.

    Returns:
        The page `docs/reference/scenario.md` in Markdown.
    """
    return "\n".join([SCENARIO_INTRODUCTION, *_model_lines("", Scenario)])


def queue_page() -> str:
    """Describe every key of a queueing study.

    Returns:
        The page `docs/reference/queue_study.md` in Markdown.
    """
    return "\n".join([QUEUE_INTRODUCTION, *_model_lines("", QueueStudy, set())])


def records_page() -> str:
    """Describe every column of every table, and the observation that controllers see.

    Returns:
        The page `docs/reference/records.md` in Markdown.
    """
    lines = [RECORDS_INTRODUCTION]
    for kind in TABLES:
        lines += [f"## `{kind.name}`", "", kind.about, "", "| column | type | unit | meaning |", "|---|---|---|---|"]
        lines += [f"| `{c.name}` | {c.kind} | {c.unit} | {c.about} |" for c in columns_of(kind)]
        lines.append("")
    lines += ["## Codes", ""]
    for column, codes in (("state", EvState), ("outcome", ActionOutcome)):
        lines += [f"`{column}` (`{codes.__name__}`):", "", "| code | name |", "|---|---|"]
        lines += [f"| {code.value} | {code.name.lower().replace('_', ' ')} |" for code in codes]
        lines.append("")
    return "\n".join(lines)


def interface_page() -> str:
    """Describe what controllers see and return.

    Returns:
        The page `docs/reference/interface.md` in Markdown.
    """
    lines = [INTERFACE_INTRODUCTION]
    for kind in (Observation, Outcome):
        lines += [f"## {kind.__name__}", "", inspect.cleandoc(kind.__doc__ or ""), ""]
        lines += ["| field | who may see it | meaning |", "|---|---|---|"]
        lines += [f"| `{name}` | {visibility} | {about} |" for name, visibility, about in fields_seen(kind)]
        lines.append("")
    lines.pop()
    for heading, cls in (("Action", Action), ("FleetSpec", FleetSpec), ("Navigator", Navigator)):
        lines += ["", f"## {heading}", "", "```text", inspect.cleandoc(cls.__doc__ or ""), "```"]
        for name, member in vars(cls).items():
            if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, classmethod)):
                function = getattr(cls, name)
                about = inspect.cleandoc(function.__doc__ or "")
                lines += ["", f"`{name}{inspect.signature(function)}`:", "", "```text", about, "```"]
    lines += ["", "## StateImage", "", "From `cosim.state_image`, for controllers that look at a map.", ""]
    lines += ["```text", inspect.cleandoc(StateImage.__doc__ or ""), "```"]
    lines += ["", "## EvState", "", "| code | name |", "|---|---|"]
    lines += [f"| {code.value} | {code.name.lower()} |" for code in EvState]
    return "\n".join([*lines, ""])


def write_pages(folder: Path) -> None:
    """Write the reference pages.

    Args:
        folder: Where to, e.g. `docs/reference`.

    Raises:
        OSError: If a page cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


#: Generated pages by file name.
PAGES: Final = {
    "scenario.md": scenario_page,
    "queue_study.md": queue_page,
    "records.md": records_page,
    "interface.md": interface_page,
}


def main() -> None:
    """Write the reference pages to the folder named on the command line, or to `docs/reference`."""
    write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference"))


def _model_lines(path: str, model: type[Section], described: set[type[Section]] | None = None) -> Iterator[str]:
    """Describe a model, then the models inside it; each once only if those that were are given."""
    if described is not None:
        if model in described:
            return
        described.add(model)
    yield f"## {_title(path, model)}"
    yield ""
    yield inspect.cleandoc(model.__doc__ or "")
    yield ""
    yield "| key | type | default | allowed | meaning |"
    yield "|---|---|---|---|---|"
    properties = model.model_json_schema()["properties"]
    for key, field in model.model_fields.items():
        cells = (
            f"`{key}`",
            _type(properties[key]),
            _default(field),
            _allowed(properties[key]),
            field.description or "",
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""
    for key, field in model.model_fields.items():
        for inner_path, inner in _inner_models(f"{path}.{key}".lstrip("."), field.annotation):
            yield from _model_lines(inner_path, inner, described)


def _title(path: str, model: type[Section]) -> str:
    if not path:
        return "The whole file"
    kind = model.model_fields.get("kind")
    choices = () if kind is None else get_args(kind.annotation)
    return f"`{path}` of kind `{choices[0]}`" if len(choices) == 1 else f"`{path}`"


def _inner_models(path: str, annotation: Any) -> Iterator[tuple[str, type[Section]]]:
    """Find the models in a type; `N` stands for a list index, `NAME` for a key."""
    origin, members = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield path, annotation
    elif origin is Annotated:
        yield from _inner_models(path, members[0])
    elif origin is list:
        yield from _inner_models(f"{path}.N", members[0])
    elif origin is dict:
        yield from _inner_models(f"{path}.NAME", members[1])
    else:
        for member in members:
            if member is not NoneType:
                yield from _inner_models(path, member)


def _type(schema: dict[str, Any]) -> str:
    schema = _without_null(schema)
    if "enum" in schema or "const" in schema:
        return "choice"
    if schema.get("type") == "array":
        return f"list of {_plural(_type(schema['items']))}"
    if schema.get("type") == "object":
        return "mapping"
    return TYPES.get(schema.get("type", ""), "section")


def _plural(name: str) -> str:
    """Put the name of a type into the plural, as far as lists need it."""
    first, *rest = name.split(" of ")
    plural = first if first in ("text", "true or false") else f"{first}s"
    return " of ".join([plural, *rest])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, Section):
        return "its defaults"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value != "" else "empty"


def _allowed(schema: dict[str, Any]) -> str:
    schema = _without_null(schema)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    parts = [f"`{schema['pattern']}`"] if "pattern" in schema else []
    if "minimum" in schema and schema["minimum"] == schema.get("maximum"):
        parts.append(_number(schema["minimum"]))
    else:
        parts += [text.format(_number(schema[key])) for key, text in BOUNDS.items() if key in schema]
    parts += [_length(schema[low], schema.get(high), what) for low, high, what in LENGTHS if low in schema]
    if schema.get("type") == "array" and (items := _allowed(schema["items"])):
        parts.append(f"each {items}")
    return ", ".join(parts)


def _length(low: int, high: int | None, what: str) -> str:
    if high is None:
        return f"{low} or more {what}"
    return f"{low} {what}" if low == high else f"{low} to {high} {what}"


def _number(bound: float) -> str:
    return f"{bound:g}".replace("e+0", "e") if isinstance(bound, float) else str(bound)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Take the alternative `null` off a schema; the column of defaults shows it."""
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    return options[0] if len(options) == 1 else schema


if __name__ == "__main__":
    main()
