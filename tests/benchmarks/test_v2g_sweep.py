"""The sweep of commuters, small: it trains what is not there, and writes its table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import v2g_sweep


def test_a_small_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(v2g_sweep, "WEIGHTS", (0.5,))
    monkeypatch.setattr(v2g_sweep, "LINES", ("v2g-maddpg",))
    monkeypatch.setattr(v2g_sweep, "AGAINST", "idle")
    words = ["v2g_sweep.py", str(tmp_path), "--seeds", "1", "--episodes", "64", "--held-out", "2"]
    monkeypatch.setattr(sys, "argv", words)
    v2g_sweep.main()
    first = capsys.readouterr().out
    assert [row.split("|")[2].strip() for row in first.splitlines()] == [
        "who",
        "---",
        "`idle`",
        "`on_arrival`",
        "`v2g-maddpg`",
    ]
    # What is there is not trained again.
    monkeypatch.setattr(v2g_sweep, "train", None)
    v2g_sweep.main()
    assert capsys.readouterr().out == first
