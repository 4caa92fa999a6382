"""What EVs that commute earn in a day: grid stability, renewable and fossil energy, satisfaction and revenue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.clock import Clock
from cosim.interface import DayRule, Floats
from cosim.records.schema import EvSlots, MicrogridSlots
from cosim.scenario.schema import Scenario

#: Less power than this does not count where it is divided by [kW].
SMALLEST_KW = 1e-6


def day_rule(
    scenario: Scenario, clock: Clock, load_kw: Floats, renewable_kw: Floats, price_cny_per_kwh: Floats | None
) -> DayRule | None:
    """The rule of a scenario, if its EVs commute.

    Args:
        scenario: The scenario.
        clock: Its clock.
        load_kw: Load of all microgrids without noise [kW], shape [T].
        renewable_kw: Renewable power to be had in all of them without noise [kW], shape [T].
        price_cny_per_kwh: Price of energy, shape [T]; None if there is none.
    """
    fleet, weights = scenario.fleet, scenario.reward.weights
    if fleet.commute is None:
        return None
    net_kw = load_kw - renewable_kw
    highest_cny = 0.0 if price_cny_per_kwh is None else float(price_cny_per_kwh.max())
    return DayRule(
        **weights.model_dump(),
        net_mean_kw=float(net_kw.mean()),
        net_spread_kw=max(float(net_kw.std()), SMALLEST_KW),
        fossil_mean_kw=max(float(np.maximum(net_kw, 0.0).mean()), SMALLEST_KW),
        trade_most_cny=max(fleet.charge_kw * clock.slot_h * highest_cny, SMALLEST_KW),
        energy_needed_kwh=fleet.battery_kwh * fleet.commute.soc_needed,
        feed_in_share=1.0 if scenario.tariff is None else scenario.tariff.feed_in_share,
    )


@dataclass(frozen=True)
class DayTerms:
    """Weighted terms of the reward of each EV, shape [T, R, I].

    Attributes:
        stability: For the squared distance of the net load from its mean, <= 0; the same for all EVs.
        fossil: For power that is not renewable, <= 0; the same for all EVs.
        renewable: For the share of renewable energy that is used; the same for all EVs.
        satisfaction: For the EV's gain in charge, up to what it needs.
        revenue: For what the EV is paid for energy, less what it pays.
    """

    stability: Floats
    fossil: Floats
    renewable: Floats
    satisfaction: Floats
    revenue: Floats

    @property
    def total(self) -> Floats:
        """Their sum."""
        return self.stability + self.fossil + self.renewable + self.satisfaction + self.revenue


def net_load_kw(microgrids: MicrogridSlots) -> Floats:
    """Load and EVs less renewable power to be had, of all microgrids together [kW], shape [...]."""
    renewable_kw = microgrids.pv_available_kw + microgrids.wt_available_kw
    net_kw: Floats = (microgrids.load_kw + microgrids.ev_kw - renewable_kw).sum(axis=-1)
    return net_kw


def satisfied(rule: DayRule, energy_kwh: Floats) -> Floats:
    """How far an energy satisfies what is needed, from 0 to 1, any shape."""
    return np.minimum(energy_kwh / rule.energy_needed_kwh, 1.0)


def day_terms(rule: DayRule, evs: EvSlots, microgrids: MicrogridSlots) -> DayTerms:
    """What each EV earns in some slots, term by term.

    Args:
        rule: What it is judged by.
        evs: Per EV, shape [T, R, I].
        microgrids: Per microgrid, shape [T, R, M].

    Source:
        After Hua et al. 2025, who name the terms; norms and weights are ours, see docs/model.md.
    """
    shape = evs.charged_kwh.shape

    def for_all(term: Floats) -> Floats:
        return np.broadcast_to(term[..., None], shape).copy()

    away = (net_load_kw(microgrids) - rule.net_mean_kw) / rule.net_spread_kw
    fossil = (microgrids.dg_kw + microgrids.supply_kw).sum(axis=-1) / rule.fossil_mean_kw
    there_kw = (microgrids.pv_available_kw + microgrids.wt_available_kw).sum(axis=-1)
    used = 1.0 - microgrids.curtailed_kw.sum(axis=-1) / np.maximum(there_kw, SMALLEST_KW)
    return DayTerms(
        stability=for_all(-rule.stability * away * away),
        fossil=for_all(-rule.fossil * fossil),
        renewable=for_all(rule.renewable * used),
        satisfaction=rule.satisfaction * (satisfied(rule, evs.energy_end_kwh) - satisfied(rule, evs.energy_start_kwh)),
        revenue=-rule.revenue * evs.energy_cny / rule.trade_most_cny,
    )
