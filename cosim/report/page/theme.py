"""How charts look on a light page, on a dark one, and in a paper."""

from __future__ import annotations

from typing import Any

from cosim.report.page.chart import INK, LEGEND_ENTRIES, PALETTE, SOFT

#: Font of pages, and that of figures, which matplotlib brings with it.
PAGE_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
PAPER_FONT = "DejaVu Sans"


def page_theme(*, dark: bool) -> dict[str, Any]:
    """Vega-Lite's configuration for a page, whose legends stand outside the charts.

    Args:
        dark: Whether the page is dark.
    """
    ink, soft, line, shade = (
        ("#e8eaed", "#b3b9c2", "#3b414b", "#2a2f38") if dark else ("#1c2026", "#4c5560", "#dde1e6", "#eceff3")
    )
    return _theme(ink, soft, line, shade, paper="#15181d" if dark else "#ffffff", font=PAGE_FONT, size=12)


def paper_theme() -> dict[str, Any]:
    """Vega-Lite's configuration for figures of a paper."""
    theme = _theme("#000000", "#333333", "#e2e2e2", "#f0f0f0", paper="#ffffff", font=PAPER_FONT, size=8.5)
    theme["legend"] |= {"orient": "bottom", "direction": "horizontal", "columns": 3, "symbolSize": 60}
    theme["background"] = "white"
    return theme


def _theme(ink: str, soft: str, line: str, shade: str, *, paper: str, font: str, size: float) -> dict[str, Any]:
    labels = {"labelColor": ink, "titleColor": ink, "labelFontSize": size - 1, "titleFontSize": size}
    return {
        "font": font,
        "background": "transparent",
        "view": {"stroke": None},
        "axis": {
            **labels,
            "titleFontWeight": "normal",
            "gridColor": line,
            "domainColor": soft,
            "tickColor": soft,
            "labelLimit": 160,
        },
        "legend": {**labels, "titleFontWeight": "normal", "labelLimit": 240},
        "title": {"color": ink, "fontSize": size, "fontWeight": "normal", "anchor": "start"},
        "range": {"category": list(PALETTE[:LEGEND_ENTRIES])},
        "line": {"strokeWidth": 1.8},
        "style": {
            INK: {"stroke": ink, "color": ink, "strokeWidth": 1.8},
            SOFT: {"stroke": soft, "color": soft},
            "segment": {"stroke": paper, "strokeWidth": 0.6},
            "shade": {"fill": shade, "color": shade},
            "axis-line": {"stroke": soft, "color": soft},
            "limit": {"stroke": soft, "color": soft, "strokeDash": [4, 3]},
            "label": {"fill": ink, "color": ink, "fontSize": size - 1},
            "fan-outer": {"fill": PALETTE[0], "color": PALETTE[0], "opacity": 0.25},
            "fan-inner": {"fill": PALETTE[0], "color": PALETTE[0], "opacity": 0.5},
            "band": {"opacity": 0.22},
            "dot": {"fill": PALETTE[0], "stroke": PALETTE[0], "color": PALETTE[0]},
        },
    }
