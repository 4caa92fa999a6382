"""The units and islands of every slot: what the timetable leaves of the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        forming_max_kvar: Highest reactive power of it [kvar], shape [T, M].
        ess_power_kw: Highest power of storage [kW], shape [T, M].
        dg_follows: Where diesel works, but does not hold its island's voltage, shape [T, M].
        leads: The microgrid that leads each microgrid's island; -1 in the dark; shape [T, M].
        pv_works: 1 where photovoltaic units work, else 0, shape [T, M].
        wt_works: 1 where wind turbines do.
    """

    def __init__(self, stages: Sequence[Stage], stage_of_slot: Ints, units: Sequence[Microgrids]) -> None:
        self.stages = stages
        self._stage_of_slot: list[int] = stage_of_slot.tolist()
        self._units = units

        def by_slot(of_stages: Sequence[NDArray[Any]]) -> NDArray[Any]:
            return np.array(of_stages)[stage_of_slot]

        self.forming_max_kw: Floats = by_slot([each.forming_max_kw for each in units])
        self.forming_max_kvar: Floats = by_slot([each.forming_max_kvar for each in units])
        self.ess_power_kw: Floats = by_slot([each.ess_power_kw for each in units])
        self.dg_follows: NDArray[np.bool_] = by_slot([stage.dg_follows for stage in stages])
        self.leads: Ints = by_slot([stage.leads for stage in stages])
        self._alone = all(stage.islands.alone for stage in stages)
        self.pv_works, self.wt_works = (
            by_slot([stage.works(unit, len(units[0])) for stage in stages]).astype(np.float64) for unit in ("pv", "wt")
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

    def island_totals(self, slot: Ints | int, values: Floats) -> Floats:
        """What islands have in all, at each of their microgrids; of who is dark, its own.

        Args:
            slot: A slot, or several, shape [T].
            values: What microgrids have in it, shape [N, M]; or in them, shape [T, N, M].
        """
        if self._alone:
            return values
        return self._stage_by_stage(slot, values, lambda stage, here: stage.islands.total(here))

    def drawn_in_islands(self, slot: Ints | int, power: Floats) -> Floats:
        """Powers drawn at buses, summed over islands at the microgrids that lead them; 0 elsewhere.

        Args:
            slot: A slot, or several, shape [T].
            power: Powers in it, shape [N, B]; or in them, shape [T, N, B].

        Returns:
            Shape [N, M] or [T, N, M].
        """
        return self._stage_by_stage(slot, power, Stage.drawn_in_islands)

    def _stage_by_stage(self, slot: Ints | int, values: Floats, work: Callable[[Stage, Floats], Floats]) -> Floats:
        """What stages make of the values of their slots, at microgrids."""
        if len(self.stages) == 1:
            return work(self.stages[0], values)
        of_all = np.empty((*values.shape[:-1], self.leads.shape[1]))
        number = np.array(self._stage_of_slot)[slot]
        for k in np.unique(number):
            of_all[number == k] = work(self.stages[k], values[number == k])
        return of_all

    def slots_together(self, first: int, count: int) -> list[tuple[Islands, Ints]]:
        """Slots in which microgrids are together or dark: their islands, and their places from a first slot on."""
        if self._alone:
            return []
        numbers: Sequence[int] = self._stage_of_slot[first : first + count]
        return [
            (stage.islands, np.flatnonzero(np.array(numbers) == k))
            for k, stage in enumerate(self.stages)
            if not stage.islands.alone and k in numbers
        ]
