"""What a person sees of what EVs disclose."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from cosim.report.disclosure_view import COLUMNS, disclosure_remarks, disclosure_view


def phase(*numbers: float | None) -> dict[str, float | None]:
    return dict(zip(COLUMNS, numbers, strict=True))


IN_USE = phase(0.0, 1.0, 1.96, 67.1, 0.489, 2.17)
TOLD: dict[str, Any] = {
    "admaddpg-literal": {"execution": IN_USE, "training": phase(976.0, 0.0, 2.96, 1065.2, 0.188, 18.17)},
    "coordinated": {"execution": IN_USE, "training": None},
    "greedy": None,
}


def shown(part: Any, width: int) -> list[str]:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(part)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_each_controller_has_one_row_on_80_columns() -> None:
    rows = [line.split() for line in shown(disclosure_view(TOLD), 80) if line.split()[:1] and line.split()[0] in TOLD]
    assert rows == [
        ["admaddpg-literal", "0.0/976.0", "1.00/0.00", "2.0/", "3.0", "67/1,065", "0.49/0.19", "2.2/18.2"],
        ["coordinated", "0.0/", "none", "1.00/none", "2.0/none", "67/", "none", "0.49/none", "2.2/none"],
        ["greedy", *["none"] * 6],
    ]


def test_strokes_stand_one_below_the_other() -> None:
    lines = [line for line in shown(disclosure_view(TOLD), 120) if line.split()[:1] and line.split()[0] in TOLD]
    places = [[k for k, sign in enumerate(line) if sign == "/"] for line in lines if "/" in line]
    assert places[0] == places[1]
    assert len(places[0]) == 6


def test_a_long_name_is_folded_and_no_number_is() -> None:
    lines = shown(disclosure_view({"agents.somewhere.deep:Controller": TOLD["admaddpg-literal"]}), 80)
    assert any("67/1,065" in line for line in lines)
    assert "…" not in "".join(lines)
    assert max(map(len, lines)) <= 80


def test_no_evs_have_no_rates() -> None:
    nobody = {"execution": phase(None, None, None, None, 0.45, 2.2), "training": None}
    *_, row = shown(disclosure_view({"maddqn": nobody}), 80)
    assert row.split() == ["maddqn", *["none/none"] * 4, "0.45/none", "2.2/none"]


def test_what_is_missing_is_explained() -> None:
    remarks = [str(remark) for remark in disclosure_remarks(list(TOLD.values()))]
    assert [remark.split(":")[0] for remark in remarks] == ["none", "none after the stroke"]
    assert "a planner (mpc, best_response) sees of all EVs goes over no bus" in remarks[0]
    assert disclosure_remarks([TOLD["admaddpg-literal"]]) == []
