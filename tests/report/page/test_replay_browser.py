"""The replayed map in a real browser: positions, traces, keyboard, narrow screens, and names that look like code."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cosim
from cosim.records.table import Records
from cosim.report.page.map_replay import ReplayTerms, replay_of

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")

ROOT = Path(__file__).parents[3]
ASSETS = ROOT / "cosim" / "report" / "page" / "assets"
SCRIPT_NAME = "<script>alert(1)</script>"
LONG_NAME = "A station whose name is much longer than any sign at the road could ever hold it"
#: Colours of the page that the map is part of.
LIGHT = {
    "ink": "#1b1f24", "ink-soft": "#57606a", "line": "#d0d7de", "paper": "#ffffff", "panel": "#f6f8fa",
    "accent": "#6639ba", "c1": "#0072b2", "c2": "#d55e00", "c3": "#009e73", "c4": "#cc79a7", "c5": "#56b4e9",
    "c6": "#e69f00", "good": "#1a7f37", "bad": "#b42318", "q1": "#c9dcef", "q2": "#93b9dd", "q3": "#5a92c6",
    "q4": "#2a68a6", "q5": "#0b3a70",
}  # fmt: skip
DARK = {
    "ink": "#e6edf3", "ink-soft": "#9da7b3", "line": "#3a424c", "paper": "#0d1117", "panel": "#161b22",
    "accent": "#d2a8ff", "c1": "#58a6e8", "c2": "#f0883e", "c3": "#3fb98f", "c4": "#e39cc4", "c5": "#79c8f5",
    "c6": "#f2b93b", "good": "#56d364", "bad": "#ff7b72", "q1": "#1c3552", "q2": "#28527f", "q3": "#3b77b3",
    "q4": "#6ba6dd", "q5": "#b5dbff",
}  # fmt: skip
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Replay</title><style>
:root {{ {light} }}
@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}
body {{ margin: 0; padding: 16px; background: var(--paper); color: var(--ink); font: 16px/1.5 sans-serif; }}
{css}
</style></head><body><main><h1>Replay</h1><h2>Map</h2><div id="replay"></div></main>
<script type="application/json" id="data">{data}</script>
<script>{js}</script>
<script>
const root = document.getElementById("replay");
window.replay = Replay.mount(root, JSON.parse(document.getElementById("data").textContent));
</script></body></html>
"""


@pytest.fixture(scope="module")
def records() -> Records:
    overrides = [
        "controller.name=random",
        "network.engine=lindistflow",
        "roads.speed_kmh=20",
        *(f"stations.{h}.chargers=2" for h in range(5)),
        f"stations.0.name={json.dumps(LONG_NAME)}",
        f"stations.1.name={json.dumps(SCRIPT_NAME)}",
        f"customers.0.station={json.dumps(LONG_NAME)}",
        f"customers.1.station={json.dumps(SCRIPT_NAME)}",
    ]
    records = cosim.run(ROOT / "scenarios" / "outage_33bus_customers.yaml", episodes=1, overrides=overrides).records
    assert records is not None
    return records


@pytest.fixture(scope="module")
def data(records: Records) -> dict[str, Any]:
    terms = ReplayTerms(10 * 3600, 1800, 12, energy_min_kwh=6.0, energy_max_kwh=57.0, consumption_kwh_per_km=0.2)
    return replay_of(records, terms)


@pytest.fixture(scope="module")
def address(data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("replay") / "page.html"
    light, dark = (" ".join(f"--{name}: {colour};" for name, colour in colours.items()) for colours in (LIGHT, DARK))
    texts = {kind: (ASSETS / f"replay.{kind}").read_text(encoding="utf-8") for kind in ("css", "js")}
    plain = json.dumps(data).replace("<", "\\u003c")
    file.write_text(PAGE.format(light=light, dark=dark, data=plain, **texts), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=[1200])
def page(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    yield page
    assert said == []
    context.close()


def slide(page: Any, time_s: float) -> None:
    page.locator(".replay-slider").evaluate(
        "(slider, time) => { slider.value = time; slider.dispatchEvent(new Event('input', { bubbles: true })); }",
        time_s,
    )


def time_s(page: Any) -> float:
    return float(page.locator("#replay").get_attribute("data-time-s"))


def positions_km(page: Any) -> list[list[float]]:
    positions: list[list[float]] = page.locator("g.ev[data-ev]").evaluate_all(
        "evs => evs.map(ev => [Number(ev.dataset.xKm), Number(ev.dataset.yKm)])"
    )
    return positions


def test_the_slider_moves_evs_to_where_the_records_have_them(page: Any, records: Records) -> None:
    ev_slots = records["ev_slots"]
    seen = []
    for slot in (0, 4, 11):
        slide(page, 1800 * (slot + 1))
        known = np.stack([ev_slots.cube(axis)[0, slot] for axis in ("x_km", "y_km")], axis=-1)
        found = positions_km(page)
        assert found == pytest.approx(known, abs=1e-3), slot
        seen.append(found)
    assert seen[0] != seen[1] != seen[2]


def test_between_slots_they_are_where_trips_have_them(page: Any, data: dict[str, Any]) -> None:
    for moment_s in (777, 5000, 20_001):
        slide(page, moment_s)
        known = [[np.interp(moment_s, ev["motion"][0], ev["motion"][axis]) for axis in (1, 2)] for ev in data["evs"]]
        assert positions_km(page) == pytest.approx(np.array(known), abs=1e-3)


def test_stations_have_their_queue_and_chargers(page: Any, data: dict[str, Any]) -> None:
    waiting = 0
    for moment_s in (0, 4000, 9100, 21_000):
        slide(page, moment_s)
        for number, station in enumerate(data["stations"]):
            group = page.locator(f'g.station[data-station="{number}"]')
            for name in ("busy", "queue"):
                times_s, counts = station[name]
                known = counts[int(np.searchsorted(times_s, moment_s, side="right")) - 1]
                assert int(group.get_attribute(f"data-{name}")) == known
            waiting += int(group.get_attribute("data-queue"))
    assert waiting > 0, "too easy: nobody waits"


def test_a_click_opens_a_trace(page: Any) -> None:
    slide(page, 5000)
    panel = page.locator(".replay-trace")
    assert panel.is_hidden()
    page.locator('g.ev[data-ev="7"]').click(force=True)
    assert panel.locator("h3").inner_text().startswith("EV ")
    assert "energy [kWh]" in panel.text_content()
    assert "clock time [h:min]" in panel.text_content()
    page.locator('g.station[data-station="2"] .edge').click(force=True)
    page.locator('g.station[data-station="2"] .label').click()
    assert panel.locator("h3").inner_text() == "CDS3"
    assert panel.locator("svg.chart").count() == 2
    page.keyboard.press("Escape")
    assert panel.is_hidden()


def test_an_event_leads_to_its_exact_time(page: Any, data: dict[str, Any]) -> None:
    number = next(ev for ev, drawn in enumerate(data["evs"]) if any(time_s % 60 for time_s, _, _ in drawn["events"]))
    page.locator(f'g.ev[data-ev="{number}"]').focus()
    page.keyboard.press("Enter")
    times_s = sorted({(time_s, station) for time_s, _, station in data["evs"][number]["events"]})
    buttons = page.locator(".replay-events button")
    assert buttons.count() == len(times_s)
    for k, (known_s, _) in enumerate(times_s):
        buttons.nth(k).click()
        assert time_s(page) == known_s


def test_a_trace_is_downloaded(page: Any, data: dict[str, Any]) -> None:
    energy_kwh, queue = data["evs"][3]["energy"][1], data["stations"][0]["queue"][1]
    for kind, number, column, known in (("ev", 3, "energy_kwh", energy_kwh), ("station", 0, "queue", queue)):
        page.locator(f'g.{kind}[data-{kind}="{number}"]').focus()
        page.keyboard.press("Enter")
        with page.expect_download() as download:
            page.get_by_role("button", name="CSV").click()
        with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) > 3
        assert rows[0]["time_s"] == "0"
        assert rows[0]["clock"] == "10:00:00"
        assert float(rows[0][column]) == known[0]
        assert {float(row[column]) for row in rows} >= set(known)
        if kind == "ev":
            events = [event for row in rows for event in row["events"].split("; ") if event]
            assert len(events) == len(data["evs"][3]["events"])


def test_the_keyboard(page: Any) -> None:
    page.locator(".replay-map").focus()
    steps = (
        ("ArrowRight", 60), ("ArrowRight", 120), ("ArrowLeft", 60), ("Shift+ArrowRight", 1860), ("PageUp", 3660),
        ("PageDown", 1860), ("Shift+ArrowLeft", 60), ("End", 21_600), ("ArrowRight", 21_600), ("Home", 0),
        ("ArrowLeft", 0),
    )  # fmt: skip
    for key, known_s in steps:
        page.keyboard.press(key)
        assert time_s(page) == known_s, key
    page.locator(".replay-slider").focus()
    page.keyboard.press("ArrowRight")
    assert time_s(page) == 60
    assert page.locator(".replay-slider").get_attribute("aria-valuetext") == "10:01"
    assert page.locator(".replay-clock").inner_text() == "10:01:00"


def test_space_plays_and_pauses(page: Any) -> None:
    page.locator(".replay-map").focus()
    assert time_s(page) == 0
    page.keyboard.press(" ")
    page.wait_for_function("Number(document.getElementById('replay').dataset.timeS) > 60")
    assert page.locator(".replay-play").inner_text() == "Pause"
    page.keyboard.press(" ")
    assert page.locator(".replay-play").inner_text() == "Play"
    paused_s = time_s(page)
    page.wait_for_timeout(200)
    assert time_s(page) == paused_s


def test_it_stops_at_the_end_and_begins_anew(page: Any) -> None:
    slide(page, 21_590)
    page.locator(".replay-play").click()
    page.wait_for_function("document.querySelector('.replay-play').textContent === 'Play'")
    assert time_s(page) == 21_600
    page.locator(".replay-play").click()
    page.wait_for_function("Number(document.getElementById('replay').dataset.timeS) < 20000")
    page.locator(".replay-play").click()


def test_evs_and_stations_are_reached_by_keyboard(page: Any) -> None:
    for kind in ("ev", "station"):
        page.locator(f'g.{kind}[data-{kind}="0"]').focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        opened = page.locator(f"g.{kind}.open")
        assert opened.get_attribute(f"data-{kind}") == "1"
        page.locator(".replay-trace").get_by_role("button", name="Close").click()
        assert page.evaluate(f"document.activeElement.dataset.{kind}") == "1"


def test_space_on_an_ev_opens_it_and_then_plays(page: Any) -> None:
    page.locator('g.ev[data-ev="0"]').focus()
    page.keyboard.press(" ")
    assert page.locator(".replay-trace h3").inner_text() == "EV 0"
    assert page.locator(".replay-play").inner_text() == "Play"
    page.keyboard.press(" ")
    assert page.locator(".replay-play").inner_text() == "Pause"
    page.locator(".replay-play").focus()
    page.keyboard.press(" ")
    assert page.locator(".replay-play").inner_text() == "Play"


def test_texts_of_the_map_can_be_selected(page: Any) -> None:
    name = page.locator('g.station[data-station="2"] text.name').bounding_box()
    page.mouse.dblclick(name["x"] + name["width"] / 2, name["y"] + name["height"] / 2)
    assert page.evaluate("String(getSelection())").strip() == "CDS3"


def test_the_map_follows_the_width(page: Any) -> None:
    for width in (400, 1200):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(
            """() => {
              const place = document.querySelector(".replay-map");
              return Math.abs(place.querySelector("svg").viewBox.baseVal.width - place.clientWidth) < 1;
            }"""
        )


@pytest.mark.parametrize("page", [1200, 400], indirect=True)
def test_names_stay_texts_and_are_whole(page: Any) -> None:
    assert page.locator("#replay script").count() == 0
    for number, name in ((0, LONG_NAME), (1, SCRIPT_NAME)):
        group = page.locator(f'g.station[data-station="{number}"]')
        lines = group.locator("text.name")
        assert "".join("".join(lines.all_text_contents()).split()) == "".join(name.split())
        box = group.locator("rect.label").bounding_box()
        around = page.locator(".replay-map").bounding_box()
        for inner, outer in [(line.bounding_box(), box) for line in lines.all()] + [(box, around)]:
            for start, size in (("x", "width"), ("y", "height")):
                assert inner[start] >= outer[start] - 0.5
                assert inner[start] + inner[size] <= outer[start] + outer[size] + 0.5
        group.focus()
        page.keyboard.press("Enter")
        assert page.locator(".replay-trace h3").inner_text() == name
        assert page.locator(".replay-said").text_content() == f"Trace of {name}"
        assert page.locator(".replay-trace h3").evaluate("e => e.scrollWidth <= e.clientWidth")


@pytest.mark.parametrize("page", [1200, 400], indirect=True)
def test_labels_are_not_upon_one_another(page: Any) -> None:
    boxes = [label.bounding_box() for label in page.locator("g.station rect.label").all()]
    for k, a in enumerate(boxes):
        for b in boxes[:k]:
            wide = min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"])
            high = min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"])
            assert wide <= 0 or high <= 0


@pytest.mark.parametrize("page", [400], indirect=True)
def test_a_narrow_page_does_not_scroll_sideways(page: Any) -> None:
    for kind, number in (("", 0), ("ev", 3), ("station", 0)):
        if kind:
            page.locator(f'g.{kind}[data-{kind}="{number}"]').focus()
            page.keyboard.press("Enter")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), kind


@pytest.mark.parametrize("page", [1200, 400], indirect=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("opened", ["", "ev", "station"])
def test_axe_finds_nothing(page: Any, scheme: str, opened: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.emulate_media(color_scheme=scheme)
    slide(page, 9100)
    if opened:
        page.locator(f'g.{opened}[data-{opened}="1"]').focus()
        page.keyboard.press("Enter")
    found = axe.run(page).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]][:2]) for rule in found] == []


def test_a_frame_is_drawn_in_time(page: Any) -> None:
    draws_ms = page.evaluate(
        """() => {
          const begun = performance.now();
          for (let k = 0; k < 100; k += 1) window.replay.seek(200 * k);
          return (performance.now() - begun) / 100;
        }"""
    )
    # A frame has 16 ms; a machine that does other things too has some room.
    assert draws_ms < 12.0
