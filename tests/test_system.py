"""A scenario becomes a system, or all of its mistakes come at once, each where it stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cosim
from cosim.errors import ScenarioError
from cosim.system import System, load_system

SCENARIO = Path(__file__).parents[1] / "scenarios" / "outage_33bus.yaml"
TEXT = SCENARIO.read_text(encoding="utf-8")


def mistakes(path: Path | str, overrides: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        cosim.load(path, overrides)
    return str(caught.value).splitlines()


def problems(*overrides: str) -> list[str]:
    """The mistakes of the shipped scenario with overrides, without their sources."""
    return [line.split(": ", 1)[1] for line in mistakes(SCENARIO, overrides)]


@pytest.fixture(scope="module")
def system() -> System:
    return cosim.load(SCENARIO, ["controller.name=idle"])


def test_mistakes_of_all_sections_come_at_once_with_their_lines(tmp_path: Path) -> None:
    changes = {
        "clock": ("slots: 12, slot_s: 1800", "slots: 12, slot_s: 30"),
        "profiles.load.hours.1": ("  load: {kind: hourly, hours: [10, 11,", "  load: {kind: hourly, hours: [10, 9,"),
        "network.opened_lines.1": ("[4, 5]", "[4, 31]"),
        "network.microgrids.4.dg.bus": ("dg: {bus: 12,", "dg: {bus: 77,"),
        "stations.2.position_km": ("position_km: [24, 20]", "position_km: [25, 20]"),
        "fleet.soc_min": ("soc_min: 0.10\n", "soc_min: 0.97\n"),
        "controller.name": ("controller: {name: greedy}", "controller: {name: nobody}"),
        "reward.form": ("form: avoided", "form: fair"),
    }
    text = TEXT
    for before, after in changes.values():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    file = tmp_path / "wrong.yaml"
    file.write_text(text, encoding="utf-8")
    told = [line.removeprefix(f"{file}:").split(": ")[:2] for line in mistakes(file)]
    lines = text.splitlines()
    for path, (_, after) in changes.items():
        number = next(n for n, line in enumerate(lines, start=1) if after.strip() in line)
        assert any(int(n) == number and at.startswith(path) for n, at in told), (path, number, told)
    assert [int(n) for n, _ in told] == sorted(int(n) for n, _ in told)


def test_a_wrong_section_hides_no_mistake_of_another() -> None:
    assert problems("network.engine=steam", "stations.1.position_km=[1, 1]", "controller.options={a: 1}") == [
        "network.engine: must be one of 'lindistflow', 'lindistflow-losses', 'power-grid-model', 'pandapower', "
        "'opendss', or module:Class, got 'steam'",
        "stations.1.position_km: there is no road node at [1, 1] km; the nearest is at [0, 0] km",
        *problems("controller.options={a: 1}"),
    ]


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (("stations.0.bus=33",), "stations.0.bus: there is no bus 33; buses are 0 to 32"),
        (
            ("stations.3.position_km=[8, 20]",),
            "stations.3: stands at node 47, where 'CDS1' is already",
        ),
        (
            ("stations.0.position_km=null", "stations.0.node=81"),
            "stations.0.node: there is no road node 81; nodes are 0 to 80; did you mean 8?",
        ),
        (("stations.4.name=CDS1",), "stations.4.name: 'CDS1' is already the name of stations.0"),
        (("stations.4.chargers=0",), "stations.4.chargers: must be at least 1, got 0"),
    ],
)
def test_a_station_in_the_wrong_place_is_named(overrides: tuple[str, ...], problem: str) -> None:
    assert problems(*overrides) == [problem]


def test_two_stations_may_be_wrong_in_two_ways() -> None:
    assert sorted(problems("stations.1.bus=40", "stations.2.position_km=[4, 5]", "stations.0.bus=99")) == [
        "stations.0.bus: there is no bus 99; buses are 0 to 32",
        "stations.1.bus: there is no bus 40; buses are 0 to 32",
        "stations.2.position_km: there is no road node at [4, 5] km; the nearest is at [4, 4] km",
    ]


def test_stations_of_one_microgrid_share_by_chargers() -> None:
    # Station 1 moves from microgrid 2 to microgrid 1, with 30 chargers beside 10.
    system = load_system(SCENARIO, ["stations.1.bus=21", "stations.1.chargers=30"])
    assert system.supply.microgrid.tolist() == [0, 0, 2, 3, 4]
    assert system.supply.share.tolist() == [0.25, 0.75, 1.0, 1.0, 1.0]
    grid = system.grid_model()
    grid.begin([0])
    limit_kw = grid.outlook().station_limit_kw[0]
    assert limit_kw[0, 0] > 0.0
    assert limit_kw[1, 0] == pytest.approx(3 * limit_kw[0, 0])
    # And what both draw comes from that one microgrid.
    ev_kw = grid.step(np.array([[5.0, 7.0, 0.0, 0.0, 0.0]])).microgrids.ev_kw
    assert ev_kw.tolist() == [[12.0, 0.0, 0.0, 0.0, 0.0]]


def test_a_controller_knows_the_fleet_and_the_stations(system: System) -> None:
    spec = system.spec
    assert (spec.slots, spec.slot_h, spec.fleet_size) == (12, 0.5, 30)
    assert (spec.energy_min_kwh, spec.energy_max_kwh) == (pytest.approx(6.0), pytest.approx(57.0))
    assert (spec.max_move_km, spec.max_discharge_share) == (10.0, 0.7)
    assert spec.station_position_km.tolist() == [[8, 20], [16, 24], [24, 20], [12, 12], [24, 8]]
    assert spec.station_microgrid.tolist() == [0, 1, 2, 3, 4]
    assert spec.microgrid_name == ("MG1", "MG2", "MG3", "MG4", "MG5")
    assert spec.area_km == (32.0, 32.0)


def test_the_layer_below_knows_no_controllers() -> None:
    assert load_system(SCENARIO, ["controller.name=nobody"]).scenario.controller.name == "nobody"


def test_files_that_are_missing_are_mistakes_together() -> None:
    net = ("network.case=null", "network.file=no_net.json")
    csv = 'profiles.pv={kind: csv, file: no_sun.csv, column: pv, date: "2016-06-23"}'
    roads = "roads={kind: tntp, network: no_links.tntp, nodes: no_nodes.tntp}"
    told = mistakes(SCENARIO, (*net, csv, roads))
    assert len(told) == 3
    for path, file in (("network.file", "no_net.json"), ("profiles.pv", "no_sun.csv"), ("roads", "no_links.tntp")):
        assert any(path in line and file in line and "No such file" in line for line in told), (path, told)
