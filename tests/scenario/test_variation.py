"""`--vary`: what is understood, and one line for what is not."""

from __future__ import annotations

import pytest

from cosim.errors import ScenarioError
from cosim.scenario.variation import MAX_POINTS, parse_variation


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("20:60:10", (20, 30, 40, 50, 60)),
        ("20:60:15", (20, 35, 50)),
        ("60:20:-20", (60, 40, 20)),
        ("5:5:1", (5,)),
        ("2:5", (2, 3, 4, 5)),
        ("20,60,30", (20, 60, 30)),
        ("7", (7,)),
        ("-5:5:5", (-5, 0, 5)),
        ("1e3,2e3", (1000, 2000)),
        ("0:1:0.5", (0.0, 0.5, 1.0)),
        # As they are written: adding 0.1 up in floating point gives 0.30000000000000004.
        ("0.1:0.5:0.1", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("0.25,1", (0.25, 1)),
    ],
)
def test_values(text: str, values: tuple[float, ...]) -> None:
    variation = parse_variation(f"fleet.x={text}")
    assert variation.path == "fleet.x"
    assert variation.values == values
    assert [type(value) for value in variation.values] == [type(value) for value in values]


def test_overrides_and_source() -> None:
    variation = parse_variation("fleet.start.soc=0.4:0.6:0.1")
    assert variation.overrides == ("fleet.start.soc=0.4", "fleet.start.soc=0.5", "fleet.start.soc=0.6")
    assert variation.source == "--vary fleet.start.soc=0.4:0.6:0.1"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must have the form PATH=START:STOP:STEP, START:STOP or NUMBER,NUMBER,..., e.g. fleet.size=20:60:10"),
        ("fleet.size", "must have the form"),
        ("=1,2", "must have the form"),
        ("fleet..size=1,2", "must have the form"),
        ("fleet.size=1:2:3:4", "must have the form"),
        ("fleet.size=", "'' is no number; it must have the form"),
        ("fleet.size=1,,2", "'' is no number"),
        ("fleet.size=a,2", "'a' is no number"),
        ("fleet.size=20:b:2", "'b' is no number"),
        ("fleet.size=nan", "'nan' is no number"),
        ("fleet.size=1:inf:2", "'inf' is no number"),
        ("fleet.size=1:9:0", "the step must not be 0"),
        ("fleet.size=1:9:-1", "a step of -1 does not lead from 1 to 9"),
        ("fleet.size=9:1:1", "a step of 1 does not lead from 9 to 1"),
        ("fleet.size=0:100:1", "gives 101 points; there may be 100"),
        ("fleet.size=0:999999999999:1e-12", "points; there may be 100"),
        ("fleet.size=" + ",".join(map(str, range(101))), "gives 101 points; there may be 100"),
        ("fleet.size=1,2,1.0", "gives 1.0 twice"),
        ("fleet.size=1e999999999,2", "at most 12 digits on either side, got '1e999999999'"),
        ("fleet.size=1e-13,2", "at most 12 digits on either side, got '1e-13'"),
    ],
)
def test_a_mistake_is_one_line_with_the_words_that_were_typed(text: str, problem: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_variation(text)
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"--vary {text}"[:200])
    assert "\n" not in str(caught.value)


def test_as_many_points_as_there_may_be() -> None:
    assert len(parse_variation(f"seed=1:{MAX_POINTS}:1").values) == MAX_POINTS
