"""Charts of a page one by one, sized for papers."""

from __future__ import annotations

import base64
import functools
import html
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import altair
import matplotlib
import vl_convert
from fontTools import subset

from cosim.errors import ReportError
from cosim.report.page.chart import Chart
from cosim.report.page.contents import Contents
from cosim.report.page.theme import PAPER_FONT, paper_theme

#: Widths of a column and of two in most journals' papers [mm].
WIDTHS_MM = {"one-column": 88.0, "two-column": 180.0}
#: Height of a panel that has none of its own, and room for the axis beside it [px].
_HEIGHT_PX, _AXIS_PX = 150, 62
#: Enough for print.
_DOTS_PER_INCH = 300
_MM_PER_INCH, _POINTS_PER_INCH, _PX_PER_INCH = 25.4, 72.0, 96.0
_SIZE = re.compile(r'width="([0-9.]+)" height="([0-9.]+)"')


def count_figures(contents: Contents, formats: Sequence[str]) -> int:
    """How many files `figures_of` gives."""
    return sum(len(section.charts) for section in contents.sections) * len(WIDTHS_MM) * len(formats)


def figures_of(contents: Contents, formats: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """All charts, each in two widths.

    Args:
        contents: What there is to show.
        formats: Some of `svg`, `png` and `pdf`.

    Yields:
        Name of a file, and what is in it.
    """
    _fonts()
    for section in contents.sections:
        for chart in section.charts:
            for label, width_mm in WIDTHS_MM.items():
                spec = _figure(chart, width_mm / _MM_PER_INCH * _PX_PER_INCH).to_dict()
                for name in formats:
                    yield f"{chart.name}.{label}.{name}", _WRITERS[name](spec, width_mm)


def _figure(chart: Chart, width_px: float) -> Any:
    """The panels beside each other, or one upon the other where they would be too narrow."""
    beside = len(chart.panels) if width_px > 500.0 else 1
    panel_px = width_px / beside - _AXIS_PX
    panels = [_sized(panel, heading, panel_px) for panel, heading in _headed(chart)]
    figure = panels[0] if len(panels) == 1 else altair.concat(*panels, columns=beside).resolve_scale(color="shared")
    return figure.configure(**paper_theme())


def _headed(chart: Chart) -> Iterator[tuple[Any, str]]:
    for number, panel in enumerate(chart.panels):
        yield panel, chart.headings[number] if chart.headings else ""


def _sized(panel: Any, heading: str, width_px: float) -> Any:
    spec = panel.to_dict()
    if "width" in spec and "height" in spec:
        scale = width_px / spec["width"]
        sized = panel.properties(width=width_px, height=spec["height"] * scale)
    else:
        sized = panel.properties(width=width_px, height=spec.get("height", _HEIGHT_PX))
    return sized.properties(title=heading) if heading else sized


def _svg(spec: Mapping[str, Any], width_mm: float) -> bytes:
    """A picture whose fonts are in it."""
    svg, size_px = _drawn(spec)
    head, rectangle, rest = _resized(svg, size_px, width_mm / size_px[0], "mm").partition("<rect")
    return f"{head}<defs><style>{_font_faces(svg)}</style></defs>{rectangle}{rest}".encode()


def _png(spec: Mapping[str, Any], width_mm: float) -> bytes:
    _, (width_px, _) = _drawn(spec)
    # The library takes a picture's pixel for a point.
    scale = width_mm / _MM_PER_INCH * _POINTS_PER_INCH / width_px
    return bytes(vl_convert.vegalite_to_png(dict(spec), scale=scale, ppi=_DOTS_PER_INCH))


def _pdf(spec: Mapping[str, Any], width_mm: float) -> bytes:
    svg, size_px = _drawn(spec)
    scale = width_mm / _MM_PER_INCH * _POINTS_PER_INCH / size_px[0]
    return bytes(vl_convert.svg_to_pdf(_resized(svg, size_px, scale, "")))


def _resized(svg: str, size_px: tuple[float, float], scale: float, unit: str) -> str:
    width, height = (scale * length_px for length_px in size_px)
    return _SIZE.sub(f'width="{width:.3f}{unit}" height="{height:.3f}{unit}"', svg, count=1)


def _drawn(spec: Mapping[str, Any]) -> tuple[str, tuple[float, float]]:
    """A picture as SVG, with its width and height [px]."""
    svg = str(vl_convert.vegalite_to_svg(dict(spec)))
    found = _SIZE.search(svg)
    if found is None:
        raise ReportError("vl-convert-python has drawn a picture without a size; use the version in constraints.txt")
    return svg, (float(found[1]), float(found[2]))


def _font_faces(svg: str) -> str:
    """The letters of a picture, as fonts in style rules: it looks the same where the font is not installed."""
    letters = {letter for text in re.findall(r"<text[^>]*>([^<]*)<", svg) for letter in html.unescape(text)}
    weights = {"normal": "DejaVuSans.ttf"} | ({"bold": "DejaVuSans-Bold.ttf"} if 'font-weight="bold"' in svg else {})
    return "".join(
        f"@font-face{{font-family:'{PAPER_FONT}';font-weight:{weight};"
        f"src:url(data:font/woff;base64,{_subset(file, letters)})}}"
        for weight, file in weights.items()
    )


def _subset(file: str, letters: set[str]) -> str:
    """A font with some letters only, as base64."""
    options = subset.Options(flavor="woff", layout_features=["kern"], drop_tables=["FFTM"])
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=sorted(map(ord, letters)))
    buffer = io.BytesIO()
    with subset.load_font(str(_fonts() / file), options) as font:
        subsetter.subset(font)
        subset.save_font(font, buffer, options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


@functools.cache
def _fonts() -> Path:
    """The folder with the paper's fonts, which matplotlib brings with it; the drawing library is told of it too."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    vl_convert.register_font_directory(str(folder))
    return folder


_WRITERS: Mapping[str, Callable[[Mapping[str, Any], float], bytes]] = {"svg": _svg, "png": _png, "pdf": _pdf}
