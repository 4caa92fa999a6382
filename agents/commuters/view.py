"""What an EV that commutes sees as a slot begins, and the numbers that its networks are shown of it."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from agents.episode_replay import Arrays, Shapes
from cosim.errors import ControllerError
from cosim.interface import DayRule, FleetSpec, Floats, Observation, can_decide

#: Slots ahead of which a network is shown price and net load.
SEEN = 8
#: Slots ahead that are kept: those seen, and those that a twin looks beyond the slot that begins.
KEPT = 16
#: What is known of an EV: whether it is at home, its energy [kWh], and the time until it leaves [h].
HERE, ENERGY, DEPARTURE = range(3)
#: What is known of a slot: load and renewable power of all microgrids [kW], and the price [CNY/kWh].
LOAD, RENEWABLE, PRICE = range(3)
#: Numbers that a network is shown.
VIEW = 7 + 2 * SEEN
#: What times are divided by, so that they are around 1 [h].
DAY_H, SOON_H = 24.0, 2.0


def rule_of(spec: FleetSpec) -> DayRule:
    """What a day of EVs that commute is judged by.

    Raises:
        ControllerError: If they do not commute.
    """
    if spec.day is None:
        raise ControllerError("it decides for EVs that commute; give the scenario fleet.commute, as in v2g_day.yaml")
    return spec.day


def look(observation: Observation) -> Arrays:
    """What is kept of an observation: `own`, shape [R, I, 3], and `market`, the same for all EVs, shape [R, 3, KEPT].

    Raises:
        ControllerError: If EVs do not commute, or there is no price.
    """
    departure_h, price = observation.departure_h, observation.price_cny_per_kwh
    load_kw, renewable_kw = observation.load_forecast_kw, observation.renewable_forecast_kw
    if departure_h is None or price is None or load_kw is None or renewable_kw is None:
        raise ControllerError("EVs that commute are guided by a price; give the scenario fleet.commute and tariff")
    own = np.stack([can_decide(observation.state), observation.energy_kwh, departure_h], axis=-1)
    market = np.stack([_kept(load_kw), _kept(renewable_kw), _kept(price)], axis=1)
    return {"own": own.astype(np.float32), "market": market.astype(np.float32)}


def shapes_of_view(slots: int, evs: int) -> Shapes:
    """Shape and type of what `look` gives, of an episode."""
    return {"own": ((slots, evs, 3), np.float32), "market": ((slots, 3, KEPT), np.float32)}


def _kept(forecast: Floats) -> Floats:
    """The next slots of a forecast; where the episode ends before, zeros."""
    kept = np.zeros((len(forecast), KEPT))
    known = forecast[:, :KEPT]
    kept[:, : known.shape[1]] = known
    return kept


class View:
    """Turns what is known into the numbers that networks are shown.

    In this order: whether the EV is at home; its energy over the battery's; what it lacks over the battery's; hours to
    its departure, over a day, and over two hours at most; the time as sine and cosine of its share of the episode; the
    price of the next slots over the highest; the net load of the next slots, from its mean, in standard deviations.

    Args:
        spec: The fleet.
    """

    def __init__(self, spec: FleetSpec) -> None:
        self._rule = rule_of(spec)
        self._battery_kwh = spec.battery_kwh
        self._slots = spec.slots
        self._highest_price = self._rule.trade_most_cny / (spec.charge_kw * spec.slot_h)

    def __call__(self, own: Tensor, market: Tensor, slot: Tensor) -> Tensor:
        """The numbers.

        Args:
            own: What is known of each EV, shape [..., I, 3].
            market: What is known of the slots from this one on, shape [..., 3, at least SEEN].
            slot: Number of the slot, shape [...].

        Returns:
            Shape [..., I, VIEW].
        """
        rule, energy_kwh, left_h = self._rule, own[..., ENERGY], own[..., DEPARTURE]
        of_each = torch.stack(
            [
                own[..., HERE],
                energy_kwh / self._battery_kwh,
                (rule.energy_needed_kwh - energy_kwh).clamp(min=0.0) / self._battery_kwh,
                left_h / DAY_H,
                (left_h / SOON_H).clamp(max=1.0),
            ],
            dim=-1,
        )
        angle = 2.0 * math.pi * slot.to(own.dtype) / self._slots
        net_kw = market[..., LOAD, :SEEN] - market[..., RENEWABLE, :SEEN]
        of_all = torch.cat(
            [
                torch.stack([angle.sin(), angle.cos()], dim=-1),
                market[..., PRICE, :SEEN] / self._highest_price,
                (net_kw - rule.net_mean_kw) / rule.net_spread_kw,
            ],
            dim=-1,
        )
        return torch.cat([of_each, of_all[..., None, :].expand(*of_each.shape[:-1], -1)], dim=-1)
