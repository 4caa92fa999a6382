import numpy as np
import pytest

from cosim.clock import Clock
from cosim.errors import ScenarioError
from cosim.scenario.profiles import read_profiles
from cosim.scenario.schema import CsvProfile, HourlyProfile, StepProfile

TEN_TO_NOON = Clock(36_000, 1800, 4)

ROWS = """\
time,load,pv
2016-07-05T09:30,9,0
2016-07-05T10:00,1,0
2016-07-05T10:30,2,0
2016-07-05T11:00,3,0
2016-07-05T11:30,4,0
2016-07-05T12:00,9,0
"""


def hourly(hours, values):
    return HourlyProfile(kind="hourly", hours=hours, values=values)


def csv(**changes):
    fields = {"kind": "csv", "file": "load.csv", "column": "load", "date": "2016-07-05"}
    return CsvProfile.model_validate(fields | changes)


def mistakes(profiles, clock, resolve):
    with pytest.raises(ScenarioError) as caught:
        read_profiles(profiles, clock, resolve)
    return [str(issue) for issue in caught.value.issues]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "load.csv").write_text(ROWS)
    return tmp_path


def read(profile, clock, folder=None):
    return read_profiles({"load": profile}, clock, lambda file: folder / file)["load"].tolist()


# ------------------------------------------------------------------------------------------------ hourly


def test_hourly_values_are_read_in_the_middle_of_slots():
    assert read(hourly([10, 11, 12], [0, 4, 0]), TEN_TO_NOON) == [1, 3, 3, 1]


def test_hourly_values_may_begin_and_end_in_the_middle_of_slots():
    assert read(hourly([10.25, 11.75], [1, 1]), TEN_TO_NOON) == [1, 1, 1, 1]


def test_steps_hold_until_the_next_one():
    steps = StepProfile(kind="steps", hours=[10, 10.5, 11.5], values=[3, 1, 2])
    assert read(steps, TEN_TO_NOON) == [3, 1, 1, 2]


def test_the_last_step_goes_on():
    assert read(StepProfile(kind="steps", hours=[9], values=[7]), TEN_TO_NOON) == [7] * 4


def test_steps_must_begin_before_the_outage():
    steps = StepProfile(kind="steps", hours=[10.5], values=[1])
    assert mistakes({"price": steps}, TEN_TO_NOON, None) == [
        "profiles.price.hours: the outage is read from hour 10.25 to 11.75, got hours from 10.5"
    ]


def test_hours_past_midnight_are_above_24():
    clock = Clock(23 * 3600, 3600, 2)
    assert read(hourly([23, 25], [0, 2]), clock) == [0.5, 1.5]


@pytest.mark.parametrize(
    ("hours", "clock", "issue"),
    [
        (range(24), Clock(82_800, 3600, 1), "from hour 23.5 to 23.5, got hours 0 to 23"),
        ([10.5, 12], TEN_TO_NOON, "from hour 10.25 to 11.75, got hours 10.5 to 12"),
        ([10], TEN_TO_NOON, "from hour 10.25 to 11.75, got hours 10 to 10"),
    ],
)
def test_hours_must_cover_the_outage(hours, clock, issue):
    profile = hourly(list(hours), [1] * len(hours))
    assert mistakes({"load": profile}, clock, None) == [f"profiles.load.hours: the outage is read {issue}"]


def test_mistakes_of_all_profiles_are_reported():
    profiles = {"a": hourly([12, 10], [1]), "b": hourly([10, 12], [1, 1]), "c": hourly([9, 10], [1, 1])}
    assert mistakes(profiles, TEN_TO_NOON, None) == [
        "profiles.a.hours.1: must be above the hour before, 12, got 10",
        "profiles.a.values: must have as many values as there are hours, 2, got 1",
        "profiles.c.hours: the outage is read from hour 10.25 to 11.75, got hours 9 to 10",
    ]


# --------------------------------------------------------------------------------------------------- CSV


@pytest.mark.parametrize(
    ("profile", "clock", "values"),
    [
        (csv(), TEN_TO_NOON, [1, 2, 3, 4]),
        (csv(scale=10), TEN_TO_NOON, [10, 20, 30, 40]),
        (csv(), Clock(36_000, 3600, 2), [1.5, 3.5]),
        (csv(), Clock(36_000, 900, 3), [1, 1, 2]),
        (csv(), Clock(36_900, 1800, 2), [1.5, 2.5]),
        (csv(), Clock(36_000, 2700, 2), [(2 * 1 + 2) / 3, (2 + 2 * 3) / 3]),
        (csv(date="2016-07-04"), Clock(24 * 3600 + 36_000, 1800, 1), [1]),
    ],
)
def test_csv_rows_are_averaged_over_slots(profile, clock, values, folder):
    assert read(profile, clock, folder) == pytest.approx(values, rel=1e-12)


def test_row_of_a_slot_is_its_value_to_the_last_bit(tmp_path):
    numbers = np.random.default_rng(1).random(48)
    rows = "\n".join(f"2016-07-05T{row // 2:02d}:{row % 2 * 30:02d},{number}" for row, number in enumerate(numbers))
    (tmp_path / "load.csv").write_text("time,load\n" + rows)
    assert read(csv(), Clock(0, 1800, 48), tmp_path) == numbers.tolist()


def test_window_may_pass_midnight(tmp_path):
    (tmp_path / "load.csv").write_text("time,load\n2016-07-05 23:00,1\n2016-07-06 00:00,2\n2016-07-06 01:00,3\n")
    assert read(csv(), Clock(23 * 3600, 3600, 3), tmp_path) == [1, 2, 3]


def test_mistakes_outside_the_window_do_not_matter(tmp_path):
    (tmp_path / "load.csv").write_text(ROWS.replace("T09:30,9", "T09:30,") + "\n2016-07-09T00:00,-1,x\n")
    assert read(csv(), TEN_TO_NOON, tmp_path) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("old", "new", "profile", "issue"),
    [
        ("", "", csv(file="x.csv"), "file: cannot be read: No such file or directory, got 'x.csv'"),
        ("", "", csv(file="."), "file: cannot be read: Is a directory, got '.'"),
        ("load", "\udcff", csv(), "file: load.csv:1 is not UTF-8 text, got 'load.csv'"),
        ("pv\n", "load\n", csv(), "column: load.csv has 2 columns 'load'"),
        (",9,0\n2016-07-05T10", ',"9,0\n2016-07-05T10', csv(), "file: load.csv:7 is no CSV: unexpected end of data"),
        (",3,", ",3_0,", csv(), "column: load.csv:5 must have a number from 0 to 1000000, got '3_0'"),
        (ROWS, "", csv(), "time_column: load.csv has no column 'time'; known: none"),
        (ROWS, "time,load\n", csv(), "file: load.csv must have 2 or more rows, got 0"),
        (
            "",
            "",
            csv(column="laod"),
            "column: load.csv has no column 'laod'; did you mean 'load'? (known: load, pv, time)",
        ),
        ("", "", csv(time_column="t"), "time_column: load.csv has no column 't'; known: load, pv, time"),
        ("", "", csv(date="2016-02-31"), "date: is no day of the calendar, got '2016-02-31'"),
        (
            "",
            "",
            csv(date="2016-07-06"),
            "date: the outage needs 2016-07-06T10:00 to 2016-07-06T12:00, the file has nothing of it",
        ),
        (
            "2016-07-05T09:30,9,0\n2016-07-05T10:00,1,0\n",
            "",
            csv(),
            "date: the outage needs 2016-07-05T10:00 to 2016-07-05T12:00, "
            "the file has 2016-07-05T10:30 to 2016-07-05T12:00 of it",
        ),
        ("", "", csv(date="9999-12-31"), "date: the outage needs 9999-12-31T10:00 to 9999-12-31T12:00, "
            "the file has nothing of it"),
        (",3,0", ",3", csv(), "file: load.csv:5 must have 3 cells, got 2"),
        (
            "2016-07-05T11:00",
            "11 o'clock",
            csv(),
            'time_column: load.csv:5 must have a time in ISO 8601, got "11 o\'clock"',
        ),
        (
            "T11:00",
            "T11:00Z",
            csv(),
            "time_column: load.csv:5 must have a local time without a time zone, got '2016-07-05T11:00Z'",
        ),
        ("T11:00", "T10:30", csv(), "time_column: load.csv:5 must have a time after that of the row before"),
        (
            "2016-07-05T11:00,3,0\n",
            "",
            csv(),
            "time_column: must step by 1800 s, got 2016-07-05T11:30 after 2016-07-05T10:30",
        ),
        (",3,", ",,", csv(), "column: load.csv:5 must have a number from 0 to 1000000, got ''"),
        (",3,", ",nan,", csv(), "column: load.csv:5 must have a number from 0 to 1000000, got 'nan'"),
        (",3,", ",-1,", csv(), "column: load.csv:5 must have a number from 0 to 1000000, got '-1'"),
        (",3,", ",1e9,", csv(), "column: load.csv:5 must have a number from 0 to 1000000, got '1e9'"),
        (",3,", ",three,", csv(), "column: load.csv:5 must have a number from 0 to 1000000, got 'three'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_csv_files(old, new, profile, issue, folder):
    (folder / "load.csv").write_bytes(ROWS.replace(old, new).encode(errors="surrogateescape"))
    assert mistakes({"load": profile}, TEN_TO_NOON, lambda file: folder / file) == [f"profiles.load.{issue}"]
