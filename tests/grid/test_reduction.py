"""A net on one level is the net: pandapower finds the same voltages before and after."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandapower
import pandapower.networks
import pytest

from cosim.errors import ScenarioError
from cosim.grid.reduction import PER_UNIT, RATED_KV, SAME_AS, per_unit_of, reduce_net

#: Tables that no network below needs.
WITHOUT = ("sgen", "gen", "shunt")


def of_pandapower(net: Any) -> dict[int, float]:
    pandapower.runpp(net, init="flat", calculate_voltage_angles=False, numba=False)
    return {int(bus): float(vm_pu) for bus, vm_pu in net.res_bus.vm_pu.items()}


def reduced(net: Any) -> Any:
    net = copy.deepcopy(net)
    reduce_net(net, WITHOUT)
    return net


def without(net: Any) -> Any:
    """The net less what a reduction leaves out, as pandapower sees it."""
    net = copy.deepcopy(net)
    for table in WITHOUT:
        net[table] = net[table].drop(net[table].index)
    net.trafo["pfe_kw"] = net.trafo["i0_percent"] = 0.0
    opened = net.switch[(net.switch.et == "l") & ~net.switch.closed]
    net.line.loc[opened.element, "in_service"] = False
    return net


def same_voltages(net: Any, abs_pu: float) -> None:
    expected = of_pandapower(without(net))
    small = reduced(net)
    # The external grids hold the voltage in per unit of their own bus.
    small.ext_grid["vm_pu"] = small.ext_grid.vm_pu / small.bus[PER_UNIT].loc[small.ext_grid.bus].to_numpy()
    found = of_pandapower(small)
    factors = dict(zip(small.bus.index, per_unit_of(small), strict=True))
    for bus, vm_pu in found.items():
        assert vm_pu * factors[bus] == pytest.approx(expected[bus], abs=abs_pu), bus
    for gone, kept in small[SAME_AS].items():
        assert expected[gone] == pytest.approx(expected[kept], abs=1e-9)


@pytest.mark.parametrize(
    "name", ["create_cigre_network_mv", "create_cigre_network_lv", "create_kerber_landnetz_freileitung_1"]
)
def test_voltages_are_those_of_the_whole_net(name: str) -> None:
    same_voltages(getattr(pandapower.networks, name)(), 1e-8)


def test_taps_of_a_real_network() -> None:
    net = pandapower.networks.mv_oberrhein()
    assert (net.trafo.tap_pos != net.trafo.tap_neutral).any()
    same_voltages(net, 1e-8)


def test_closed_switches_make_buses_one_and_open_ones_take_lines_out() -> None:
    net = pandapower.networks.create_cigre_network_lv()
    small = reduced(net)
    assert len(small[SAME_AS]) == int((net.switch.et == "b").sum()) == 3
    assert len(small.bus) == len(net.bus) - 3
    assert not len(small.switch)
    assert not len(small.trafo)
    net = pandapower.networks.create_cigre_network_mv()
    assert int((~reduced(net).line.in_service).sum()) == 3


def test_what_is_nominal_is_so_to_the_last_bit() -> None:
    small = reduced(pandapower.networks.create_cigre_network_mv())
    assert (per_unit_of(small) == 1.0).all()
    assert set(small.bus.vn_kv) == {20.0}
    assert set(small.bus[RATED_KV]) == {20.0, 110.0}


def test_a_net_without_transformers_stays_as_it_is() -> None:
    net = pandapower.networks.case33bw()
    small = reduced(net)
    assert np.array_equal(small.line.r_ohm_per_km, net.line.r_ohm_per_km)
    assert small[SAME_AS] == {}


def test_different_ratios_in_a_loop_are_refused() -> None:
    net = pandapower.networks.create_cigre_network_mv()
    net.switch.loc[:, "closed"] = True
    net.trafo.loc[1, "vn_lv_kv"] = 20.5
    with pytest.raises(ScenarioError, match="have different ratios; leave one of them out"):
        reduced(net)


def test_buses_out_of_service_go_with_what_hangs_on_them() -> None:
    net = pandapower.networks.case33bw()
    net.bus.loc[32, "in_service"] = False
    small = reduced(net)
    assert 32 not in small.bus.index
    assert 32 not in set(small.load.bus) | set(small.line.from_bus) | set(small.line.to_bus)
