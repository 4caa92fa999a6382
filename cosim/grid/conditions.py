"""The units and islands of every slot: what the timetable leaves of the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.grid.islands import Islands
from cosim.grid.microgrid import Microgrids
from cosim.grid.network import Network
from cosim.grid.stage import Stage
from cosim.interface import Floats, Ints


class Conditions:
    """What there is in each slot.

    Args:
        stages: The times in which the network stays as it is.
        stage_of_slot: Number of the stage of each slot, shape [T].
        units: The units that work in each stage.

    Attributes:
        stages: The same stages.
        forming_max_kw: Highest power of what can form the grid, slot by slot [kW], shape [T, M].
        pv_works: 1 where photovoltaic units work, else 0, shape [T, M].
        wt_works: 1 where wind turbines do.
    """

    def __init__(self, stages: Sequence[Stage], stage_of_slot: Ints, units: Sequence[Microgrids]) -> None:
        self.stages = stages
        self._stage_of_slot: list[int] = stage_of_slot.tolist()
        self._units = units
        self.forming_max_kw: Floats = np.array([each.forming_max_kw for each in units])[stage_of_slot]
        self.pv_works, self.wt_works = (
            np.array([stage.works(unit, len(units[0])) for stage in stages], dtype=np.float64)[stage_of_slot]
            for unit in ("pv", "wt")
        )

    @classmethod
    def of(cls, network: Network, microgrids: Microgrids) -> Conditions:
        """Those of a network.

        Args:
            network: The network.
            microgrids: Its microgrids, with all their units.
        """
        units = [microgrids.in_stage(stage) for stage in network.stages]
        return cls(network.stages, network.stage_of_slot, units)

    def number(self, slot: int) -> int:
        """Number of the stage that a slot is in."""
        return self._stage_of_slot[slot]

    def stage(self, slot: int) -> Stage:
        """The stage that a slot is in."""
        return self.stages[self.number(slot)]

    def units(self, slot: int) -> Microgrids:
        """The units that work in a slot."""
        return self._units[self.number(slot)]

    def islands(self, slot: int) -> Islands:
        """The islands of a slot."""
        return self.stage(slot).islands

    def slots_together(self, first: int, count: int) -> list[tuple[Islands, Ints]]:
        """Slots in which microgrids are together or dark: their islands, and their places from a first slot on."""
        numbers: Sequence[int] = self._stage_of_slot[first : first + count]
        return [
            (stage.islands, np.flatnonzero(np.array(numbers) == k))
            for k, stage in enumerate(self.stages)
            if not stage.islands.alone and k in numbers
        ]
