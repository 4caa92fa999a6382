"""The page as one file: everything that it needs is in it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import jinja2
import vl_convert

from cosim._version import __version__
from cosim.report.page.chart import Chart
from cosim.report.page.contents import Contents
from cosim.report.page.section import Note, Replay, Section, TableView
from cosim.report.page.theme import page_theme

_ASSETS = resources.files("cosim.report.page") / "assets"


def document(contents: Contents) -> str:
    """A page in HTML, complete in itself.

    Args:
        contents: What it shows.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = _cell
    environment.tests |= {
        "chart": lambda part: isinstance(part, Chart),
        "table": lambda part: isinstance(part, TableView),
        "note": lambda part: isinstance(part, Note),
        "replay": lambda part: isinstance(part, Replay),
    }
    template = environment.from_string(_asset("page.html.jinja"))
    return template.render(
        contents=contents,
        groups=_groups,
        version=__version__,
        styles=[_safe_style(_asset(name)) for name in ("page.css", "replay.css")],
        scripts=[_safe_script(text) for text in (_vega(), _asset("replay.js"), _asset("page.js"))],
        data=_json({"themes": _themes(), "charts": dict(_charts(contents)), "replay": _replay(contents)}),
    )


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


@functools.cache
def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed in a scope of their own."""
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed; window.vega = vega;")
    return f"(() => {{\n{bundle}\n}})();"


def _themes() -> dict[str, Any]:
    return {"light": page_theme(dark=False), "dark": page_theme(dark=True)}


def _charts(contents: Contents) -> Iterator[tuple[str, dict[str, Any]]]:
    """What `page.js` draws, and the numbers to take away, by the chart's name."""
    for section in contents.sections:
        for part in section.parts:
            if isinstance(part, Chart):
                panels = [_panel(panel.to_dict(), part) for panel in part.panels]
                yield part.name, {"panels": panels, "csv": part.numbers.to_csv(index=False, lineterminator="\n")}


def _panel(spec: dict[str, Any], chart: Chart) -> dict[str, Any]:
    """A panel that is as wide as the page lets it be."""
    for removed in ("config", "$schema"):
        spec.pop(removed, None)
    sized = {"width": "container", "height": 200, "autosize": {"type": "fit-x", "contains": "padding"}}
    return {**sized, "description": f"{chart.title}. {chart.about}", **spec}


def _replay(contents: Contents) -> Mapping[str, Any] | None:
    for section in contents.sections:
        for part in section.parts:
            if isinstance(part, Replay):
                return part.data
    return None


def _groups(section: Section) -> Iterator[list[Any]]:
    """Parts of a section, those side by side that are narrow."""
    group: list[Any] = []
    for part in section.parts:
        narrow = isinstance(part, Chart) and not part.wide
        if group and not (narrow and isinstance(group[-1], Chart) and not group[-1].wide):
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def _cell(value: Any, digits: int) -> str:
    """A cell of a table."""
    if value is None:
        return ""
    return f"{value:,.{digits}f}" if isinstance(value, float | int) else str(value)


def _json(values: Mapping[str, Any]) -> str:
    """Values that can stand within a script element, whatever texts are in them."""
    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _safe_script(text: str) -> str:
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _safe_style(text: str) -> str:
    return text.replace("</style", "<\\/style")
