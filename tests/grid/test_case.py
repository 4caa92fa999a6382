"""Values that no engine can work with are refused before anything runs."""

from collections.abc import Callable

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


def set_value(table: str, column: str, value: float) -> Callable[[pandapowerNet], None]:
    def change(net: pandapowerNet) -> None:
        net[table].loc[net[table].index[-1], column] = value

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (set_value("line", "to_bus", 7), "line 0 is at bus 7, which the network lacks"),
        (set_value("load", "bus", 7), "load 0 is at bus 7, which the network lacks"),
        (set_value("load", "p_mw", float("nan")), "load 0 has no number for p_mw"),
        (set_value("line", "length_km", 0.0), "line 0 has no impedance; make buses 0 and 1 one"),
        (
            set_value("bus", "vn_kv", 0.4),
            "line 0 joins buses of different rated voltage; transformers are not modelled",
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
    assert load_net(section, lambda file: pytest.fail(file)) is net
    change(net)
    with pytest.raises(ScenarioError) as caught:
        load_net(section, lambda file: pytest.fail(file))
    assert [issue.problem for issue in caught.value.issues] == [problem]
