"""A network without its injections, as every power flow engine is opened with it.

The network stays a pandapower net; what engines and dispatch need of it is laid out once as arrays over positions
0..B-1, so that no table is searched during a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cosim.grid.kept_net import KeptNet, PandapowerNet
from cosim.interface import Floats, Ints
from cosim.units import KW_PER_MW as KVA_PER_MVA


@dataclass(frozen=True)
class Feeder:
    """A network without its injections, as every power flow engine is opened with it.

    Attributes:
        kept: The pandapower net: lines opened, one external grid per slack bus.
        f_hz: Rated frequency [Hz].
        bus: Bus numbers of the net, by position, shape [B].
        line_from: Position of each line's first bus, in service only, shape [L].
        line_to: Position of each line's second bus, shape [L].
        line_r_ohm: Resistance [ohm], shape [L].
        line_x_ohm: Reactance [ohm], shape [L].
        line_c_nf: Capacitance [nF], shape [L].
        vn_kv: Rated voltage [kV], shape [B].
        island: Island of each bus, shape [B]; islands are numbered as their slack buses.
        slack: Position of each island's slack bus, shape [S].
        slack_vm_pu: Voltage held there [p.u.], shape [S].
        line_max_kva: Highest apparent power of lines at rated voltage [kVA], infinite if unknown, shape [L].
    """

    kept: KeptNet
    f_hz: float
    bus: Ints
    line_from: Ints
    line_to: Ints
    line_r_ohm: Floats
    line_x_ohm: Floats
    line_c_nf: Floats
    vn_kv: Floats
    island: Ints
    slack: Ints
    slack_vm_pu: Floats
    line_max_kva: Floats

    @property
    def net(self) -> PandapowerNet:
        """The pandapower net: lines opened, one external grid per slack bus."""
        return self.kept.net

    @property
    def buses(self) -> int:
        """Number of buses, B."""
        return len(self.bus)

    def per_island(self, power: Floats) -> Floats:
        """Sum powers at buses, shape [..., B], over each island, shape [..., S]; each case for itself."""
        order, first = self._by_island
        totals: Floats = np.add.reduceat(power[..., order], first, axis=-1)
        return totals

    @cached_property
    def _by_island(self) -> tuple[Ints, Ints]:
        """Buses island after island, and where each island begins among them."""
        order = np.argsort(self.island, kind="stable")
        return order, np.searchsorted(self.island[order], np.arange(len(self.slack)))

    def position(self, bus: int) -> int:
        """Position of a bus number; -1 if there is no such bus."""
        (found,) = np.nonzero(self.bus == bus)
        return int(found[0]) if len(found) else -1


def build_feeder(net: PandapowerNet, slack_buses: Sequence[int], slack_vm_pu: Sequence[float]) -> Feeder:
    """Lay a pandapower net out as a feeder, with a slack at each of the given buses.

    Args:
        net: The net, its lines already opened; changed in place: its external grids are replaced.
        slack_buses: Bus number of each island's slack.
        slack_vm_pu: Voltage held there [p.u.].

    Returns:
        The feeder; every bus must be connected to exactly one of the slack buses.
    """
    import pandapower

    net.ext_grid = net.ext_grid.drop(net.ext_grid.index)
    for bus, vm_pu in zip(slack_buses, slack_vm_pu, strict=True):
        pandapower.create_ext_grid(net, bus, vm_pu=vm_pu)
    bus = net.bus.index.to_numpy(dtype=np.int64)
    position = {int(number): k for k, number in enumerate(bus)}
    island = np.full(len(bus), -1, dtype=np.int64)
    for number, members in enumerate(_islands_of(net, slack_buses)):
        island[[position[b] for b in members]] = number
    line = net.line[net.line.in_service]
    length = line.length_km.to_numpy() / line.parallel.to_numpy()
    return Feeder(
        kept=KeptNet(net),
        f_hz=float(net.f_hz),
        bus=bus,
        line_from=np.array([position[b] for b in line.from_bus], dtype=np.int64),
        line_to=np.array([position[b] for b in line.to_bus], dtype=np.int64),
        line_r_ohm=line.r_ohm_per_km.to_numpy() * length,
        line_x_ohm=line.x_ohm_per_km.to_numpy() * length,
        line_c_nf=line.c_nf_per_km.to_numpy() * line.length_km.to_numpy() * line.parallel.to_numpy(),
        vn_kv=net.bus.vn_kv.to_numpy(),
        island=island,
        slack=np.array([position[b] for b in slack_buses], dtype=np.int64),
        slack_vm_pu=np.array(slack_vm_pu, dtype=np.float64),
        line_max_kva=_line_max_kva(net, line),
    )


def _line_max_kva(net: PandapowerNet, line: Any) -> Floats:
    """Highest apparent power of lines in service at rated voltage [kVA], shape [L]."""

    def column(name: str, default: float) -> Floats:
        values = line[name].to_numpy(dtype=np.float64) if name in line else np.full(len(line), default)
        return np.where(np.isnan(values), default, values)

    loading = column("max_loading_percent", 100.0) / 100.0
    current_ka = column("max_i_ka", np.inf) * column("df", 1.0) * line.parallel.to_numpy(dtype=np.float64) * loading
    vn_kv = net.bus.vn_kv.loc[line.from_bus].to_numpy(dtype=np.float64)
    max_kva: Floats = np.sqrt(3.0) * vn_kv * current_ka * KVA_PER_MVA
    return max_kva


def components_of(net: PandapowerNet) -> list[set[int]]:
    """Sets of buses that lines in service join, in the order of their first buses."""
    import pandapower.topology

    graph = pandapower.topology.create_nxgraph(net, respect_switches=False)
    found = (set(map(int, component)) for component in pandapower.topology.connected_components(graph))
    return sorted(found, key=min)


def _islands_of(net: PandapowerNet, buses: Sequence[int]) -> list[set[int]]:
    component_of = {bus: component for component in components_of(net) for bus in component}
    return [component_of[bus] for bus in buses]
