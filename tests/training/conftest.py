"""Trainings here are on the CPU, whatever the machine has: a GPU repeats no bits."""

from __future__ import annotations

import pytest

import agents.training
from agents.device import CPU


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents.training, "learning_device", lambda: CPU)
    # Of processes that are started too.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
