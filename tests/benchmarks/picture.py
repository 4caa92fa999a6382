"""Lines with bands over one axis, as an SVG file that needs no library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

#: Colours that most people can tell apart (Okabe and Ito 2008); the legend has no more entries. Dashed lines are black.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#000000")
WIDTH, HEIGHT = 860, 420
#: Room around the plot; the legend is on its right.
LEFT, RIGHT, TOP, BOTTOM = 70, 200, 20, 55
FONT = 'font-family="sans-serif" font-size="13"'
#: Room between marks and their text, height of an entry of the legend, length of its line.
GAP, ROW, SAMPLE = 8, 24, 30


@dataclass(frozen=True)
class Line:
    """A line of the picture.

    Attributes:
        name: Its entry in the legend.
        x: Where its points are.
        y: Their values.
        low: Lower edge of its band; empty for none.
        high: Upper edge.
        dashed: Whether it is dashed.
        marks: A word at each of its points, which is drawn then; empty for none.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dashed: bool = False
    marks: Sequence[str] = ()


def svg(lines: Sequence[Line], x_label: str, y_label: str) -> str:
    """Draw lines.

    Args:
        lines: One to six.
        x_label: What the horizontal axis is, with its unit.
        y_label: What the vertical axis is, with its unit.

    Raises:
        ValueError: If there are none or too many lines.
    """
    if not 1 <= len(lines) <= len(COLOURS):
        raise ValueError(f"a picture has 1 to {len(COLOURS)} lines, got {len(lines)}")
    x_ticks = ticks([x for line in lines for x in line.x])
    y_ticks = ticks([y for line in lines for y in (*line.y, *line.low, *line.high)])

    def place(x: float, y: float) -> tuple[float, float]:
        right = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0]) * (WIDTH - LEFT - RIGHT)
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0]) * (HEIGHT - TOP - BOTTOM)
        return LEFT + right, HEIGHT - BOTTOM - up

    def points(x: Sequence[float], y: Sequence[float]) -> str:
        return " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in zip(x, y, strict=True))

    middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for x in x_ticks:
        (at, _), y = place(x, y_ticks[0]), HEIGHT - BOTTOM
        drawn.append(f'<path d="M{at:.1f} {y}V{TOP}" stroke="#ddd"/>')
        drawn.append(f'<text x="{at:.1f}" y="{y + 2.5 * GAP}" text-anchor="middle">{x:,g}</text>')
    digits = max(0, -math.floor(math.log10(y_ticks[1] - y_ticks[0]) + 1e-9))
    for y in y_ticks:
        _, at = place(x_ticks[0], y)
        drawn.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        drawn.append(f'<text x="{LEFT - GAP}" y="{at + 4.5:.1f}" text-anchor="end">{y:.{digits}f}</text>')
    drawn.append(f'<text x="{middle_x}" y="{HEIGHT - GAP}" text-anchor="middle">{escape(x_label)}</text>')
    turned = f'transform="translate(18 {middle_y}) rotate(-90)"'
    drawn.append(f'<text {turned} text-anchor="middle">{escape(y_label)}</text>')
    pens = [COLOURS[-1] if line.dashed else colour for line, colour in zip(lines, COLOURS, strict=False)]
    for line, colour in zip(lines, pens, strict=True):
        if line.low:
            edge = points([*line.x, *reversed(line.x)], [*line.low, *reversed(line.high)])
            drawn.append(f'<polygon points="{edge}" fill="{colour}" fill-opacity="0.2"/>')
    for row, (line, colour) in enumerate(zip(lines, pens, strict=True)):
        pen = f'stroke="{colour}" stroke-width="2"' + (' stroke-dasharray="6 4"' if line.dashed else "")
        x, y = WIDTH - RIGHT + 2 * GAP, TOP + ROW * (row + 0.5)
        drawn.append(f'<polyline points="{points(line.x, line.y)}" fill="none" {pen}/>')
        for at, mark in zip(map(place, line.x, line.y), line.marks, strict=False):
            drawn.append(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="3" fill="{colour}"/>')
            drawn.append(f'<text x="{at[0] + GAP:.1f}" y="{at[1] + 4.5:.1f}" fill="{colour}">{escape(mark)}</text>')
        drawn.append(f'<path d="M{x} {y}h{SAMPLE}" {pen}/>')
        drawn.append(f'<text x="{x + SAMPLE + GAP}" y="{y + 4.5}">{escape(line.name)}</text>')
    return "\n".join([*drawn, "</svg>", ""])


def ticks(values: Sequence[float]) -> list[float]:
    """Five to ten round numbers that hold all values between the first and the last."""
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / 5.0))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (factor * step) <= 8.0)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(k * step, 12) for k in range(first, max(last, first + 1) + 1)]
