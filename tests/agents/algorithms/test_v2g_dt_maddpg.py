"""What twins tell and what the model says, against what then happens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from commuter_fleet import commuters, day, learned

from agents.algorithms.v2g_dt_maddpg import POWER, V2gDtMaddpg
from agents.catalogue import find_line, make_algorithm, make_settings
from agents.commuters.learning import kept_of_commuters
from agents.commuters.view import HERE
from agents.episode_replay import EpisodeReplay
from cosim.errors import ControllerError
from cosim.interface import FleetSpec

#: All is known before, and nobody meets the limit of a station.
CERTAIN = ("forecast.kind=perfect", "fleet.size=6")
#: In these slots all are at home.
NIGHT = range(19, 32)


def made(spec: FleetSpec, **settings: Any) -> V2gDtMaddpg:
    line = find_line("v2g-dt-maddpg")
    algorithm = make_algorithm(line, spec, make_settings(line, settings), 0)
    assert isinstance(algorithm, V2gDtMaddpg)
    return algorithm


def night(*overrides: str) -> tuple[V2gDtMaddpg, EpisodeReplay]:
    """Two episodes in which all do what their twins tell, because nothing is left to chance."""
    system = day(*CERTAIN, *overrides)
    algorithm = made(system.spec)
    found, _ = learned(system, 0, 1, rate=0.0)
    replay = EpisodeReplay(2, kept_of_commuters(system.spec, algorithm))
    replay.add(found.kept)
    return algorithm, replay


def test_twins_tell_what_their_vehicles_then_do() -> None:
    _, replay = night()
    message, own = replay.arrays["message"][..., POWER, :], replay.arrays["own"]
    for slot in NIGHT:
        here = own[:, slot, :, HERE] > 0.0
        for k in range(1, 4):
            then = message[:, slot + k, :, 0]
            assert message[:, slot, :, k][here] == pytest.approx(then[here], abs=1e-2)


def test_r_sim_is_what_the_next_slots_really_pay() -> None:
    algorithm, replay = night()
    for slot in NIGHT:
        episode, slots = np.arange(2), np.full(2, slot)
        seen = algorithm._seen(replay, episode, slots)
        worth = algorithm.simulated(seen, algorithm._ahead(seen, seen["action"]))
        paid = algorithm._returns(replay, episode, slots)
        assert worth.numpy() == pytest.approx(paid.numpy(), abs=2e-2)


def test_r_sim_is_felt_in_the_share() -> None:
    algorithm, replay = night()
    seen = algorithm._seen(replay, np.arange(2), np.full(2, 24))
    # Far from 0, where charging turns into feeding in.
    at = torch.full_like(seen["action"], 0.3)
    share, step = at.clone().requires_grad_(), 1e-2
    algorithm.simulated(seen, algorithm._ahead(seen, share)).sum().backward()
    assert share.grad is not None
    higher, lower = (
        algorithm.simulated(seen, algorithm._ahead(seen, at + way * step)).sum(dim=1) for way in (1.0, -1.0)
    )
    assert share.grad.sum(dim=1).numpy() == pytest.approx(((higher - lower) / (2 * step)).numpy(), rel=0.1, abs=0.1)


def test_without_a_horizon_only_the_residual_is_left() -> None:
    system = day(*CERTAIN)
    none = made(system.spec, horizon=0)
    _, replay = night()
    seen = none._seen(replay, np.arange(2), np.full(2, 24))
    assert not none.simulated(seen, none._ahead(seen, seen["action"])).any()
    # Both begin at zero.
    assert not none.values(none.critic, seen, seen["action"]).any()


def test_the_value_begins_as_what_the_model_says() -> None:
    algorithm, replay = night()
    seen = algorithm._seen(replay, np.arange(2), np.full(2, 24))
    value = algorithm.values(algorithm.critic, seen, seen["action"])
    simulated = algorithm.simulated(seen, algorithm._ahead(seen, seen["action"]))
    assert torch.equal(value, simulated.expand(algorithm.settings.critics, *simulated.shape))


def test_q_res_alone_is_climbed_on_request() -> None:
    algorithm, replay = night()
    alone = made(day(*CERTAIN).spec, model_gradient=False)
    seen = alone._seen(replay, np.arange(2), np.full(2, 24))
    assert not alone.gain(seen, seen["action"]).any()
    assert algorithm.gain(seen, seen["action"]).any()


def test_a_correction_learns_and_is_kept() -> None:
    _, replay = night("forecast.kind=persistence")
    algorithm = made(day(*CERTAIN).spec, correction=True)
    before = {name: value.clone() for name, value in algorithm.state().items() if name.startswith("correction.")}
    logged = algorithm.update(replay, 0.0, np.random.default_rng(0))
    after = algorithm.state()
    assert any(not torch.equal(value, after[name]) for name, value in before.items())
    assert logged["correction_loss"] >= 0.0


def test_errors_are_logged_for_each_slot_of_the_horizon() -> None:
    algorithm, replay = night()
    logged = algorithm.update(replay, 0.0, np.random.default_rng(0))
    errors_kw = [logged[f"model_error_{k}_kw"] for k in range(4)]
    # The present is measured, and all do what they say.
    assert errors_kw[0] == pytest.approx(0.0, abs=1e-3)
    assert {"residual_share", "model_share"} <= set(logged)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"horizon": 5}, r"algorithm\.horizon: must be at most steps \(4\) and told \(4\), got 5"),
        ({"told": 9, "steps": 9}, r"algorithm\.told: must be at most 8, got 9"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, int], said: str) -> None:
    with pytest.raises(ControllerError, match=said):
        made(commuters(), **settings)
