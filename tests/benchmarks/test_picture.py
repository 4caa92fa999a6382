"""A picture is well-formed, holds all points within its plot, and has at most six lines."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from picture import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Line, svg, ticks

NAMESPACE = "{http://www.w3.org/2000/svg}"
LINE = Line("a < b", [512, 1024, 4096], [0.83, 0.9, 0.88], [0.8, 0.89, 0.87], [0.84, 0.91, 0.89])


def places(element: ElementTree.Element) -> list[tuple[float, float]]:
    return [tuple(map(float, point.split(","))) for point in element.get("points", "").split()]  # type: ignore[misc]


def test_all_points_lie_in_the_plot_in_their_order() -> None:
    root = ElementTree.fromstring(svg([LINE, Line("rule", [512, 4096], [0.85, 0.85], dashed=True)], "x [1]", "y [1]"))
    line, rule = (places(element) for element in root.iter(f"{NAMESPACE}polyline"))
    (band,) = (places(element) for element in root.iter(f"{NAMESPACE}polygon"))
    for x, y in (*line, *rule, *band):
        assert LEFT <= x <= WIDTH - RIGHT
        assert TOP <= y <= HEIGHT - BOTTOM
    assert len(band) == 6
    assert [x for x, _ in line] == sorted(x for x, _ in line)
    # Upwards is a smaller y.
    assert line[1][1] < line[2][1] < line[0][1]
    assert rule[0][1] == rule[1][1]


def test_axes_and_lines_have_their_texts() -> None:
    texts = [element.text for element in ElementTree.fromstring(svg([LINE], "x [1]", "y [1]")).iter(f"{NAMESPACE}text")]
    assert {"x [1]", "y [1]", "a < b", "1,000", "4,000", "0.80"} <= set(texts)


@pytest.mark.parametrize("count", [0, 7])
def test_there_are_one_to_six_lines(count: int) -> None:
    with pytest.raises(ValueError, match=f"a picture has 1 to 6 lines, got {count}"):
        svg([LINE] * count, "x", "y")


@pytest.mark.parametrize("values", [[0.83, 0.91], [0.0, 10_240.0], [5.0, 5.0], [-0.3, 0.1], [0.0]])
def test_ticks_are_few_and_hold_all_values(values: list[float]) -> None:
    found = ticks(values)
    assert 2 <= len(found) <= 10
    assert found[0] <= min(values)
    assert found[-1] >= max(values)
    assert found[0] < found[-1]


def test_marks_stand_at_their_points() -> None:
    root = ElementTree.fromstring(svg([Line("rounded", [1.0, 2.0], [0.9, 0.8], marks=["0", "5 <"])], "x [1]", "y [1]"))
    (line,) = (places(element) for element in root.iter(f"{NAMESPACE}polyline"))
    dots = [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in root.iter(f"{NAMESPACE}circle")]
    assert dots == line
    assert "5 <" in [text.text for text in root.iter(f"{NAMESPACE}text")]
