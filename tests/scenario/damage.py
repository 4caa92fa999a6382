"""Damaged scenarios, made from the good ones in a fixed order: a table of kinds, each with its damages.

A damage is a scenario file and the data files beside it, as bytes, or as a function that puts something else in
their place. Whatever is still a good scenario has no place here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from cosim.scenario.source import parse_yaml

SCENARIOS = Path(__file__).parents[2] / "scenarios"
CSV = "data/simbench/simbench_profiles_2016_30min.csv"
NET, NODES, FLOW = (f"data/siouxfalls/SiouxFalls_{name}.tntp" for name in ("net", "node", "flow"))
MAIN, QUIET, SIOUX = "outage_33bus", "outage_33bus_deterministic", "outage_siouxfalls"

Keys = tuple[str | int, ...]
Content = bytes | Callable[[Path], None]


@dataclass(frozen=True)
class Damage:
    """One damaged scenario.

    Args:
        kind: Which kind of damage it is.
        name: What was damaged, and how; unique in its kind.
        text: The scenario file.
        places: Texts that the messages must hold: where the mistakes are.
        data: Further files, by their path beside the scenario file; unlisted ones are good.
        bomb: Whether it is made to exhaust the machine.
    """

    kind: str
    name: str
    text: Content
    places: tuple[str, ...] = ()
    data: Mapping[str, Content] = field(default_factory=dict)
    bomb: bool = False

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"


class Raw(str):
    """YAML that is written as it is."""


def damages() -> list[Damage]:
    """All damages, in a fixed order."""
    return [damage for kind in KINDS for damage in kind()]


# ------------------------------------------------------------------------------------------- good scenarios


@cache
def good_text(scenario: str) -> str:
    return (SCENARIOS / f"{scenario}.yaml").read_text(encoding="utf-8")


@cache
def good_tree(scenario: str) -> dict[str, Any]:
    tree, _ = parse_yaml(good_text(scenario), scenario)
    assert isinstance(tree, dict)
    return tree


@cache
def good_data() -> dict[str, str]:
    """The data files of the good scenarios; of the profiles, three days."""
    files = {name: (SCENARIOS / name).read_text(encoding="utf-8") for name in (CSV, NET, NODES, FLOW)}
    header, *rows = files[CSV].splitlines()
    days = ("2016-06-22", "2016-06-23", "2016-06-24")
    return files | {CSV: "\n".join([header, *(row for row in rows if row.startswith(days))]) + "\n"}


def written(value: Any, indent: str = "") -> str:
    """A value as block YAML, a line for each of its parts; much faster than PyYAML."""
    if isinstance(value, Raw):
        return f" {value}\n"
    if isinstance(value, dict) and value:
        parts = (f"{indent}{key if isinstance(key, Raw) else json.dumps(key)}:" for key in value)
        return "\n" + "".join(
            f"{key}{written(part, indent + '  ')}" for key, part in zip(parts, value.values(), strict=True)
        )
    if isinstance(value, list) and value and any(isinstance(item, dict) for item in value):
        return "\n" + "".join(f"{indent}-{written(item, indent + '  ')}" for item in value)
    return f" {flow(value)}\n"


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, float) and "e" in repr(value) and "." not in repr(value):
        return repr(value).replace("e", ".0e")
    return json.dumps(value)


def yaml_of(tree: dict[str, Any]) -> bytes:
    return written(tree).lstrip("\n").encode()


# ------------------------------------------------------------------------------------------ changing a tree


def dotted(keys: Keys) -> str:
    return ".".join(map(str, keys))


def at(tree: Any, keys: Keys) -> Any:
    for key in keys:
        tree = tree[key]
    return tree


def with_value(scenario: str, keys: Keys, value: Any) -> dict[str, Any]:
    tree = deepcopy(good_tree(scenario))
    at(tree, keys[:-1])[keys[-1]] = value
    return tree


def without(scenario: str, keys: Keys) -> dict[str, Any]:
    tree = deepcopy(good_tree(scenario))
    del at(tree, keys[:-1])[keys[-1]]
    return tree


def nodes_of(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Every part of a tree; of each list the last item only."""
    if keys:
        yield keys, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from nodes_of(item, (*keys, key))
    elif isinstance(value, list) and value:
        yield from nodes_of(value[-1], (*keys, len(value) - 1))


def set_damage(kind: str, scenario: str, keys: Keys, value: Any, *places: str, name: str = "") -> Damage:
    """A damage that is a value at a place, told at that place unless places are given."""
    how = name or f"{dotted(keys)}={flow(value)[:24]}"
    return Damage(kind, f"{scenario}:{how}", yaml_of(with_value(scenario, keys, value)), places or (dotted(keys),))


# -------------------------------------------------------------------------------------------- kinds: fields

#: Fields that may be null, or that any text, list or mapping is right for.
NULLABLE = {"buses", "ess", "pv", "wt", "road_factor", "base_flow", "node"}
ANY_TEXT = {"description"}
#: Mappings whose fields all have defaults.
ALL_DEFAULTS = {
    "clock", "costs", "congestion", "fleet", "start", "forecast", "uncertainty", "traffic", "controller", "reward",
    "load", "road_factor",
}  # fmt: skip
#: Numbers that may be as small, or as large, as one likes.
MAY_BE_TINY = {
    "p_max_kw", "q_max_kvar", "bpr_b", "low", "high", "ev_flow_vph", "consumption_kwh_per_km", "soc", "soc_spread",
    "std", "move_penalty", "soc_min", "values", "hours", "dg_cny_per_kwh", "shedding_cny_per_kwh", "ess_cny_per_kwh",
    "curtailment_cny_per_kwh", "battery_cny_per_kwh", "distance_cny_per_km", "time_cny_per_h",
    "position_km", "p_sch_max",
}  # fmt: skip


def wrong_types(keys: Keys, value: Any) -> list[Any]:
    """Values of other types than that of a good one."""
    last = keys[-1]
    none = [] if last in NULLABLE else [None]
    if isinstance(value, str):
        return [3, True, [], {}, ["x"], Raw("1e3"), *none]
    if isinstance(value, (int, float)):
        return ["many", True, [], {}, [1], f"{value}", Raw("2016-06-23"), *none]
    if isinstance(value, list):
        return [3, "many", {}, {"0": 1}, False, [None], [[[]]], *none]
    empty = [] if last in ALL_DEFAULTS else [{}]
    return [3, "many", [], [{}], True, *none, *empty]


def types() -> Iterator[Damage]:
    """Something of another type, at every field of every scenario."""
    for offset, scenario in enumerate((MAIN, SIOUX, QUIET)):
        for count, (keys, good) in enumerate(_told_apart(scenario)):
            wrong = wrong_types(keys, good)
            # An own kind of mistake at each field, and all kinds of them over all fields.
            value = wrong[(count + offset) % len(wrong)]
            place = "network" if (keys[-1], value) == ("case", None) else dotted(keys)
            yield set_damage("type", scenario, keys, value, place)


def _told_apart(scenario: str) -> Iterator[tuple[Keys, Any]]:
    """Parts of a scenario, of the smaller ones only those that the first has not."""
    known = {tuple(key for key in keys if isinstance(key, str)) for keys, _ in nodes_of(good_tree(MAIN))}
    for count, (keys, value) in enumerate(nodes_of(good_tree(scenario))):
        new = tuple(key for key in keys if isinstance(key, str)) not in known
        # The fourteen CSV profiles of Sioux Falls are alike.
        again = keys[0] == "profiles" and count % 5
        if scenario == MAIN or (scenario == SIOUX and new and not again) or (scenario == QUIET and count % 40 == 0):
            yield keys, value


def numbers() -> Iterator[Damage]:
    """Numbers that are none, negative, or out of all bounds, at every number."""
    for scenario in (MAIN, SIOUX):
        numeric = [(k, v) for k, v in _told_apart(scenario) if isinstance(v, (int, float)) and not isinstance(v, bool)]
        for count, (keys, _) in enumerate(numeric):
            hostile = [Raw(".nan"), Raw(".inf"), Raw("-.inf"), -1, Raw("1e308"), Raw("-1e308"), 10**400, -(10**99)]
            if keys[-2:] != ("road_factor", "seed"):
                hostile += [2**63, 10**99]
            name = next(key for key in reversed(keys) if isinstance(key, str))
            if name not in MAY_BE_TINY:
                hostile += [Raw("5e-324"), Raw("2.2e-308")]
            yield set_damage("number", scenario, keys, hostile[count % len(hostile)])


def zeros() -> Iterator[Damage]:
    """Zero where something must be divided, counted or had."""
    for keys in (
        ("version",), ("clock", "slots"), ("clock", "slot_s"), ("network", "microgrids", 0, "ess", "energy_kwh"),
        ("network", "microgrids", 1, "ess", "power_kw"), ("roads", "columns"), ("roads", "rows"),
        ("roads", "spacing_km"), ("roads", "speed_kmh"), ("roads", "capacity_vph"), ("roads", "bpr_power"),
        ("stations", 2, "chargers"), ("fleet", "battery_kwh"), ("fleet", "charge_kw"), ("fleet", "discharge_kw"),
        ("fleet", "charge_efficiency"), ("fleet", "discharge_efficiency"), ("fleet", "l_max"),
        ("fleet", "move_scale_km"), ("reward", "scale"),
    ):  # fmt: skip
        yield set_damage("zero", MAIN, keys, 0)
    for keys in (
        ("version",),
        ("clock", "slot_s"),
        ("roads", "speed_kmh"),
        ("fleet", "l_max"),
        ("stations", 1, "chargers"),
    ):
        yield set_damage("zero", MAIN, keys, Raw("-0.0"))
    for keys in (("roads", "km_per_length"), ("roads", "minutes_per_time"), ("roads", "area_km", 1)):
        yield set_damage("zero", SIOUX, keys, 0)


REQUIRED: tuple[tuple[str, Keys], ...] = (
    *((MAIN, (key,)) for key in ("version", "name", "profiles", "network", "roads", "stations")),
    *((MAIN, ("profiles", "wt", key)) for key in ("kind", "hours", "values")),
    *((MAIN, ("network", key)) for key in ("case", "microgrids")),
    (MAIN, ("network", "microgrids", 2, "name")),
    *((MAIN, ("network", "microgrids", 3, "dg", key)) for key in ("bus", "p_max_kw", "q_max_kvar")),
    *((MAIN, ("network", "microgrids", 1, "ess", key)) for key in ("bus", "energy_kwh", "power_kw")),
    *((MAIN, ("network", "microgrids", 4, "pv", key)) for key in ("bus", "p_max_kw", "profile")),
    *((MAIN, ("network", "microgrids", 4, "wt", key)) for key in ("bus", "p_max_kw", "profile")),
    *((MAIN, ("congestion", "base_flow", key)) for key in ("kind",)),
    *((MAIN, ("stations", 4, key)) for key in ("name", "position_km", "bus")),
    (MAIN, ("roads", "kind")),
    *((SIOUX, ("profiles", "pv_b", key)) for key in ("kind", "file", "column", "date")),
    *((SIOUX, ("roads", key)) for key in ("kind", "network", "nodes")),
    *((SIOUX, ("congestion", "base_flow", key)) for key in ("kind", "file")),
    *((SIOUX, ("stations", 0, key)) for key in ("name", "node", "bus")),
    (SIOUX, ("profiles", "commercial_q")),
    (MAIN, ("profiles", "pv")),
)


def missing() -> Iterator[Damage]:
    """Each required field left out."""
    for scenario, keys in REQUIRED:
        last = keys[-1]
        place = dotted(keys[:-1]) if last in ("case", "position_km", "node") else dotted(keys)
        place = str(last) if keys[0] == "profiles" and len(keys) == 2 else place
        yield Damage("missing", f"{scenario}:{dotted(keys)}", yaml_of(without(scenario, keys)), (place,))


def unknown() -> Iterator[Damage]:
    """Keys that are spelled nearly right, in every section."""
    for count, (keys, _) in enumerate(nodes_of(good_tree(MAIN))):
        last = keys[-1]
        if not isinstance(last, str) or keys[:-1] == ("profiles",) or count % 2:
            continue
        spelled = (last[:-2] + last[:-3:-1], last.upper(), last + " ", last.replace("_", "-") + "s")[count % 4]
        if spelled == last:
            spelled += "x"
        tree = deepcopy(good_tree(MAIN))
        holder = at(tree, keys[:-1])
        holder[spelled] = holder.pop(last)
        place = "kind" if last == "kind" else dotted((*keys[:-1], spelled))
        yield Damage("unknown", dotted((*keys[:-1], spelled)), yaml_of(tree), (place,))
    for keys in ((), ("fleet", "costs"), ("network", "microgrids", 0)):
        for key in ("", "x" * 900, "a.b", "\x1b[2J", "__class__", "model_config", "é"):
            tree = deepcopy(good_tree(MAIN))
            at(tree, keys)[key] = 1
            yield Damage("unknown", f"{dotted(keys)}+{key[:9]!r}", yaml_of(tree), (dotted(keys), "unknown key"))


def twice() -> Iterator[Damage]:
    """A key given twice, in every mapping."""
    for keys, value in nodes_of({"": good_tree(MAIN)}):
        if isinstance(value, dict) and keys:
            inner = keys[1:]
            tree = deepcopy(good_tree(MAIN))
            holder = at(tree, inner)
            key = list(holder)[-1]
            holder[Raw(key)] = Raw("1")  # written without quotes, and equal all the same
            holder[f"{key}__again"] = 1
            text = yaml_of(tree).replace(b"__again", b"")
            yield Damage("twice", dotted((*inner, key)), text, (dotted((*inner, key)), "is given twice"))


def lengths() -> Iterator[Damage]:
    """Lists that are too short, too long, or in the place of mappings, and the other way round."""
    main = good_tree(MAIN)
    for keys, value in (
        (("network", "opened_lines", 0), [1]), (("network", "opened_lines", 1), [1, 2, 3]),
        (("network", "opened_lines", 2), []), (("stations", 0, "position_km"), [8]),
        (("stations", 1, "position_km"), [8, 20, 3]), (("network", "microgrids"), []), (("stations",), []),
        (("stations",), {str(k): station for k, station in enumerate(main["stations"])}),
        (("network", "microgrids"), {grid["name"]: grid for grid in main["network"]["microgrids"]}),
        (("network",), [main["network"]]), (("fleet",), [main["fleet"]]), (("profiles",), list(main["profiles"])),
        (("network", "opened_lines"), {"1": 2}), (("clock",), ["10:00", 12, 1800]),
    ):  # fmt: skip
        yield set_damage("length", MAIN, keys, value, name=f"{dotted(keys)}={flow(value)[:20]}")
    for area in ([], [32], [32, 32, 32]):
        yield set_damage("length", SIOUX, ("roads", "area_km"), area)
    for key, value in (("hours", [10, 16]), ("values", [1] * 8), ("hours", []), ("values", [])):
        yield set_damage("length", MAIN, ("profiles", "load", key), value, "profiles.load.")


def names() -> Iterator[Damage]:
    """Names that a terminal would obey, and names that are no names."""
    hostile = {
        "red": "\x1b[31mred", "title": "\x1b]0;owned\x07", "clear": "\x1b[2J\x1b[H", "bell": "\a", "backspace": "a\b\b",
        "return": "good\rbad", "line": "a\nb", "tab": "a\tb", "nul": "a\0b", "c1": "a\x9b31mb", "bidi": "a\u202eb",
        "separator": "a\u2028b", "delete": "a\x7fb", "width": "a\u200bb", "long": "x" * 81, "none": "",
        "huge": "x" * 100_000,
    }  # fmt: skip
    places: tuple[tuple[str, Keys], ...] = (
        (MAIN, ("name",)), (MAIN, ("network", "microgrids", 1, "name")), (MAIN, ("stations", 3, "name")),
        (MAIN, ("network", "engine")), (MAIN, ("network", "case")), (MAIN, ("controller", "name")),
        (MAIN, ("network", "microgrids", 0, "pv", "profile")), (SIOUX, ("roads", "network")),
        (SIOUX, ("profiles", "pv_a", "file")), (SIOUX, ("congestion", "base_flow", "file")),
        (SIOUX, ("profiles", "pv_a", "column")), (SIOUX, ("profiles", "pv_a", "date")), (MAIN, ("clock", "start")),
    )  # fmt: skip
    for count, (how, name) in enumerate(hostile.items()):
        for step in range(2):
            scenario, keys = places[(2 * count + step) % len(places)]
            yield set_damage("name", scenario, keys, name, name=f"{dotted(keys)}:{how}")
    for how in ("red", "line", "none", "long"):
        tree = deepcopy(good_tree(MAIN))
        tree["profiles"][hostile[how]] = tree["profiles"]["pv"]
        yield Damage("name", f"profiles:{how}", yaml_of(tree), ("profiles.",))


# ------------------------------------------------------------------------------------ kinds: across fields


def across() -> Iterator[Damage]:
    """Values that are right each for itself, and wrong together."""
    grid = ("network", "microgrids")
    main: tuple[tuple[Keys, Any, str], ...] = (
        (("clock", "start"), "24:00", "clock.start"), (("clock", "start"), "10:60", "clock.start"),
        (("clock", "start"), "noon", "clock.start"), (("clock", "start"), "-1:00", "clock.start"),
        (("clock", "start"), "0" * 6000 + ":00", "clock.start"), (("clock", "slots"), 10_001, "clock.slots"),
        (("clock", "slot_s"), 59, "clock.slot_s"), (("clock", "slot_s"), 1800.5, "clock.slot_s"),
        (("clock", "slots"), 48, "profiles."), (("clock", "start"), "03:00", "profiles."),
        (("clock", "start"), "20:00", "profiles."), (("version",), 2, "version"),
        (("profiles", "load", "hours"), [16, 15, 14, 13, 12, 11, 10], "profiles.load.hours.1"),
        (("profiles", "load", "hours"), [10, 11, 11, 13, 14, 15, 16], "profiles.load.hours.2"),
        (("profiles", "pv", "kind"), "csv", "profiles.pv"), (("profiles", "pv", "kind"), "daily", "profiles.pv.kind"),
        (("network", "file"), "net.json", "network.file"), (("network", "case"), "case33b", "network.case"),
        (("network", "case"), "case9", "network"), (("network", "case"), "create_empty_network", "network"),
        (("network", "case"), "pp_elements", "network.case"), (("network", "case"), "__init__", "network.case"),
        (("network", "case"), "os.system", "network.case"), (("network", "engine"), "matpower", "network.engine"),
        (("network", "opened_lines"), [], "network.microgrids"), (("network", "charging_limit"), "all", "charging_l"),
        (("network", "opened_lines", 0), [1, 5], "opened_lines.0"), (("network", "opened_lines", 1), [4, 4], "lines.1"),
        (("network", "opened_lines", 3), [99, 100], "opened_lines.3"), (("network", "vm_min_pu"), 1.0, "vm_min_pu"),
        (("network", "opened_lines", 3), [2**70, 11], "opened_lines.3"), (("network", "vm_max_pu"), 1.0, "vm_max_pu"),
        (("network", "opened_lines", 3), [12, 13], "network.microgrids"), (("network", "vm_min_pu"), 2, "vm_min_pu"),
        ((*grid, 0, "dg", "bus"), 33, "microgrids.0.dg.bus"), ((*grid, 0, "dg", "bus"), 2, "network.microgrids."),
        ((*grid, 0, "dg", "vm_pu"), 1.08, "microgrids.0.dg.vm_pu"), ((*grid, 0, "dg", "vm_pu"), 2, "dg.vm_pu"),
        ((*grid, 1, "name"), "MG1", "microgrids.1.name"), ((*grid, 2, "buses"), [5, 25], "microgrids.2.buses"),
        ((*grid, 2, "buses"), [77], "microgrids.2.buses.0"), ((*grid, 3, "ess", "bus"), 12, "microgrids.3.ess.bus"),
        ((*grid, 3, "ess", "soc_min"), 0.95, "microgrids.3.ess"), ((*grid, 3, "ess", "soc_max"), 0.1, "3.ess"),
        ((*grid, 3, "ess", "soc_start"), 0.95, "3.ess.soc_start"), ((*grid, 3, "ess", "soc_start"), 0.05, "soc_start"),
        ((*grid, 4, "pv", "bus"), 1, "microgrids.4.pv.bus"), ((*grid, 4, "pv", "profile"), "sun", "4.pv.profile"),
        ((*grid, 4, "wt", "profile"), "wtt", "4.wt.profile"), ((*grid, 4, "load"), {"profile": "x"}, "4.load.profile"),
        ((*grid, 4, "load"), {"q_profile": "x"}, "4.load.q_profile"), ((*grid, 4), {}, "microgrids.4"),
        ((*grid, 0), {"name": "MG1"}, "microgrids.0"), (("roads", "kind"), "tntp", "roads"),
        (("roads", "kind"), "grid", "roads.kind"), (("roads", "columns"), 3, "stations."),
        (("roads", "rows"), 1001, "rows"),
        (("roads", "bpr_power"), 0.5, "roads.bpr_power"), (("roads", "bpr_power"), 21, "roads.bpr_power"),
        (("congestion", "base_flow", "profile"), "trafic", "base_flow.profile"),
        (("congestion", "base_flow", "kind"), "tntp", "congestion.base_flow"),
        (("congestion", "base_flow"), {"kind": "tntp", "file": "flow.tntp"}, "congestion.base_flow.kind"),
        (("congestion", "base_flow", "road_factor", "low"), 1.5, "road_factor.low"),
        (("stations", 0, "position_km"), [9, 20], "stations.0.position_km"),
        (("stations", 0, "bus"), 33, "stations.0.bus"),
        (("stations", 0, "position_km"), [1e9, -1e9], "stations.0.position_km"),
        (("stations", 0, "position_km"), [16, 24], "stations.1"), (("stations", 1, "name"), "CDS1", "stations.1.name"),
        (("stations", 0, "node"), 3, "stations.0.position_km"), (("stations", 0, "bus"), 10**50, "stations.0.bus"),
        (("fleet", "size"), 1_000_001, "fleet.size"), (("fleet", "soc_min"), 0.95, "fleet.s"),
        (("fleet", "soc_min"), 0.6, "fleet.start.soc"), (("fleet", "soc_max"), 0.1, "fleet.soc_min"),
        (("fleet", "start", "soc"), 0.9, "fleet.start.soc"), (("fleet", "start", "soc_spread"), 0.6, "fleet.start.soc"),
        (("fleet", "start", "place"), "home", "fleet.start.place"), (("forecast", "kind"), "crystal", "forecast.kind"),
        (("fleet", "p_sch_max"), 1.5, "p_sch_max"), (("uncertainty", "pv", "std"), 1.5, "uncertainty.pv.std"),
        (("uncertainty", "pv", "clip_sigma"), 0, "uncertainty.pv.clip_sigma"),
        (("reward", "form"), "sum", "reward.form"), (("reward", "credit"), "own", "reward.credit"),
        (("controller", "name"), "greedi", "controller.name"),
        (("controller", "options"), {"x": 1}, "controller.options"),
        (("controller", "options"), {"spec": 1}, "controller.options"),
        (("controller", "options"), [1], "controller.opt"),
        (("controller", "name"), ":", "controller.name"), (("controller", "name"), "os:", "controller.name"),
        (("controller", "name"), ":system", "controller.name"), (("controller", "name"), "..os:system", "controller.n"),
        (("controller", "name"), "os:system:x", "controller.name"),
        (("controller", "name"), "a b:C", "controller.name"),
        (("controller", "name"), "agents..x:C", "controller.name"),
        (("controller", "name"), "/tmp/x:C", "controller.n"),
        (("seed",), 2**63, "seed"), (("seed",), -1, "seed"),
    )  # fmt: skip
    for keys, value, place in main:
        yield set_damage("across", MAIN, keys, value, place)
    csv_: tuple[tuple[Keys, Any, str], ...] = (
        (("stations", 2, "node"), 25, "stations.2.node"), (("stations", 2, "node"), 0, "stations.2.node"),
        (("stations", 2, "node"), 2**70, "stations.2.node"), (("stations", 2, "node"), 1, "stations.2"),
        (("profiles", "pv_a", "date"), "2016-13-45", "pv_a.date"),
        (("profiles", "pv_a", "date"), "23.06.2016", "pv_a.date"),
        (("profiles", "pv_a", "date"), "2017-06-23", "pv_a.date"),
        (("profiles", "pv_a", "date"), "0000-01-01", "pv_a.date"),
        (("profiles", "pv_a", "date"), "9999-12-31", "pv_a.date"),
        (("profiles", "pv_a", "date"), "٢٠١٦-٠٦-٢٣", "pv_a.date"),
        (("profiles", "pv_a", "column"), "pv_d", "pv_a.column"), (("profiles", "pv_a", "column"), "", "pv_a.column"),
        (("profiles", "pv_a", "column"), "time", "pv_a.column"),
        (("profiles", "pv_a", "time_column"), "t", "time_column"),
        (("profiles", "pv_a", "time_column"), "pv_b", "pv_a.time_column"), (("clock", "slots"), 200, "profiles."),
        (("profiles", "pv_a", "scale"), 0, "pv_a.scale"), (("profiles", "pv_a", "kind"), "hourly", "profiles.pv_a"),
        (("congestion", "base_flow", "profile"), "x", "base_flow.profile"), (("roads", "nodes"), NET, "roads.nodes"),
        (("roads", "network"), NODES, "roads.network"), (("congestion", "base_flow", "file"), NODES, "base_flow.file"),
        (("roads", "kind"), "lattice", "roads"), (("roads", "network"), CSV, "roads.network"),
        (("profiles", "pv_a", "file"), NET, "profiles.pv_a"), (("roads", "km_per_length"), 1e-300, "km_per_length"),
    )  # fmt: skip
    for keys, value, place in csv_:
        yield set_damage("across", SIOUX, keys, value, place)


# ---------------------------------------------------------------------------------------------- kinds: YAML


def yaml() -> Iterator[Damage]:
    """What YAML can do beyond values."""
    tags = (
        "!!python/object/apply:os.system [touch ran]", "!!python/object/new:os.system [touch ran]",
        "!!python/name:os.system", "!!python/module:os", "!!python/object:subprocess.Popen {}", "!!binary aGk=",
        "!!set {a, b}", "!!timestamp 2016-06-23", "!!omap [a: 1]", "!!str 3", "!!int '3'", "!!float 1", "!!map {}",
        "!unknown x", "! x", "!<tag:example.org,2000:x> y", "!!null ''", "!!merge x", "!!python/tuple [1, 2]",
    )  # fmt: skip
    for count, tag in enumerate(tags):
        for step, keys in enumerate((("fleet", "size"), ("controller", "options"), ("name",), ("stations", 1, "bus"))):
            if step in (count % 4, (count + 1) % 4):
                yield set_damage(
                    "yaml", MAIN, keys, Raw(tag), "tags are not allowed", name=f"{dotted(keys)}={tag[:40]}"
                )
    for keys, value, place in (
        (("fleet",), Raw("&a [*a]"), "contains itself"), (("fleet",), Raw("&a {x: *a}"), "contains itself"),
        (("fleet",), Raw("&a {x: {y: [*a]}}"), "contains itself"),
        (("fleet", "size"), Raw("*nobody"), "undefined alias"),
        (("fleet", "size"), Raw("&a"), "fleet.size"), (("fleet",), Raw("{<<: {size: 3}}"), "<<"),
        (("fleet",), Raw("{x: &a 1, y: &a 2}"), "is used twice"), (("fleet",), Raw("{1: 2}"), "a key must be text"),
        (("fleet",), Raw("{null: 2}"), "a key must be text"), (("fleet",), Raw("{[a]: 2}"), "a key must be text"),
        (("fleet",), Raw("{size: 1, size: 2}"), "fleet.size: is given twice"),
        (("fleet",), Raw("[1, 2"), "not valid YAML"),
        (("fleet",), Raw("{size: 3"), "not valid YAML"), (("name",), Raw("'open"), "not valid YAML"),
        (("name",), Raw('"\\q"'), "not valid YAML"), (("name",), Raw('"\\UFFFFFFFF"'), "not valid YAML"),
        (("name",), Raw('"\\ud800"'), "name"), (("name",), Raw("@x"), "not valid YAML"),
        (("name",), Raw("`x"), "not valid"),
        (("name",), Raw("%x"), "not valid YAML"), (("name",), Raw("a: b"), "not valid YAML"),
        (("name",), Raw("|2\n x"), ""),
        (("clock",), Raw("10:00"), "clock"), (("fleet", "size"), Raw("30 # EVs: many\n  x"), "not valid"),
        (("fleet", "size"), Raw("1_000"), "fleet.size"), (("fleet", "size"), Raw("0x"), "fleet.size"),
        (("fleet", "size"), Raw("yes"), "fleet.size"), (("fleet", "size"), Raw("1:30"), "fleet.size"),
        (("fleet", "size"), Raw("9" * 5000), "fleet.size"), (("fleet", "size"), Raw("0x" + "f" * 200), "fleet.size"),
        (("fleet", "l_max"), Raw("1e999999"), "fleet.l_max"), (("fleet", "l_max"), Raw("1e-999999"), "fleet.l_max"),
        (("fleet", "size"), Raw("30\n---\nfleet: 3"), "more than one document"),
        (("fleet", "size"), Raw("30\n..."), ""),
    ):  # fmt: skip
        yield set_damage("yaml", MAIN, keys, value, place or ".yaml:", name=f"{dotted(keys)}={value[:30]!r}")
    base = "{kind: hourly, hours: [10, 16], values: [1, 1]}"
    yield set_damage("yaml", MAIN, ("profiles", "pv"), Raw("{<<: " + base + ", kind: hourly}"), "<<", name="merge")


def texts() -> Iterator[Damage]:
    """Files that are no YAML, no text, or no mapping."""
    text = good_text(MAIN)
    plain = text.encode()
    middle = text.index("network:")
    whole: dict[str, bytes] = {
        "empty": b"", "blank": b" \n \n", "newlines": b"\n" * 999, "comments": b"# a\n# b\n", "null": b"null\n",
        "list": b"- 1\n- 2\n", "flow list": b"[1, 2]", "scalar": b"3", "text": b"hello", "true": b"true", "map": b"{}",
        "marker": b"---\n", "end": b"...\n", "colon": b":", "dash": b"-", "question": b"?",
        "quote": b'"', "brace": b"{",
        "bracket": b"[", "alias": b"*a", "anchor": b"&a", "tag": b"!", "percent": b"%", "bar": b"|",
        "bom": b"\xef\xbb\xbf",
        "tab": b"\t", "nul": b"\0", "utf-16": text.encode("utf-16"), "utf-16-le": text.encode("utf-16-le"),
        "utf-16-be": text.encode("utf-16-be"), "utf-32": text.encode("utf-32"), "utf-7": b"+AG4-ame: x\n",
        "latin-1": text.replace("Microgrid", "Möcrogrid").encode("latin-1"), "cp037": text.encode("cp037"),
        "elf": b"\x7fELF\x02\x01\x01" + bytes(200), "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "gzip": b"\x1f\x8b\x08" * 30,
        "random": bytes(range(256)) * 4, "json list": b"[{}]", "html": b"<html><body>not here</body></html>\n",
        "two documents": plain + b"---\nversion: 1\n", "two good ones": plain + b"---\n" + plain,
        "twice": plain + plain,
        "tabs": text.replace("\n  ", "\n\t").encode(), "one line": text.replace("\n", " ").encode(),
        "nul inside": plain[:middle] + b"\0" + plain[middle:],
        "escape inside": plain[:middle] + b"\x1b[31m" + plain[middle:],
        "bad byte": plain[:middle] + b"\xff\n" + plain[middle:],
        "overlong": plain[:middle] + b"\xc0\xaf" + plain[middle:],
        "half surrogate": plain[:middle] + b"\xed\xa0\x80" + plain[middle:], "cut character": plain + "é".encode()[:1],
        "trailing text": plain + b"\nmore\n", "leading dash": b"- " + plain, "leading space": b" version: 1\n" + plain,
        "all quoted": json.dumps(text).encode(), "diff": b"<<<<<<< HEAD\n" + plain,
        "python": b"import os\nos.system('x')\n",
        "directive": b"%YAML 9.9.9\n---\n" + plain, "tag directive": b"%TAG ! !!\n%TAG ! !!\n---\n" + plain,
        "percents": b"%" * 500, "deep map": b"".join(b" " * k + b"a:\n" for k in range(60)),
    }  # fmt: skip
    for name, content in whole.items():
        yield Damage("text", name, content)
    for count in range(6):
        cut = plain[: (count + 1) * text.index("stations:") // 7]
        yield Damage("text", f"cut after {len(cut)} bytes", cut)
    for line in range(18, 70, 7):
        lines = text.split("\n")
        lines[line] = lines[line].replace(":", "", 1) if ":" in lines[line] else "]" + lines[line]
        yield Damage("text", f"line {line + 1} broken", "\n".join(lines).encode())


def bombs() -> Iterator[Damage]:
    """Small files that would exhaust the machine."""
    laughs = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"]
    laughs += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 10)]
    maps = ["a0: &a0 {a: 1, b: 2}"] + [f"a{k}: &a{k} {{a: *a{k - 1}, b: *a{k - 1}}}" for k in range(1, 40)]
    long = "x" * 80
    bombs_ = {
        "billion laughs": "\n".join(laughs), "of maps": "\n".join(maps), "lists": "a: " + "[" * 10_000,
        "closed lists": "a: " + "[" * 10_000 + "]" * 10_000, "maps": "{a: " * 10_000, "dashes": "- " * 10_000,
        "questions": "? " * 10_000, "block": "\n".join(" " * k + "a:" for k in range(1_200)),
        "long text many times": f"a: &a {'x' * 400_000}\nb: [{'*a, ' * 2_000}]",
        "long value many times": f"fleet: &a {'x' * 400_000}\nstations: [{'*a, ' * 2_000}]",
        "many values": "a: [" + "1," * 490_000 + "1]",
        "many keys": "".join(f"a{k}: 1\n" for k in range(4_000)),
        "many anchors": "".join(f"a{k}: &a{k} 1\n" for k in range(3_000)),
        "long key": f"{'x' * 900_000}: 1", "long number": f"version: {'9' * 900_000}", "too large": "#" * 1_000_001,
        "long float": f"version: {'9' * 400_000}.{'9' * 400_000}e{'9' * 9}", "long line": "a: " + "x " * 450_000,
        "long paths": "".join(f"{' ' * k}{long}:\n" for k in range(45)) + " " * 50 + "- [" + "1," * 40_000 + "1]",
        "quotes": "a: '" + "''" * 450_000 + "'", "folded": "a: >\n" + " x\n" * 300_000, "documents": "---\n" * 200_000,
    }  # fmt: skip
    for name, text in bombs_.items():
        yield Damage("bomb", name, text.encode(), bomb=True)
    everything = "\n".join(f"  - {{name: S{k}, node: {k}, bus: 99}}" for k in range(1_000))
    good = good_text(MAIN)
    cut = good.index("stations:"), good.index("fleet:")
    yield Damage(
        "bomb", "many stations", f"{good[: cut[0]]}stations:\n{everything}\n{good[cut[1] :]}".encode(), bomb=True
    )
    tree = with_value(MAIN, ("roads",), {"kind": "lattice", "columns": 1000, "rows": 1000})
    tree["stations"] = [
        station | {"position_km": None, "node": 10**7 + k} for k, station in enumerate(tree["stations"])
    ]
    yield Damage("bomb", "many nodes", yaml_of(tree), ("stations.4.node",), bomb=True)


# --------------------------------------------------------------------------------------------- kinds: files


def csvs() -> Iterator[Damage]:
    """Profiles whose CSV file is wrong."""
    good = good_data()[CSV]
    header, *rows = good.splitlines()
    names = header.split(",")
    noon = next(k for k, row in enumerate(rows) if row.startswith("2016-06-23T12:00"))

    def cell(column: str, text: str) -> str:
        cells = rows[noon].split(",")
        cells[names.index(column)] = text
        return "\n".join([header, *rows[:noon], ",".join(cells), *rows[noon + 1 :]])

    def lines(*parts: str) -> str:
        return "\n".join(parts) + "\n"

    wrong = {
        "empty": "", "blank": "\n\n\n", "header only": lines(header), "no header": lines(*rows),
        "one row": lines(header, rows[0]),
        "gap": lines(header, *rows[:noon], *rows[noon + 1 :]), "twice": lines(header, *rows[: noon + 1], *rows[noon:]),
        "unsorted": lines(header, *rows[:noon], rows[noon + 1], rows[noon], *rows[noon + 2 :]),
        "backwards": lines(header, *rows[::-1]),
        "other day": lines(header, *rows[:48]), "half a day": lines(header, *rows[: noon + 1]),
        "late": lines(header, *rows[noon:]),
        "other names": lines(header.upper(), *rows), "column gone": lines(header.replace("pv_b", "pv_d"), *rows),
        "column twice": lines(header.replace("pv_b", "pv_a"), *rows),
        "no time": lines(header.replace("time", "when"), *rows),
        "semicolons": good.replace(",", ";"), "tabs": good.replace(",", "\t"), "decimal commas": good.replace(".", ","),
        "short row": lines(header, *rows[:noon], rows[noon].rpartition(",")[0], *rows[noon + 1 :]),
        "long row": lines(header, *rows[:noon], rows[noon] + ",1", *rows[noon + 1 :]),
        "open quote": good.replace("\n", '\n"', 60),
        "text": "this is no table\n" * 9, "json": json.dumps({"time": [1, 2]}),
        "escape": good.replace("time", "\x1b[31mtime", 1),
        "quoted rows": lines(header, *(f'"{row}"' for row in rows)), "no dates": good.replace("2016-", ""),
        "german dates": good.replace("2016-06-23", "23.06.2016"), "zone": good.replace(":00,", ":00Z,"),
        "numbers": good.replace("T", ""),
        "date 32": good.replace("2016-06-23T12", "2016-06-32T12"),
        "hour 25": good.replace("2016-06-23T12", "2016-06-23T25"),
    }  # fmt: skip
    cells = (
        "", "x", "nan", "NaN", "inf", "-inf", "-1", "1e308", "1e400", "1;5", "1_0", "0x1", "1 2", "None", "#REF!", "-",
        "\x1b[31m1", "true", "9" * 5000, "1e7",
    )  # fmt: skip
    for count, text in enumerate(cells):
        column = ("pv_a", "wind_b", "commercial_p", "industrial_q")[count % 4]
        wrong[f"{column}={text[:12]!r}"] = cell(column, text)
    tree = yaml_of(good_tree(SIOUX))
    for name, text in wrong.items():
        yield Damage("csv", name, tree, ("profiles.",), {CSV: text.encode()})
    raw = {
        "utf-16": good.encode("utf-16"), "bad byte": good.encode().replace(b"T12:00", b"T12:0\xff", 1),
        "nul": good.encode().replace(b"T12", b"\0"),
        "binary": bytes(range(256)) * 50, "zeros": bytes(5000), "gzip": b"\x1f\x8b\x08\0" * 99,
        "long line": b"x" * 300_000,
        "commas": b"," * 300_000, "quote": b'"' + b"x" * 300_000,
    }  # fmt: skip
    for name, content in raw.items():
        yield Damage("csv", name, tree, ("profiles.",), {CSV: content})
    for name, content in not_files():
        yield Damage("csv", name, tree, ("profiles.",), {CSV: content})


def tntps() -> Iterator[Damage]:
    """Roads and flows whose TNTP file is wrong."""
    net, nodes, flows = (good_data()[name] for name in (NET, NODES, FLOW))
    net_rows = net.splitlines()
    first = next(k for k, row in enumerate(net_rows) if row.startswith("\t1\t2\t"))

    def link(text: str) -> str:
        return "\n".join([*net_rows[:first], text, *net_rows[first + 1 :]])

    def without_links(*ends: str) -> str:
        kept = [row for row in net_rows if not any(row.startswith(f"\t{end}\t") for end in ends)]
        return "\n".join(kept).replace("OF LINKS> 76", f"OF LINKS> {76 - len(net_rows) + len(kept)}")

    wrong_net = {
        "empty": "", "metadata only": "\n".join(net_rows[: first - 2]), "rows only": "\n".join(net_rows[first:]),
        "half": net[: len(net) // 2],
        "no links": net.replace("<NUMBER OF LINKS> 76", ""), "no nodes": net.replace("<NUMBER OF NODES> 24", ""),
        "text": "roads\n" * 30,
        "many links": net.replace("OF LINKS> 76", "OF LINKS> 77"),
        "few nodes": net.replace("OF NODES> 24", "OF NODES> 20"),
        "many nodes": net.replace("OF NODES> 24", "OF NODES> 999999999"),
        "no number": net.replace("OF NODES> 24", "OF NODES> x"),
        "negative nodes": net.replace("OF NODES> 24", "OF NODES> -24"),
        "huge": net.replace("OF NODES> 24", "OF NODES> " + "9" * 5000),
        "metadata twice": net.replace("<FIRST THRU NODE> 1", "<NUMBER OF NODES> 24"),
        "through": net.replace("THRU NODE> 1", "THRU NODE> 25"),
        "closed": net.replace("THRU NODE> 1", "THRU NODE> 24"),
        "open metadata": net.replace("<NUMBER OF NODES>", "<NUMBER OF NODES"),
        "escape": net.replace("<ORIGINAL HEADER>", "<\x1b[31m>\n<\x1b[31m>"), "commas": net.replace("\t", ","),
        "one way": without_links("24"),
        "island": without_links("24\t13", "24\t21", "24\t23", "13\t24", "21\t24", "23\t24").replace("OF NODES> 24",
        "OF NODES> 23"),
        "no way to 1": without_links("2\t1", "3\t1"), "no way from 1": without_links("1\t2", "1\t3"),
        "long line": net + "\t" + "9" * 200_000 + ";", "twice": net + "\n".join(net_rows[first:]),
        "escape in row": link("\t1\t\x1b[31m2\t1 1 1 1 1 ;"),
    }  # fmt: skip
    for count, value in enumerate(
        ("-1", "x", "nan", "inf", "-inf", "1e308", "1e400", "1_0", "", "0x1", "\x1b[31m", "9" * 400)
    ):
        values = ["1", "2", "25900", "6", "6", "0.15", "4"]
        column = 2 + count % 5
        changed = [*values[:column], value, *values[column + 1 :]]
        wrong_net[f"column {column}={value[:8]!r}"] = link("\t" + "\t".join(changed) + "\t;")
    for text in ("\t1\t1\t9 9 9 0.15 4 ;", "\t0\t2\t9 9 9 0.15 4 ;", "\t1\t99\t9 9 9 0.15 4 ;",
    "\t1\t2\t0 9 9 0.15 4 ;",
                 "\t1\t2\t9 0 9 0.15 4 ;", "\t1\t2\t9 5e-324 9 0.15 4 ;", "\t1\t2\t5e-324 9 9 0.15 4 ;",
                 "\t1\t2\t9 9 9 0.15 99 ;",
                 "\t1\t2\t9 9 ;", "\t1.5\t2\t9 9 9 0.15 4 ;", "\t1\t2\t9 9 9 0.15 4 ; 3 4"):  # fmt: skip
        wrong_net[f"row {text!r}"] = link(text)
    wrong_nodes = {
        "empty": "", "header only": "Node X Y ;\n", "one gone": nodes.replace("\n7\t", "\n77\t"),
        "twice": nodes + "7\t1\t1\t;\n", "half": nodes[:300],
        "text": nodes.replace("-96.77041974", "west"),
        "nan": nodes.replace("43.61281792", "nan").replace("43.61282792", "nan"),
        "inf": nodes.replace("-96.77041974", "inf"), "huge": nodes.replace("-96.77041974", "1e308"),
        "columns": nodes.replace("\t43", "43"),
        "negative": nodes.replace("\n7\t", "\n-7\t"), "node 0": nodes.replace("\n7\t", "\n0\t"),
        "letters": nodes.replace("\n7\t", "\nG\t"),
    }  # fmt: skip
    wrong_flow = {
        "empty": "", "header only": "From To Volume Cost\n", "one gone": flows.replace("1 \t2 \t", "1 \t9 \t", 1),
        "twice": flows + "1 2 3 4\n",
        "negative": flows.replace("4494.65", "-4494.65", 1), "text": flows.replace("4494.6576464564205", "many", 1),
        "half": flows[: len(flows) // 2],
        "nan": flows.replace("4494.6576464564205", "nan", 1), "inf": flows.replace("4494.6576464564205", "inf", 1),
        "huge": flows.replace("4494.6576464564205", "1e308", 1),
        "no cost": flows.replace("6.0008162373543197", "", 1), "other": net,
    }  # fmt: skip
    tree = yaml_of(good_tree(SIOUX))
    for file, place, wrong in (
        (NET, "roads.network", wrong_net), (NODES, "roads.nodes", wrong_nodes),
        (FLOW, "congestion.base_flow.file", wrong_flow)
    ):  # fmt: skip
        # Where roads are missing, it is the stations or the flow file that does not fit them.
        told = {"closed", "one way", "no way to 1", "no way from 1", "island"}
        for name, text in wrong.items():
            yield Damage("tntp", f"{place}:{name}", tree, () if name in told else (place,), {file: text.encode()})
        raw = {"utf-16": good_data()[file].encode("utf-16"), "binary": bytes(range(256)) * 9, "zeros": bytes(999)}
        others = list(not_files())[:: 1 if file == NET else 4]
        for name, content in (*raw.items(), *others):
            yield Damage("tntp", f"{place}:{name}", tree, (place,), {file: content})
    for name, cut, expected in (
        ("disconnected", ((1, 3), (3, 1), (2, 6), (6, 2)), ("roads.network", "no road joins them", "1, 2;")),
        ("no way back", ((3, 1), (6, 2)), ("stations.4", "no way leads from it to")),
        ("no way out", ((1, 3), (2, 6)), ("stations.4", "no way leads to it from")),
    ):  # fmt: skip
        fewer = without_links(*(f"{tail}\t{head}" for tail, head in cut)).encode()
        ends = tuple(f"{tail} \t{head} \t" for tail, head in cut)
        flow_left = "".join(row for row in flows.splitlines(keepends=True) if not row.startswith(ends)).encode()
        yield Damage("tntp", name, tree, expected, {NET: fewer, FLOW: flow_left})


def not_files() -> Iterator[tuple[str, Content]]:
    """What may stand in the place of a file."""

    def link_to(target: str) -> Callable[[Path], None]:
        return lambda path: path.symlink_to(target)

    yield "missing", lambda path: None
    yield "directory", lambda path: path.mkdir()
    yield "pipe", lambda path: os.mkfifo(path)
    yield "zero", link_to("/dev/zero")
    yield "full", link_to("/dev/full")
    yield "null", link_to("/dev/null")
    yield "random", link_to("/dev/urandom")
    yield "loop", lambda path: path.symlink_to(path)
    yield "dangling", link_to("nowhere")


def files() -> Iterator[Damage]:
    """Something else in the place of the scenario, and paths that lead elsewhere."""
    for name, content in not_files():
        yield Damage("file", name, content)
    elsewhere = (
        "../../../../none.csv", "/none.csv", "~/none.csv", "~root/.bashrc", ".", "..", "/", "", "/dev/zero",
        "/dev/stdin", "/dev/tty",
        "file:///etc/hostname", "http://127.0.0.1:9/x", "$HOME/x", "data", "x" * 300, "a/" * 400, "C:\\x.csv", "-",
        "|touch ran", "`touch ran`",
    )  # fmt: skip
    places: tuple[Keys, ...] = (
        ("profiles", "wind_a", "file"),
        ("roads", "network"),
        ("congestion", "base_flow", "file"),
    )
    for count, path in enumerate(elsewhere):
        for keys in (places[count % 3], places[(count + 1) % 3]):
            yield set_damage("file", SIOUX, keys, path, name=f"{dotted(keys)}={path[:24]}")
    for path in ("none.json", "..", "/dev/zero", "~", "\x1b[31m", "a\0b", ""):
        tree = without(MAIN, ("network", "case"))
        tree["network"]["file"] = path
        yield Damage("file", f"network.file={path!r}", yaml_of(tree), ("network.file",))


def jsons() -> Iterator[Damage]:
    """Networks whose pandapower file is wrong."""
    tree = without(MAIN, ("network", "case"))
    tree["network"]["file"] = "net.json"
    text = yaml_of(tree)
    frame = {"_module": "pandas.core.frame", "_class": "DataFrame"}
    net = {"_module": "pandapower.auxiliary", "_class": "pandapowerNet"}
    module = {"_module": "os", "_class": "system", "_object": "touch ran"}
    nested = frame | {"_object": json.dumps({"a": [module]})}
    wrong: dict[str, bytes] = {
        "empty": b"", "text": b"network", "list": b"[]", "nothing": b"null", "number": b"3", "map": b"{}",
        "nan": b"NaN", "cut": b'{"_module": "pan',
        "deep": b"[" * 100_000, "deep map": b'{"a":' * 100_000, "utf-16": '{"a": 1}'.encode("utf-16"),
        "bad byte": b'{"a": "\xff"}',
        "long number": b"9" * 50_000, "escape": b'{"\\u001b[31m": 1}', "code": json.dumps(module).encode(),
        "empty net": json.dumps(net | {"_object": {}}).encode(),
        "no tables": json.dumps(net | {"_object": {"bus": 3}}).encode(),
        "text net": json.dumps(net | {"_object": "bus"}).encode(),
        "list net": json.dumps(net | {"_object": []}).encode(),
        "code in net": json.dumps(net | {"_object": {"bus": module}}).encode(),
        "frame": json.dumps(frame | {"_object": "{}"}).encode(),
        "code in text": json.dumps(net | {"_object": json.dumps({"bus": module})}).encode(),
        "code in table": json.dumps(net | {"_object": {"bus": nested}}).encode(),
        "path as table": json.dumps(net | {"_object": {"bus": frame | {"_object": "/etc/passwd.json"}}}).encode(),
        "module a list": json.dumps(net | {"_module": ["os"]}).encode(),
        "escape as module": json.dumps(net | {"_module": "\x1b[31m"}).encode(),
        "function": json.dumps({"_module": "pandapower.auxiliary", "_class": "function",
        "_object": '"get_free_id"'}).encode(),
    }  # fmt: skip
    for name, content in wrong.items():
        yield Damage("json", name, text, ("network",), {"net.json": content})
    for name, content in not_files():
        yield Damage("json", name, text, ("network.file",), {"net.json": content})


# ---------------------------------------------------------------------------------------------- kinds: pairs

PAIRED: tuple[tuple[Keys, Any, str], ...] = (
    (("version",), 2, "version: "), (("name",), "", "name: "), (("seed",), -1, "seed: "),
    (("clock", "slots"), 0, "clock.slots: "), (("profiles", "load", "kind"), "x", "profiles.load.kind: "),
    (("network", "opened_lines", 3), [99, 100], "network.opened_lines.3: "),
    (("roads", "columns"), 0, "roads.columns: "),
    (("congestion", "ev_flow_vph"), Raw(".nan"), "congestion.ev_flow_vph: "),
    (("stations", 0, "bus"), 99, "stations.0.bus: "),
    (("fleet", "size"), Raw("many"), "fleet.size: "), (("fleet", "soc_max"), 0.05, "fleet.soc_min: "),
    (("forecast", "kind"), "x", "forecast.kind: "), (("uncertainty", "pv", "std"), 2, "uncertainty.pv.std: "),
    (("controller", "name"), "x", "controller.name: "), (("reward", "scale"), -1, "reward.scale: "),
)  # fmt: skip


def pairs() -> Iterator[Damage]:
    """Two mistakes at once, both told."""
    for (keys, value, place), (other_keys, other_value, other_place) in list(combinations(PAIRED, 2))[::4]:
        tree = with_value(MAIN, keys, value)
        at(tree, other_keys[:-1])[other_keys[-1]] = other_value
        if {keys[-1], other_keys[-1]} == {"size", "soc_max"}:  # checked together only when each is right
            continue
        yield Damage("pair", f"{dotted(keys)}+{dotted(other_keys)}", yaml_of(tree), (place, other_place))


KINDS: tuple[Callable[[], Iterator[Damage]], ...] = (
    types, numbers, zeros, missing, unknown, twice, lengths, names, across, yaml, texts, bombs, csvs, tntps, files,
    jsons,
    pairs,
)  # fmt: skip


def overrides() -> list[tuple[str, str]]:
    """Hostile values of `--set`, each with a text that the message must hold."""
    forms = ["", "=", "=1", "fleet", "fleet.size", ".fleet=1", "fleet.=1", "fleet..size=1", ".=1", "..=1", "\x1b[31m"]
    forms += ["\n", "a\nb", "-", "--set", "--out", "x" * 5000]
    wrong = [(text, "must have the form PATH=VALUE") for text in forms]
    wrong += [
        (f"{'a.' * 60}b=1", "path is longer than"),
        ("=" * 99, "must have the form"),
        (f"{'.' * 99}=1", "must have"),
    ]
    for value in ("", " ", "#30", " # 30", "---", "\n", "\t\n"):
        wrong.append((f"fleet.size={value}", "fleet.size"))
        wrong.append((f"network.microgrids.0.ess={value}", "network.microgrids.0.ess: "))
    wrong += [
        (f"fleet.size={value}", "fleet.size")
        for value in (
            "many", "-1", "1e9", "3.5", ".nan", ".inf", "true", "null", "~", "'30'", "[30]", "{a: 1}", "2000000",
            "9" * 99, "9" * 5000,
            "0x1g", "1_000", "30 EVs", "!!int 30", "!!python/object/apply:os.system [touch ran]", "!x 1", "&a", "*a",
            "&a [*a]", "[1",
            "{", "'",
            '"', "@", "`", "%", "|", ">", "- 1", "a: b: c", "1\n---\n2", "[" * 300, "[" * 10_000, "\0", "\x1b[31m30",
            "\u202e30",
            "${HOME}", "$(touch ran)", "`touch ran`", "30;touch ran", "../../etc/passwd", "\udcff", "30\x1b]0;x\x07",
            "<<", "{<<: 1}",
            "{a: 1, a: 2}", "{1: 2}", "[" + "1," * 9000 + "1]", "x" * 90_000,
        )
    ]  # fmt: skip
    wrong += [
        (f"{key}=1", place)
        for key, place in (
            ("flet.size", "flet"), ("fleet.sise", "fleet.sise"), ("fleet.size.x", "fleet.size"),
            ("stations.5.bus", "stations"),
            ("stations.-1.bus", "stations"), ("stations.x.bus", "stations"), ("stations.00.bus", "stations"),
            ("stations.1e0.bus", "stations"),
            ("stations.٣.bus", "stations"), ("stations.99999999999999999999.bus", "stations"),
            ("__class__", "__class__"),
            ("fleet.__init__", "fleet.__init__"), ("model_config.extra", "model_config"), (" fleet.size", " fleet"),
            ("fleet.size ", "fleet.size "),
            ("\x1b[31m", "\\x1b[31m"), ("fleet.\n", "fleet."), ("FLEET.SIZE", "FLEET"),
            ("fleet[size]", "fleet[size]"), ("0", "0"),
            ("é", "é"), ("x" * 5000, "xxx"), ("fleet", "fleet"), ("stations", "stations"), ("version.0", "version"),
        )
    ]  # fmt: skip
    return wrong
