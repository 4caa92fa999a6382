"""Commuters for the tests: those of the scenario, and a small fleet whose stations are on a line."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from line_fleet import fleet
from plain_loop import run_plain_loop

from agents.catalogue import Line, find_line, make_algorithm, make_settings
from agents.commuters.learning import CommutersInTraining
from agents.exploration import Exploration
from cosim.episodes import VALIDATION
from cosim.interface import DayRule, Episodes, FleetSpec
from cosim.records.table import Records, joined
from cosim.schedule import Schedule
from cosim.system import System, load_system
from cosim.world import make_simulators

DAY = Path(__file__).parents[2] / "scenarios" / "v2g_day.yaml"
RULE = DayRule(
    stability=1.0,
    fossil=1.0,
    renewable=1.0,
    satisfaction=10.0,
    revenue=0.5,
    net_mean_kw=100.0,
    net_spread_kw=50.0,
    fossil_mean_kw=80.0,
    trade_most_cny=40.0,
    energy_needed_kwh=48.0,
    feed_in_share=0.5,
)


def commuters(size: int = 3) -> FleetSpec:
    """EVs of 6 to 57 kWh that commute; charging at 40 kW costs 2 CNY/kWh at most."""
    return dataclasses.replace(fleet(size), day=RULE)


def fleet_for(line: Line, size: int) -> FleetSpec:
    """A small fleet of the kind that a line guides."""
    return commuters(size) if line.commutes else fleet(size)


@cache
def day(*overrides: str) -> System:
    """The scenario with a quick power flow."""
    return load_system(DAY, ["network.engine=lindistflow", *overrides])


def learned(system: System, *episodes: int, rate: float = 0.3) -> tuple[Episodes, Records]:
    """What a fleet hands on after some episodes, and their records."""
    line = find_line("v2g-dt-maddpg")
    handed_on: list[Episodes] = []
    student = CommutersInTraining(
        system.spec,
        make_algorithm(line, system.spec, make_settings(line, {}), 0),
        validation_from=VALIDATION.start,
        exploration=lambda count: Exploration(rate, count, np.random.default_rng(0)),
        on_episodes=handed_on.append,
    )
    return handed_on_by(system, student, episodes, handed_on)


def handed_on_by(system: System, controller: Any, episodes: tuple[int, ...], handed_on: list[Episodes]) -> Any:
    parts, schedule = [], Schedule(episodes, len(episodes), system.clock.slots)
    simulators = make_simulators(
        system,
        controller,
        schedule,
        complete=True,
        on_slot=lambda _: None,
        on_batch=lambda _, records: parts.append(records),
    )
    run_plain_loop(simulators, schedule)
    return handed_on[0], joined(parts)
