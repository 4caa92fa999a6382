"""Loads the pandapower net that a scenario names, and refuses what the model has no equations for."""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
import pandapower.networks
from pandapower.io_utils import DeserializationNotAllowed

from cosim.errors import ScenarioError, ScenarioIssue
from cosim.scenario.schema import NetworkSection

PandapowerNet = Any

#: Element tables that the model has no equations for yet.
UNSUPPORTED = (
    "trafo",
    "trafo3w",
    "impedance",
    "dcline",
    "switch",
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
#: What reading such a file raises when the file is none.
JSON_MISTAKES = (
    OSError,
    UserWarning,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    DeserializationNotAllowed,
)
#: Columns that must hold numbers.
FINITE = {
    "bus": ("vn_kv",),
    "line": ("length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "parallel"),
    "load": ("p_mw", "q_mvar", "scaling"),
}
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
    net = _load_json(resolve(section.file)) if section.file is not None else _load_case(section.case)
    _refuse_unsupported(net)
    return net


def _load_case(name: str | None) -> PandapowerNet:
    cases = _known_cases()
    if name not in cases:
        near = difflib.get_close_matches(str(name), cases, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        problem = f"must be a network of pandapower.networks, got {name!r}{hint}"
        raise ScenarioError([ScenarioIssue("network.case", problem)])
    return cases[name]()


def _known_cases() -> dict[str, Callable[[], PandapowerNet]]:
    """The functions of pandapower.networks that make a network without being given anything."""
    cases: dict[str, Callable[[], PandapowerNet]] = {}
    for name, function in vars(pandapower.networks).items():
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        parameters = inspect.signature(function).parameters.values()
        if all(p.default is not p.empty or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters):
            cases[name] = function
    return cases


def _load_json(path: Path) -> PandapowerNet:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}"
        raise ScenarioError([ScenarioIssue("network.file", problem)]) from error
    try:
        foreign = _modules_in(json.loads(text)) - JSON_MODULES
        net = None if foreign else pandapower.from_json_string(text, convert=True)
    except JSON_MISTAKES as error:
        problem = f"{path} is no pandapower JSON file ({type(error).__name__}: {error})"
        raise ScenarioError([ScenarioIssue("network.file", " ".join(problem.split()))]) from error
    if foreign:
        problem = f"{path} holds objects of {', '.join(sorted(foreign))}; only tables are read, since others run code"
        raise ScenarioError([ScenarioIssue("network.file", problem)])
    if not isinstance(net, pandapower.pandapowerNet):
        raise ScenarioError([ScenarioIssue("network.file", f"{path} holds no pandapower network")])
    for table, columns in COLUMNS.items():
        missing = sorted(columns - set(getattr(net.get(table), "columns", ())))
        if missing:
            problem = f"{path} has no column {missing[0]!r} in its table {table!r}"
            raise ScenarioError([ScenarioIssue("network.file", problem)])
    return net


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


def _refuse_unsupported(net: PandapowerNet) -> None:
    if not len(net.bus):
        raise ScenarioError([ScenarioIssue("network", "the network has no buses")])
    used = [f"{len(net[table])} {table}" for table in UNSUPPORTED if table in net and len(net[table])]
    by_voltage = [column for column in net.load if column.startswith("const_")]
    odd = {
        "bus out of service": ~net.bus.in_service.astype(bool),
        "line with conductance": net.line.get("g_us_per_km", net.line.length_km * 0.0) > 0.0,
        "load that depends on voltage": (net.load[by_voltage] > 0.0).any(axis=1),
        "load below zero": net.load.p_mw * net.load.scaling < 0.0,
    }
    used += [f"{int(rows.sum())} {what}" for what, rows in odd.items() if rows.any()]
    if used:
        problem = f"only buses, lines, loads and the external grid are modelled, the network also has {', '.join(used)}"
        raise ScenarioError([ScenarioIssue("network", problem)])
    issues = [ScenarioIssue("network", problem) for problem in _wrong_values(net)]
    if issues:
        raise ScenarioError(issues)


def _wrong_values(net: PandapowerNet) -> Iterator[str]:
    """Values that no engine can work with."""
    buses = set(net.bus.index)
    for table, column in (("line", "from_bus"), ("line", "to_bus"), ("load", "bus")):
        for number, bus in net[table][column].items():
            if bus not in buses:
                yield f"{table} {number} is at bus {bus}, which the network lacks"
    for table, columns in FINITE.items():
        for column in columns:
            for number in net[table].index[~np.isfinite(net[table][column].to_numpy(dtype=np.float64))]:
                yield f"{table} {number} has no number for {column}"
    line = net.line[net.line.in_service.astype(bool)]
    for number in line.index[(line.length_km * np.hypot(line.r_ohm_per_km, line.x_ohm_per_km)) == 0.0]:
        yield f"line {number} has no impedance; make buses {line.from_bus[number]} and {line.to_bus[number]} one"
    known = line[line.from_bus.isin(buses) & line.to_bus.isin(buses)]
    first, second = (net.bus.vn_kv.loc[known[end]].to_numpy() for end in ("from_bus", "to_bus"))
    for number in known.index[first != second]:
        yield f"line {number} joins buses of different rated voltage; transformers are not modelled"
