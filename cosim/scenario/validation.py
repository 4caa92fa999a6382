"""Hold plain values against the schema, and say in plain words where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import ValidationError, create_model
from pydantic_core import ErrorDetails

from cosim.errors import ScenarioIssue
from cosim.scenario.schema import Scenario
from cosim.scenario.section import Section
from cosim.scenario.wording import dotted, shown, suggestion

SENTENCES: Final = {
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_too_short": "must have {min_length} or more characters",
    "string_too_long": "must have {max_length} or fewer characters",
    "string_pattern_mismatch": "must match {pattern}",
    "list_type": "must be a list",
    "too_short": "must have {min_length} or more items",
    "too_long": "must have {max_length} or fewer items",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
}


def validate(tree: dict[str, Any], whole: type[Section] = Scenario) -> tuple[Section, list[ScenarioIssue]]:
    """Hold the values of a scenario against the schema.

    Args:
        tree: Plain values.
        whole: What they should be: a `Scenario`, or another kind of file.

    Returns:
        Such an object and no issues; or a section with those top-level fields that are right, and the issues.
    """
    try:
        return whole.model_validate(tree, strict=True), []
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
    wrong = {mistake["loc"][0] for mistake in mistakes}
    right: dict[str, Any] = {
        name: (field.annotation, field) for name, field in whole.model_fields.items() if name not in wrong
    }
    model = create_model("PartialScenario", __base__=Section, **right)
    partial = model.model_validate({key: tree[key] for key in tree if key in right}, strict=True)
    return partial, [_issue(mistake, whole) for mistake in mistakes]


@dataclass
class _Place:
    """Where in the schema a mistake lies.

    Args:
        path: Keys and list indices from the top, without the tags that pydantic adds for unions.
        model: The innermost model on the way.
        annotation: The type of what is there; `Any` if the schema does not know it.
    """

    path: list[str | int]
    model: type[Section]
    annotation: Any


def _issue(mistake: ErrorDetails, whole: type[Section]) -> ScenarioIssue:
    place = _find(mistake["loc"], whole)
    problem = _problem(mistake, place)
    keys = [*place.path, "kind"] if mistake["type"].startswith("union_tag") else place.path
    return ScenarioIssue(dotted("", *keys), problem)


def _find(loc: tuple[str | int, ...], whole: type[Section]) -> _Place:
    place = _Place([], whole, whole)
    for part in loc:
        models = _models(place.annotation)
        if len(models) > 1:
            tagged = [model for model in models if part in _kinds([model])]
            if not tagged:  # pydantic's mark for a mistake in the key itself, not in what it names
                break
            place.annotation = tagged[0]
            continue
        place.path.append(part)
        if models:
            place.model = models[0]
            field = place.model.model_fields.get(str(part))
            place.annotation = Any if field is None else field.annotation
        else:
            place.annotation = (get_args(_plain(place.annotation)) or (Any,))[-1]
    return place


def _plain(annotation: Any) -> Any:
    """Take `Annotated` and `None` off a type."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        return _plain(members[0]) if len(members) == 1 else annotation
    return annotation


def _models(annotation: Any) -> list[type[Section]]:
    """List the models that a value may be: none, one, or those of a union."""
    plain = _plain(annotation)
    members = get_args(plain) if get_origin(plain) in (Union, UnionType) else (plain,)
    return [member for member in members if isinstance(member, type) and issubclass(member, Section)]


def _kinds(models: list[type[Section]]) -> list[str]:
    return [get_args(model.model_fields["kind"].annotation)[0] for model in models]


def _problem(mistake: ErrorDetails, place: _Place) -> str:
    error, given, context = mistake["type"], shown(mistake["input"]), mistake.get("ctx", {})
    if error == "missing":
        return f"is required ({place.model.model_fields[str(place.path[-1])].description})"
    if error == "extra_forbidden":
        return f"unknown key; {suggestion(str(place.path[-1]), place.model.model_fields)}"
    if error == "union_tag_not_found":
        return f"is required (one of {_listed(place)})"
    if error == "union_tag_invalid":
        return f"must be one of {_listed(place)}, got {shown(mistake['input']['kind'])}"
    if error == "literal_error":
        choices = str(context["expected"]).replace(" or ", ", ")
        return f"must be one of {choices}, got {given}"
    if error == "value_error":  # raised by the schema itself, in whole sentences
        return str(context["error"])
    bounds = {name: _number(bound) if isinstance(bound, float) else bound for name, bound in context.items()}
    return f"{SENTENCES.get(error, mistake['msg']).format_map(bounds)}, got {given}"


def _listed(place: _Place) -> str:
    return ", ".join(repr(kind) for kind in _kinds(_models(place.annotation)))


def _number(bound: float) -> str:
    return str(int(bound)) if bound.is_integer() else str(bound)
