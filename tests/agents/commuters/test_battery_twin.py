"""The twin's battery against the simulator's, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from commuter_fleet import commuters, day
from plain_loop import run_plain_loop

from agents.commuters.battery_twin import BatteryTwin
from agents.commuters.view import DEPARTURE, ENERGY, HERE, look
from agents.episode_replay import Arrays
from cosim.interface import Action, FleetSpec, Observation
from cosim.records.table import joined
from cosim.schedule import Schedule
from cosim.world import make_simulators


class Noted:
    """Tells everybody to have random power, and keeps what it saw."""

    def __init__(self, spec: FleetSpec) -> None:
        self._spec = spec
        self.seen: list[Arrays] = []
        self.share: list[np.ndarray] = []

    def act(self, observation: Observation) -> Action:
        action = Action.stay(observation.replicas, self._spec.fleet_size)
        # More charging than feeding in, so that all limits are met.
        action.power_share[:] = np.random.default_rng(observation.slot).uniform(-1.0, 1.0, action.power_share.shape)
        self.seen.append(look(observation))
        self.share.append(action.power_share.copy())
        return action


def test_it_predicts_what_the_simulator_does() -> None:
    system, parts = day("network.discharging_limit=net_load", "fleet.size=15"), []
    noted, schedule = Noted(system.spec), Schedule((0, 1), 2, system.clock.slots)
    run_plain_loop(
        make_simulators(
            system,
            noted,
            schedule,
            complete=True,
            on_slot=lambda _: None,
            on_batch=lambda _, records: parts.append(records),
        ),
        schedule,
    )
    evs, twin, compared = joined(parts)["ev_slots"], BatteryTwin(system.spec), 0
    for slot, (seen, share) in enumerate(zip(noted.seen, noted.share, strict=True)):
        own = torch.from_numpy(seen["own"]).double()
        # Nobody meets the station's limit here; that is another test's.
        step = twin.step(own, torch.from_numpy(share), torch.full((2,), 1000.0))
        here = seen["own"][..., HERE] > 0.0
        done_kwh = (evs.cube("charged_kwh") - evs.cube("discharged_kwh"))[:, slot]
        limited = evs.cube("discharged_kwh")[:, slot] < -step.power_kw.numpy() * 0.5 - 1e-3
        like = here & ~limited
        assert step.power_kw.numpy()[like] * 0.5 == pytest.approx(done_kwh[like], abs=2e-4)
        assert step.own.numpy()[..., ENERGY][like] == pytest.approx(evs.cube("energy_end_kwh")[:, slot][like], abs=2e-4)
        compared += int(like.sum())
    assert compared > 600


OWN = torch.tensor([[1.0, 30.0, 8.0], [1.0, 56.1, 8.0], [1.0, 10.0, 8.0], [1.0, 30.0, 0.25], [0.0, 30.0, 8.0]])


def test_by_hand() -> None:
    # Room for 1 kWh at 0.9 takes 20/9 kW; 4 kWh above the minimum at 0.8 give 6.4 kW, of which 5 may be fed in.
    step = BatteryTwin(commuters(5)).step(OWN, torch.tensor([0.5, 1.0, -1.0, 1.0, 1.0]), torch.tensor(5.0))
    assert step.power_kw.tolist() == pytest.approx([20.0, 2.0, -5.0, 20.0, 0.0], abs=1e-5)
    assert step.up_kw.tolist() == pytest.approx([20.0, 0.0, 45.0, 0.0, 0.0], abs=1e-5)
    assert step.down_kw.tolist() == pytest.approx([25.0, 7.0, 0.0, 22.5, 0.0], abs=1e-5)
    assert step.own[:, ENERGY].tolist() == pytest.approx([39.0, 57.0, 10.0 - 2.5 / 0.8, 39.0, 30.0], abs=1e-5)
    assert step.own[:, HERE].tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert step.own[:, DEPARTURE].tolist() == pytest.approx([7.5, 7.5, 7.5, 0.0, 7.5])


def test_power_is_felt_in_the_share() -> None:
    share = torch.tensor([0.5, -0.1, -0.05, 0.5, 0.5], requires_grad=True)
    BatteryTwin(commuters(5)).step(OWN, share, torch.tensor(1000.0)).power_kw.sum().backward()
    assert share.grad is not None
    # Full power of 40 and 50 kW; a quarter of an hour of two; nothing away.
    assert share.grad.tolist() == pytest.approx([40.0, 50.0, 50.0, 20.0, 0.0])
