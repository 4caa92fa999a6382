"""Who dispatches the units of a slot, before anybody looks at voltages: by rule, or with foresight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from cosim.grid.conditions import Conditions
from cosim.grid.dispatch import Dispatch, dispatch_by_rule
from cosim.grid.horizon import HorizonProgram
from cosim.grid.microgrid import Availability
from cosim.grid.outlook import Forecaster
from cosim.interface import Floats


class Dispatcher(Protocol):
    """Decides what the units do; N cases are R replicas, and after them their references without EVs."""

    def begin(self, episodes: list[int], actual: Availability) -> None:
        """Start new episodes.

        Args:
            episodes: Their numbers.
            actual: What they bring, shape [R, T, M].
        """

    def dispatch(self, slot: int, available: Availability, ev_kw: Floats, ess_kwh: Floats) -> Dispatch:
        """Dispatch a slot.

        Args:
            slot: Its number.
            available: Load and renewable power of the slot [kW], shape [N, M].
            ev_kw: Power of the EVs [kW], > 0 drawn, shape [N, M].
            ess_kwh: Energy in storage at its start [kWh], shape [N, M].
        """


class RuleDispatcher:
    """By the order of priority.

    Args:
        conditions: Units and islands of each slot.
        slot_h: Length of a slot [h].
    """

    def __init__(self, conditions: Conditions, slot_h: float) -> None:
        self._conditions = conditions
        self._slot_h = slot_h

    def begin(self, episodes: Sequence[int], actual: Availability) -> None:
        """Start new episodes; a rule looks neither back nor ahead."""

    def dispatch(self, slot: int, available: Availability, ev_kw: Floats, ess_kwh: Floats) -> Dispatch:
        """Dispatch a slot."""
        units, islands = self._conditions.units(slot), self._conditions.islands(slot)
        return dispatch_by_rule(units, available, ev_kw, ess_kwh, self._slot_h, islands)


class HorizonDispatcher:
    """At the least cost over the slots to come.

    Args:
        program: Plans an island.
        foresight: What is known of load and renewables to come.
    """

    def __init__(self, program: HorizonProgram, foresight: Forecaster) -> None:
        self._program = program
        self._foresight = foresight

    def begin(self, episodes: list[int], actual: Availability) -> None:
        """Start new episodes."""
        self._foresight.begin(episodes, actual)

    def dispatch(self, slot: int, available: Availability, ev_kw: Floats, ess_kwh: Floats) -> Dispatch:
        """Dispatch a slot."""
        of_replicas = self._foresight.foretold(slot)
        # The references have the same load and renewables.
        coming = Availability(*(np.concatenate([power, power]) for power in vars(of_replicas).values()))
        return self._program.dispatch(slot, coming, ev_kw, ess_kwh)
