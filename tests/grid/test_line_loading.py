"""The power on lines: in a tree, in loops as pandapower says, and load that is shed for it."""

from __future__ import annotations

import math
from pathlib import Path

import networkx
import numpy as np
import pandapower
import pandapower.networks
import pytest
from grid_cases import case33bw, column, outage, run

from cosim.grid.engines.lindistflow import shared_path_impedances
from cosim.grid.feeder import Feeder, build_feeder
from cosim.grid.line_loading import LineLoading
from cosim.grid.reduction import reduce_net


def loading_of(feeder: Feeder) -> LineLoading:
    shared_r, shared_x = shared_path_impedances(feeder)
    return LineLoading(feeder, shared_r + 1j * shared_x)


def cigre(*, closed: bool) -> pandapower.pandapowerNet:
    net = pandapower.networks.create_cigre_network_mv()
    if closed:
        net.switch.loc[:, "closed"] = True
    reduce_net(net, ())
    return net


def test_in_a_tree_a_line_carries_what_is_behind_it() -> None:
    feeder = outage().network.stages[0].feeder
    p_kw, q_kvar = np.random.default_rng(1).uniform(-50.0, 100.0, (2, 3, 33))
    found = loading_of(feeder).of_lines_kva(p_kw, q_kvar)
    for line, ends in enumerate(zip(feeder.line_from.tolist(), feeder.line_to.tolist(), strict=True)):
        graph = networkx.Graph(zip(feeder.line_from.tolist(), feeder.line_to.tolist(), strict=True))
        graph.remove_edge(*ends)
        slack = int(feeder.slack[feeder.island[ends[0]]])
        (far,) = (end for end in ends if not networkx.has_path(graph, end, slack))
        behind = sorted(networkx.node_connected_component(graph, far))
        expected = np.abs((p_kw + 1j * q_kvar)[:, behind].sum(axis=1))
        assert found[:, line] == pytest.approx(expected, rel=1e-9, abs=1e-9), ends


def test_in_loops_power_is_shared_as_pandapower_says() -> None:
    net = cigre(closed=True)
    feeder = build_feeder(net, [0], [1.0])
    p_kw = np.zeros((1, feeder.buses))
    p_kw[0, 3:9] = 60.0
    found = loading_of(feeder).of_lines_kva(p_kw, 0.3 * p_kw)[0]
    net.load = net.load.drop(net.load.index)
    for bus in feeder.bus[3:9]:
        pandapower.create_load(net, int(bus), p_mw=0.06, q_mvar=0.018)
    net.line["c_nf_per_km"] = 0.0
    pandapower.runpp(net, numba=False)
    expected = 1000.0 * np.hypot(net.res_line.p_from_mw, net.res_line.q_from_mvar).to_numpy()
    assert found == pytest.approx(expected[net.line.in_service], abs=0.01 * expected.max())


def test_limits_are_those_of_the_network() -> None:
    net = cigre(closed=False)
    feeder = build_feeder(net, [0], [1.0])
    current_ka = net.line.max_i_ka[net.line.in_service].to_numpy()
    assert feeder.line_max_kva == pytest.approx(math.sqrt(3.0) * 20.0 * current_ka * 1000.0)


@pytest.fixture
def weak(tmp_path: Path) -> str:
    """The 33-bus feeder with a line 2-22 for 400 kVA; 930 kW hang behind it in microgrid 2."""
    net = case33bw()
    ends = net.line.from_bus.isin([2, 22]) & net.line.to_bus.isin([2, 22])
    net.line["max_i_ka"] = np.nan
    net.line.loc[ends, "max_i_ka"] = 0.4 / (math.sqrt(3.0) * 12.66)
    pandapower.to_json(net, str(tmp_path / "weak.json"))
    return f'network.file="{tmp_path / "weak.json"}"'


@pytest.mark.parametrize("engine", ["lindistflow", "power-grid-model"])
def test_load_behind_a_line_is_shed_where_it_would_be_overloaded(weak: str, engine: str) -> None:
    # Without sun and wind of its own, microgrid 2 gets all that it draws over that line.
    overrides = ("network.case=null", weak, f"network.engine={engine}", "profiles.pv.values=[0, 0, 0, 0, 0, 0, 0]")
    free, kept = (
        run(outage(*overrides, f"network.branch_limits={limits}").grid_model(), [0], np.zeros((1, 5)))
        for limits in ("false", "true")
    )
    assert not column(free, "unserved_line_kw").any()
    line_kw = column(kept, "unserved_line_kw")[:, 0]
    assert (line_kw[:, 1] > 50.0).all()
    assert not line_kw[:, [0, 2, 3, 4]].any()
    assert column(kept, "redispatched")[:, 0, 1].all()
    assert not column(kept, "line_overloaded").any()
    drawn = np.stack([slot.buses.p_kw[0] + 1j * slot.buses.q_kvar[0] for slot in kept])
    behind = np.abs(drawn[:, [22, 23, 24]].sum(axis=1))
    assert behind == pytest.approx(400.0 * math.cos(math.pi / 16), rel=0.02)
    assert (behind <= 400.0 + 1e-6).all()
