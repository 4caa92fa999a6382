"""Makes any pandapower net one of buses, lines, loads and external grids, on one voltage level.

What is out of service goes; closed switches between buses make them one; open ones at a line or a transformer take it
out. A transformer becomes a line: its ideal part is left out by referring all voltages, impedances and capacitances to
one level, with a factor for each bus that turns the voltage found into per unit of the bus. That is exact while
transformers in a loop have the same ratio. Left out are iron losses, magnetising currents, phase shifts (which no
magnitude depends on in a tree), and what lines charge that are open at one end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.interface import Floats

#: Columns of buses that a reduction adds: rated voltage, and per unit of it per unit of the common level.
RATED_KV: Final = "rated_kv"
PER_UNIT: Final = "per_unit"
#: Table of a reduced net: buses that are one with another one, by number.
SAME_AS: Final = "same_as"
#: Ratios this near are the same.
NEAR: Final = 1e-9


def reduce_net(net: Any, without: Sequence[str]) -> None:
    """Reduce a net, in place.

    Args:
        net: The net.
        without: Tables of elements that are left out.

    Raises:
        ScenarioError: If transformers in a loop have different ratios.
    """
    for table in without:
        if table in net and len(net[table]):
            net[table] = net[table].drop(net[table].index)
    _drop_what_is_out(net)
    _open_by_switches(net)
    _join_by_switches(net)
    net.bus[RATED_KV], net.bus[PER_UNIT] = net.bus.vn_kv.astype(np.float64), 1.0
    if len(net.trafo):
        _refer(net)


def _drop_what_is_out(net: Any) -> None:
    import pandapower.toolbox

    out = net.bus.index[~net.bus.in_service.astype(bool)]
    if len(out):
        pandapower.toolbox.drop_buses(net, out)
    if len(net.trafo):
        net.trafo = net.trafo[net.trafo.in_service.astype(bool)]


def _open_by_switches(net: Any) -> None:
    opened = net.switch[~net.switch.closed.astype(bool)]
    lines = opened.element[opened.et == "l"]
    net.line.loc[net.line.index.isin(lines), "in_service"] = False
    net.trafo = net.trafo[~net.trafo.index.isin(opened.element[opened.et == "t"])]


def _join_by_switches(net: Any) -> None:
    """Make buses one that closed switches join; the one with the lowest number stays."""
    import pandapower.toolbox

    closed = net.switch[(net.switch.et == "b") & net.switch.closed.astype(bool)]
    same: dict[int, int] = {}

    def stays(bus: int) -> int:
        while bus in same:
            bus = same[bus]
        return bus

    for first, second in zip(closed.bus, closed.element, strict=True):
        kept, gone = sorted((stays(int(first)), stays(int(second))))
        if kept != gone:
            same[gone] = kept
    net.switch = net.switch.drop(net.switch.index)
    net[SAME_AS] = {bus: stays(bus) for bus in same}
    for gone, kept in net[SAME_AS].items():
        pandapower.toolbox.fuse_buses(net, kept, gone, drop=True, fuse_bus_measurements=False)


# -------------------------------------------------------------------------------------------------- transformers


def _refer(net: Any) -> None:
    """Refer everything to the level of most buses, and make transformers lines."""
    import pandapower

    levels, counts = np.unique(net.bus.vn_kv, return_counts=True)
    level_kv = float(levels[counts.argmax()])
    ratio = {int(k): _ratio(row) for k, row in net.trafo.iterrows()}
    actual = _actual_per_referred(net, ratio, level_kv)
    at_line = np.array([actual[int(bus)] for bus in net.line.from_bus])
    for column, power in (("r_ohm_per_km", -2), ("x_ohm_per_km", -2), ("c_nf_per_km", 2), ("max_i_ka", 1)):
        if column in net.line:
            net.line[column] = net.line[column].to_numpy(dtype=np.float64) * at_line**power
    for _, trafo in net.trafo.iterrows():
        at_lv = actual[int(trafo.lv_bus)]
        z_ohm = trafo.vk_percent / 100.0 * trafo.vn_lv_kv**2 / trafo.sn_mva
        r_ohm = trafo.vkr_percent / 100.0 * trafo.vn_lv_kv**2 / trafo.sn_mva
        pandapower.create_line_from_parameters(
            net,
            int(trafo.hv_bus),
            int(trafo.lv_bus),
            length_km=1.0,
            r_ohm_per_km=r_ohm / at_lv**2,
            x_ohm_per_km=float(np.sqrt(z_ohm**2 - r_ohm**2)) / at_lv**2,
            c_nf_per_km=0.0,
            max_i_ka=trafo.sn_mva / (np.sqrt(3.0) * trafo.vn_lv_kv) * at_lv,
            parallel=int(trafo.parallel),
        )
    net.trafo = net.trafo.drop(net.trafo.index)
    per_unit = [level_kv * actual[int(bus)] / vn_kv for bus, vn_kv in net.bus.vn_kv.items()]
    # What is nominal is so to the last bit.
    net.bus[PER_UNIT] = np.where(np.abs(np.array(per_unit) - 1.0) < NEAR, 1.0, per_unit)
    net.bus["vn_kv"] = level_kv


def _ratio(trafo: Any) -> float:
    """Voltage on the low side per voltage on the high side, with nothing drawn and the tap where it is."""
    low_kv, high_kv = float(trafo.vn_lv_kv), float(trafo.vn_hv_kv)
    steps = float(trafo.get("tap_pos", np.nan)) - float(trafo.get("tap_neutral", np.nan))
    change = 1.0 + steps * float(trafo.get("tap_step_percent", np.nan)) / 100.0
    if np.isfinite(change):
        low_kv, high_kv = (low_kv * change, high_kv) if trafo.tap_side == "lv" else (low_kv, high_kv * change)
    return low_kv / high_kv


def _actual_per_referred(net: Any, ratio: Mapping[int, float], level_kv: float) -> dict[int, float]:
    """Voltage of each bus per voltage referred to a level, with nothing drawn; 1 at the first bus of that level."""
    ways: dict[int, list[tuple[int, float]]] = {int(bus): [] for bus in net.bus.index}
    for first, second, factor in _edges(net, ratio):
        ways[first].append((second, factor))
        ways[second].append((first, 1.0 / factor))
    found: dict[int, float] = {}
    # Parts that touch the level begin there; others at their own rated voltage.
    for start in sorted(ways, key=lambda bus: (net.bus.vn_kv[bus] != level_kv, bus)):
        if start in found:
            continue
        found[start] = float(net.bus.vn_kv[start]) / level_kv
        reached = deque([start])
        while reached:
            bus = reached.popleft()
            for there, factor in ways[bus]:
                if there not in found:
                    found[there] = found[bus] * factor
                    reached.append(there)
                elif abs(found[there] / (found[bus] * factor) - 1.0) > NEAR:
                    problem = f"transformers in a loop at bus {there} have different ratios; leave one of them out"
                    raise ScenarioError([ScenarioIssue("network", problem)])
    return found


def _edges(net: Any, ratio: Mapping[int, float]) -> Iterator[tuple[int, int, float]]:
    """Ends of lines and transformers, and the voltage at the second per voltage at the first."""
    for first, second in zip(net.line.from_bus, net.line.to_bus, strict=True):
        yield int(first), int(second), 1.0
    for number, trafo in net.trafo.iterrows():
        yield int(trafo.hv_bus), int(trafo.lv_bus), ratio[int(number)]


def per_unit_of(net: Any) -> Floats:
    """Per unit of each bus's own rated voltage per unit of the level that the net is referred to, shape [B]."""
    factors: Floats = net.bus[PER_UNIT].to_numpy(dtype=np.float64)
    return factors
