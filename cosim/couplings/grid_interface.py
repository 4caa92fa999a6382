"""The interface of a power flow from elsewhere: one model `Grid`, what it is made with, takes and gives.

docs/guides/coupling.md has it as a table.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from cosim.grid.feeder import Feeder
from cosim.grid.kept_net import KeptNet

MODEL: Final = "Grid"
INPUTS: Final = ("p_mw", "q_mvar")
OUTPUTS: Final = ("vm_pu", "slack_p_mw", "slack_q_mvar", "converged")
#: What the model is made with: the columns of a feeder, and its frequency.
PARAMETERS: Final = (
    "bus", "vn_kv", "island", "line_from", "line_to", "line_r_ohm", "line_x_ohm", "line_c_nf", "slack", "slack_vm_pu",
    "f_hz",
)  # fmt: skip
#: Those of them that are whole numbers.
INTEGERS: Final = ("bus", "island", "line_from", "line_to", "slack")


def feeder_parameters(feeder: Feeder) -> dict[str, Any]:
    """A feeder as plain values, which the model `Grid` is made with."""
    columns = {name: getattr(feeder, name).tolist() for name in PARAMETERS if name != "f_hz"}
    return {**columns, "f_hz": feeder.f_hz}


def feeder_of(parameters: dict[str, Any]) -> Feeder:
    """A feeder from these values; it has no pandapower net."""
    columns: dict[str, Any] = {
        name: np.array(parameters[name], dtype=np.int64 if name in INTEGERS else np.float64)
        for name in PARAMETERS
        if name != "f_hz"
    }
    unlimited = np.full(len(columns["line_from"]), np.inf)
    return Feeder(kept=KeptNet(None), f_hz=parameters["f_hz"], line_max_kva=unlimited, **columns)
