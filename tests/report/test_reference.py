from pathlib import Path

import pytest

from cosim.report.reference import PAGES, scenario_page, write_pages
from cosim.scenario.schema import FleetSection

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_page_is_up_to_date(name):
    written = (REFERENCE / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "renew the pages: python -m cosim.report.reference"


def test_scenario_page_has_every_key_of_the_fleet():
    page = scenario_page()
    for key, field in FleetSection.model_fields.items():
        assert f"| `{key}` |" in page
        assert field.description in page


def test_scenario_page_tells_type_default_and_allowed_values():
    lines = scenario_page().splitlines()
    assert "| `slots` | whole number | `12` | ≥ 1, ≤ 10000 | Number of slots in the outage. |" in lines
    assert "## `roads` of kind `lattice`" in lines
    assert "## `network.microgrids.N.dg`" in lines


def test_write_pages_writes_the_folder(tmp_path):
    write_pages(tmp_path / "reference")
    assert (tmp_path / "reference" / "scenario.md").read_text(encoding="utf-8") == scenario_page()
