"""From a scenario's `network` section to a feeder of islands, each held by one microgrid's diesel generator.

The network itself stays a pandapower net; what engines and dispatch need of it is laid out once as arrays
over positions 0..B-1, so that no table is searched during a run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandapower
import pandapower.networks
import pandapower.topology

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.grid.case import PandapowerNet
from cosim.interface import Floats, Ints
from cosim.scenario.schema import MicrogridSection, NetworkSection, StationSection
from cosim.units import KW_PER_MW


@dataclass(frozen=True)
class Feeder:
    """A network without its injections, as every power flow engine is opened with it.

    Attributes:
        net: The pandapower net: lines opened, one external grid per slack bus.
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
    """

    net: PandapowerNet
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


@dataclass(frozen=True)
class Network:
    """A feeder cut into islands, with its rated loads.

    Attributes:
        feeder: The feeder; island m belongs to microgrid m.
        load_kw: Rated active load of each bus [kW], shape [B].
        load_kvar: Rated reactive load of each bus [kvar], shape [B].
    """

    feeder: Feeder
    load_kw: Floats
    load_kvar: Floats


def build_network(section: NetworkSection, net: PandapowerNet) -> Network:
    """Open a network's lines and give each island its slack bus.

    Args:
        section: The scenario's `network`.
        net: The net that it names, as `load_net` gives it; changed in place.

    Returns:
        The network; island m belongs to microgrid m.

    Raises:
        ScenarioError: If a bus or line does not exist, or the islands are not those that the microgrids need;
            holds all mistakes.
    """
    issues = _open_lines(net, section.opened_lines) + _bus_issues(net, section.microgrids)
    if not issues:
        issues = _island_issues(net, section.microgrids)
    if issues:
        raise ScenarioError(issues)
    feeder = build_feeder(net, [m.dg.bus for m in section.microgrids], [m.dg.vm_pu for m in section.microgrids])
    return Network(feeder, *_rated_loads(net, feeder))


def check_station_buses(stations: Sequence[StationSection], net: PandapowerNet) -> None:
    """Check that the stations' buses exist.

    Raises:
        ScenarioError: If one does not; holds all mistakes.
    """
    known = set(net.bus.index)
    issues = [
        _no_such_bus(f"stations.{k}.bus", station.bus, known)
        for k, station in enumerate(stations)
        if station.bus not in known
    ]
    if issues:
        raise ScenarioError(issues)


def build_feeder(net: PandapowerNet, slack_buses: Sequence[int], slack_vm_pu: Sequence[float]) -> Feeder:
    """Lay a pandapower net out as a feeder, with a slack at each of the given buses.

    Args:
        net: The net, its lines already opened; changed in place: its external grids are replaced.
        slack_buses: Bus number of each island's slack.
        slack_vm_pu: Voltage held there [p.u.].

    Returns:
        The feeder; every bus must be connected to exactly one of the slack buses.
    """
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
        net=net,
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
    )


def bus_positions(feeder: Feeder) -> tuple[Floats, Floats]:
    """Positions of the buses in the net's drawing, x and y; NaN for a bus that has none. Each of shape [B]."""
    xy = np.full((feeder.buses, 2), np.nan)
    if "geo" in feeder.net.bus:
        for position, geo in enumerate(feeder.net.bus.geo):
            if isinstance(geo, str):
                with suppress(ValueError, TypeError, KeyError, IndexError):  # a drawing decides nothing
                    xy[position] = json.loads(geo)["coordinates"][:2]
    return xy[:, 0], xy[:, 1]


def all_lines(feeder: Feeder) -> tuple[Ints, Ints, Floats, Floats, Ints]:
    """Ends (bus numbers), resistance and reactance [ohm] and service of all lines, the opened ones too."""
    line = feeder.net.line
    length = line.length_km.to_numpy() / line.parallel.to_numpy()
    return (
        line.from_bus.to_numpy(dtype=np.int64),
        line.to_bus.to_numpy(dtype=np.int64),
        line.r_ohm_per_km.to_numpy() * length,
        line.x_ohm_per_km.to_numpy() * length,
        line.in_service.to_numpy(dtype=np.int64),
    )


def _open_lines(net: PandapowerNet, opened: Sequence[Sequence[int]]) -> list[ScenarioIssue]:
    issues = []
    for k, (first, second) in enumerate(opened):
        ends = net.line.from_bus.isin([first, second]) & net.line.to_bus.isin([first, second])
        if first == second or not ends.any():
            near = sorted({tuple(sorted(map(int, row))) for row in net.line[["from_bus", "to_bus"]].to_numpy()})
            touching = [f"{a}-{b}" for a, b in near if first in (a, b) or second in (a, b)]
            hint = f"; lines at these buses: {', '.join(touching)}" if touching else ""
            issues.append(ScenarioIssue(f"network.opened_lines.{k}", f"there is no line {first}-{second}{hint}"))
        net.line.loc[ends, "in_service"] = False
    return issues


def _bus_issues(net: PandapowerNet, microgrids: Sequence[MicrogridSection]) -> list[ScenarioIssue]:
    issues = []
    known = set(net.bus.index)
    for k, microgrid in enumerate(microgrids):
        for unit in ("dg", "ess", "pv", "wt"):
            section = getattr(microgrid, unit)
            if section is not None and section.bus not in known:
                issues.append(_no_such_bus(f"network.microgrids.{k}.{unit}.bus", section.bus, known))
        for n, bus in enumerate(microgrid.buses or ()):
            if bus not in known:
                issues.append(_no_such_bus(f"network.microgrids.{k}.buses.{n}", bus, known))
    return issues


def _no_such_bus(path: str, bus: int, known: set[int]) -> ScenarioIssue:
    return ScenarioIssue(path, f"there is no bus {bus}; buses are {min(known)} to {max(known)}")


def _island_issues(net: PandapowerNet, microgrids: Sequence[MicrogridSection]) -> list[ScenarioIssue]:
    issues = []
    islands = _islands_of(net, [m.dg.bus for m in microgrids])
    holder: dict[int, str] = {}
    for k, (microgrid, island) in enumerate(zip(microgrids, islands, strict=True)):
        path = f"network.microgrids.{k}"
        first = min(island)
        if first in holder:
            issues.append(
                ScenarioIssue(
                    f"{path}.dg.bus",
                    f"bus {microgrid.dg.bus} is in the island of microgrid {holder[first]!r} already: an island has "
                    "one grid-forming unit; open more lines, or give only one of them this island",
                )
            )
        holder[first] = microgrid.name
        for unit in ("ess", "pv", "wt"):
            section = getattr(microgrid, unit)
            if section is not None and section.bus not in island:
                issues.append(
                    ScenarioIssue(
                        f"{path}.{unit}.bus",
                        f"bus {section.bus} is not in the island of {microgrid.name!r}: buses {_listed(island)}",
                    )
                )
        if microgrid.buses is not None and set(microgrid.buses) != island:
            issues.append(
                ScenarioIssue(
                    f"{path}.buses",
                    f"the opened lines make an island of buses {_listed(island)}, not {_listed(microgrid.buses)}",
                )
            )
    held = set().union(*islands)
    issues.extend(
        ScenarioIssue(
            "network.microgrids",
            f"the island of buses {_listed(dark)} has no grid-forming unit: no microgrid has its dg there",
        )
        for dark in _components(net)
        if not dark & held
    )
    if not issues and any(_has_cycle(net, island) for island in islands):
        issues.append(
            ScenarioIssue(
                "network.opened_lines", "an island has a loop of lines; open one of them (islands are radial)"
            )
        )
    return issues


def _has_cycle(net: PandapowerNet, island: set[int]) -> bool:
    return int((net.line.in_service & net.line.from_bus.isin(island)).sum()) != len(island) - 1


def _components(net: PandapowerNet) -> list[set[int]]:
    graph = pandapower.topology.create_nxgraph(net, respect_switches=False)
    return [set(map(int, component)) for component in pandapower.topology.connected_components(graph)]


def _islands_of(net: PandapowerNet, buses: Sequence[int]) -> list[set[int]]:
    component_of = {bus: component for component in _components(net) for bus in component}
    return [component_of[bus] for bus in buses]


def _listed(buses: Sequence[int] | set[int]) -> str:
    """Bus numbers in order, shortened when there are many."""
    ordered = sorted(buses)
    if len(ordered) > 12:
        return f"{', '.join(map(str, ordered[:6]))}, ... {ordered[-1]} ({len(ordered)} buses)"
    return ", ".join(map(str, ordered))


def _rated_loads(net: PandapowerNet, feeder: Feeder) -> tuple[Floats, Floats]:
    load = net.load[net.load.in_service]
    active, reactive = np.zeros(feeder.buses), np.zeros(feeder.buses)
    for bus, p_mw, q_mvar, scaling in zip(load.bus, load.p_mw, load.q_mvar, load.scaling, strict=True):
        active[feeder.position(bus)] += p_mw * scaling * KW_PER_MW
        reactive[feeder.position(bus)] += q_mvar * scaling * KW_PER_MW
    return active, reactive
