"""Values that no engine can work with are refused before anything runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandapower
import pytest
from pandapower import pandapowerNet

from cosim.errors import ScenarioError
from cosim.grid import case
from cosim.grid.case import load_net
from cosim.scenario.schema import NetworkSection


def two_buses() -> pandapowerNet:
    net = pandapower.create_empty_network()
    for _ in range(2):
        pandapower.create_bus(net, vn_kv=10.0)
    pandapower.create_line_from_parameters(
        net, 0, 1, 1.0, r_ohm_per_km=0.1, x_ohm_per_km=0.1, c_nf_per_km=0, max_i_ka=1
    )
    pandapower.create_load(net, 1, p_mw=0.1)
    pandapower.create_ext_grid(net, 0)
    return net


def set_value(table: str, column: str, value: object) -> Callable[[pandapowerNet], None]:
    def change(net: pandapowerNet) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            net[table][column] = net[table][column].astype(object)
        net[table].loc[net[table].index[-1], column] = value

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (set_value("line", "to_bus", 7), "line 0 is at bus 7, which the network lacks"),
        (set_value("load", "bus", 7), "load 0 is at bus 7, which the network lacks"),
        (set_value("load", "p_mw", float("nan")), "load 0 has no number for p_mw"),
        (set_value("load", "p_mw", "many"), "load 0 has no number for p_mw"),
        (set_value("load", "p_mw", True), "load 0 has no number for p_mw"),
        (set_value("load", "q_mvar", float("inf")), "load 0 has no number for q_mvar"),
        (set_value("load", "scaling", 1e12), "load 0: scaling must be from -1e+09 to 1e+09, got 1e+12"),
        (set_value("line", "length_km", -1.0), "line 0: length_km must be from 0 to 1e+09, got -1"),
        (set_value("line", "parallel", 0), "line 0: parallel must be from 1 to 1e+09, got 0"),
        (set_value("line", "in_service", "no"), "line 0: in_service must be true or false, got 'no'"),
        (set_value("line", "to_bus", 0.5), "line 0 is at bus 0.5, which the network lacks"),
        (set_value("line", "to_bus", "B"), "line 0 is at bus 'B', which the network lacks"),
        (set_value("bus", "vn_kv", 0.0), "bus 1: vn_kv must be from 1e-09 to 1e+09, got 0"),
        (
            lambda net: net.line.rename(index={0: "first"}, inplace=True),
            "the rows of table 'line' must have whole numbers, each its own",
        ),
        (set_value("line", "length_km", 0.0), "line 0 has no impedance; make buses 0 and 1 one"),
        (
            set_value("bus", "vn_kv", 0.4),
            "line 0 joins buses of different rated voltage; that takes a transformer",
        ),
    ],
)
def test_a_value_no_engine_can_work_with_is_a_mistake(
    change: Callable[[pandapowerNet], None], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = two_buses()
    section = NetworkSection.model_validate(
        {"case": "two_buses", "microgrids": [{"name": "A", "dg": {"bus": 0, "p_max_kw": 100, "q_max_kvar": 100}}]}
    )
    monkeypatch.setattr(case, "_known_cases", lambda: {"two_buses": lambda: net})
    good = load_net(section, lambda file: pytest.fail(file))
    assert isinstance(good, pandapowerNet)
    assert (len(good.bus), len(good.line), len(good.load)) == (2, 1, 1)
    change(net)
    with pytest.raises(ScenarioError) as caught:
        load_net(section, lambda file: pytest.fail(file))
    assert [issue.problem for issue in caught.value.issues] == [problem]


def test_a_case_is_read_once_and_is_whole_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[pandapowerNet] = []

    def make() -> pandapowerNet:
        made.append(two_buses())
        return made[-1]

    monkeypatch.setattr(case, "_known_cases", lambda: {"two_buses": make})
    section = NetworkSection.model_validate({"case": "two_buses", "microgrids": [{"name": "A", "buses": [0]}]})
    one, other = (load_net(section, lambda file: pytest.fail(file)) for _ in range(2))
    one.line = one.line.drop(0)
    one.bus.loc[0, "vn_kv"] = 0.4
    again = load_net(section, lambda file: pytest.fail(file))
    assert [len(net.line) for net in (other, again, *made)] == [1, 1, 1]
    assert [net.bus.vn_kv[0] for net in (other, again, *made)] == [10.0, 10.0, 10.0]


def test_what_makes_something_else_is_no_case() -> None:
    # pandapower.networks has functions without arguments that make no network.
    assert "pp_elements" in case._known_cases()
    section = NetworkSection.model_validate(
        {"case": "pp_elements", "microgrids": [{"name": "A", "dg": {"bus": 0, "p_max_kw": 1, "q_max_kvar": 1}}]}
    )
    with pytest.raises(ScenarioError, match=r"must be a network of pandapower.networks, got 'pp_elements'"):
        load_net(section, lambda file: pytest.fail(file))


# -------------------------------------------------------------------------------------------------- MATPOWER


def matpower(path: Path) -> Any:
    section = NetworkSection.model_validate({"file": path.name, "microgrids": [{"name": "MG1", "buses": [0]}]})
    return load_net(section, lambda file: path.parent / file)


def test_matpower_case_is_read_with_its_impedances() -> None:
    net = matpower(Path(__file__).parent / "feeder_5bus.m")
    # 0.02 and 0.03 p.u. at 10 MVA and 12.47 kV; buses are counted from 0.
    assert net.line.r_ohm_per_km.tolist()[:2] == pytest.approx([0.02 * 12.47**2 / 10] * 2)
    assert net.line.x_ohm_per_km.tolist()[:2] == pytest.approx([0.03 * 12.47**2 / 10] * 2)
    assert net.load.set_index("bus").p_mw.to_dict() == {1: 0.8, 2: 0.6, 3: 0.5, 4: 0.4}


@pytest.mark.parametrize("suffix", [".m", ".mat"])
@pytest.mark.parametrize("content", [b"", b"function mpc = x\nmpc.bus = [1 2 3];\n", bytes(range(256))])
def test_what_is_no_matpower_case_is_one_line(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"case{suffix}"
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        matpower(path)
    (issue,) = caught.value.issues
    assert issue.path == "network.file"
    assert issue.problem.startswith(f"{path} is no MATPOWER case (")
    assert "\n" not in issue.problem


def test_matpower_case_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read: no such file"):
        matpower(tmp_path / "none.m")


def test_tables_that_are_left_out_must_be_tables() -> None:
    section = NetworkSection.model_validate(
        {"case": "case33bw", "without": ["sgens"], "microgrids": [{"name": "MG1", "buses": [0]}]}
    )
    with pytest.raises(ScenarioError, match=r"network\.without: must be among trafo3w"):
        load_net(section, Path)
