"""Returns, values and what a critic knows, for EVs that commute."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from commuter_fleet import commuters

from agents.algorithms.v2g_ddpg import V2gDdpg
from agents.catalogue import find_line, make_algorithm, make_settings
from agents.commuters.learning import kept_of_commuters
from agents.commuters.view import DEPARTURE, ENERGY, HERE
from agents.episode_replay import EpisodeReplay

SPEC = commuters(3)


def made(line: str, **settings: Any) -> V2gDdpg:
    found = find_line(line)
    algorithm = make_algorithm(found, SPEC, make_settings(found, settings), 0)
    assert isinstance(algorithm, V2gDdpg)
    return algorithm


def replay_of(algorithm: V2gDdpg, stay: tuple[int, int] = (2, 9)) -> EpisodeReplay:
    """Two episodes of noise in which all are at home in some slots, and earn the slot's number."""
    generator, shapes = np.random.default_rng(0), kept_of_commuters(SPEC, algorithm)
    kept = {name: generator.random((2, *shape)).astype(kind) for name, (shape, kind) in shapes.items()}
    slots = np.arange(SPEC.slots)
    kept["own"][..., HERE] = ((slots >= stay[0]) & (slots < stay[1]))[:, None]
    kept["own"][..., ENERGY] *= 60.0
    kept["own"][..., DEPARTURE] = 4.0
    kept["reward"][:] = slots[:, None]
    replay = EpisodeReplay(2, shapes)
    replay.add(kept)
    return replay


def test_returns_end_when_an_ev_leaves() -> None:
    algorithm = made("v2g-maddpg", gamma=0.5)
    replay = replay_of(algorithm)
    slot = np.array([3, 6, 8])
    returns = algorithm._returns(replay, np.zeros(3, dtype=int), slot)[:, 0]
    assert returns.tolist() == pytest.approx([3 + 4 / 2 + 5 / 4 + 6 / 8, 6 + 7 / 2 + 8 / 4, 8.0])
    assert algorithm._goes_on(replay, np.zeros(3, dtype=int), slot)[:, 0].tolist() == [1.0, 0.0, 0.0]


def test_only_slots_in_which_anybody_is_at_home_are_looked_at() -> None:
    algorithm = made("v2g-maddpg", slots=500)
    _, slot = algorithm._drawn(replay_of(algorithm), np.random.default_rng(0))
    assert set(slot.tolist()) == set(range(2, 9))


def value_of_first(algorithm: V2gDdpg, **changes: np.ndarray) -> float:
    """The value of the first EV's action, with some of what is known changed."""
    replay = replay_of(algorithm)
    for name, values in changes.items():
        replay.arrays[name][0, 4] = values
    seen = algorithm._seen(replay, np.zeros(1, dtype=int), np.array([4]))
    return float(algorithm.values(algorithm.critic, seen, seen["action"])[0, 0, 0].detach())


@pytest.mark.parametrize(("line", "hears"), [("v2g-il", False), ("v2g-maddpg", True)])
def test_what_a_critic_knows_of_the_others(line: str, hears: bool) -> None:
    algorithm = made(line)
    kept = replay_of(algorithm).arrays
    others_do = kept["action"][0, 4].copy()
    others_do[1:] = 0.9
    others_have = kept["own"][0, 4].copy()
    others_have[1:, ENERGY] = 7.0
    usual = value_of_first(algorithm)
    assert (value_of_first(algorithm, action=others_do) != usual) is hears
    assert (value_of_first(algorithm, own=others_have) != usual) is hears


@pytest.mark.parametrize("line", ["v2g-il", "v2g-maddpg"])
def test_an_update_moves_actor_and_critic_and_their_targets_a_little(line: str) -> None:
    algorithm = made(line)
    before = {name: value.clone() for name, value in algorithm.state().items() if value.is_floating_point()}
    logged = algorithm.update(replay_of(algorithm), 0.0, np.random.default_rng(0))
    assert all(np.isfinite(value) for value in logged.values())
    after = algorithm.state()
    for part in ("actor", "critic", "actor_target", "critic_target"):
        names = [name for name in before if name.startswith(f"{part}.")]
        assert any(not torch.equal(before[name], after[name]) for name in names), part


def test_two_critics_begin_apart_and_the_least_value_is_believed() -> None:
    algorithm = made("v2g-maddpg", smoothing=0.0)
    replay = replay_of(algorithm)
    seen = algorithm._seen(replay, np.zeros(1, dtype=int), np.array([4]))
    values = algorithm.values(algorithm.critic, seen, seen["action"])
    assert len(values) == algorithm.settings.critics == 2
    assert not torch.equal(values[0], values[1])
    losses = []
    for bias in (0.0, 50.0, -50.0):
        # Critics that value the same, and a target of which one thinks more, or less.
        twins, targets = algorithm.critic.critics, algorithm.critic_target.critics
        for one in (twins[1], *targets):
            one.load_state_dict(twins[0].state_dict())
        with torch.no_grad():
            [*targets[1].parameters()][-1].add_(bias)
        algorithm.settings = replace(algorithm.settings, critic_rate=0.0, actor_rate=0.0)
        losses.append(algorithm.update(replay, 0.0, np.random.default_rng(0))["critic_loss"])
    assert losses[0] == pytest.approx(losses[1])
    assert losses[2] > losses[0] + 5.0


def test_smoothed_shares_may_be_ordered() -> None:
    algorithm = made("v2g-maddpg", smoothing=0.5)
    share = torch.linspace(-0.8, 1.0, 1000)
    smoothed = algorithm._smoothed(share, np.random.default_rng(0))
    assert not torch.equal(smoothed, share)
    assert smoothed.min() == pytest.approx(-algorithm._spec.max_discharge_share)
    assert smoothed.max() == 1.0
    assert (smoothed - share).abs().max() <= 1.0


def test_actions_are_shares() -> None:
    algorithm = made("v2g-maddpg")
    kept = replay_of(algorithm).arrays
    seen = {name: kept[name][:, 4] for name in ("own", "market")}
    share = algorithm.choose(seen, 4)
    assert share.shape == (2, 3)
    assert share.dtype == np.float32
    assert np.abs(share).max() < 1.0
