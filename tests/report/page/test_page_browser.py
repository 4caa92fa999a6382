"""The page in a real browser, from disk: nothing is loaded or complained of, and all of it can be used."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cosim
from cosim.records.store import StoredRun
from cosim.records.table import Records
from cosim.report.making import make_report

sync_api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("altair")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")

SCENARIOS = Path(__file__).parents[3] / "scenarios"
SCENARIO = SCENARIOS / "outage_33bus_deterministic.yaml"
SECTIONS = ["answer", "map", "microgrids", "voltages", "stations", "fleet", "energy"]
SEVERAL = [*SECTIONS[:-1], "comparison", "learning", "energy"]
EPISODES = 2

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
CLOSING = "</script><!-- {{7*7}} ${7*7}"
ALIKE = "Script, alert 1, script"
LONG = "Nordstadtumspannwerk" * 4
WORDS = "A place whose name is longer than the title of any paper about such places is"
TITLE = f"{LONG[:55]}{SCRIPT}"
#: What an axis may be of that has no unit: a moment, a number of things, a name, a share.
UNITLESS = (
    "local time",
    "charger",
    "bus",
    "vehicles waiting",
    "episodes of training",
    "share that waits no longer",
    "fairness so far (Jain)",
    "fairness (Jain)",
    "load restored on held-out episodes",
)


@dataclass
class Opened:
    """A page that is open.

    Attributes:
        page: The page.
        said: What the console and dialogs said.
        asked: Addresses that were asked for.
    """

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def records(folder: Path) -> Records:
    """What happened in the first episode of the run; its folder is `coordinated`."""
    cosim.run(SCENARIO, episodes=EPISODES, overrides=["controller.name=coordinated"], out=folder / "coordinated")
    return StoredRun(folder / "coordinated").read([0])


@pytest.fixture(scope="module")
def plain(folder: Path, records: Records) -> str:
    make_report([folder / "coordinated"], folder / "plain.html", episode=0)
    return (folder / "plain.html").as_uri()


@pytest.fixture(scope="module")
def several(folder: Path, records: Records) -> str:
    """Two controllers and a training."""
    cosim.run(SCENARIO, episodes=EPISODES, overrides=["controller.name=greedy"], out=folder / "greedy")
    training = folder / "training"
    training.mkdir()
    about = {"format": 1, "algorithm": "maddpg", "episodes": 400, "seed": 3, "order": "simultaneous"}
    (training / "training.json").write_text(json.dumps(about), encoding="utf-8")
    rows = [f"{100 * k},{8.5 * k},{kind},{0.5 + 0.05 * k}" for k in range(1, 5) for kind in ("training", "validation")]
    (training / "curve.csv").write_text("\n".join(["episodes,cpu_s,kind,restoration", *rows, ""]), encoding="utf-8")
    make_report([folder / "coordinated", folder / "greedy", training], folder / "several.html", episode=0)
    return (folder / "several.html").as_uri()


@pytest.fixture(scope="module")
def hostile(folder: Path) -> str:
    """Names that look like code, and names without end; customers queue, so that stations have all their charts."""
    stations = (SCRIPT, ALIKE, CLOSING, LONG, IMAGE)
    microgrids = (LONG, SCRIPT, IMAGE, WORDS, CLOSING)
    overrides = [
        "controller.name=random",
        "network.engine=lindistflow",
        "roads.speed_kmh=20",
        f"name={json.dumps(TITLE)}",
        f"description={json.dumps(f'{SCRIPT} {IMAGE} {CLOSING} {LONG} {WORDS}')}",
        *(f"stations.{h}.chargers=2" for h in range(5)),
        *(f"stations.{h}.name={json.dumps(name)}" for h, name in enumerate(stations)),
        *(f"customers.{h}.station={json.dumps(name)}" for h, name in enumerate(stations[:3])),
        *(f"network.microgrids.{m}.name={json.dumps(name)}" for m, name in enumerate(microgrids)),
    ]
    runs = [folder / f"{SCRIPT.replace('/', '')} {k} {LONG}" for k in range(2)]
    for run in runs:
        cosim.run(SCENARIOS / "outage_33bus_customers.yaml", episodes=1, overrides=overrides, out=run)
    make_report(runs, folder / "hostile.html")
    return (folder / "hostile.html").as_uri()


def _open(browser: Any, address: str, width: int, scheme: str = "light") -> Opened:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened = Opened(context.new_page())
    page = opened.page
    page.on("console", lambda message: opened.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: opened.said.append(str(error)))
    page.on("dialog", lambda dialog: (opened.said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: opened.asked.append(request.url))
    page.goto(address)
    page.wait_for_function("document.documentElement.dataset.drawn !== undefined")
    return opened


@pytest.fixture(scope="module", params=["plain", "several", "hostile"])
def every(request: pytest.FixtureRequest, browser: Any) -> Iterator[Opened]:
    """Each page at the width of a screen."""
    opened = _open(browser, request.getfixturevalue(request.param), 1200)
    yield opened
    opened.page.context.close()


@pytest.fixture(scope="module")
def page(browser: Any, plain: str) -> Iterator[Any]:
    """The page of one run; nothing is complained of, whatever is done with it."""
    opened = _open(browser, plain, 1200)
    yield opened.page
    assert opened.said == []
    opened.page.context.close()


def test_nothing_is_complained_of_and_nothing_is_loaded(every: Opened) -> None:
    every.page.wait_for_timeout(300)
    assert every.said == []
    assert [address for address in every.asked if not address.startswith(("file:", "data:", "blob:"))] == []
    assert len([address for address in every.asked if address.startswith("file:")]) == 1


def test_all_sections_are_there(browser: Any, plain: str, several: str) -> None:
    for address, known in ((plain, SECTIONS), (several, SEVERAL)):
        page = _open(browser, address, 1200).page
        sections = page.locator("main > section").evaluate_all("all => all.map(section => section.id)")
        assert sections == known
        links = page.locator("nav a").evaluate_all("all => all.map(link => link.getAttribute('href'))")
        assert links == [f"#{name}" for name in known]
        for name in known:
            assert page.locator(f"#{name} .sentence").inner_text().endswith(".")
            assert page.locator(f"#{name} :is(figure, table, #replay)").count() > 0
        page.context.close()


def test_it_is_one_small_file(folder: Path, plain: str) -> None:
    assert (folder / "plain.html").stat().st_size < 8_000_000


def test_the_slider_moves_evs_to_where_the_records_have_them(page: Any, records: Records) -> None:
    ev_slots = records["ev_slots"]
    slider = page.locator("#replay input[type=range]")
    seen = []
    for slot in (0, 5, 11):
        slider.evaluate(
            "(slider, time) => { slider.value = time; slider.dispatchEvent(new Event('input', { bubbles: true })); }",
            1800 * (slot + 1),
        )
        known = np.stack([ev_slots.cube(axis)[0, slot] for axis in ("x_km", "y_km")], axis=-1)
        found = page.locator("#replay g.ev[data-ev]").evaluate_all(
            "evs => evs.map(ev => [Number(ev.dataset.xKm), Number(ev.dataset.yKm)])"
        )
        assert found == pytest.approx(known, abs=1e-3), slot
        seen.append(found)
    assert seen[0] != seen[1] != seen[2]


def test_a_click_opens_a_trace(page: Any) -> None:
    panel = page.locator(".replay-trace")
    page.locator('g.ev[data-ev="7"]').click(force=True)
    assert panel.locator("h3").inner_text().startswith("EV ")
    page.locator('g.station[data-station="2"] .label').click()
    assert panel.locator("h3").inner_text() == "CDS3"
    page.keyboard.press("Escape")
    assert panel.is_hidden()


def test_the_keyboard_alone_will_do(page: Any) -> None:
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    page.locator(".skip").focus()
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "theme"
    for name in SECTIONS:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('href')") == f"#{name}"
    page.keyboard.press("Enter")
    page.wait_for_function("Math.abs(document.getElementById('energy').getBoundingClientRect().bottom) < 1200")
    page.locator("#replay input[type=range]").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator("#replay").get_attribute("data-time-s") == "60"
    page.locator('g.ev[data-ev="3"]').focus()
    page.keyboard.press("Enter")
    assert page.locator(".replay-trace h3").inner_text().startswith("EV ")
    page.keyboard.press("Escape")


def _csv_of(page: Any, button: Any) -> tuple[str, list[dict[str, str]]]:
    with page.expect_download() as download:
        button.click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    return download.value.suggested_filename, list(csv.DictReader(io.StringIO(text)))


def test_numbers_of_a_chart_are_downloaded(page: Any, records: Records) -> None:
    name, rows = _csv_of(page, page.locator('[data-csv="microgrid-mg4"]'))
    assert name == "microgrid-mg4.csv"
    load_kw = records["microgrid_slots"].cube("load_kw")[0, :, 3]
    with_evs = [row for row in rows if row["case"] == "with EVs"]
    assert [row["slot_start"] for row in with_evs][:3] == ["10:00", "10:30", "11:00"]
    assert [float(row["load_kw"]) for row in with_evs] == pytest.approx(load_kw, abs=1e-3)


def test_every_chart_has_its_numbers(every: Opened) -> None:
    names = every.page.locator("figure[data-chart]").evaluate_all("all => all.map(figure => figure.dataset.chart)")
    buttons = every.page.locator("[data-csv]").evaluate_all("all => all.map(button => button.dataset.csv)")
    assert len(set(names)) == len(names) > 10
    assert buttons == names
    data = json.loads(every.page.locator("#page-data").text_content())
    for name in names:
        assert list(csv.DictReader(io.StringIO(data["charts"][name]["csv"]))), name


def test_a_table_is_downloaded(page: Any, records: Records) -> None:
    name, rows = _csv_of(page, page.locator('[data-csv-table="evs"]'))
    assert name == "evs.csv"
    driven_km = records["ev_slots"].cube("driven_km")[0].sum(axis=0)
    by_ev = sorted(rows, key=lambda row: float(row["EV"]))
    assert [float(row["driven [km]"]) for row in by_ev] == pytest.approx(driven_km, abs=1e-3)


def test_tables_are_sorted_by_click_and_by_keyboard(page: Any, records: Records) -> None:
    driven_km = np.sort(records["ev_slots"].cube("driven_km")[0].sum(axis=0))
    table = page.locator('[data-table="evs"]')
    heading = table.locator("th", has_text="driven [km]")
    place = heading.evaluate("heading => heading.cellIndex")

    def column() -> list[float]:
        cells = table.locator(f"tbody td:nth-child({place + 1})")
        return [float(value) for value in cells.evaluate_all("all => all.map(cell => cell.dataset.value)")]

    heading.locator("button").click()
    assert column() == pytest.approx(driven_km, abs=1e-3)
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert column() == pytest.approx(driven_km[::-1], abs=1e-3)
    assert heading.get_attribute("aria-sort") == "descending"
    page.keyboard.press("Space")
    assert column() == pytest.approx(driven_km, abs=1e-3)
    table.locator("th button").first.click()
    assert heading.get_attribute("aria-sort") is None


def test_the_theme_is_changed_by_a_button_and_follows_the_system(browser: Any, plain: str) -> None:
    for scheme, other in (("light", "dark"), ("dark", "light")):
        opened = _open(browser, plain, 1200, scheme)
        page = opened.page
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        title = page.locator(".role-axis-title text").first.get_attribute("fill")
        _in(page, other)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
        assert page.locator(".role-axis-title text").first.get_attribute("fill") != title
        assert page.locator("#theme").inner_text().lower() == scheme
        assert opened.said == []
        page.context.close()


def _in(page: Any, scheme: str) -> None:
    """See to it that a page is light or dark, and drawn so."""
    if page.evaluate("document.documentElement.dataset.theme") != scheme:
        page.locator("#theme").click()
    page.wait_for_function(f"document.documentElement.dataset.drawn === '{scheme}'")


def test_texts_of_charts_can_be_selected(page: Any) -> None:
    title = page.locator("#fleet .role-axis-title text").first
    title.scroll_into_view_if_needed()
    page.evaluate("title => getSelection().selectAllChildren(title)", title.element_handle())
    assert page.evaluate("String(getSelection())").strip() == title.text_content().strip()
    assert page.evaluate("title => getComputedStyle(title).userSelect", title.element_handle()) == "text"
    assert page.locator(".plot svg").count() == page.locator(".plot").count() > 10


def test_axes_have_units_and_legends_few_entries(every: Opened) -> None:
    titles = set(every.page.locator(".role-axis-title text").all_text_contents()) - {""}
    assert len(titles) > 4
    for title in titles:
        assert ("[" in title and title.endswith("]")) or title in UNITLESS or title.endswith(", share"), title
    entries = every.page.locator(".legend").evaluate_all("all => all.map(legend => legend.children.length)")
    assert 1 <= min(entries) <= max(entries) <= 6
    assert every.page.locator(".plot .role-legend-symbol").count() == 0, "a legend within a chart"


def test_axes_of_time_have_the_local_clock(every: Opened) -> None:
    labels = every.page.locator("#fleet .plot").first.locator(".role-axis-label text").all_text_contents()
    assert {"10:00", "12:00", "16:00"} <= set(labels)


def test_no_panel_is_empty(every: Opened) -> None:
    counts = every.page.locator(".plot").evaluate_all(
        """plots => plots.map(plot => [
          plot.closest("figure").dataset.chart,
          plot.querySelectorAll('svg [role="graphics-symbol"], svg .mark-rect path, svg .mark-line path').length,
        ])"""
    )
    assert counts
    assert [name for name, count in counts if not count] == []


@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_width_and_theme(every: Opened, scheme: str, width: int) -> None:
    page = every.page
    page.set_viewport_size({"width": width, "height": 900})
    _in(page, scheme)
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert _cut(page) == []
    assert every.said == []


def _cut(page: Any) -> list[str]:
    """Texts that reach out of what holds them, or that end in dots."""
    found: list[str] = page.evaluate(
        """() => {
          const cut = [];
          for (const text of document.querySelectorAll(".plot svg text")) {
            const [inner, outer] = [text.getBoundingClientRect(), text.closest(".plot").getBoundingClientRect()];
            if (!inner.width) continue;
            const out = inner.left < outer.left - 1 || inner.right > outer.right + 1
              || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
            if (out || text.textContent.includes("\\u2026")) {
              cut.push(`${text.closest("figure").dataset.chart}: ${text.textContent}`);
            }
          }
          const texts = "h1, h2, h3, h4, p, li, td, th, caption, summary, .legend, nav";
          for (const text of document.querySelectorAll(texts)) {
            const style = getComputedStyle(text);
            if (style.clipPath !== "none" || !text.getClientRects().length) continue;
            const box = text.getBoundingClientRect();
            const table = text.closest(".table, .replay-events");
            const outside = !table && (box.left < -1 || box.right > window.innerWidth + 1);
            const wider = text.scrollWidth > Math.ceil(box.width) + 1;
            if (outside || wider) cut.push(`${text.tagName}: ${text.textContent}`);
          }
          return cut;
        }"""
    )
    return found


def test_names_stay_texts(browser: Any, hostile: str) -> None:
    opened = _open(browser, hostile, 1200)
    page = opened.page
    assert page.locator("h1").inner_text() == TITLE
    assert page.title() == f"{TITLE}: ev-cosim"
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 4
    headings = page.locator("h3").all_text_contents()
    for name in (SCRIPT, IMAGE, CLOSING, LONG, WORDS):
        assert f"{name}: what serves its load" in headings
    assert {f"{name}: chargers" for name in (SCRIPT, ALIKE, CLOSING, LONG)} <= set(headings)
    described = page.locator('[data-table="about"]').inner_text()
    for name in (SCRIPT, IMAGE, CLOSING, LONG, WORDS):
        assert name in described
    _, rows = _csv_of(page, page.locator('[data-csv="unserved-by-reason"]'))
    drawn = page.locator('[data-chart="unserved-by-reason"] .role-axis-label text').all_text_contents()
    assert {"".join(row["microgrid"].split()) for row in rows} <= {"".join(text.split()) for text in drawn}
    _, rows = _csv_of(page, page.locator('[data-csv="queues"]'))
    assert {row["station"] for row in rows} <= {SCRIPT, ALIKE, CLOSING, LONG, IMAGE}
    assert opened.said == []
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(every: Opened, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    every.page.set_viewport_size({"width": 1200, "height": 900})
    _in(every.page, scheme)
    every.page.locator("details").evaluate_all("all => all.forEach(details => { details.open = true; })")
    found = axe.run(every.page).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]][:3]) for rule in found] == []


def test_a_tip_stays_on_the_page_and_is_a_text(browser: Any, hostile: str) -> None:
    opened = _open(browser, hostile, 400)
    page = opened.page
    bar = page.locator('[data-chart="unserved-by-reason"] .mark-rect path').first
    bar.scroll_into_view_if_needed()
    bar.hover(force=True)
    tip = page.locator(".vega-tip")
    assert tip.is_visible()
    assert "microgrid: " in tip.inner_text()
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 400
    assert opened.said == []
    page.context.close()


def test_paper_is_light_and_whole(browser: Any, plain: str) -> None:
    fills = """() => [...new Set(
      [...document.querySelectorAll(".role-axis-title text")].map(title => title.getAttribute("fill"))
    )]"""
    light = _open(browser, plain, 1200)
    known = light.page.evaluate(fills)
    light.page.context.close()
    opened = _open(browser, plain, 1200, "dark")
    page = opened.page
    assert page.evaluate(fills) != known
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(fills) == known
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("details:not([open])").count() == 0
    page.emulate_media(media="print")
    assert page.locator("nav, #theme, .csv, .replay-controls").evaluate_all(
        "all => all.every(one => !one.getClientRects().length)"
    )
    assert page.locator('[data-table="evs"] th button').first.is_visible()
    rows = page.locator('[data-table="evs"] tbody tr')
    table, last = page.locator(".table", has=rows).bounding_box(), rows.last.bounding_box()
    assert table["y"] + table["height"] >= last["y"] + last["height"] - 1
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.wait_for_function(
        "document.querySelector('.role-axis-title text').getAttribute('fill') !== '" + known[0] + "'"
    )
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert opened.said == []
    page.context.close()
