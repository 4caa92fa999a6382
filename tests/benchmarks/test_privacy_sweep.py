"""The sweep's table and picture hold what was found."""

from __future__ import annotations

import pytest
from privacy_sweep import charge_points, key, picture, table, tried


def found(unit_kwh: int, noise_kwh: int) -> dict:
    points = {"nothing": 25.0, "sums": 24.0, "messages": 2.0 + unit_kwh / 10.0 + noise_kwh / 5.0}
    points["messages of four slots"] = points["messages"] / 2.0
    attacks = [
        {"hears": hears, "attacker": attacker, "charge_points": error + worse}
        for hears, error in points.items()
        for attacker, worse in (("network", 0.0), ("neighbours", 1.0))
    ]
    return {
        "attacks": attacks,
        "metrics": {"load_restoration_ratio": {"mean": 0.9 - unit_kwh / 1000.0 - noise_kwh / 500.0}},
        "membership": {"mean": 0.57},
        "guarantee": {"epsilon": 1234.5} if noise_kwh else None,
    }


KEPT = {key(*amounts): found(*amounts) for amounts in tried()}


def test_the_better_attacker_counts() -> None:
    assert charge_points(KEPT[key(0, 0)], "messages") == pytest.approx(2.0)


def test_the_table_has_a_row_for_each_run() -> None:
    rows = table(KEPT).splitlines()[2:]
    assert len(rows) == len(KEPT)
    assert rows[0] == "| 0 | 0 | 0.900 | 2.0 | 1.0 | 24.0 | 25.0 | 0.57 | none |"
    assert rows[-1].endswith("| 0.57 | 1,234 |")


def test_the_picture_has_a_line_for_each_protection_and_a_point_for_sums() -> None:
    drawn = picture(KEPT)
    assert drawn.count("<polyline") == 5
    assert "noise, four messages" in drawn
    assert "20 kWh, epsilon 1234" in drawn
