"""Holds a power flow engine against pandapower: five islands and the intact feeder, and how long a case takes."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandapower.networks

from cosim.errors import CouplingError
from cosim.grid.feeder import Feeder, build_feeder
from cosim.grid.power_flow import HERE, NotConvergedError, PowerFlow, PowerFlowResult, find_engine, open_engine
from cosim.interface import Floats

#: An engine that solves the AC equations is as near to pandapower [p.u., MW, Mvar].
TOLERANCE = 1e-6
#: A linear model of them is as near in voltages [p.u.].
LINEAR_TOLERANCE_PU = 1e-2
#: Cases that are compared, and that are timed at once.
CASES = 20
TIMED = 32
#: Lines of the 33-bus feeder that are opened to make five islands, and the slack buses of these.
OPENED = ((1, 2), (4, 5), (5, 6), (11, 12))
SLACK = (1, 2, 5, 6, 12)
#: More than any of its lines can carry [MW].
TOO_MUCH_MW = 500.0
FIELDS = ("vm_pu", "slack_p_mw", "slack_q_mvar")


@dataclass(frozen=True)
class Conformance:
    """What was found.

    Attributes:
        engine: Name of the engine.
        exact: Whether it says that it solves the AC equations.
        islands_error: Largest difference in the five islands [p.u., MW, Mvar].
        intact_error: Largest difference in the intact feeder.
        voltage_error_pu: Largest difference of a voltage in either [p.u.].
        alone_is_same: Whether a case alone gives the same bits as among others.
        says_no_solution: Whether it says so where there is none; a linear model always has one.
        alone_ms: CPU time of a case alone [ms].
        batch_ms: CPU time of a case among others [ms].
        problems: What an engine must mend before it is used.
    """

    engine: str
    exact: bool
    islands_error: float
    intact_error: float
    voltage_error_pu: float
    alone_is_same: bool
    says_no_solution: bool
    alone_ms: float
    batch_ms: float
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether there is nothing to mend."""
        return not self.problems


def check_engine(name: str, folder: Path = HERE) -> Conformance:
    """Check an engine.

    Args:
        name: Name of the engine, or `module:Class` of one from outside, which must have been allowed.
        folder: Where a module from outside may lie, besides where modules are.

    Raises:
        ScenarioError: If there is no engine of that name.
        CouplingError: If one from outside cannot be loaded, or gives what is no answer.
    """
    engine = find_engine(name)
    found: dict[str, dict[str, float]] = {}
    for which, feeder in (("islands", _islands()), ("intact", _intact())):
        drawn, expected = _drawn(feeder), _expected(which)
        found[which] = _differences(_solve(name, open_engine(name, feeder, folder), drawn), expected)
    flow, drawn = open_engine(name, _islands(), folder), _drawn(_islands(), TIMED)
    together, alone = _solve(name, flow, drawn), _solve(name, flow, tuple(power[3:4] for power in drawn))
    same = all(np.array_equal(getattr(together, field)[3:4], getattr(alone, field)) for field in FIELDS)
    alone_ms, batch_ms = _time_ms(flow, tuple(power[:1] for power in drawn)), _time_ms(flow, drawn)
    says = _says_no_solution(flow) if engine.exact else True
    recovers = np.array_equal(_solve(name, flow, drawn).vm_pu, together.vm_pu)
    voltage = max(differences["vm_pu"] for differences in found.values())
    problems = []
    if engine.exact:
        problems += [
            f"{which}: {field} is off by {error:.2g}, more than {TOLERANCE:g}"
            for which, differences in found.items()
            for field, error in differences.items()
            if error > TOLERANCE
        ]
    elif voltage > LINEAR_TOLERANCE_PU:
        problems.append(f"voltages are off by {voltage:.2g} p.u., more than {LINEAR_TOLERANCE_PU:g}")
    if not same:
        problems.append("a case alone gives other bits than among others")
    if not says:
        problems.append("does not raise NotConvergedError where there is no solution")
    if not recovers:
        problems.append("after a case without a solution it answers otherwise than before")
    return Conformance(
        engine=name,
        exact=engine.exact,
        islands_error=max(found["islands"].values()),
        intact_error=max(found["intact"].values()),
        voltage_error_pu=voltage,
        alone_is_same=same,
        says_no_solution=says,
        alone_ms=alone_ms,
        batch_ms=batch_ms,
        problems=tuple(problems),
    )


def _solve(name: str, flow: PowerFlow, drawn: tuple[Floats, ...]) -> PowerFlowResult:
    try:
        return flow.solve(*drawn)
    except NotConvergedError as error:
        raise CouplingError(f"engine {name!r} finds no solution in case {error.case}, where there is one") from error


@functools.cache
def _expected(which: str) -> PowerFlowResult:
    """What pandapower finds; worked out once for all engines."""
    feeder = _islands() if which == "islands" else _intact()
    return open_engine("pandapower", feeder).solve(*_drawn(feeder))


def _islands() -> Feeder:
    net = pandapower.networks.case33bw()
    for ends in OPENED:
        net.line.loc[net.line.from_bus.isin(ends) & net.line.to_bus.isin(ends), "in_service"] = False
    return build_feeder(net, SLACK, [1.0, 1.01, 1.0, 0.99, 1.02])


def _intact() -> Feeder:
    return build_feeder(pandapower.networks.case33bw(), [0], [1.0])


def _drawn(feeder: Feeder, cases: int = CASES) -> tuple[Floats, ...]:
    """Injections at every bus, mostly drawn, some fed in [MW, Mvar], each of shape [N, B]."""
    random = np.random.default_rng(33)
    shape = (cases, feeder.buses)
    return random.uniform(-0.1, 0.25, shape), random.uniform(-0.05, 0.12, shape)


def _differences(found: PowerFlowResult, expected: PowerFlowResult) -> dict[str, float]:
    return {field: float(np.abs(getattr(found, field) - getattr(expected, field)).max()) for field in FIELDS}


def _says_no_solution(flow: PowerFlow) -> bool:
    shape = (1, _islands().buses)
    try:
        flow.solve(np.full(shape, TOO_MUCH_MW), np.zeros(shape))
    except NotConvergedError:
        return True
    except CouplingError:
        return False
    return False


def _time_ms(flow: PowerFlow, drawn: tuple[Floats, ...]) -> float:
    """CPU time per case, the least of some tries [ms]."""
    tries = []
    for _ in range(5):
        begun_s = time.process_time()
        flow.solve(*drawn)
        tries.append(time.process_time() - begun_s)
    return 1e3 * min(tries) / len(drawn[0])
