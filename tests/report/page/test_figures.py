"""Pictures for papers have a column's width, and their fonts in them."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from cosim.report.making import FORMATS
from cosim.report.page.contents import Contents
from cosim.report.page.figures import count_figures, figures_of
from cosim.report.page.reading import read_contents

WIDTHS_MM = {"one-column": 88.0, "two-column": 180.0}


@pytest.fixture(scope="module")
def contents(coordinated: Path) -> Contents:
    return read_contents([coordinated], None, None)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, contents: Contents) -> Path:
    """The pictures of some sections."""
    folder = tmp_path_factory.mktemp("pictures")
    some = [section for section in contents.sections if section.key in ("map", "voltages", "energy")]
    for name, picture in figures_of(replace(contents, sections=some), FORMATS):
        (folder / name).write_bytes(picture)
    return folder


def test_every_chart_of_the_page_has_its_picture(contents: Contents) -> None:
    names = [chart.name for section in contents.sections for chart in section.charts]
    assert len(names) == len(set(names))
    assert {"map", "microgrid-mg1", "voltages-by-bus", "chargers-cds1", "fleet-energy", "energy-flow"} <= set(names)
    assert count_figures(contents, FORMATS) == len(names) * len(WIDTHS_MM) * len(FORMATS)


def test_pictures_are_there_in_two_widths_and_three_formats(pictures: Path) -> None:
    stems = ("map", "voltages-by-bus", "voltage-extremes", "energy-flow")
    names = {f"{stem}.{width}.{form}" for stem in stems for width in WIDTHS_MM for form in FORMATS}
    assert {path.name for path in pictures.iterdir()} == names


@pytest.mark.parametrize("width", WIDTHS_MM)
def test_a_picture_is_as_wide_as_a_column(pictures: Path, width: str) -> None:
    for path in pictures.glob(f"*.{width}.svg"):
        assert re.search(rf'<svg[^>]* width="{WIDTHS_MM[width]:.3f}mm"', path.read_text()), path
    for path in pictures.glob(f"*.{width}.png"):
        image = Image.open(io.BytesIO(path.read_bytes()))
        assert image.size[0] / image.info["dpi"][0] * 25.4 == pytest.approx(WIDTHS_MM[width], abs=0.2), path
    for path in pictures.glob(f"*.{width}.pdf"):
        box = re.search(rb"MediaBox \[0 0 ([0-9.]+) ", path.read_bytes())
        assert box is not None
        assert float(box[1]) / 72.0 * 25.4 == pytest.approx(WIDTHS_MM[width], abs=0.1), path


def test_fonts_are_within(pictures: Path) -> None:
    for path in pictures.glob("*.svg"):
        text = path.read_text()
        assert "@font-face{font-family:'DejaVu Sans'" in text
        assert set(re.findall(r'font-family="([^"]*)"', text)) <= {"DejaVu Sans"}, path
    for path in pictures.glob("*.pdf"):
        assert b"/FontFile" in path.read_bytes(), path
        assert set(re.findall(rb"/BaseFont /[A-Z]+\+([A-Za-z-]+)", path.read_bytes())) <= {
            b"DejaVuSans",
            b"DejaVuSans-Bold",
        }
