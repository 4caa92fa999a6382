"""A time in which a network stays as it is: who forms the grid of which island, and who is dark."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosim.grid.feeder import Feeder, build_feeder, components_of
from cosim.grid.islands import Islands
from cosim.grid.kept_net import PandapowerNet
from cosim.grid.reduction import PER_UNIT
from cosim.grid.timetable import Timetable
from cosim.interface import Floats, Ints
from cosim.scenario.schema import NetworkSection, SupplySection

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Stage:
    """A time in which the network stays as it is.

    Attributes:
        first: Its first slot.
        feeder: The live buses; an island is numbered as its slack bus.
        live: Position of each of its buses in the network.
        islands: The island of each microgrid.
        leader: Microgrid that holds the voltage of each island, shape [S].
        dg_follows: Where diesel works, but does not hold its island's voltage, shape [M].
        supplied: Whether the utility holds the voltage of its island.
        failed: Units that have failed, as (microgrid, `dg` | `ess` | `pv` | `wt`).
    """

    first: int
    feeder: Feeder
    live: Ints
    islands: Islands
    leader: Ints
    dg_follows: Flags
    supplied: bool
    failed: frozenset[tuple[int, str]]

    @property
    def whole(self) -> bool:
        """Whether all buses are live, and every microgrid is an island of its own."""
        return self.islands.alone

    @cached_property
    def has_followers(self) -> bool:
        """Whether any diesel does not hold its island's voltage."""
        return bool(self.dg_follows.any())

    @cached_property
    def leads(self) -> Ints:
        """The microgrid that leads each microgrid's island; -1 in the dark; shape [M]."""
        island = self.islands.island
        return island if self.whole else np.where(island >= 0, np.append(self.leader, -1)[island], -1)

    def drawn_in_islands(self, power: Floats) -> Floats:
        """Powers drawn at buses, summed over each island.

        Args:
            power: Powers [kW, kvar, ...], > 0 drawn, shape [..., B].

        Returns:
            Sums at the microgrids that lead the islands, 0 elsewhere, shape [..., M].
        """
        if self.whole:
            return self.feeder.per_island(power)
        drawn = np.zeros((*power.shape[:-1], len(self.islands.island)))
        if len(self.live):
            drawn[..., self.leader] = self.feeder.per_island(power[..., self.live])
        return drawn

    def works(self, unit: str, microgrids: int) -> Flags:
        """Whether a kind of unit works in each microgrid, shape [M]."""
        return np.array([(m, unit) not in self.failed for m in range(microgrids)])


def stages_of(
    section: NetworkSection, net: PandapowerNet, timetable: Timetable, places: dict[int, int]
) -> Iterator[Stage]:
    """The stages of a network, one after the other.

    Args:
        section: The scenario's `network`.
        net: The net, with all lines open that are open at any time; changed in place.
        timetable: What goes out and comes back.
        places: Microgrid of each bus number.
    """
    for first in timetable.changes:
        of_stage = net if len(timetable.changes) == 1 else copy.deepcopy(net)
        of_stage.line.loc[timetable.closed_lines(first), "in_service"] = True
        yield _stage(section, of_stage, timetable, places, first)


def _stage(
    section: NetworkSection, net: PandapowerNet, timetable: Timetable, places: dict[int, int], first: int
) -> Stage:
    import pandapower.toolbox

    failed = frozenset(timetable.failed_units(first))
    supply = section.supply if section.supply is not None and not timetable.supply_is_out(first) else None
    slacks: list[tuple[int, int, float]] = []
    islands = components_of(net)
    island_of = {bus: k for k, island in enumerate(islands) for bus in island}
    held: dict[int, int] = {}
    for component in islands:
        slack = _slack_of(component, section, supply, failed, places)
        if slack is not None:
            slacks.append(slack)
    slacks.sort()
    for island, (_, bus, _) in enumerate(slacks):
        held[island_of[bus]] = island
    of_microgrid = np.full(max(places.values()) + 1, -1, dtype=np.int64)
    for bus, number in places.items():
        of_microgrid[number] = held.get(island_of[bus], -1)
    buses = net.bus.index.to_numpy(dtype=np.int64)
    alive = np.array([of_microgrid[places[int(bus)]] >= 0 for bus in buses])
    living = net if alive.all() else pandapower.toolbox.select_subnet(net, buses[alive].tolist())
    follows = np.zeros(len(of_microgrid), dtype=np.bool_)
    for number, microgrid in enumerate(section.microgrids):
        if microgrid.dg is not None and of_microgrid[number] >= 0 and (number, "dg") not in failed:
            follows[number] = all(bus != microgrid.dg.bus for _, bus, _ in slacks)
    return Stage(
        first=first,
        feeder=build_feeder(
            living, [bus for _, bus, _ in slacks], [vm_pu / float(net.bus[PER_UNIT][bus]) for _, bus, vm_pu in slacks]
        ),
        live=np.flatnonzero(alive),
        islands=Islands(of_microgrid),
        leader=np.array([microgrid for microgrid, _, _ in slacks], dtype=np.int64),
        dg_follows=follows,
        supplied=supply is not None,
        failed=failed,
    )


def _slack_of(
    island: set[int],
    section: NetworkSection,
    supply: SupplySection | None,
    failed: frozenset[tuple[int, str]],
    places: dict[int, int],
) -> tuple[int, int, float] | None:
    """Who holds an island's voltage: its microgrid, bus number and voltage [p.u.]; None if nobody does."""
    if supply is not None and supply.bus in island:
        return places[supply.bus], supply.bus, supply.vm_pu
    units = [
        (-microgrid.dg.p_max_kw, number, microgrid.dg)
        for number, microgrid in enumerate(section.microgrids)
        if microgrid.dg is not None and microgrid.dg.bus in island and (number, "dg") not in failed
    ]
    if not units:
        return None
    _, number, dg = min(units, key=lambda unit: unit[:2])
    return number, dg.bus, dg.vm_pu
