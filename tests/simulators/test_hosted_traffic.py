"""Our traffic in a World of somebody else: as in `cosim run` where nothing is fed, as it is fed where something is."""

from __future__ import annotations

import json
import math
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
import pandapower.networks
import pytest
from hosting import BY_CLASS, OVER_TCP, SCENARIO, SLOT_S, SLOTS, run, world

import cosim
from cosim.errors import ControllerError, CosimError, CouplingError, ScenarioError
from cosim.simulators.entities import READERS
from cosim.simulators.hosted_traffic import META, HostedTraffic

ALL = {"Traffic": META["models"]["Traffic"]["attrs"], **{f"{kind}-": list(names) for kind, names in READERS.items()}}
ROOT = Path(__file__).parents[2]
QUICK = ["network.engine=lindistflow"]
STATION_COLUMNS = {
    "p_mw": "power_kw",
    "charge_limit_mw": "charge_limit_kw",
    "discharge_limit_mw": "discharge_limit_kw",
}


def test_by_class_path_and_over_tcp_give_the_same() -> None:
    params = {"controller": "coordinated", "overrides": QUICK, "episode": 3}
    fed = {("Station-1", "charge_limit_mw"): [lambda time: 0.05], ("EV-4", "power_share"): [lambda time: -0.5]}
    here = run(BY_CLASS, ALL, fed, **params)
    assert len(here) == 1 + 5 + 30 + 288
    assert here == run(OVER_TCP, ALL, fed, **params)
    assert all(type(value) in (int, float) for of in here.values() for values in of.values() for value in values)


@pytest.mark.parametrize(
    ("scenario", "controller"),
    [("outage_33bus", "random"), ("outage_33bus", "greedy"), ("outage_33bus_customers", "coordinated")],
)
def test_where_nothing_is_fed_it_is_what_cosim_run_has(scenario: str, controller: str) -> None:
    path = Path(SCENARIO).with_name(f"{scenario}.yaml")
    seen = run(BY_CLASS, ALL, scenario=str(path), controller=controller, episodes=2, until=2 * SLOTS * SLOT_S)
    ran = cosim.run(path, controller=controller, episodes=2)
    for table, kind, renamed in (
        (ran.station_slots, "Station", STATION_COLUMNS),
        (ran.ev_slots, "EV", {"energy_kwh": "energy_end_kwh"}),
        (ran.road_slots, "Road", {}),
    ):
        unit = "road" if kind == "Road" else kind.lower()
        for number, rows in table.sort_values(["episode", "slot"]).groupby(unit, sort=False):
            of_entity = seen[f"{kind}-{number}"]
            for name, values in of_entity.items():
                column = renamed.get(name, name)
                if column in rows:
                    expected = rows[column].to_numpy() / (1000.0 if name.endswith("_mw") else 1.0)
                    assert np.array_equal(values, expected), (kind, number, name)
    assert seen["Traffic"]["episode"] == [0] * SLOTS + [1] * SLOTS
    assert seen["Traffic"]["slot"] == [*range(SLOTS), *range(SLOTS)]


POWERS = {"Station-": ("p_mw", "charge_limit_mw", "discharge_limit_mw"), "Traffic": ("p_mw",)}


def test_limits_that_are_fed_take_the_place_of_the_microgrids() -> None:
    free = run(BY_CLASS, POWERS, controller="coordinated", overrides=QUICK)
    fed = {("Station-0", "charge_limit_mw"): [lambda time: 0.01 if time < 9000 else None]}
    seen = run(BY_CLASS, POWERS, fed, controller="coordinated", overrides=QUICK)
    station = seen["Station-0"]
    assert max(free["Station-0"]["p_mw"][:5]) > 0.02
    assert station["charge_limit_mw"][:5] == [0.01] * 5
    assert max(station["p_mw"][:5]) <= 0.01 + 1e-12
    # Nothing is fed any more, and nobody has fed the other direction.
    assert station["charge_limit_mw"][5:] == free["Station-0"]["charge_limit_mw"][5:]
    assert station["discharge_limit_mw"] == free["Station-0"]["discharge_limit_mw"]


def test_the_microgrids_own_limits_from_outside_change_nothing() -> None:
    free = run(BY_CLASS, POWERS, controller="coordinated", overrides=QUICK, episode=7)
    fed = {
        (f"Station-{h}", name): [lambda time, h=h, name=name: free[f"Station-{h}"][name][time // SLOT_S]]
        for h in range(5)
        for name in ("charge_limit_mw", "discharge_limit_mw")
    }
    seen = run(BY_CLASS, POWERS, fed, controller="coordinated", overrides=QUICK, episode=7)
    for eid, of_entity in seen.items():
        for name, values in of_entity.items():
            np.testing.assert_allclose(values, free[eid][name], rtol=0.0, atol=1e-9)


def test_of_several_limits_the_tightest_holds() -> None:
    fed = {("Station-0", "charge_limit_mw"): [lambda time: 0.3, lambda time: None, lambda time: 0.2]}
    seen = run(BY_CLASS, POWERS, fed, overrides=QUICK, until=SLOT_S)
    assert seen["Station-0"]["charge_limit_mw"] == [0.2]


def test_limits_beyond_what_the_microgrids_can_carry_do_not_end_the_run() -> None:
    limits = ("charge_limit_mw", "discharge_limit_mw")
    fed: dict[tuple[str, str], Any] = {(f"Station-{h}", name): [lambda time: 10.0] for h in range(5) for name in limits}
    fed |= {(f"EV-{i}", "power_share"): [lambda time: 1.0] for i in range(30)}
    strong = ["fleet.battery_kwh=600", "fleet.charge_kw=600"]
    seen = run(BY_CLASS, POWERS, fed, controller="idle", overrides=strong)
    assert seen["Traffic"]["p_mw"][0] > 10.0
    assert sum(seen[f"Station-{h}"]["p_mw"][0] for h in range(5)) == pytest.approx(seen["Traffic"]["p_mw"][0])


def test_actions_that_are_fed_take_the_place_of_the_controllers() -> None:
    wanted = {"EV-": ("heading_rad", "distance_km", "power_share", "driven_km", "charged_kwh", "state")}
    fed = {
        ("EV-3", "heading_rad"): [lambda time: math.pi],
        ("EV-3", "distance_km"): [lambda time: 4.0 if time == 0 else None],
    }
    seen = run(BY_CLASS, wanted, fed, controller="idle", overrides=QUICK)
    moved = seen["EV-3"]
    assert (moved["heading_rad"], moved["distance_km"]) == ([math.pi] * SLOTS, [4.0] + [0.0] * (SLOTS - 1))
    assert sum(moved["driven_km"]) > 0.0
    others = [of_ev for eid, of_ev in seen.items() if eid != "EV-3"]
    assert len(others) == 29
    assert all(not any(of_ev["driven_km"] + of_ev["power_share"]) for of_ev in others)


@pytest.mark.parametrize("time_resolution", [0.5, 1800.0])
def test_time_resolution_is_honoured(time_resolution: float) -> None:
    seconds = run(BY_CLASS, POWERS, overrides=QUICK)
    ticks = round(SLOTS * SLOT_S / time_resolution)
    assert run(BY_CLASS, POWERS, overrides=QUICK, time_resolution=time_resolution, until=ticks) == seconds


def test_entities_say_what_does_not_change() -> None:
    simulator = started()
    (traffic,) = simulator.create(1, "Traffic")
    about = {child["eid"]: child["extra_info"] for child in traffic["children"]}
    assert about["Station-2"] == {"name": "CDS3", "bus": 28, "chargers": 10}
    assert about["EV-29"] == {"battery_kwh": 60.0}
    assert about["Road-0"]["length_km"] == 4.0
    json.dumps(traffic)


def test_a_controller_that_learns_is_told_of_every_slot(tmp_path: Path) -> None:
    (tmp_path / "listener.py").write_text(LISTENER, encoding="utf-8")
    (tmp_path / "outage.yaml").write_text(Path(SCENARIO).read_text(encoding="utf-8"), encoding="utf-8")
    params = {"scenario": str(tmp_path / "outage.yaml"), "controller": "listener:Listener", "overrides": QUICK}
    run(BY_CLASS, POWERS, episodes=2, until=2 * SLOTS * SLOT_S, allow_code=True, **params)
    assert (tmp_path / "told.txt").read_text(encoding="utf-8").split() == [str(k) for k in [*range(SLOTS)] * 2]
    with pytest.raises(ControllerError, match="allow_code=True"):
        run(BY_CLASS, POWERS, **params)


LISTENER = """
from pathlib import Path
from cosim.interface import Action


class Listener:
    def __init__(self, spec):
        self.spec, self.told = spec, Path(__file__).with_name("told.txt")

    def act(self, observation):
        return Action.stay(observation.replicas, self.spec.fleet_size)

    def learn(self, outcome):
        with self.told.open("a") as file:
            file.write(f"{outcome.slot}\\n")
"""


def started(time_resolution: float = 1.0, **params: Any) -> HostedTraffic:
    simulator = HostedTraffic()
    simulator.init("Traffic-0", time_resolution, **{"scenario": SCENARIO, "overrides": QUICK, **params})
    return simulator


@pytest.mark.parametrize(
    ("params", "kind", "problem"),
    [
        ({"scenario": "no/such.yaml"}, ScenarioError, "no/such.yaml: cannot be read"),
        ({"scenario": ""}, CouplingError, "scenario must be given as text, got ''"),
        ({"scenario": 7}, CouplingError, "scenario must be given as text, got 7"),
        ({"scenari": SCENARIO}, CouplingError, "no parameter 'scenari'; did you mean 'scenario'"),
        ({"overrides": "fleet.size=4"}, CouplingError, "overrides must be a list of texts"),
        ({"overrides": ["fleet.size=none"]}, ScenarioError, "overrides: fleet.size=none: fleet.size: must be a whole"),
        (
            {"controller": "greedi"},
            ScenarioError,
            "controller=greedi: controller.name: there is no controller 'greedi'",
        ),
        ({"controller": 3}, CouplingError, "controller must be given as text, got 3"),
        ({"episode": -1}, CouplingError, "episode must be a whole number, at least 0, got -1"),
        ({"episode": 1.0}, CouplingError, "episode must be a whole number, at least 0, got 1.0"),
        ({"episodes": 0}, CouplingError, "episodes must be a whole number, at least 1, got 0"),
        ({"allow_code": "yes"}, CouplingError, "allow_code must be true or false, got 'yes'"),
        ({"time_resolution": 1000.0}, CouplingError, "a slot of 1800 s must be a whole number of mosaik's ticks"),
        ({"time_resolution": 3600.0}, CouplingError, "time_resolution is 3600 s"),
        ({"time_resolution": math.nan}, CouplingError, "time_resolution must be a finite number, got nan"),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, Any], kind: type[CosimError], problem: str) -> None:
    with pytest.raises(kind, match=problem) as raised:
        started(**params)
    assert "\n" not in str(raised.value)


@pytest.fixture(scope="module")
def simulator() -> HostedTraffic:
    return started()


@pytest.mark.parametrize(
    ("eid", "values", "kind", "problem"),
    [
        ("Station-1", {"charge_limit_mw": {"Grid.A": "0.4"}}, CouplingError, "Station-1.charge_limit_mw from Grid.A"),
        ("Station-1", {"charge_limit_mw": {"Grid.A": True}}, CouplingError, "must be a finite number, got true"),
        ("Station-1", {"charge_limit_mw": {"Grid.A": [0.4]}}, CouplingError, r"finite number, got \[0.4\]"),
        ("Station-1", {"charge_limit_mw": {"Grid.A": math.inf}}, CouplingError, "finite number, got inf"),
        ("Station-1", {"charge_limit_mw": {"Grid.A": 10**400}}, CouplingError, "must be a finite number"),
        ("Station-1", {"discharge_limit_mw": {"Grid.A": -0.4}}, CouplingError, "must be at least 0, got -0.4"),
        (
            "Station-1",
            {"p_mw": {"Grid.A": 0.4}},
            CouplingError,
            "Station-1.p_mw is no input; Station-1 takes charge_",
        ),
        ("Road-1", {"flow_vph": {"X.A": 0.4}}, CouplingError, "Road-1.flow_vph is no input; Road-1 takes nothing"),
        ("EV-2", {"power_share": {"X.A": math.nan}}, CouplingError, "EV-2.power_share from X.A must be a finite"),
        ("EV-2", {"power_share": {"X.A": 2.0}}, ControllerError, "EV 2: power_share must be in"),
        ("EV-2", {"distance_km": {"X.A": 1.0, "Y.A": 1.0}}, ControllerError, "fed by X.A and Y.A; one must decide"),
    ],
)
def test_a_wrong_input_is_named(
    simulator: HostedTraffic, eid: str, values: dict[str, Any], kind: type[CosimError], problem: str
) -> None:
    with pytest.raises(kind, match=problem):
        simulator.step(0, {eid: values}, SLOTS * SLOT_S)


def test_null_is_as_if_nobody_fed_it(simulator: HostedTraffic) -> None:
    inputs = {"Station-1": {"charge_limit_mw": {"Grid.A": None}}, "EV-2": {"power_share": {"X.A": None}}}
    assert simulator.step(0, inputs, SLOTS * SLOT_S) == SLOT_S


def test_the_outage_is_over_after_its_last_slot() -> None:
    with pytest.raises(CouplingError, match="episode 0, the last one, ends at tick 21600; run until then"):
        run(BY_CLASS, POWERS, overrides=QUICK, until=SLOTS * SLOT_S + 1)


def test_there_is_one_traffic() -> None:
    simulator = started()
    with pytest.raises(CouplingError, match="there is one Traffic"):
        simulator.create(2, "Traffic")
    simulator.create(1, "Traffic")
    with pytest.raises(CouplingError, match="there is one Traffic"):
        simulator.create(1, "Traffic")


def test_a_process_says_in_one_line_what_is_wrong(capfd: pytest.CaptureFixture[str]) -> None:
    with world(OVER_TCP) as made, pytest.raises(SystemExit, match="Traffic-0"):
        made.start("Traffic", scenario="no/such.yaml")
    said = capfd.readouterr().err
    assert "cosim.simulators.traffic: no/such.yaml: cannot be read: No such file or directory\n" in said
    assert "Traceback" not in said


def test_code_is_allowed_on_the_command_line_of_a_process() -> None:
    simulator = HostedTraffic()
    simulator.configure({"--allow-code": False, "--allow-remote": False})
    with pytest.raises(CouplingError, match="add --allow-code there"):
        simulator.init("Traffic-0", scenario=SCENARIO, allow_code=True)


def test_help_shows_the_options_of_mosaik() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "cosim.simulators.traffic", "--help"], capture_output=True, text=True, check=True
    )
    assert all(option in shown.stdout for option in ("HOST:PORT", "--remote", "--timeout", "--allow-code"))


def test_the_stock_adapter_has_the_voltages_of_what_stations_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mosaik_components.pandapower", reason="mosaik-pandapower-2 is not installed")
    monkeypatch.chdir(ROOT)
    simulate = runpy.run_path("docs/examples/stations_with_mosaik_pandapower.py")["simulate"]
    net, bus = pandapower.networks.case33bw(), [19, 22, 28, 8, 14]
    loads = pandapower.create_loads(net, bus, 0.0)
    for values in simulate(by_voltage=True).values():
        net.load.loc[loads, "p_mw"] = list(values["p_mw"].values())
        pandapower.runpp(net, numba=False)
        np.testing.assert_allclose(list(values["Vm[pu]"].values()), net.res_bus.vm_pu[bus], rtol=0.0, atol=1e-9)
