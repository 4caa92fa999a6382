"""Learning curves: restoration and reward apart, with their spread over seeds."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from cosim.records.stored_training import CurvePoint, StoredTraining
from cosim.report.page.learning_section import learning_section
from cosim.report.page.wording import percent


def training(algorithm: str, seed: int, *scores: float, earns: bool = False) -> StoredTraining:
    """A training that was looked at after every 100 episodes."""
    points = [
        CurvePoint(100 * k, 10.0 * k, True, "", math.nan if earns else score, score if earns else math.nan)
        for k, score in enumerate(scores, start=1)
    ]
    about = {"algorithm": algorithm, "seed": seed, "order": "simultaneous", "episodes": 100 * len(scores)}
    return StoredTraining(Path(algorithm), about, points)


RESTORED = [training("maddqn", 0, 0.5, 0.8), training("maddqn", 1, 0.6, 0.9)]
EARNED = [training("v2g-il", 0, -5.0, 30.0, earns=True)]


def test_the_spread_is_that_of_the_seeds() -> None:
    section = learning_section(RESTORED)
    (chart,) = section.charts
    assert chart.name == "learning-curves"
    for column, values in {"mean": [0.55, 0.85], "low": [0.5, 0.8], "high": [0.6, 0.9]}.items():
        assert chart.numbers[column].tolist() == pytest.approx(values)
    assert section.sentence == f"maddqn restored {percent(0.85)} of held-out episodes' load in the end (2 seeds)."


def test_reward_has_a_chart_of_its_own() -> None:
    section = learning_section([*RESTORED, *EARNED])
    assert [chart.name for chart in section.charts] == ["learning-curves", "reward-curves"]
    assert section.charts[1].numbers["mean"].tolist() == [-5.0, 30.0]
    assert section.sentence.endswith("v2g-il earned 30.0 per EV in held-out episodes in the end (1 seed).")


def test_nothing_was_looked_at_yet() -> None:
    section = learning_section([training("maddqn", 0)])
    assert section.charts == []
    assert section.sentence == "Trainings that have just begun."
