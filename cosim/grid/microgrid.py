"""The microgrids' units as arrays over microgrids, and what profiles and noise make available in an episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cosim.grid.network import Network
from cosim.grid.stage import Stage
from cosim.interface import Floats, Ints
from cosim.scenario.schema import MicrogridSection, Noise, SupplySection, UncertaintySection
from cosim.scenario.uncertainty import draw_factors


@dataclass(frozen=True)
class Microgrids:
    """Properties of M microgrids; a unit that a microgrid lacks, or that is out, has power 0 at some bus of it.

    Attributes:
        name: Names.
        dg_p_max_kw: Highest diesel power [kW], shape [M].
        dg_q_max_kvar: Highest diesel reactive power, both directions [kvar], shape [M].
        supply_max_kw: Highest power from the utility [kW], shape [M].
        supply_max_kvar: Highest reactive power from the utility, both directions [kvar], shape [M].
        ess_power_kw: Highest storage power at the bus [kW], shape [M].
        ess_min_kwh: Lowest stored energy [kWh], shape [M].
        ess_max_kwh: Highest stored energy [kWh], shape [M].
        ess_start_kwh: Stored energy when an episode begins [kWh], shape [M].
        ess_charge_efficiency: Energy stored per energy drawn, shape [M].
        ess_discharge_efficiency: Energy delivered per energy taken out, shape [M].
        dg_bus: Position of the diesel generator's bus, shape [M].
        ess_bus: Position of the storage's bus, shape [M].
        pv_bus: Position of the photovoltaic unit's bus, shape [M].
        wt_bus: Position of the wind turbine's bus, shape [M].
        load_kw: Rated active load [kW], shape [M].
        load_kvar: Rated reactive load [kvar], shape [M].
        critical_share: Share of the active load that is critical, shape [M].
    """

    name: tuple[str, ...]
    dg_p_max_kw: Floats
    dg_q_max_kvar: Floats
    supply_max_kw: Floats
    supply_max_kvar: Floats
    ess_power_kw: Floats
    ess_min_kwh: Floats
    ess_max_kwh: Floats
    ess_start_kwh: Floats
    ess_charge_efficiency: Floats
    ess_discharge_efficiency: Floats
    dg_bus: Ints
    ess_bus: Ints
    pv_bus: Ints
    wt_bus: Ints
    load_kw: Floats
    load_kvar: Floats
    critical_share: Floats

    def __len__(self) -> int:
        return len(self.name)

    @cached_property
    def forming_max_kw(self) -> Floats:
        """Highest power of all that can form the grid: diesel and the utility [kW], shape [M]."""
        return self.dg_p_max_kw + self.supply_max_kw

    @cached_property
    def forming_max_kvar(self) -> Floats:
        """Highest reactive power of all that can form the grid [kvar], shape [M]."""
        return self.dg_q_max_kvar + self.supply_max_kvar

    @cached_property
    def has_critical(self) -> bool:
        """Whether any load is critical."""
        return bool(self.critical_share.any())

    def in_stage(self, stage: Stage) -> Microgrids:
        """What is left of them in a stage of their network: nothing of what has failed or is in the dark."""
        count, live = len(self), stage.islands.live
        dg, ess = stage.works("dg", count) & live, stage.works("ess", count) & live
        supplied = float(stage.supplied)
        return replace(
            self,
            dg_p_max_kw=self.dg_p_max_kw * dg,
            dg_q_max_kvar=self.dg_q_max_kvar * dg,
            supply_max_kw=self.supply_max_kw * supplied,
            supply_max_kvar=self.supply_max_kvar * supplied,
            ess_power_kw=self.ess_power_kw * ess,
        )


def build_microgrids(network: Network, supply: SupplySection | None) -> Microgrids:
    """Lay the microgrids of a network out as arrays.

    Args:
        network: The network.
        supply: The utility's supply, if there is any.
    """
    sections = network.sections
    dg, ess = [m.dg for m in sections], [m.ess for m in sections]
    supplied = np.zeros(len(sections))
    if supply is not None:
        supplied[network.microgrid[network.supply_bus]] = 1.0

    def floats(values: Sequence[float]) -> Floats:
        return np.array(values, dtype=np.float64)

    def positions(unit: str) -> Ints:
        units = [getattr(m, unit) or m.dg for m in sections]
        firsts = [int(np.flatnonzero(network.microgrid == k)[0]) for k in range(len(sections))]
        at = [first if unit is None else network.position(unit.bus) for unit, first in zip(units, firsts, strict=True)]
        return np.array(at, dtype=np.int64)

    def of_each(values: Floats) -> Floats:
        return floats([values[network.microgrid == k].sum() for k in range(len(sections))])

    load_kw = of_each(network.load_kw)
    return Microgrids(
        name=tuple(m.name for m in sections),
        dg_p_max_kw=floats([d.p_max_kw if d else 0.0 for d in dg]),
        dg_q_max_kvar=floats([d.q_max_kvar if d else 0.0 for d in dg]),
        supply_max_kw=supplied * (supply.p_max_kw if supply else 0.0),
        supply_max_kvar=supplied * (supply.q_max_kvar if supply else 0.0),
        ess_power_kw=floats([e.power_kw if e else 0.0 for e in ess]),
        ess_min_kwh=floats([e.energy_kwh * e.soc_min if e else 0.0 for e in ess]),
        ess_max_kwh=floats([e.energy_kwh * e.soc_max if e else 0.0 for e in ess]),
        ess_start_kwh=floats([e.energy_kwh * e.soc_start if e else 0.0 for e in ess]),
        ess_charge_efficiency=floats([e.charge_efficiency if e else 1.0 for e in ess]),
        ess_discharge_efficiency=floats([e.discharge_efficiency if e else 1.0 for e in ess]),
        dg_bus=positions("dg"),
        ess_bus=positions("ess"),
        pv_bus=positions("pv"),
        wt_bus=positions("wt"),
        load_kw=load_kw,
        load_kvar=of_each(network.load_kvar),
        critical_share=of_each(network.load_kw * network.critical_share) / np.where(load_kw > 0.0, load_kw, 1.0),
    )


@dataclass(frozen=True)
class Availability:
    """Load to serve and renewable power to be had.

    Attributes:
        load_kw: Active load [kW], shape [..., T, M].
        load_kvar: Reactive load [kvar], same shape.
        pv_kw: Photovoltaic power [kW], same shape.
        wt_kw: Wind power [kW], same shape.
        p_factor: Active load of every bus per rated load, same shape.
        q_factor: Reactive load of every bus per rated load, same shape.
    """

    load_kw: Floats
    load_kvar: Floats
    pv_kw: Floats
    wt_kw: Floats
    p_factor: Floats
    q_factor: Floats

    def slot(self, slot: int) -> Availability:
        """One slot of it, without the slot's axis."""
        return Availability(*(values[..., slot, :] for values in vars(self).values()))


def expected_availability(
    sections: Sequence[MicrogridSection], microgrids: Microgrids, profiles: Mapping[str, Floats]
) -> Availability:
    """What profiles say without noise.

    Args:
        sections: What each microgrid has.
        microgrids: The same as arrays.
        profiles: Values per slot by name, each of shape [T].

    Returns:
        Powers of shape [T, M].
    """

    def renewable(unit: str) -> Floats:
        units = [getattr(m, unit) for m in sections]
        slots = len(next(iter(profiles.values())))
        return np.stack([u.p_max_kw * profiles[u.profile] if u else np.zeros(slots) for u in units], axis=-1)

    p = np.stack([m.load.scale * profiles[m.load.profile] for m in sections], axis=-1)
    q = np.stack([m.load.scale * profiles[m.load.q_profile or m.load.profile] for m in sections], axis=-1)
    return Availability(microgrids.load_kw * p, microgrids.load_kvar * q, renewable("pv"), renewable("wt"), p, q)


def draw_availability(
    expected: Availability, uncertainty: UncertaintySection, seed: int, episodes: Sequence[int]
) -> Availability:
    """What episodes bring: the expected powers times one factor per episode, microgrid and kind.

    Args:
        expected: Powers without noise, shape [T, M].
        uncertainty: The noise.
        seed: The scenario's seed.
        episodes: Numbers of the episodes, one per replica.

    Returns:
        Powers of shape [R, T, M].
    """
    microgrids = expected.load_kw.shape[-1]

    def factors(name: str, noise: Noise) -> Floats:
        drawn = [draw_factors(noise, seed, e, f"uncertainty.{name}", microgrids) for e in episodes]
        return np.array(drawn)[:, None, :]

    load = factors("load", uncertainty.load)
    return Availability(
        expected.load_kw * load,
        expected.load_kvar * load,
        expected.pv_kw * factors("pv", uncertainty.pv),
        expected.wt_kw * factors("wt", uncertainty.wt),
        expected.p_factor * load,
        expected.q_factor * load,
    )
