"""A fleet is attacked on held-out episodes, and what it sends is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

import cosim
from cosim.cli import main
from cosim.errors import ControllerError
from cosim.privacy import privacy
from cosim.report.privacy_view import privacy_view

OUTAGE = Path(__file__).parents[1] / "scenarios" / "outage_33bus.yaml"


def test_messages_give_away_what_sums_do_not(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["privacy", str(OUTAGE), "--controller", "coordinated", "--engine", "lindistflow"]
    assert main([*asked, "--episodes", "8", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    off = {(a["hears"], a["attacker"]): a for a in found["attacks"]}
    assert len(off) == 11
    assert off["messages", "sequence"]["start_points"] < off["messages", "neighbours"]["start_points"]
    assert off["messages", "neighbours"]["charge_points"] < 8.0 < 15.0 < off["sums", "neighbours"]["charge_points"]
    assert off["messages", "neighbours"]["station_right"] > 0.95
    traffic = found["traffic"]
    assert traffic["slots"] == 8 * 12
    assert traffic["execution"]["raw_bytes_left"] == traffic["training"]["raw_bytes_left"] == 0
    # A state to its twin, and an intention of at most 29 bytes.
    assert 48.0 < traffic["execution"]["without_weights"]["per_ev_and_slot"]["sent_bytes"] < 48.0 + 29.0
    compared = cosim.compare(OUTAGE, ["coordinated"], episodes=8, engine="lindistflow").points[0].controllers
    restored = compared["coordinated"].means["load_restoration_ratio"].mean
    assert found["metrics"]["load_restoration_ratio"]["mean"] == restored


def test_who_shares_nothing_cannot_be_heard() -> None:
    with pytest.raises(ControllerError, match="controller 'greedy' shares nothing"):
        privacy(OUTAGE, controller="greedy", episodes=2)


def test_half_of_the_episodes_must_be_a_number() -> None:
    with pytest.raises(ValueError, match="episodes must be an even number of at least 2, got 3"):
        privacy(OUTAGE, controller="coordinated", episodes=3)


def test_noise_costs_and_is_accounted() -> None:
    pytest.importorskip("opendp")
    noise = ["controller.options.offer_noise_kwh=20"]
    plain, noisy = (
        privacy(OUTAGE, controller="coordinated", engine="lindistflow", episodes=8, overrides=overrides)
        for overrides in ([], noise)
    )
    assert plain.guarantee is None
    assert noisy.guarantee is not None
    assert noisy.guarantee.epsilon is not None
    assert 10.0 < noisy.guarantee.epsilon < 1000.0
    off = [min(a.found.charge_points for a in found.attacks if a.hears == "messages") for found in (plain, noisy)]
    assert off[0] + 3.0 < off[1]
    restored = [found.metrics["load_restoration_ratio"].mean for found in (plain, noisy)]
    assert restored[0] is not None
    assert restored[1] is not None
    assert restored[0] > restored[1]
    shown = Console(width=200)
    with shown.capture() as captured:
        shown.print(privacy_view(plain.summary()), privacy_view(noisy.summary()))
    assert "differential privacy: none" in captured.get()
    assert "by noise of 20 kWh" in captured.get()
    assert json.dumps(noisy.summary(), allow_nan=False)


def test_members_of_a_run_are_guessed_by_its_sums() -> None:
    found = privacy(OUTAGE, controller="coordinated", engine="lindistflow", episodes=16).membership
    assert found.mean is not None
    assert 0.45 < found.mean < 0.7
