"""What a person sees of a training."""

from __future__ import annotations

import io

from rich.console import Console

from cosim.interface import TrainingRound
from cosim.report.training_bar import TrainingBar


def shown(bar: TrainingBar) -> str:
    console = Console(file=io.StringIO(), width=160)
    for part in bar.get_renderables():
        console.print(part)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_a_round_is_shown_with_speed_and_time_left() -> None:
    seconds = iter(range(0, 10_000, 10))
    bar = TrainingBar("maddqn", Console(file=io.StringIO()), get_time=lambda: float(next(seconds)))
    bar.begin(64, 640)
    assert "first round" in shown(bar)
    assert "64/640" in shown(bar)
    assert "- episodes/s" in shown(bar)
    bar.show(TrainingRound(128, False, 0.5, 1.25, {"loss": 0.0123}), None)
    bar.show(TrainingRound(192, False, 0.6, 1.5, {"loss": 0.01}), None)
    line, task = shown(bar).splitlines()
    assert line == "reward 1.5  restoration 0.6  loss 0.01 | no validation yet"
    # 64 episodes in 10 s: what was there before it began does not count.
    assert "maddqn" in task
    assert "192/640 6.4 episodes/s left 0:01:10" in task
    bar.show(TrainingRound(192, True, 0.7, 2.0), 0.75)
    assert shown(bar).splitlines()[0] == "reward 1.5  restoration 0.6  loss 0.01 | validation 0.700 (best 0.750)"
    bar.show(TrainingRound(256, False, 0.65, 1.75, {"loss": 0.02}), 0.75)
    assert shown(bar).splitlines()[0] == "reward 1.75  restoration 0.65  loss 0.02 | validation 0.700 (best 0.750)"
