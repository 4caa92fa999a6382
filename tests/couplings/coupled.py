"""Runs with the power flow from elsewhere, and what must be true of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


#: In the environment of whatever a test starts.
MARK = "EV_COSIM_TEST"


def _processes() -> list[tuple[Path, str]]:
    """What a test has started and still runs: folder in /proc, and command."""
    found = []
    mark = f"{MARK}={os.environ[MARK]}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            # Python's own, which ends with this process.
            ours = int(folder.name) == os.getpid() or "resource_tracker" in command
            if not ours and mark in (folder / "environ").read_bytes():
                found.append((folder, command))
    return found


def _ports(folder: Path) -> list[str]:
    """Addresses at which a process listens, in hexadecimal digits."""
    inodes = set()
    for link in (folder / "fd").iterdir():
        with suppress(OSError):
            inodes.add(str(link.readlink()))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [words[1] for words in lines if words[3] == "0A" and f"socket:[{words[9]}]" in inodes]


def kill_a_run(grid: str, *what: str, number: int = signal.SIGKILL, workers: int = 1) -> None:
    """Start a run with much to do, and kill it when something of it runs that has a word in its command."""
    words = [
        sys.executable,
        "-m",
        "cosim",
        "run",
        str(SCENARIO),
        "--episodes",
        "500",
        "--replicas",
        "1",
        "--allow-code",
        "--workers",
        str(workers),
    ]
    with subprocess.Popen([*words, "--set", grid], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(300):
            time.sleep(0.1)
            commands = [command for folder, command in _processes() if int(folder.name) != process.pid]
            if all(any(word in command for command in commands) for word in what):
                break
        else:
            pytest.fail(f"did not start: {commands}")
        time.sleep(2.0)
        assert process.poll() is None
        process.send_signal(number)


def listening() -> list[str]:
    """Addresses at which that listens which a test has started."""
    return [address for folder, _ in _processes() for address in _ports(folder)]


@contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    """Make sure that no process, no port and no file is left behind; a port of a process ends with it.

    What a killed run leaves sees by itself that nobody is there any more, in some seconds.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, f"{os.getpid()}-{time.monotonic_ns()}")
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield
        for _ in range(300):
            left = _processes(), _ports(Path("/proc/self")), list(folder.glob("ev-cosim-*"))
            if not any(left):
                return
            time.sleep(0.1)
        pytest.fail(f"left behind: {left}")
