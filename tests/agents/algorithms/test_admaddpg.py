"""What AD-MADDPG makes of a replay: windows of those who decide, what they say of each other, and an update."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from line_fleet import fleet, observe

from agents.algorithms.admaddpg import Admaddpg, Settings, Window
from agents.catalogue import find_line, make_settings
from agents.episode_replay import Arrays, EpisodeReplay
from agents.learning import FleetDecider, kept_shapes
from agents.options import CHARGERS
from cosim.errors import ControllerError
from cosim.interface import EvState, Ints

SPEC = fleet(3)
SLOTS = np.arange(SPEC.slots)
#: The last EV drives in these slots.
DRIVES = (3, 4, 7)


def driven(made: Admaddpg) -> EpisodeReplay:
    """An episode of a fleet of which one drives now and then, in a replay."""
    decider, shapes = FleetDecider(SPEC, made, "sequential"), kept_shapes(SPEC, made)
    kept: Arrays = {name: np.zeros((1, *shape), kind) for name, (shape, kind) in shapes.items()}
    kept["choice"][:] = -1
    for slot in SLOTS:
        last = EvState.DRIVING if slot in DRIVES else EvState.PARKED
        state = [[EvState.PARKED, EvState.PARKED, last]]
        decider.decide(
            observe([[12, 0, 36]], [[40.0 - slot, 30.0 + slot, 50.0]], slot=int(slot), state=state), None, kept
        )
    replay = EpisodeReplay(1, shapes)
    replay.add(kept)
    return replay


def test_who_decide_at_once_are_valued_with_what_the_others_choose() -> None:
    """In slot 0 nobody has intended anything yet: the critic would know of nobody."""
    there: dict[str, Ints] = {}
    for name, order, others in (
        ("simultaneous", "simultaneous", "turn"),
        ("sequential", "sequential", "turn"),
        ("looks back", "sequential", "slot"),
    ):
        made = Admaddpg(SPEC, Settings(width=8, others=others), 0)
        shapes = kept_shapes(SPEC, made)
        kept: Arrays = {key: np.zeros((1, *shape), kind) for key, (shape, kind) in shapes.items()}
        decider = FleetDecider(SPEC, made, order)
        decider.decide(observe([[12, 0, 36]], [[40.0, 30.0, 50.0]], slot=0), None, kept)
        # How many others intend to be at any station, EV by EV; and where they do.
        there[name] = np.round(kept["others"][0, 0, :, :, -2].astype(float).sum(axis=-1) * CHARGERS).astype(int)
        at = decider.board.station[0]
        all_others = [int((at >= 0).sum()) - int(station >= 0) for station in at]
        assert (there[name].tolist() == all_others) == (name != "sequential")
    assert sorted(there["sequential"].tolist()) == [0, 1, 2]


def test_others_are_seen_in_one_of_two_ways() -> None:
    with pytest.raises(ControllerError, match=r"algorithm\.others: must be .*turn.*slot"):
        make_settings(find_line("admaddpg"), {"others": "now"})


def window(made: Admaddpg, replay: EpisodeReplay, slots: Ints, counted: np.ndarray | None = None) -> Window:
    return Window(made, replay, np.zeros_like(slots), slots, counted)


@pytest.mark.parametrize("memory", [1, 3])
def test_what_it_learns_from_is_what_it_saw(memory: int) -> None:
    made = Admaddpg(SPEC, Settings(memory=memory, width=8), 0)
    made.actor.score[-1].weight.data.mul_(100.0)
    of_all = window(made, driven(made), SLOTS)
    assert len(of_all.choice) == 3 * len(SLOTS) - len(DRIVES)
    with torch.no_grad():
        chances = of_all.chances(made.actor)
    assert chances.argmax(dim=1).tolist() == of_all.choice.tolist()
    torch.testing.assert_close(chances.sum(dim=1), torch.ones(len(chances)))


def test_rows_are_those_who_decide_in_slots_that_count() -> None:
    made = Admaddpg(SPEC, Settings(width=8), 0)
    some = window(made, driven(made), np.array([2, 3, 5]), np.array([True, True, False]))
    assert some.of_slot.tolist() == [0, 0, 0, 1, 1]
    assert some.rows[2].tolist() == [0, 1, 2, 0, 1]
    assert some.anybody.tolist() == [True, True, False]
    rows = torch.tensor([1.0, 2.0, 6.0, 10.0, 20.0])
    assert some.by_slot(rows).tolist() == [3.0, 15.0, 0.0]
    assert some.by_slot(rows, torch.tensor([True, False, True, False, False])).tolist() == [3.5, 0.0, 0.0]
    assert some.by_slot(torch.stack([rows, -rows], dim=1)).tolist() == [[3.0, -3.0], [15.0, -15.0], [0.0, 0.0]]


def test_a_later_window_speaks_of_the_same_evs() -> None:
    made = Admaddpg(SPEC, Settings(width=8), 0)
    replay = driven(made)
    now, then = window(made, replay, np.array([0, 2])), window(made, replay, np.array([3, 5]))
    # The last EV drives in slot 3.
    assert then.of_ev(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]), now).tolist() == [1.0, 2.0, 0.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("progress", [0.0, 1.0])
def test_an_update_moves_actor_critic_and_targets(progress: float) -> None:
    made = Admaddpg(SPEC, Settings(width=8, replay_episodes=1), 0)
    replay = driven(made)
    replay.arrays["reward"][:], replay.arrays["restored_kwh"][:] = 1.0, 5.0
    parts = (made.actor, made.critic, made.actor_target, made.critic_target)
    before = [[p.clone() for p in part.parameters()] for part in parts]
    logged = made.update(replay, progress, np.random.default_rng(0))
    assert logged["critic_loss"] > 0.0
    for part, old in zip(parts, before, strict=True):
        assert any(not torch.equal(p, q) for p, q in zip(part.parameters(), old, strict=True))


def test_the_actor_may_step_more_rarely_than_the_critic() -> None:
    made = Admaddpg(SPEC, Settings(width=8, replay_episodes=1, actor_every=3), 0)
    replay = driven(made)
    replay.arrays["reward"][:], replay.arrays["restored_kwh"][:] = 1.0, 5.0
    generator = np.random.default_rng(0)
    for update in range(1, 7):
        before = [[p.clone() for p in part.parameters()] for part in (made.critic, made.actor, made.actor_target)]
        logged = made.update(replay, 0.5, generator)
        moved = [
            any(not torch.equal(p, q) for p, q in zip(part.parameters(), old, strict=True))
            for part, old in zip((made.critic, made.actor, made.actor_target), before, strict=True)
        ]
        steps = update % 3 == 0
        assert moved == [True, steps, steps]
        assert ("entropy" in logged) == steps


def test_the_actor_steps_in_every_round() -> None:
    with pytest.raises(ControllerError, match=r"algorithm\.actor_every: 384 updates per round .* set updates to 380"):
        make_settings(find_line("admaddpg"), {"actor_every": 5})
    with pytest.raises(ControllerError, match=r"set updates to 5$"):
        make_settings(find_line("admaddpg"), {"actor_every": 5, "updates": 2})
    with pytest.raises(ControllerError, match=r"algorithm\.actor_every: must be"):
        make_settings(find_line("admaddpg"), {"actor_every": 0})


def test_slots_in_which_nobody_decides_teach_nothing_and_harm_nothing() -> None:
    made = Admaddpg(SPEC, Settings(width=8, replay_episodes=1), 0)
    replay = driven(made)
    replay.arrays["choice"][:] = -1
    logged = made.update(replay, 1.0, np.random.default_rng(0))
    assert logged["critic_loss"] == 0.0
    assert all(torch.isfinite(p).all() for part in (made.actor, made.critic) for p in part.parameters())
