"""Runs with the power flow from elsewhere, and what must be true of them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import cosim

HERE = Path(__file__).parent
SCENARIOS = HERE.parents[1] / "scenarios"
SCENARIO = SCENARIOS / "outage_33bus_deterministic.yaml"
COMMON = ["controller.name=coordinated"]


def run(*overrides: str, scenario: Path = SCENARIO, **more: object) -> cosim.Results:
    more = {"episodes": 1, **more}
    return cosim.run(scenario, overrides=[*COMMON, *overrides], **more)  # type: ignore[arg-type]


def nearly_equal(one: cosim.Results, other: cosim.Results) -> None:
    """Powers to 1e-3 kW, voltages to 1e-6 p.u."""
    assert one.records is not None and other.records is not None
    for table, tolerance in (("microgrid_slots", 1e-3), ("bus_slots", 1e-6), ("reference_slots", 1e-3)):
        for name, values in one.records[table].columns.items():
            scale = 1e-3 if name in ("p_kw", "q_kvar") else tolerance
            expected = np.asarray(other.records[table].columns[name])
            np.testing.assert_allclose(np.asarray(values), expected, rtol=1e-6, atol=scale, err_msg=name)


def _found(pattern: str) -> str:
    return subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True).stdout.strip()


def _listening() -> set[str]:
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {words[1] for words in lines if words[3] == "0A"}


@contextmanager
def nothing_left(pattern: str) -> Iterator[None]:
    """Make sure that no process, no port and no file is left behind."""
    ports, files = _listening(), set(Path("/tmp").glob("ev-cosim-*"))
    yield
    for _ in range(50):
        left = _found(pattern), _listening() - ports, set(Path("/tmp").glob("ev-cosim-*")) - files
        if not any(left):
            return
        time.sleep(0.1)
    pytest.fail(f"left behind: {left}")
