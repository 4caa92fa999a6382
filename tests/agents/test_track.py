"""TensorBoard files hold the numbers of the curve, also where a training goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosim.interface import TrainingRound

pytest.importorskip("tensorboard")


def test_the_numbers_of_each_round_are_there(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from agents.track import Track

    first = Track(tmp_path, 0)
    first.add(TrainingRound(2, False, 0.5, 1.25, {"loss": 0.125}), None)
    first.add(TrainingRound(2, True, 0.75, 2.0), 0.75)
    first.add(TrainingRound(4, False, 0.5, 1.5, {"loss": 8.0}), 0.75)
    first.close()
    # It was stopped after two episodes, and goes on.
    again = Track(tmp_path, 2)
    again.add(TrainingRound(4, False, 0.5, 1.5, {"loss": 0.0625}), 0.75)
    again.close()
    read = EventAccumulator(str(tmp_path))
    read.Reload()
    found = {tag: [(event.step, event.value) for event in read.Scalars(tag)] for tag in read.Tags()["scalars"]}
    assert found == {
        "training/restoration": [(2, 0.5), (4, 0.5)],
        "training/reward": [(2, 1.25), (4, 1.5)],
        "training/loss": [(2, 0.125), (4, 0.0625)],
        "validation/restoration": [(2, 0.75)],
        "validation/reward": [(2, 2.0)],
    }
