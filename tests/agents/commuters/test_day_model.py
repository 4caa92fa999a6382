"""The model of a day against the reward that the co-simulation pays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from commuter_fleet import DAY, commuters, day

from agents.commuters.day_model import DayModel, without_evs
from cosim.experiment import run


def test_it_pays_what_the_co_simulation_pays() -> None:
    system = day("controller.name=random", "fleet.size=6", "tariff.feed_in_share=0.6")
    records = run(system, episodes=2).records
    grid, evs, rewards = (records[name] for name in ("microgrid_slots", "ev_slots", "rewards"))
    model = DayModel(system.spec)
    price = system.profiles["price"]
    for slot in range(system.clock.slots):
        load_kw, ev_kw, pv_kw, wt_kw = (
            grid.cube(name)[:, slot].sum(axis=1) for name in ("load_kw", "ev_kw", "pv_available_kw", "wt_available_kw")
        )
        market = torch.from_numpy(np.stack([load_kw, pv_kw + wt_kw, np.full(2, price[slot])], axis=-1))
        # Within a slot nobody does both but who comes or leaves; power is its mean.
        power_kw = (evs.cube("charged_kwh") - evs.cube("discharged_kwh"))[:, slot] / system.clock.slot_h
        start_kwh, end_kwh = (evs.cube(name)[:, slot] for name in ("energy_start_kwh", "energy_end_kwh"))
        of_all = model.of_all(market, torch.from_numpy(ev_kw))
        of_each = model.of_each(market, *(torch.from_numpy(values) for values in (power_kw, start_kwh, end_kwh)))
        paid = of_all[:, None] + of_each
        assert paid.numpy() == pytest.approx(rewards.cube("total")[:, slot], abs=1e-9)


def test_without_evs_nothing_is_drawn() -> None:
    market = torch.tensor([[150.0, 0.0, 1.0], [50.0, 100.0, 1.0]])
    # One spread above the mean, 150 of 80 kW fossil, all of nothing used; three spreads below, half of it used.
    expected = [-1.0 - 150.0 / 80.0 + 1.0, -9.0 + 0.5]
    assert without_evs(DayModel(commuters()), market).tolist() == pytest.approx(expected)


def test_what_a_charger_may_feed_in() -> None:
    market = torch.tensor([[150.0, 30.0, 1.0], [50.0, 100.0, 1.0]])
    assert DayModel(commuters()).feed_in_kw(market).tolist() == pytest.approx([120.0 / 30, 0.0])


def test_the_scenario_is_there() -> None:
    assert DAY.is_file()
