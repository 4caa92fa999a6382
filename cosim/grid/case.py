"""Loads the pandapower net that a scenario names, and refuses what the model has no equations for."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import json
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.grid.kept_net import PandapowerNet
from cosim.grid.reduction import reduce_net
from cosim.scenario.schema import NetworkSection
from cosim.scenario.text_file import UnreadableError, read_text
from cosim.scenario.wording import one_line, shown

#: Element tables that the model has no equations for yet.
UNSUPPORTED = (
    "trafo3w",
    "impedance",
    "dcline",
    "tcsc",
    "gen",
    "sgen",
    "asymmetric_load",
    "asymmetric_sgen",
    "motor",
    "storage",
    "shunt",
    "svc",
    "ssc",
    "vsc",
    "ward",
    "xward",
)
#: Modules that the objects in a pandapower JSON file may come from: reading any other would import it, and so run it.
JSON_MODULES = frozenset({"pandapower.auxiliary", "pandas", "pandas.core.frame", "pandas.core.series"})
#: Longest reason of another library that a message quotes [characters].
MAX_REASON = 200
#: Columns that must hold numbers, and their bounds.
BOUNDS = {
    "bus": {"vn_kv": (1e-9, 1e9)},
    "line": {
        "length_km": (0.0, 1e9),
        "r_ohm_per_km": (0.0, 1e9),
        "x_ohm_per_km": (-1e9, 1e9),
        "c_nf_per_km": (0.0, 1e9),
        "parallel": (1.0, 1e9),
    },
    "load": {"p_mw": (-1e9, 1e9), "q_mvar": (-1e9, 1e9), "scaling": (-1e9, 1e9)},
    "trafo": {
        "sn_mva": (1e-9, 1e9),
        "vn_hv_kv": (1e-9, 1e9),
        "vn_lv_kv": (1e-9, 1e9),
        "vk_percent": (1e-9, 1e3),
        "vkr_percent": (0.0, 1e3),
        "parallel": (1.0, 1e9),
    },
}
#: What MATPOWER cases end with.
MATPOWER = (".m", ".mat")
#: Columns that a network must have.
COLUMNS = {
    "bus": {"vn_kv", "in_service"},
    "line": {
        "from_bus",
        "to_bus",
        "length_km",
        "r_ohm_per_km",
        "x_ohm_per_km",
        "c_nf_per_km",
        "parallel",
        "in_service",
    },
    "load": {"bus", "p_mw", "q_mvar", "scaling", "in_service"},
    "ext_grid": {"bus"},
    "trafo": {
        "hv_bus",
        "lv_bus",
        "sn_mva",
        "vn_hv_kv",
        "vn_lv_kv",
        "vk_percent",
        "vkr_percent",
        "parallel",
        "in_service",
    },
    "switch": {"bus", "element", "et", "closed"},
}


def load_net(section: NetworkSection, resolve: Callable[[str], Path]) -> PandapowerNet:
    """Load the pandapower net that a scenario names.

    Args:
        section: The scenario's `network`; its `file` wins over its `case`.
        resolve: Turns a path in the scenario into one that can be opened.

    Raises:
        ScenarioError: If there is no such case, the file is no pandapower network, or it has elements that are
            not modelled.
    """
    net = _load_file(resolve(section.file)) if section.file is not None else _load_case(section.case)
    unknown = [table for table in section.without if table not in UNSUPPORTED]
    if unknown:
        problem = f"must be among {', '.join(UNSUPPORTED)}, got {unknown[0]!r}"
        raise ScenarioError([ScenarioIssue("network.without", problem)])
    _refuse_unsupported(net, section.without)
    reduce_net(net, section.without)
    _refuse_impossible(net)
    return net


def _load_case(name: str | None) -> PandapowerNet:
    import pandapower

    cases = _known_cases()
    net = _made(cases[name]) if name in cases else None
    if not isinstance(net, pandapower.pandapowerNet):  # one of those functions makes something else
        near = difflib.get_close_matches(str(name), cases.keys() - {name}, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        problem = f"must be a network of pandapower.networks, got {name!r}{hint}"
        raise ScenarioError([ScenarioIssue("network.case", problem)])
    # Whoever asks may change it.
    return deepcopy(net)


@lru_cache(maxsize=8)
def _made(make: Callable[[], PandapowerNet]) -> PandapowerNet:
    """What a function of pandapower makes; reading a case takes it longer than a short run takes us."""
    return make()


def _known_cases() -> dict[str, Callable[[], PandapowerNet]]:
    """The functions of pandapower.networks that make a network without being given anything."""
    import pandapower.networks

    cases: dict[str, Callable[[], PandapowerNet]] = {}
    for name, function in vars(pandapower.networks).items():
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        parameters = inspect.signature(function).parameters.values()
        if all(p.default is not p.empty or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters):
            cases[name] = function
    return cases


def _load_file(path: Path) -> PandapowerNet:
    return _load_matpower(path) if path.suffix.lower() in MATPOWER else _load_json(path)


def _load_matpower(path: Path) -> PandapowerNet:
    name = one_line(str(path))
    if path.suffix == ".m" and importlib.util.find_spec("matpowercaseframes") is None:
        raise _wrong_file(f"{name} needs the package 'matpowercaseframes': pip install 'ev-cosim[matpower]'")
    if not path.is_file():
        raise _wrong_file(f"{name} cannot be read: no such file")
    from pandapower.converter.matpower.from_mpc import from_mpc

    try:
        # The converter warns of what pandas will refuse some day.
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            return from_mpc(str(path))
    except Exception as error:  # the converter raises anything on what it does not expect
        problem = one_line(" ".join(f"{type(error).__name__}: {error}".split()), MAX_REASON)
        raise _wrong_file(f"{name} is no MATPOWER case ({problem})") from error


def _load_json(path: Path) -> PandapowerNet:
    import pandapower

    name = one_line(str(path))
    try:
        text = read_text(path)
    except UnreadableError as error:
        raise _wrong_file(f"{name} {error}") from error
    try:
        foreign = _modules_in(json.loads(text)) - JSON_MODULES
        net = None if foreign else pandapower.from_json_string(text, convert=True)
    except Exception as error:  # pandapower raises anything on what it does not expect
        problem = one_line(" ".join(f"{type(error).__name__}: {error}".split()), MAX_REASON)
        raise _wrong_file(f"{name} is no pandapower JSON file ({problem})") from error
    if foreign:
        modules = one_line(", ".join(sorted(foreign)), MAX_REASON)
        raise _wrong_file(f"{name} holds objects of {modules}; only tables are read, since others run code")
    if not isinstance(net, pandapower.pandapowerNet):
        raise _wrong_file(f"{name} holds no pandapower network")
    for table, columns in COLUMNS.items():
        missing = sorted(columns - set(getattr(net.get(table), "columns", ())))
        if missing:
            raise _wrong_file(f"{name} has no column {missing[0]!r} in its table {table!r}")
    odd = [table for table in (*UNSUPPORTED, "trafo", "switch") if table in net and not hasattr(net[table], "columns")]
    if odd:
        raise _wrong_file(f"{name} has something else in the place of its table {odd[0]!r}")
    return net


def _wrong_file(problem: str) -> ScenarioError:
    return ScenarioError([ScenarioIssue("network.file", problem)])


def _modules_in(value: Any) -> set[str]:
    """Modules named in JSON values, and in the JSON text that pandapower nests as `_object`."""
    if isinstance(value, list):
        return set().union(*map(_modules_in, value))
    if not isinstance(value, dict):
        return set()
    own = {str(value["_module"])} if "_module" in value else set()
    nested = value.get("_object")
    inner = [*value.values(), *([json.loads(nested)] if isinstance(nested, str) else [])]
    return own.union(*map(_modules_in, inner))


def _refuse_unsupported(net: PandapowerNet, without: Sequence[str]) -> None:
    if not len(net.bus):
        raise ScenarioError([ScenarioIssue("network", "the network has no buses")])
    tables = [table for table in UNSUPPORTED if table in net and len(net[table]) and table not in without]
    used = [f"{len(net[table])} {table}" for table in tables]
    problems = list(_wrong_cells(net))
    if not problems:
        used += [f"{int(rows.sum())} {what}" for what, rows in _odd_rows(net).items() if rows.any()]
    if used:
        hint = f"; leave them out with network.without: [{', '.join(tables)}]" if tables else ""
        problem = (
            f"only buses, lines, two-winding transformers, switches, loads and the external grid are modelled, the "
            f"network also has {', '.join(used)}{hint}"
        )
        raise ScenarioError([ScenarioIssue("network", problem)])
    _raise_if_any(problems or list(_wrong_ends(net)))


def _refuse_impossible(net: PandapowerNet) -> None:
    """Refuse what no engine can work with, once the net is reduced."""
    if not len(net.bus):
        raise ScenarioError([ScenarioIssue("network", "no bus of the network is in service")])
    _raise_if_any(list(_wrong_lines(net)))


def _raise_if_any(problems: Sequence[str]) -> None:
    if problems:
        raise ScenarioError([ScenarioIssue("network", problem) for problem in problems])


def _odd_rows(net: PandapowerNet) -> dict[str, Any]:
    """Rows that the equations leave out, by what they are."""
    by_voltage = [column for column in net.load if str(column).startswith("const_")]
    return {
        "line with conductance": net.line.get("g_us_per_km", net.line.length_km * 0.0) > 0.0,
        "load that depends on voltage": (net.load[by_voltage] > 0.0).any(axis=1),
        "load below zero": net.load.p_mw * net.load.scaling < 0.0,
        "switch with impedance": net.switch.get("z_ohm", net.switch.index.to_series() * 0.0) > 0.0,
        "switch at a three-winding transformer": net.switch.et == "t3",
    }


def _wrong_cells(net: PandapowerNet) -> Iterator[str]:
    """Cells of the wrong type or beyond their bounds; afterwards all numbers are floats."""
    for table, bounds in BOUNDS.items():
        index = net[table].index
        if not index.is_unique or not all(isinstance(number, (int, np.integer)) for number in index):
            yield f"the rows of table {table!r} must have whole numbers, each its own"
            continue
        for number, value in net[table].get("in_service", net.bus.in_service[:0]).items():
            if not isinstance(value, (bool, np.bool_)):
                yield f"{table} {number}: in_service must be true or false, got {shown(value)}"
        for column, (lowest, highest) in (bounds | _further_bounds(net[table])).items():
            values = np.array([_number(value) for value in net[table][column]])
            net[table][column] = values
            for number, value in zip(index, values, strict=True):
                if not np.isfinite(value):
                    yield f"{table} {number} has no number for {column}"
                elif not lowest <= value <= highest:
                    yield f"{table} {number}: {column} must be from {lowest:g} to {highest:g}, got {value:g}"


def _further_bounds(table: Any) -> dict[str, tuple[float, float]]:
    """Bounds of the columns that a table need not have."""
    names = [column for column in table.columns if str(column).startswith("const_") or column == "g_us_per_km"]
    return dict.fromkeys(names, (0.0, 1e9))


def _number(value: Any) -> float:
    """A cell as a number; NaN if it is none."""
    numeric = isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, complex, np.complexfloating))
    return float(value) if numeric and abs(value) < 1e300 else math.nan


def _wrong_ends(net: PandapowerNet) -> Iterator[str]:
    """Elements at buses that are not there."""
    buses = set(net.bus.index)
    ends = [("line", "from_bus"), ("line", "to_bus"), ("load", "bus"), ("trafo", "hv_bus"), ("trafo", "lv_bus")]
    for table, column in [*ends, ("switch", "bus")]:
        for number, bus in net[table][column].items():
            if not isinstance(bus, (int, np.integer)) or bus not in buses:
                yield f"{table} {number} is at bus {shown(bus)}, which the network lacks"
    of = {"b": "bus", "l": "line", "t": "trafo"}
    for number, kind, element in zip(net.switch.index, net.switch.et, net.switch.element, strict=True):
        if kind not in of or element not in net[of[kind]].index:
            yield f"switch {number} is at {of.get(kind, shown(kind))} {shown(element)}, which the network lacks"


def _wrong_lines(net: PandapowerNet) -> Iterator[str]:
    """Lines that no engine can work with."""
    line = net.line[net.line.in_service.astype(bool)]
    for number in line.index[(line.length_km * np.hypot(line.r_ohm_per_km, line.x_ohm_per_km)) == 0.0]:
        yield f"line {number} has no impedance; make buses {line.from_bus[number]} and {line.to_bus[number]} one"
    first, second = (net.bus.vn_kv.loc[line[end]].to_numpy() for end in ("from_bus", "to_bus"))
    for number in line.index[first != second]:
        yield f"line {number} joins buses of different rated voltage; that takes a transformer"
