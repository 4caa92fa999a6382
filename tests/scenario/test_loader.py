import random
from pathlib import Path

import pytest

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.loader import load_scenario, parse_scenario
from cosim.scenario.schema import FleetSection, Scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"

GOOD = """\
version: 1
name: small
clock: {start: "10:00", slots: 12, slot_s: 1800}
profiles:
  load:
    kind: hourly
    hours: [10, 13, 16]
    values: [0.9, 1, 0.9]
network:
  case: case33bw
  opened_lines: [[1, 2]]
  microgrids:
    - name: MG1
      dg:
        bus: 1
        p_max_kw: 100
        q_max_kvar: 300
      ess: {bus: 2, energy_kwh: 300, power_kw: 75}
roads:
  kind: lattice
  columns: 3
stations:
  - {name: A, node: 0, bus: 1}
  - name: B
    position_km: [4, 4]
    bus: 2
    chargers: 5
fleet:
  size: 30
  start: {soc: 0.6}
controller: {name: greedy}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "outage.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def mistakes(file, overrides=()):
    """The issues of a file, without its folder."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file, overrides)
    return [str(issue).replace(f"{file.parent}/", "") for issue in caught.value.issues]


@pytest.mark.parametrize("file", sorted(SCENARIOS.glob("outage_*.yaml")), ids=lambda file: file.stem)
def test_our_scenarios_are_right(file):
    assert load_scenario(file).scenario.name == file.stem


def test_whole_numbers_are_numbers(write):
    scenario = load_scenario(write(GOOD)).scenario
    assert scenario.network.microgrids[0].dg.p_max_kw == 100.0
    assert isinstance(scenario.network.microgrids[0].dg.p_max_kw, float)


def test_scenario_file_knows_its_folder(write, tmp_path):
    file = load_scenario(str(write(GOOD)))
    assert file.folder == tmp_path
    assert file.resolve("load.csv") == tmp_path / "load.csv"
    (issue,) = file.locate([ScenarioIssue("stations.1.bus", "no such bus")])
    assert (issue.source, issue.line) == (str(tmp_path / "outage.yaml"), 26)


def test_overrides_are_applied(write):
    scenario = load_scenario(write(GOOD), ["fleet.size=40", "reward.scale=1e-2"]).scenario
    assert scenario.fleet.size == 40
    assert scenario.reward.scale == 0.01


@pytest.mark.parametrize(
    ("old", "new", "issues"),
    [
        ("size: 30", "size: -3", ["outage.yaml:29: fleet.size: must be at least 0, got -3"]),
        ("size: 30", "size: many", ["outage.yaml:29: fleet.size: must be a whole number, got 'many'"]),
        ("size: 30", "size: '30'", ["outage.yaml:29: fleet.size: must be a whole number, got '30'"]),
        ("size: 30", "size: true", ["outage.yaml:29: fleet.size: must be a whole number, got true"]),
        ("size: 30", "size: 3.5", ["outage.yaml:29: fleet.size: must be a whole number, got 3.5"]),
        ("size: 30", "size:", ["outage.yaml:29: fleet.size: must be a whole number, got null"]),
        ("size: 30", "size: 1e9", ["outage.yaml:29: fleet.size: must be a whole number, got 1000000000.0"]),
        ("size: 30", "size: 2000000", ["outage.yaml:29: fleet.size: must be at most 1000000, got 2000000"]),
        ("size: 30", "l_max: 0", ["outage.yaml:29: fleet.l_max: must be at least 1e-09, got 0"]),
        ("size: 30", "l_max: .nan", ["outage.yaml:29: fleet.l_max: must be a finite number, got nan"]),
        ("size: 30", "l_max: -.inf", ["outage.yaml:29: fleet.l_max: must be a finite number, got -inf"]),
        ("size: 30", "l_max: true", ["outage.yaml:29: fleet.l_max: must be a number, got true"]),
        ("size: 30", "l_max: '1'", ["outage.yaml:29: fleet.l_max: must be a number, got '1'"]),
        ("size: 30", "l_max: 1e400", ["outage.yaml:29: fleet.l_max: must be a finite number, got inf"]),
        ("{soc: 0.6}", "{soc: 1.2}", ["outage.yaml:30: fleet.start.soc: must be at most 1, got 1.2"]),
        (
            "{soc: 0.6}",
            "{place: home}",
            [
                "outage.yaml:30: fleet.start.place: must be one of 'random_station', 'round_robin', 'random_node', "
                "got 'home'"
            ],
        ),
        (
            "chargers: 5",
            "chragers: 5",
            [
                "outage.yaml:27: stations.1.chragers: unknown key; did you mean 'chargers'? "
                "(known: bus, chargers, discipline, faults, kinds, name, node, position_km, power_kw, preemptive, "
                "sharing, site_limit_kw, waiting_places)"
            ],
        ),
        (
            "        p_max_kw: 100\n",
            "",
            [
                "outage.yaml:14: network.microgrids.0.dg.p_max_kw: is required "
                "(Highest active power [kW]; the lowest is 0.)"
            ],
        ),
        ("  kind: lattice\n", "", ["outage.yaml:19: roads.kind: is required (one of 'lattice', 'tntp', 'list')"]),
        ("kind: lattice", "kind: grid", ["outage.yaml:20: roads.kind: must be one of 'lattice', 'tntp', "
            "'list', got 'grid'"]),
        ("kind: lattice", "kind: [1]", ["outage.yaml:20: roads.kind: must be one of 'lattice', 'tntp', "
            "'list', got [1]"]),
        ("columns: 3", "lattice: 3", ["outage.yaml:21: roads.lattice: unknown key; known: bpr_b, bpr_power, "
            "capacity_vph, columns, kind, rows, spacing_km, speed_kmh"]),
        ("[0.9, 1, 0.9]", "[0.9, x, 0.9]", ["outage.yaml:8: profiles.load.values.1: must be a number, got 'x'"]),
        ("[0.9, 1, 0.9]", "[]", ["outage.yaml:8: profiles.load.values: must have 1 or more items, got []"]),
        ("[0.9, 1, 0.9]", "{a: 1}", ["outage.yaml:8: profiles.load.values: must be a list, got {'a': 1}"]),
        ("[[1, 2]]", "[[1]]", ["outage.yaml:11: network.opened_lines.0: must have 2 or more items, got [1]"]),
        ("[4, 4]", "[4, 4, 4]", ["outage.yaml:25: stations.1.position_km: must have 2 or fewer items, got [4, 4, 4]"]),
        (
            "{name: greedy}",
            "greedy",
            ["outage.yaml:31: controller: must be a mapping of keys to values, got 'greedy'"],
        ),
        ("{name: greedy}", "{name: ''}", ["outage.yaml:31: controller.name: must have 1 or more characters, got ''"]),
        (
            "{name: greedy}",
            f"{{name: {'x' * 100}}}",
            [f"outage.yaml:31: controller.name: must have 80 or fewer characters, got '{'x' * 56}..."],
        ),
        ("{name: greedy}", "{options: 3}", ["outage.yaml:31: controller.options: must be a mapping of keys to values, "
            "got 3"]),
        ("{name: greedy}", "{'[key]': 3}", ["outage.yaml:31: controller.[key]: unknown key; known: name, options"]),
        ("  load:\n    kind: hourly", "  '[key]':\n    kind: x", [
            "outage.yaml:6: profiles.[key].kind: must be one of 'hourly', 'steps', 'csv', got 'x'"]),
        ('"10:00"', "10", ["outage.yaml:3: clock.start: must be text, got 10"]),
        (
            '"10:00"',
            "25:00",
            ["outage.yaml:3: clock.start: a time of day lies between 00:00 and 23:59, got '25:00'"],
        ),
        ("version: 1", "version: 2", ["outage.yaml:1: version: must be at most 1, got 2"]),
        ("version: 1", "version: true", ["outage.yaml:1: version: must be a whole number, got true"]),
        ("name: small", "nmae: small", [
            "outage.yaml:1: name: is required (Name of the scenario.)",
            "outage.yaml:2: nmae: unknown key; did you mean 'name'? (known: clock, congestion, controller, "
            "customers, description, fleet, forecast, grid, name, network, profiles, reward, roads, seed, stations, "
            "tariff, uncertainty, version)",
        ]),
        ("  load:\n    kind: hourly", "  '':\n    kind: hourly", [
            "outage.yaml:5: profiles.'': must have 1 or more characters, "
            "got ''"]),
        ("  load:\n    kind: hourly", '  "a\\nb":\n    kind: x', [
            "outage.yaml:5: profiles.a\\nb: must be printable text on one line, got 'a\\nb'",
            "outage.yaml:6: profiles.a\\nb.kind: must be one of 'hourly', 'steps', 'csv', got 'x'"]),
    ],
)  # fmt: skip
def test_damaged_files(write, old, new, issues):
    assert GOOD.count(old) == 1
    assert mistakes(write(GOOD.replace(old, new))) == issues


def test_all_mistakes_are_reported_by_line(write):
    text = GOOD.replace("size: 30", "size: x").replace("bus: 1\n", "bus: -1\n").replace("slots: 12", "slots: 0")
    assert mistakes(write(text)) == [
        "outage.yaml:3: clock.slots: must be at least 1, got 0",
        "outage.yaml:15: network.microgrids.0.dg.bus: must be at least 0, got -1",
        "outage.yaml:29: fleet.size: must be a whole number, got 'x'",
    ]


def test_mistakes_in_overrides_name_the_override(write):
    assert mistakes(write(GOOD), ["fleet.size=x", "stations.1.node=3", "fleet.sise=3"])[:2] == [
        "--set fleet.size=x: fleet.size: must be a whole number, got 'x'",
        "--set fleet.sise=3: fleet.sise: unknown key; did you mean 'size'? (known: battery_kwh, charge_efficiency, "
        "charge_kw, commute, consumption_kwh_per_km, costs, discharge_efficiency, discharge_kw, l_max, move_scale_km, "
        "p_sch_max, priority, routing, size, soc_max, soc_min, start)",
    ]  # fmt: skip


def test_schema_and_checks_report_together(write):
    text = GOOD.replace("slots: 12", "slots: 0").replace("name: B", "name: A")
    assert mistakes(write(text)) == [
        "outage.yaml:3: clock.slots: must be at least 1, got 0",
        "outage.yaml:24: stations.1.name: 'A' is already the name of stations.0",
    ]


def test_right_sections_are_available_when_others_are_wrong(write):
    parsed = parse_scenario(write(GOOD.replace("slots: 12", "slots: 0") + "roda: 3\n"))
    assert parsed.file is None
    assert len(parsed.issues) == 2
    assert parsed.sections["fleet"] == FleetSection(size=30, start={"soc": 0.6})
    assert parsed.sections.keys() == Scenario.model_fields.keys() - {"clock"}


def test_parsed_scenario_has_the_scenario_when_all_is_right(write):
    parsed = parse_scenario(write(GOOD))
    assert parsed.issues == []
    assert parsed.file == load_scenario(write(GOOD))


# --------------------------------------------------------------------------------------------- mutations

VALUES = [
    "null", "true", "-1", "1e400", ".nan", "-.inf", "'3'", "x", "[]", "{}", "[1, [2, {a: b}]]", "{a: 1, a: 2}",
    "!!int 3", "!foo 3", "&x 1", "*x", "&x [*x]", '"\\uD800"', '"\\n"', '"\\UFFFFFFFF"', "0x" + "F" * 5000, "9" * 5000,
    "|", "? ", "%", "@",
    "{kind: hourly}", "{kind: [1]}", "{<<: 3}", "'" + "é" * 200 + "'", "[" * 60, "\u2028", "2016-01-01", "1:30:00",
]  # fmt: skip


def value_replaced(rng, text):
    lines = text.splitlines()
    at = rng.randrange(len(lines))
    key, colon, _ = lines[at].partition(":")
    lines[at] = f"{key}{colon} {rng.choice(VALUES)}"
    return "\n".join(lines)


def inline_value_replaced(rng, text):
    spots = [at for at, sign in enumerate(text) if sign in "[,:"]
    at = rng.choice(spots) + 1
    end = min((text.find(sign, at) for sign in ",]}\n" if text.find(sign, at) > 0), default=len(text))
    return f"{text[:at]} {rng.choice(VALUES)}{text[end:]}"


def line_removed(rng, text):
    lines = text.splitlines()
    del lines[rng.randrange(len(lines))]
    return "\n".join(lines)


def line_repeated(rng, text):
    lines = text.splitlines()
    at = rng.randrange(len(lines))
    return "\n".join([*lines[:at], lines[at], *lines[at:]])


def truncated(rng, text):
    return text[: rng.randrange(len(text))]


def key_misspelt(rng, text):
    at = rng.choice([at for at, sign in enumerate(text) if sign == ":"])
    return text[: at - 1] + rng.choice(["", "q", "\\", '"', "\t"]) + text[at:]


def bytes_changed(rng, text):
    content = bytearray(text.encode())
    for _ in range(rng.randint(1, 5)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


def bytes_only(rng, text):
    return rng.randbytes(rng.randrange(200))


@pytest.mark.parametrize(
    "mutate",
    [
        value_replaced,
        inline_value_replaced,
        line_removed,
        line_repeated,
        truncated,
        key_misspelt,
        bytes_changed,
        bytes_only,
    ],
)
def test_only_scenario_errors_come_out_of_damaged_files(mutate, tmp_path):
    rng = random.Random(mutate.__name__)
    file = tmp_path / "outage.yaml"
    for _ in range(100):
        damaged = mutate(rng, GOOD)
        file.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
        try:
            load_scenario(file)
        except ScenarioError as error:
            assert error.issues
            for issue in error.issues:
                assert str(issue).isprintable(), damaged
                assert len(str(issue)) < 1000, damaged
                assert issue.source == str(file), damaged
