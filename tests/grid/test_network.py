import json
from pathlib import Path

import numpy as np
import pandapower
import pytest
from grid_cases import outage
from pandapower.networks import case33bw

from cosim.clock import Clock
from cosim.errors import ScenarioError
from cosim.grid.case import load_net
from cosim.grid.network import Network, build_network
from cosim.scenario.schema import NetworkSection

HUGE = 10**50
MODELLED = (
    "network: only buses, lines, two-winding transformers, switches, loads and the external grid are modelled, the "
    "network also has "
)
CLOCK = Clock(start_s=36_000, slot_s=1800, slots=12)
SECTION = {"case": None, "microgrids": [{"name": "MG1", "dg": {"bus": 0, "p_max_kw": 1, "q_max_kvar": 1}}]}


def section(**changes: object) -> NetworkSection:
    return NetworkSection.model_validate(SECTION | changes)


def mistakes(*overrides: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        outage(*overrides)
    return [f"{issue.path}: {issue.problem}" for issue in caught.value.issues]


def mistakes_of_file(path: Path, **changes: object) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        of_file = section(file=path.name, **changes)
        build_network(of_file, load_net(of_file, lambda file: path.parent / file), CLOCK)
    return [f"{issue.path}: {issue.problem}" for issue in caught.value.issues]


def mistakes_of_net(net: pandapower.pandapowerNet, path: Path, **changes: object) -> list[str]:
    pandapower.to_json(net, str(path))
    return mistakes_of_file(path, **changes)


@pytest.fixture
def net() -> pandapower.pandapowerNet:
    """Buses 0 and 1, a line between them, a load at bus 1."""
    net = pandapower.create_empty_network()
    for _ in range(2):
        pandapower.create_bus(net, 12.66)
    pandapower.create_line_from_parameters(net, 0, 1, 1.0, 0.2, 0.1, 0.0, 1.0)
    pandapower.create_load(net, 1, p_mw=0.3, q_mvar=0.1, scaling=0.5)
    return net


# -------------------------------------------------------------------------------------------- the islands


def test_outage_has_five_islands() -> None:
    feeder = outage().network.stages[0].feeder
    assert [feeder.bus[feeder.island == k].tolist() for k in range(5)] == [
        [0, 1, 18, 19, 20, 21],
        [2, 3, 4, 22, 23, 24],
        [5, 25, 26, 27, 28, 29, 30, 31, 32],
        [6, 7, 8, 9, 10, 11],
        [12, 13, 14, 15, 16, 17],
    ]
    assert feeder.bus[feeder.slack].tolist() == [1, 2, 5, 6, 12]
    # 37 lines, of which 5 are tie lines and 4 are opened.
    assert len(feeder.line_from) == 28


def test_rated_loads_are_those_of_the_feeder() -> None:
    system = outage()
    assert system.microgrids.load_kw == pytest.approx([460, 1200, 980, 625, 450])
    assert system.microgrids.load_kvar == pytest.approx([220, 600, 970, 305, 205])


def test_supply_of_the_utility_is_out() -> None:
    assert outage().network.net.ext_grid.bus.tolist() == [1, 2, 5, 6, 12]


def test_load_counts_with_its_scaling_and_only_in_service(net: pandapower.pandapowerNet, tmp_path: Path) -> None:
    pandapower.create_load(net, 1, p_mw=9.0, in_service=False)
    pandapower.to_json(net, str(tmp_path / "net.json"))
    of_file = section(file="net.json")
    network = build_network(of_file, load_net(of_file, lambda file: tmp_path / file), CLOCK)
    assert network.load_kw.tolist() == [0, 150]
    assert network.load_kvar.tolist() == [0, 50]


def test_json_file_gives_the_same_network(tmp_path: Path) -> None:
    pandapower.to_json(case33bw(), str(tmp_path / "net.json"))
    scenario = outage().scenario.network
    of_file = scenario.model_copy(update={"file": "net.json"})
    read = build_network(of_file, load_net(of_file, lambda file: tmp_path / file), CLOCK)
    assert arrays(read) == arrays(outage().network)


def arrays(network: Network) -> dict[str, list[float]]:
    feeder = {
        name: value.tolist() for name, value in vars(network.stages[0].feeder).items() if isinstance(value, np.ndarray)
    }
    return {**feeder, "load_kw": network.load_kw.tolist(), "load_kvar": network.load_kvar.tolist()}


# ------------------------------------------------------------------------------------------- the mistakes

OPENED = "network.opened_lines=[[1, 2], [4, 5], [5, 6]"
TAKEN = "already: an island has one grid-forming unit; open more lines, or give only one of them this island"


@pytest.mark.parametrize(
    ("override", "issue"),
    [
        (
            f"{OPENED}, [11, 13]]",
            "network.opened_lines.3: there is no line 11-13; lines at these buses: 10-11, 11-12, 11-21, 12-13, 13-14",
        ),
        (
            f"{OPENED}, [11, 12], [3, 3]]",
            "network.opened_lines.4: there is no line 3-3; lines at these buses: 2-3, 3-4",
        ),
        (f"{OPENED}, [11, 12], [77, 78]]", "network.opened_lines.4: there is no line 77-78"),
        (
            f"{OPENED}, [11, {HUGE}]]",
            f"network.opened_lines.3: there is no line 11-{HUGE}; lines at these buses: 10-11, 11-12, 11-21",
        ),
        ("network.microgrids.0.pv.bus=33", "network.microgrids.0.pv.bus: there is no bus 33; buses are 0 to 32"),
        (
            f"network.microgrids.2.wt.bus={HUGE}",
            f"network.microgrids.2.wt.bus: there is no bus {HUGE}; buses are 0 to 32",
        ),
        (
            "network.microgrids.0.buses=[0, 40]",
            "network.microgrids.0.buses.1: there is no bus 40; buses are 0 to 32",
        ),
        (f"stations.0.bus={HUGE}", f"stations.0.bus: there is no bus {HUGE}; buses are 0 to 32"),
        (
            "network.microgrids.1.ess.bus=5",
            "network.microgrids.1.ess.bus: bus 5 is not in the island of 'MG2': buses 2, 3, 4, 22, 23, 24",
        ),
        (
            "network.microgrids.0.buses=[0, 1, 18]",
            "network.microgrids.0.buses: the opened lines make an island of buses 0, 1, 18, 19, 20, 21, not 0, 1, 18",
        ),
        (
            "network.case=case33b",
            "network.case: must be a network of pandapower.networks, got 'case33b'; did you mean 'case33bw'?",
        ),
        ("network.case=from_json", "network.case: must be a network of pandapower.networks, got 'from_json'"),
        (
            "network.case=case9",
            MODELLED + "2 gen; leave them out with network.without: [gen]",
        ),
        ("network.case=create_empty_network", "network: the network has no buses"),
    ],
)
def test_mistake_is_named(override: str, issue: str) -> None:
    assert mistakes(override) == [issue]


def test_two_generators_in_an_island_are_a_mistake() -> None:
    both = "6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17"
    assert mistakes(f"{OPENED}]") == [
        f"network.microgrids.3.buses: the opened lines make an island of buses {both}, not 6, 7, 8, 9, 10, 11",
        f"network.microgrids.4.buses: the opened lines make an island of buses {both}, not 12, 13, 14, 15, 16, 17",
        f"network.microgrids.4.dg.bus: bus 12 is in the island of microgrid 'MG4' {TAKEN}",
    ]


def test_units_beyond_the_island_are_a_mistake() -> None:
    assert mistakes(f"{OPENED}, [11, 12], [15, 16]]") == [
        "network.microgrids.4.buses: the opened lines make an island of buses 12, 13, 14, 15, "
        "not 12, 13, 14, 15, 16, 17",
        "network.microgrids.4.wt.bus: bus 17 is not in the island of 'MG5': buses 12, 13, 14, 15",
    ]


def test_every_mistake_is_found_at_once() -> None:
    found = mistakes(f"{OPENED}, [11, 13]]", "network.microgrids.0.pv.bus=33", "network.microgrids.4.dg.bus=34")
    assert [issue.split(":")[0] for issue in found] == [
        "network.opened_lines.3",
        "network.microgrids.0.pv.bus",
        "network.microgrids.4.dg.bus",
    ]


def test_long_list_of_buses_is_shortened(net: pandapower.pandapowerNet, tmp_path: Path) -> None:
    for bus in range(2, 15):
        pandapower.create_bus(net, 12.66)
        pandapower.create_line_from_parameters(net, bus - 1, bus, 1, 0.2, 0.1, 0, 1)
    microgrids = [{"name": "MG1", "dg": {"bus": 0, "p_max_kw": 1, "q_max_kvar": 1}, "buses": [0]}]
    assert mistakes_of_net(net, tmp_path / "net.json", microgrids=microgrids) == [
        "network.microgrids.0.buses: the opened lines make an island of buses 0, 1, 2, 3, 4, 5, ... 14 (15 buses), "
        "not 0"
    ]


# ------------------------------------------------------------------------------------- what is not modelled


def conductance(net: pandapower.pandapowerNet) -> None:
    net.line.loc[0, "g_us_per_km"] = 1.0


def constant_impedance(net: pandapower.pandapowerNet) -> None:
    net.load.loc[0, "const_z_p_percent"] = 40.0


def generation_as_load(net: pandapower.pandapowerNet) -> None:
    net.load.loc[0, "p_mw"] = -0.1


def motor(net: pandapower.pandapowerNet) -> None:
    pandapower.create_motor(net, 1, 0.01, 0.9)


def unbalanced(net: pandapower.pandapowerNet) -> None:
    pandapower.create_asymmetric_load(net, 1, 0.01)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (conductance, "1 line with conductance"),
        (constant_impedance, "1 load that depends on voltage"),
        (generation_as_load, "1 load below zero"),
        (motor, "1 motor; leave them out with network.without: [motor]"),
        (unbalanced, "1 asymmetric_load; leave them out with network.without: [asymmetric_load]"),
    ],
)
def test_what_the_equations_leave_out_is_refused(change, named: str, net, tmp_path: Path) -> None:
    change(net)
    assert mistakes_of_net(net, tmp_path / "net.json") == [MODELLED + named]


# --------------------------------------------------------------------------------------------- JSON files


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        ("network", "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        ('{"buses": 33}', "AttributeError: 'dict' object has no attribute 'version'"),
        ("[" * 100_000, "RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_file_that_is_no_network_is_a_mistake(text: str, cause: str, tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(text, encoding="utf-8")
    (issue,) = mistakes_of_file(path)
    assert issue.startswith(f"network.file: {path} is no pandapower JSON file ({cause}")


def test_missing_file_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    assert mistakes_of_file(path) == [f"network.file: {path} cannot be read: No such file or directory"]


def test_network_without_its_tables_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text('{"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": {"bus": 3}}')
    assert mistakes_of_file(path) == [f"network.file: {path} has no column 'in_service' in its table 'bus'"]


@pytest.mark.parametrize("nested", [False, True])
def test_file_cannot_run_code(nested: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Pandapower imports whatever module a file names.
    (tmp_path / "network_code.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    monkeypatch.syspath_prepend(tmp_path)
    foreign = {"_module": "network_code", "_class": "Anything", "_object": {}}
    if nested:
        foreign = {"_module": "pandas.core.frame", "_class": "DataFrame", "_object": json.dumps({"a": [foreign]})}
    path = tmp_path / "net.json"
    path.write_text(json.dumps(foreign))
    assert mistakes_of_file(path) == [
        f"network.file: {path} holds objects of network_code; only tables are read, since others run code"
    ]
    assert not (tmp_path / "ran").exists()
