"""What a microgrid publishes before a slot: the power it takes from and gives to EVs, and a forecast."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cosim.grid.conditions import Conditions
from cosim.grid.microgrid import Availability
from cosim.interface import Floats
from cosim.scenario.schema import ForecastSection, NetworkSection
from cosim.seeding import stream


@dataclass(frozen=True)
class EvLimits:
    """How a microgrid's limits for EVs follow from its load and renewables.

    Attributes:
        conditions: Units and islands of each slot.
        chargers: Chargers in each microgrid, shape [M].
        charge_from_dg: Whether EVs may draw spare diesel power as well as spare renewables.
        displace_dg: Whether EVs may feed in what diesel could also supply.
    """

    conditions: Conditions
    chargers: Floats
    charge_from_dg: bool
    displace_dg: bool

    @classmethod
    def of(cls, section: NetworkSection, conditions: Conditions, chargers: Floats) -> EvLimits:
        """Read the two choices from a scenario."""
        return cls(
            conditions, chargers, section.charging_limit == "surplus_and_dg", section.discharging_limit == "net_load"
        )

    def surplus_kw(self, available: Availability, first: int = 0) -> Floats:
        """Power that EVs may draw [kW], >= 0: it never causes shedding and never comes from storage.

        Args:
            available: Load and renewables from a slot on, shape [..., K, M].
            first: That slot.
        """
        spare_kw = available.pv_kw + available.wt_kw - available.load_kw
        if self.charge_from_dg:
            spare_kw = spare_kw + self._forming_kw(available, first)
        return self._limit_kw(spare_kw, first)

    def deficit_kw(self, available: Availability, first: int = 0) -> Floats:
        """Load beyond renewables and what forms the grid, as far as EVs can serve it [kW], >= 0."""
        net_kw = available.load_kw - available.pv_kw - available.wt_kw
        return self._limit_kw(net_kw - self._forming_kw(available, first), first)

    def feed_in_kw(self, available: Availability, first: int = 0) -> Floats:
        """Power that EVs may feed in [kW], >= 0."""
        if self.displace_dg:
            return self._limit_kw(available.load_kw - available.pv_kw - available.wt_kw, first)
        return self.deficit_kw(available, first)

    def _forming_kw(self, available: Availability, first: int) -> Floats:
        return self.conditions.forming_max_kw[first : first + available.load_kw.shape[-2]]

    def _limit_kw(self, own_kw: Floats, first: int) -> Floats:
        """What each microgrid has, or lacks, as the limit of its stations; an island's is shared by chargers."""
        limit_kw: Floats = np.maximum(own_kw, 0.0)
        for islands, places in self.conditions.slots_together(first, own_kw.shape[-2]):
            of_island_kw = np.maximum(islands.total(own_kw[..., places, :]), 0.0)
            chargers = np.broadcast_to(self.chargers, of_island_kw.shape)
            # An island without a station has a limit too, though nobody can use it.
            nobody = islands.total(chargers) == 0.0
            weight = np.where(nobody, limit_kw[..., places, :], chargers)
            limit_kw[..., places, :] = islands.part(of_island_kw, weight) * islands.live
        return limit_kw


class Forecaster:
    """Foretells deficit and surplus for the rest of an episode, from the slot that begins.

    Args:
        section: The scenario's `forecast`.
        limits: Turns load and renewables into deficit and surplus.
        expected: Load and renewables without noise, shape [T, M].
        seed: The scenario's seed.
        name: Name of the random stream of `noisy`.
    """

    def __init__(
        self, section: ForecastSection, limits: EvLimits, expected: Availability, seed: int, name: str = "forecast"
    ) -> None:
        self._name = name
        self._kind = section.kind
        self._error = section.error
        self._limits = limits
        self._shapes = np.array([expected.load_kw, expected.pv_kw, expected.wt_kw])
        self._seed = seed

    def begin(self, episodes: list[int], actual: Availability) -> None:
        """Start new episodes, one per replica.

        Args:
            episodes: Their numbers.
            actual: What they really bring, shape [R, T, M].
        """
        self._actual = actual
        self._foretold: tuple[int, Availability] | None = None
        if self._kind == "noisy":
            self._generators = [stream(self._seed, e, self._name) for e in episodes]
        elif self._kind == "shape":
            measured = np.array([actual.load_kw, actual.pv_kw, actual.wt_kw])
            expected = self._shapes[:, None]
            known = expected > 0.0
            # How much of what is expected is measured in each slot, shape [X, R, T, M].
            self._factor = np.where(known, measured / np.where(known, expected, 1.0), 1.0)

    def forecast(self, slot: int) -> tuple[Floats, Floats]:
        """Deficit and surplus of the slots to come.

        Args:
            slot: The slot that begins.

        Returns:
            Deficit and surplus [kW], each of shape [R, M, T]; index k is k slots from now, 0 beyond the end.
        """
        if self._kind == "none":
            return self._last_values(slot)
        foretold, shape = self.foretold(slot), self._actual.load_kw.shape
        deficit_kw, surplus_kw = self._limits.deficit_kw(foretold, slot), self._limits.surplus_kw(foretold, slot)
        return _ahead(deficit_kw, shape), _ahead(surplus_kw, shape)

    def totals(self, slot: int) -> tuple[Floats, Floats]:
        """Load of all microgrids, and renewable power to be had in all of them.

        Args:
            slot: The slot that begins.

        Returns:
            Load and renewable power [kW], each of shape [R, T]; index k is k slots from now, 0 beyond the end.
        """
        shape = self._actual.load_kw.shape
        if self._kind == "none":
            load_kw, renewable_kw = np.zeros((2, *shape[:2]))
            if slot:
                last = self._actual.slot(slot - 1)
                load_kw[:, 0], renewable_kw[:, 0] = last.load_kw.sum(axis=1), (last.pv_kw + last.wt_kw).sum(axis=1)
            return load_kw, renewable_kw
        foretold = self.foretold(slot)
        return _ahead(foretold.load_kw, shape).sum(axis=1), _ahead(foretold.pv_kw + foretold.wt_kw, shape).sum(axis=1)

    def foretold(self, slot: int) -> Availability:
        """Load and renewables from a slot that begins on; nothing else of it is foretold.

        Args:
            slot: The slot.

        Returns:
            Powers of shape [R, K, M], the present slot first, as it is.
        """
        # Once per slot: an error is drawn.
        if self._foretold is None or self._foretold[0] != slot:
            self._foretold = slot, self._foretell(slot)
        return self._foretold[1]

    def _foretell(self, slot: int) -> Availability:
        actual = self._actual
        if self._kind == "shape":
            load_kw, pv_kw, wt_kw = self._shapes[:, None, slot:] * self._factor[:, :, slot, None]
            return Availability(load_kw, actual.load_kvar, pv_kw, wt_kw, actual.p_factor, actual.q_factor)
        if self._kind == "persistence":
            to_come = actual.load_kw[:, slot:].shape
            return Availability(*(np.broadcast_to(power[:, slot, None], to_come) for power in vars(actual).values()))
        truth = Availability(*(power[..., slot:, :] for power in vars(actual).values()))
        if self._kind == "noisy":
            names = ("load_kw", "load_kvar", "pv_kw", "wt_kw")
            shape = (len(names), *truth.load_kw.shape[1:])
            errors = np.stack([g.standard_normal(shape) for g in self._generators], axis=1)
            # The present is measured, not foretold.
            errors[:, :, 0] = 0.0
            factors = np.maximum(1.0 + self._error * errors, 0.0)
            return replace(truth, **{name: getattr(truth, name) * factors[k] for k, name in enumerate(names)})
        return truth

    def _last_values(self, slot: int) -> tuple[Floats, Floats]:
        actual = self._actual
        replicas, slots, microgrids = actual.load_kw.shape
        deficit_kw, surplus_kw = np.zeros((2, replicas, microgrids, slots))
        if slot:
            last = Availability(*(power[:, slot - 1 : slot] for power in vars(actual).values()))
            deficit_kw[:, :, 0] = self._limits.deficit_kw(last, slot - 1)[:, 0]
            surplus_kw[:, :, 0] = self._limits.surplus_kw(last, slot - 1)[:, 0]
        return deficit_kw, surplus_kw


def _ahead(power: Floats, shape: tuple[int, ...]) -> Floats:
    """Slots to come [R, K, M] as [R, M, T], zero beyond the end."""
    replicas, slots, microgrids = shape
    ahead = np.zeros((replicas, microgrids, slots))
    ahead[:, :, : power.shape[1]] = power.transpose(0, 2, 1)
    return ahead
