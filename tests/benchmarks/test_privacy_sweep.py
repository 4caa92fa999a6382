"""The sweep's table and picture hold what was found."""

from __future__ import annotations

import pytest
from privacy_sweep import BARE, TRIED, Protection, charge_points, key, picture, table


def found(protection: Protection) -> dict:
    blur = protection.unit_kwh / 10.0 + protection.noise_kwh / 5.0
    points = {"nothing": 25.0, "sums": 24.0, "messages": 2.0 + blur, "messages of four slots": 1.0 + blur}
    points["turns"] = points["messages"] + (40.0 / protection.rounds if protection.rounds else 0.0)
    attacks = [
        {"hears": hears, "attacker": attacker, "charge_points": error + worse}
        for hears, error in points.items()
        for attacker, worse in (("network", 0.0), ("neighbours", 1.0), ("sequence", -0.5))
        if (hears, attacker) != ("messages of four slots", "sequence")
    ]
    return {
        "attacks": attacks,
        "metrics": {"load_restoration_ratio": {"mean": 0.9 - blur / 100.0}},
        "membership": {"mean": 0.57},
        "guarantee": {"epsilon": 1234.5} if protection.noise_kwh else None,
    }


KEPT = {key(protection): found(protection) for protection in TRIED}


def test_each_protection_is_tried_once() -> None:
    assert len(KEPT) == len(TRIED)


@pytest.mark.parametrize(
    ("view", "error"), [("one message", 2.0), ("four messages", 1.0), ("all messages", 1.5), ("core", 1.5)]
)
def test_the_best_attacker_of_a_view_counts(view: str, error: float) -> None:
    assert charge_points(KEPT[key(BARE)], view) == pytest.approx(error)


def test_the_table_has_a_row_for_each_run() -> None:
    rows = table(KEPT).splitlines()[2:]
    assert len(rows) == len(KEPT)
    assert rows[0] == "| 0 | 0 | in turn | 0.900 | 2.0 | 1.0 | 1.5 | 1.5 | 23.5 | 24.5 | 0.57 | none |"
    noisy = rows[TRIED.index(Protection(noise_kwh=20))]
    assert noisy.startswith("| 0 | 20 | in turn |")
    assert noisy.endswith("| 0.57 | 1,234 |")
    assert rows[TRIED.index(Protection(rounds=6))].startswith("| 0 | 0 | 6 |")


def test_the_picture_has_a_line_for_each_kind_of_protection() -> None:
    drawn = picture(KEPT)
    assert drawn.count("<polyline") == 3
    assert "6 rounds" in drawn
    assert "20 kWh, epsilon 1234" in drawn
