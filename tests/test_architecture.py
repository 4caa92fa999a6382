"""Imports point one way, and mosaik, SimPy, pandapower and torch each stay in their own rooms."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cosim

ROOT = Path(__file__).parents[1]

#: Rooms of `cosim` from the ground up: a room imports rooms above it in this list only, or itself.
ROOMS = (
    ("cosim._version",),
    ("cosim.errors", "cosim.units", "cosim.seeding", "cosim.inputs", "cosim.command_line"),
    ("cosim.foreign_code", "cosim.processes"),
    ("cosim.clock", "cosim.schedule", "cosim.episodes", "cosim.contenders"),
    ("cosim.interface",),
    ("cosim.state_image",),
    ("cosim.sums", "cosim.stacking", "cosim.planning"),
    ("cosim.scenario",),
    ("cosim.records",),
    ("cosim.charging", "cosim.grid"),
    ("cosim.sampling",),
    ("cosim.traffic", "cosim.couplings"),
    ("cosim.day_reward",),
    ("cosim.ledger", "cosim.reward"),
    ("cosim.outcome",),
    ("cosim.system",),
    ("cosim.loading",),
    ("cosim.simulators",),
    ("cosim.world",),
    ("cosim.plain_loop",),
    ("cosim.effort", "cosim.metrics", "cosim.disclosure"),
    ("cosim.workers", "cosim.statistics"),
    ("cosim.report", "cosim.summary"),
    ("cosim.queueing",),
    ("cosim.experiment", "cosim.bound"),
    ("cosim.repetition",),
    ("cosim.verification", "cosim.env", "cosim.privacy", "cosim.evaluation", "cosim.training"),
    ("cosim.cli", "cosim"),
    ("cosim.__main__",),
)

#: What agents may import of `cosim`.
AGENTS_SEE = ("cosim.interface", "cosim.state_image", "cosim.planning", "cosim.errors")

#: Who may import what is heavy or replaceable.
FOREIGN = {
    "mosaik": ("cosim.world",),
    "mosaik_api_v3": ("cosim.simulators", "cosim.couplings.grid_simulator"),
    "simpy": ("cosim.traffic", "cosim.charging"),
    "pandapower": ("cosim.grid",),
    "power_grid_model": ("cosim.grid",),
    "dss": ("cosim.grid",),
    "helics": ("cosim.couplings",),
    "fmpy": ("cosim.couplings",),
    "torch": ("agents",),
    "safetensors": ("agents",),
    "msgpack": ("agents.twins",),
    "opendp": ("agents.twins",),
    "tensorboard": ("agents",),
    "pyarrow": ("cosim.records",),
    "yaml": ("cosim.scenario", "cosim.records"),
    "rich": ("cosim.cli", "cosim.report"),
    "matplotlib": ("cosim.report",),
    "altair": ("cosim.report",),
    "vl_convert": ("cosim.report",),
    "jinja2": ("cosim.report",),
    "pettingzoo": ("cosim.env",),
    "gymnasium": ("cosim.env",),
}


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("cosim", "agents"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""
            # `from cosim.traffic import tntp` imports a module of that room.
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "cosim")


def within(module: str, room: str) -> bool:
    return module == room or (room != "cosim" and module.startswith(f"{room}."))


def level(module: str) -> int:
    return next(k for k, rooms in enumerate(ROOMS) if any(within(module, room) for room in rooms))


def room_of(module: str) -> str:
    return next(room for rooms in ROOMS for room in rooms if within(module, room))


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_point_down(module: str, path: Path) -> None:
    for name in imports(path):
        top = name.split(".")[0]
        if top == "agents":
            assert within(module, "agents") or module in ("cosim.loading", "cosim.cli"), (module, name)
        if top == "cosim" and within(module, "agents"):
            assert any(within(name, room) for room in AGENTS_SEE), (module, name)
        elif top == "cosim" and name != "cosim" and module != "cosim":
            assert level(name) < level(module) or room_of(name) == room_of(module), f"{module} imports {name}"
        if top in FOREIGN:
            assert any(within(module, room) for room in FOREIGN[top]), f"{module} imports {name}"


def test_import_cosim_loads_nothing_heavy() -> None:
    heavy = {*FOREIGN, "numpy", "pandas", "pydantic", "matplotlib", "scipy"}
    program = "import sys, cosim, cosim.cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert heavy & set(printed.stdout.split()) == set()


def test_pages_are_made_without_simulators() -> None:
    program = "import sys, cosim.report.page.document, cosim.report.page.reading; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(printed.stdout.split())
    assert not loaded & {"agents", "mosaik", "simpy", "pandapower", "power_grid_model", "torch"}
    assert not {name for name in loaded if name.startswith(("cosim.grid", "cosim.traffic", "cosim.simulators"))}


def test_who_is_sent_a_network_needs_no_pandapower(tmp_path: Path) -> None:
    system = cosim.load(ROOT / "scenarios" / "outage_33bus.yaml")
    (tmp_path / "system.pickle").write_bytes(pickle.dumps(system))
    program = (
        "import pathlib, pickle, sys, cosim.workers, cosim.training.actor, cosim.couplings.opendss\n"
        f"system = pickle.loads(pathlib.Path({str(tmp_path / 'system.pickle')!r}).read_bytes())\n"
        "print('pandapower' in sys.modules, len(system.network.net.bus), 'pandapower' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert printed.stdout.split() == ["False", "33", "True"]


def test_conversions_have_one_room() -> None:
    for module, path in modules():
        if module in ("cosim.units", "cosim.grid.engines.power_grid_model"):
            continue
        numbers = {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float)
        }
        assert 3600 not in numbers, f"{module}: seconds and hours are converted in cosim.units"
