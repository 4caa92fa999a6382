"""A learner counts episodes, keeps the last ones, and can stop between any two updates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from line_fleet import fleet

from agents.catalogue import find_line, make_algorithm, make_settings
from agents.learner import Learner
from agents.learning import kept_shapes
from cosim.interface import Episodes

SPEC = fleet(size=2)
ROUND = 4


def make_learner(**settings: Any) -> Learner:
    line = find_line("maddqn")
    made = make_settings(line, {"hidden": 8, "rows": 16, "updates": 3, "replay_episodes": 6, **settings})
    algorithm = make_algorithm(line, SPEC, made, 0)
    return Learner(algorithm, kept_shapes(SPEC, algorithm), episodes=16, seed=0)


def episodes(number: int) -> Episodes:
    generator = np.random.default_rng(number)
    shapes = make_learner()._shapes
    kept = {name: generator.random((ROUND, *shape)).astype(kind) for name, (shape, kind) in shapes.items()}
    kept["possible"][...] = True
    kept["choice"][...] = generator.integers(0, 9, kept["choice"].shape)
    return Episodes(False, 0.5, 1.5, kept)


def test_a_round_is_kept_counted_and_learned_from() -> None:
    learner = make_learner()
    before = learner.tensors()["algorithm.network.0.weight"].copy()
    brought = learner.learn(episodes(0))
    assert (brought.episodes, brought.restoration, brought.reward, brought.validates) == (4, 0.5, 1.5, False)
    assert set(brought.logged) == {"loss", "value"}
    assert learner.progress == 0.25
    assert not np.array_equal(before, learner.tensors()["algorithm.network.0.weight"])
    learner.learn(episodes(1))
    # The oldest two are overwritten.
    assert learner._replay is not None
    assert (len(learner._replay), learner._replay.stored) == (6, 8)
    assert learner.cpu_s > 0.0


def test_what_only_some_updates_log_is_their_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = make_learner(updates=4)
    of_updates = iter([{"loss": 1.0}, {"loss": 2.0, "entropy": 3.0}, {"loss": 3.0}, {"loss": 6.0, "entropy": 5.0}])
    monkeypatch.setattr(learner._algorithm, "update", lambda *_: next(of_updates))
    assert learner.learn(episodes(0)).logged == {"loss": 3.0, "entropy": 4.0}


class StopError(Exception):
    """Somebody wants it to end."""


@pytest.mark.parametrize("updates", [1, 2, 3])
def test_it_goes_on_from_any_update(updates: int) -> None:
    whole, stopped, other = make_learner(), make_learner(), make_learner()
    logged = [whole.learn(episodes(number)).logged for number in range(3)]

    stopped.learn(episodes(0))
    done = []

    def stop() -> None:
        done.append(1)
        if len(done) == updates:
            raise StopError

    stopped.on_update = stop
    with pytest.raises(StopError):
        stopped.learn(episodes(1))
    assert stopped.unfinished
    tensors = {name: values.copy() for name, values in stopped.tensors().items()}
    other.load(tensors, stopped.numbers())
    assert other.unfinished
    assert other.finish().logged == logged[1]
    assert not other.unfinished
    assert other.learn(episodes(2)).logged == logged[2]
    found = whole.tensors()
    assert all(np.array_equal(values, found[name]) for name, values in other.tensors().items())
    with pytest.raises(RuntimeError, match="there is no round to finish"):
        other.finish()
