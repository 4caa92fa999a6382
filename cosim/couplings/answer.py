"""What a simulator from elsewhere says that voltages and powers are, looked at before it is believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from cosim.errors import CouplingError
from cosim.grid.feeder import Feeder
from cosim.grid.power_flow import NotConvergedError, PowerFlowResult
from cosim.interface import Floats

#: A number beyond this is none.
LARGEST: Final = 1e300


def gathered(
    who: str, feeder: Feeder, cases: int, answer: Callable[[int], Mapping[str, Any] | None]
) -> PowerFlowResult:
    """The answers to cases, one after the other, as one result.

    Args:
        who: What the simulator is called in messages.
        feeder: What it solves.
        cases: How many cases there are.
        answer: Gives the values of a case by port, or None if it has no solution.

    Raises:
        NotConvergedError: If a case has no solution.
        CouplingError: If an answer is not what it must be.
    """
    widths = {"vm_pu": feeder.buses, "slack_p_mw": len(feeder.slack), "slack_q_mvar": len(feeder.slack)}
    found = {name: np.empty((cases, width)) for name, width in widths.items()}
    for case in range(cases):
        values = answer(case)
        if values is None:
            raise NotConvergedError(case)
        for name, rows in found.items():
            if name not in values:
                raise CouplingError(f"{who} gave no {name}")
            rows[case] = checked_numbers(who, name, values[name], rows.shape[1])
    return PowerFlowResult(**found)


def checked_numbers(who: str, name: str, said: Any, count: int) -> Floats:
    """Values of a port as numbers.

    Args:
        who: What the simulator is called in messages.
        name: Name of the port.
        said: What it gave; a list, as JSON has it, or an array.
        count: How many there must be.

    Returns:
        The numbers, shape [count].

    Raises:
        CouplingError: If they are something else, of another shape, not finite, or voltages below 0.
    """
    if isinstance(said, np.ndarray):
        said = said.tolist()
    plain = isinstance(said, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in said)
    if not plain or any(abs(v) > LARGEST and abs(v) != np.inf for v in said):
        raise CouplingError(f"{who} gave {name} that are no numbers: {str(said)[:100]}")
    numbers = np.array(said, dtype=np.float64)
    if numbers.shape != (count,):
        raise CouplingError(f"{who} gave {name} of shape {list(numbers.shape)}, it must be [{count}]")
    if not np.isfinite(numbers).all():
        raise CouplingError(f"{who} gave {name} that are not finite; say `converged: false` instead")
    if name == "vm_pu" and (numbers < 0.0).any():
        raise CouplingError(f"{who} gave a voltage magnitude below 0")
    return numbers
