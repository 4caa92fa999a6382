"""What a microgrid publishes before a slot: the power it takes from and gives to EVs, and a forecast."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cosim.grid.microgrid import Availability, Microgrids
from cosim.interface import Floats
from cosim.scenario.schema import ForecastSection, NetworkSection
from cosim.seeding import stream


@dataclass(frozen=True)
class EvLimits:
    """How a microgrid's limits for EVs follow from its load and renewables.

    Attributes:
        microgrids: The units.
        charge_from_dg: Whether EVs may draw spare diesel power as well as spare renewables.
        displace_dg: Whether EVs may feed in what diesel could also supply.
    """

    microgrids: Microgrids
    charge_from_dg: bool
    displace_dg: bool

    @classmethod
    def of(cls, section: NetworkSection, microgrids: Microgrids) -> EvLimits:
        """Read the two choices from a scenario."""
        return cls(microgrids, section.charging_limit == "surplus_and_dg", section.discharging_limit == "net_load")

    def surplus_kw(self, available: Availability) -> Floats:
        """Power that EVs may draw [kW], >= 0: it never causes shedding and never comes from storage."""
        spare_kw = available.pv_kw + available.wt_kw - available.load_kw
        if self.charge_from_dg:
            spare_kw = spare_kw + self.microgrids.dg_p_max_kw
        return np.maximum(spare_kw, 0.0)

    def deficit_kw(self, available: Availability) -> Floats:
        """Load beyond renewables and diesel [kW], >= 0."""
        net_kw = available.load_kw - available.pv_kw - available.wt_kw
        return np.maximum(net_kw - self.microgrids.dg_p_max_kw, 0.0)

    def feed_in_kw(self, available: Availability) -> Floats:
        """Power that EVs may feed in [kW], >= 0."""
        if self.displace_dg:
            return np.maximum(available.load_kw - available.pv_kw - available.wt_kw, 0.0)
        return self.deficit_kw(available)


class Forecaster:
    """Foretells deficit and surplus for the rest of an episode, from the slot that begins.

    Args:
        section: The scenario's `forecast`.
        limits: Turns load and renewables into deficit and surplus.
        expected: Load and renewables without noise, shape [T, M].
        seed: The scenario's seed.
    """

    def __init__(self, section: ForecastSection, limits: EvLimits, expected: Availability, seed: int) -> None:
        self._kind = section.kind
        self._error = section.error
        self._limits = limits
        self._shapes = np.array([expected.load_kw, expected.pv_kw, expected.wt_kw])
        self._seed = seed

    def begin(self, episodes: list[int]) -> None:
        """Start new episodes, one per replica."""
        if self._kind == "noisy":
            self._generators = [stream(self._seed, e, "forecast") for e in episodes]

    def forecast(self, actual: Availability, slot: int) -> tuple[Floats, Floats]:
        """Deficit and surplus of the slots to come.

        Args:
            actual: What the episodes really bring, shape [R, T, M].
            slot: The slot that begins.

        Returns:
            Deficit and surplus [kW], each of shape [R, M, T]; index k is k slots from now, 0 beyond the end.
        """
        if self._kind == "none":
            return self._last_values(actual, slot)
        foretold = self._foretold(actual, slot)
        return (
            _ahead(self._limits.deficit_kw(foretold), actual.load_kw.shape),
            _ahead(self._limits.surplus_kw(foretold), actual.load_kw.shape),
        )

    def _foretold(self, actual: Availability, slot: int) -> Availability:
        """Load and renewables from the slot that begins on, shape [R, K, M]; nothing else of it is foretold."""
        if self._kind == "shape":
            now = np.array([actual.load_kw[:, slot], actual.pv_kw[:, slot], actual.wt_kw[:, slot]])
            load_kw, pv_kw, wt_kw = _scaled_to_now(self._shapes[:, slot:], now)
            return replace(actual, load_kw=load_kw, pv_kw=pv_kw, wt_kw=wt_kw)
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

    def _last_values(self, actual: Availability, slot: int) -> tuple[Floats, Floats]:
        replicas, slots, microgrids = actual.load_kw.shape
        deficit_kw, surplus_kw = np.zeros((2, replicas, microgrids, slots))
        if slot:
            last = actual.slot(slot - 1)
            deficit_kw[:, :, 0] = self._limits.deficit_kw(last)
            surplus_kw[:, :, 0] = self._limits.surplus_kw(last)
        return deficit_kw, surplus_kw


def _scaled_to_now(shapes: Floats, now: Floats) -> Floats:
    """Daily shapes [X, K, M] scaled so that their first value is what is measured now [X, R, M]; [X, R, K, M]."""
    first = shapes[:, None, 0]
    known = first > 0.0
    factor = np.where(known, now / np.where(known, first, 1.0), 1.0)
    return shapes[:, None] * factor[:, :, None]


def _ahead(power: Floats, shape: tuple[int, ...]) -> Floats:
    """Slots to come [R, K, M] as [R, M, T], zero beyond the end."""
    replicas, slots, microgrids = shape
    ahead = np.zeros((replicas, microgrids, slots))
    ahead[:, :, : power.shape[1]] = power.transpose(0, 2, 1)
    return ahead
