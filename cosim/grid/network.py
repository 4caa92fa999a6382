"""From a scenario's `network` section to a network in microgrids, and to the islands of every slot.

A microgrid is what stays together: the buses between the lines that are open at any time of the episode. A stage is a
time in which no line opens or closes and no unit fails or comes back; its closed lines join microgrids to islands.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from cosim.clock import Clock
from cosim.errors import ScenarioError, ScenarioIssue
from cosim.grid.feeder import components_of
from cosim.grid.islands import Islands
from cosim.grid.kept_net import KeptNet, PandapowerNet
from cosim.grid.reduction import RATED_KV, SAME_AS, per_unit_of
from cosim.grid.stage import Stage, stages_of
from cosim.grid.timetable import NO_TIMETABLE, lines_between, read_timetable
from cosim.interface import Floats, Ints
from cosim.scenario.schema import MicrogridSection, NetworkSection, StationSection
from cosim.units import KW_PER_MW


@dataclass(frozen=True)
class Network:
    """A network in microgrids, with its rated loads.

    Attributes:
        kept: The pandapower net, its lines as when an episode begins.
        bus: Bus numbers of the net, by position, shape [B].
        vn_kv: Rated voltage [kV], shape [B].
        per_unit: Voltage in per unit of the bus per unit that an engine finds; not 1 beyond a tap; shape [B].
        microgrid: Microgrid of each bus, shape [B].
        sections: What each microgrid has, shape [M]: those of the scenario, then parts of the network with nothing.
        load_kw: Rated active load of each bus [kW], shape [B].
        load_kvar: Rated reactive load of each bus [kvar], shape [B].
        critical_share: Share of the load of each bus that is critical, shape [B].
        supply_bus: Position of the utility's bus; -1 if there is none.
        stages: The times in which it stays as it is, in order.
        stage_of_slot: Number of the stage of each slot, shape [T].
    """

    kept: KeptNet
    bus: Ints
    vn_kv: Floats
    per_unit: Floats
    microgrid: Ints
    sections: tuple[MicrogridSection, ...]
    load_kw: Floats
    load_kvar: Floats
    critical_share: Floats
    supply_bus: int
    stages: tuple[Stage, ...]
    stage_of_slot: Ints

    @property
    def net(self) -> PandapowerNet:
        """The pandapower net, its lines as when an episode begins."""
        return self.kept.net

    @property
    def buses(self) -> int:
        """Number of buses, B."""
        return len(self.bus)

    def position(self, bus: int) -> int:
        """Position of a bus number; -1 if there is no such bus."""
        (found,) = np.nonzero(self.bus == bus)
        return int(found[0]) if len(found) else -1

    def islands_of_slots(self) -> list[Islands]:
        """The islands of each slot."""
        return [self.stages[stage].islands for stage in self.stage_of_slot]


def build_network(section: NetworkSection, net: PandapowerNet, clock: Clock | None) -> Network:
    """Open a network's lines, find its microgrids, and the islands of every slot.

    Args:
        section: The scenario's `network`.
        net: The net that it names, as `load_net` gives it; changed in place.
        clock: The scenario's clock; None if it is wrong, and what depends on it is not to be looked at.

    Raises:
        ScenarioError: If a bus or line does not exist, the timetable does not fit, or the microgrids are not those that
            the network has; holds all mistakes.
    """
    issues = _open_lines(net, section.opened_lines) + _bus_issues(net, section)
    timetable, of_timetable = (NO_TIMETABLE, []) if clock is None else read_timetable(section, net, clock)
    issues += of_timetable
    if issues:
        raise ScenarioError(issues)
    net.line.loc[sorted(timetable.lines), "in_service"] = True
    with_all_closed = components_of(net)
    net.line.loc[sorted(timetable.lines), "in_service"] = False
    parts = components_of(net)
    issues = _part_issues(parts, section.microgrids)
    if issues:
        raise ScenarioError(issues)
    bus = net.bus.index.to_numpy(dtype=np.int64)
    places, sections = _microgrids(parts, with_all_closed, section)
    stages = tuple(stages_of(section, net, timetable, places))
    net.line.loc[:, "in_service"] = stages[0].feeder.net.line.in_service.reindex(net.line.index, fill_value=False)
    net.line.loc[timetable.closed_lines(0), "in_service"] = True
    firsts = np.array([stage.first for stage in stages])
    position = {int(number): k for k, number in enumerate(bus)}
    return Network(
        kept=KeptNet(net),
        bus=bus,
        vn_kv=net.bus[RATED_KV].to_numpy(),
        per_unit=per_unit_of(net),
        microgrid=np.array([places[int(number)] for number in bus], dtype=np.int64),
        sections=tuple(sections),
        **_rated_loads(net, position),
        critical_share=np.where(np.isin(bus, section.critical.buses), 1.0, section.critical.share),
        supply_bus=-1 if section.supply is None else position[section.supply.bus],
        stages=stages,
        stage_of_slot=np.searchsorted(firsts, np.arange(1 if clock is None else clock.slots), side="right") - 1,
    )


def check_station_buses(stations: Sequence[StationSection], net: PandapowerNet) -> None:
    """Check that the stations' buses exist.

    Raises:
        ScenarioError: If one does not; holds all mistakes.
    """
    known = set(net.bus.index)
    issues = [
        _no_such_bus(f"stations.{k}.bus", station.bus, net)
        for k, station in enumerate(stations)
        if station.bus not in known
    ]
    if issues:
        raise ScenarioError(issues)


def bus_positions(network: Network) -> tuple[Floats, Floats]:
    """Positions of the buses in the net's drawing, x and y; NaN for a bus that has none. Each of shape [B]."""
    xy = np.full((network.buses, 2), np.nan)
    if "geo" in network.net.bus:
        for position, geo in enumerate(network.net.bus.geo):
            if isinstance(geo, str):
                with suppress(ValueError, TypeError, KeyError, IndexError):  # a drawing decides nothing
                    xy[position] = json.loads(geo)["coordinates"][:2]
    return xy[:, 0], xy[:, 1]


def all_lines(network: Network) -> tuple[Ints, Ints, Floats, Floats, Ints]:
    """Ends (bus numbers), resistance and reactance [ohm] of all lines, and whether they are closed at first."""
    line = network.net.line
    length = line.length_km.to_numpy() / line.parallel.to_numpy()
    return (
        line.from_bus.to_numpy(dtype=np.int64),
        line.to_bus.to_numpy(dtype=np.int64),
        line.r_ohm_per_km.to_numpy() * length,
        line.x_ohm_per_km.to_numpy() * length,
        line.in_service.to_numpy(dtype=np.int64),
    )


# ---------------------------------------------------------------------------------------------------- microgrids


def _microgrids(
    parts: Sequence[set[int]], with_all_closed: Sequence[set[int]], section: NetworkSection
) -> tuple[dict[int, int], list[MicrogridSection]]:
    """The microgrid of each bus number, and what each microgrid has."""
    sections, places = list(section.microgrids), {}
    part_of = {bus: part for part in map(frozenset, parts) for bus in part}
    for number, microgrid in enumerate(sections):
        places.update(dict.fromkeys(part_of[_home(microgrid)], number))
    loads = [(_home(microgrid), microgrid.load) for microgrid in sections]
    for part in parts:
        first = min(part)
        if first not in places:
            places.update(dict.fromkeys(part, len(sections)))
            joined = next(whole for whole in with_all_closed if first in whole)
            known = [load for home, load in loads if home in joined]
            load = known[0] if len(known) == 1 else section.load
            sections.append(MicrogridSection(name=f"bus {first}", load=load))
    return places, sections


def _home(microgrid: MicrogridSection) -> int:
    """A bus that is in the microgrid for certain."""
    units = [getattr(microgrid, unit) for unit in ("dg", "ess", "pv", "wt")]
    found = [unit.bus for unit in units if unit is not None]
    return found[0] if found else (microgrid.buses or [-1])[0]


def _part_issues(parts: Sequence[set[int]], microgrids: Sequence[MicrogridSection]) -> list[ScenarioIssue]:
    issues = []
    holder: dict[int, str] = {}
    for k, microgrid in enumerate(microgrids):
        path, home = f"network.microgrids.{k}", _home(microgrid)
        part = next(part for part in parts if home in part)
        first = min(part)
        if first in holder:
            where = f"{path}.dg.bus" if microgrid.dg is not None else path
            issues.append(
                ScenarioIssue(
                    where,
                    f"bus {home} is in the island of microgrid {holder[first]!r} already: an island has "
                    "one grid-forming unit; open more lines, or give only one of them this island",
                )
            )
        holder[first] = microgrid.name
        for unit in ("ess", "pv", "wt"):
            section = getattr(microgrid, unit)
            if section is not None and section.bus not in part:
                issues.append(
                    ScenarioIssue(
                        f"{path}.{unit}.bus",
                        f"bus {section.bus} is not in the island of {microgrid.name!r}: buses {_listed(part)}",
                    )
                )
        if microgrid.buses is not None and set(microgrid.buses) != part:
            issues.append(
                ScenarioIssue(
                    f"{path}.buses",
                    f"the opened lines make an island of buses {_listed(part)}, not {_listed(microgrid.buses)}",
                )
            )
    return issues


# --------------------------------------------------------------------------------------------------------- checks


def _open_lines(net: PandapowerNet, opened: Sequence[Sequence[int]]) -> list[ScenarioIssue]:
    issues = []
    for k, (first, second) in enumerate(opened):
        rows, problem = lines_between(net, first, second)
        if problem is not None:
            issues.append(ScenarioIssue(f"network.opened_lines.{k}", problem))
        net.line.loc[rows, "in_service"] = False
    return issues


def _bus_issues(net: PandapowerNet, section: NetworkSection) -> list[ScenarioIssue]:
    issues = []
    known = set(net.bus.index)
    for k, microgrid in enumerate(section.microgrids):
        path = f"network.microgrids.{k}"
        for unit in ("dg", "ess", "pv", "wt"):
            of_unit = getattr(microgrid, unit)
            if of_unit is not None and of_unit.bus not in known:
                issues.append(_no_such_bus(f"{path}.{unit}.bus", of_unit.bus, net))
        for n, bus in enumerate(microgrid.buses or ()):
            if bus not in known:
                issues.append(_no_such_bus(f"{path}.buses.{n}", bus, net))
        if _home(microgrid) < 0:
            issues.append(ScenarioIssue(path, "must have a unit or buses, got neither: nobody knows where it is"))
    for n, bus in enumerate(section.critical.buses):
        if bus not in known:
            issues.append(_no_such_bus(f"network.critical.buses.{n}", bus, net))
    if section.supply is not None and section.supply.bus not in known:
        issues.append(_no_such_bus("network.supply.bus", section.supply.bus, net))
    return issues


def _no_such_bus(path: str, bus: int, net: PandapowerNet) -> ScenarioIssue:
    known = net.bus.index
    if bus in net[SAME_AS]:
        same = net[SAME_AS][bus]
        return ScenarioIssue(path, f"bus {bus} is one with bus {same}, a closed switch joins them; name it {same}")
    return ScenarioIssue(path, f"there is no bus {bus}; buses are {min(known)} to {max(known)}")


def _listed(buses: Sequence[int] | set[int]) -> str:
    """Bus numbers in order, shortened when there are many."""
    ordered = sorted(buses)
    if len(ordered) > 12:
        return f"{', '.join(map(str, ordered[:6]))}, ... {ordered[-1]} ({len(ordered)} buses)"
    return ", ".join(map(str, ordered))


def _rated_loads(net: PandapowerNet, position: dict[int, int]) -> dict[str, Floats]:
    load = net.load[net.load.in_service]
    active, reactive = np.zeros(len(position)), np.zeros(len(position))
    for bus, p_mw, q_mvar, scaling in zip(load.bus, load.p_mw, load.q_mvar, load.scaling, strict=True):
        active[position[bus]] += p_mw * scaling * KW_PER_MW
        reactive[position[bus]] += q_mvar * scaling * KW_PER_MW
    return {"load_kw": active, "load_kvar": reactive}
