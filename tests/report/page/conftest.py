"""Runs that pages are made of; each is run once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import cosim
from cosim.report.page.shown_run import ShownRun, show_run

SCENARIOS = Path(__file__).parents[3] / "scenarios"


RunInto = Callable[..., Path]


def _run_into(folder: Path, scenario: str, controller: str, episodes: int, *overrides: str) -> Path:
    """Run a scenario into a folder."""
    cosim.run(
        SCENARIOS / f"{scenario}.yaml",
        controller=controller,
        episodes=episodes,
        engine="lindistflow",
        overrides=overrides,
        out=folder,
    )
    return folder


@pytest.fixture(scope="session")
def run_into() -> RunInto:
    """Runs a scenario into a folder: folder, scenario, controller, episodes and overrides."""
    return _run_into


@pytest.fixture(scope="session")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five episodes of the outage, with queues."""
    folder = tmp_path_factory.mktemp("runs") / "outage"
    return _run_into(folder, "outage_33bus", "greedy", 5)


@pytest.fixture(scope="session")
def coordinated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three episodes of the same, decided by somebody else."""
    folder = tmp_path_factory.mktemp("runs") / "coordinated"
    return _run_into(folder, "outage_33bus", "coordinated", 3)


@pytest.fixture(scope="session")
def customers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two episodes with customers."""
    folder = tmp_path_factory.mktemp("runs") / "customers"
    return _run_into(folder, "outage_33bus_customers", "coordinated", 2)


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day with the utility, and islands that join."""
    folder = tmp_path_factory.mktemp("runs") / "day"
    return _run_into(folder, "day_33bus", "coordinated", 1)


@pytest.fixture(scope="session")
def commuters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of commuters."""
    folder = tmp_path_factory.mktemp("runs") / "commuters"
    return _run_into(folder, "v2g_day", "on_arrival", 2)


@pytest.fixture(params=["outage", "customers", "day", "commuters"])
def shown(request: pytest.FixtureRequest) -> ShownRun:
    """Each of them, read."""
    return show_run(request.getfixturevalue(request.param), request.param)
