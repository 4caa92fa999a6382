"""An engine of ours as a mosaik simulator that somebody else's scenario, or ours, starts over TCP.

python -m cosim.couplings.grid_simulator ENGINE HOST:PORT
"""

from __future__ import annotations

import sys
from typing import Any

import mosaik_api_v3
import numpy as np

from cosim.couplings.grid_interface import INPUTS, MODEL, OUTPUTS, PARAMETERS, feeder_of
from cosim.grid.power_flow import NotConvergedError, PowerFlow, open_engine

META = {
    "api_version": "3.0",
    "type": "time-based",
    "models": {
        MODEL: {"public": True, "any_inputs": False, "params": list(PARAMETERS), "attrs": [*INPUTS, *OUTPUTS]},
    },
}


class GridSimulator(mosaik_api_v3.Simulator):
    """Answers each step with the power flow of what it was given.

    Args:
        engine: Name of the engine.
    """

    def __init__(self, engine: str) -> None:
        super().__init__(META)  # type: ignore[no-untyped-call]
        self._engine = engine
        self._data: dict[str, Any] = {}

    def init(self, sid: str, time_resolution: float = 1.0, **sim_params: Any) -> Any:
        """Answer with the description of the simulator."""
        return self.meta

    def create(self, num: int, model: str, **parameters: Any) -> list[Any]:
        """Make the grid; there is one."""
        self._flow: PowerFlow = open_engine(self._engine, feeder_of(parameters))
        return [{"eid": "Grid", "type": MODEL}]

    def step(self, time: int, inputs: dict[str, Any], max_advance: int) -> int:
        """Solve the power flow of a step; what several senders draw adds up."""
        given = inputs["Grid"]
        p_mw, q_mvar = (np.sum([np.asarray(v, float) for v in given[name].values()], axis=0)[None] for name in INPUTS)
        try:
            found = self._flow.solve(p_mw, q_mvar)
        except NotConvergedError:
            self._data = {"converged": False}
        else:
            self._data = {
                "vm_pu": found.vm_pu[0].tolist(),
                "slack_p_mw": found.slack_p_mw[0].tolist(),
                "slack_q_mvar": found.slack_q_mvar[0].tolist(),
                "converged": True,
            }
        return time + 1

    def get_data(self, outputs: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
        """Hand out voltages and slack powers."""
        return {eid: {name: self._data.get(name) for name in names} for eid, names in outputs.items()}


def main(engine: str) -> None:
    """Serve until mosaik says stop."""
    mosaik_api_v3.start_simulation(GridSimulator(engine), f"Power flow by {engine}.")


if __name__ == "__main__":
    name = sys.argv.pop(1) if len(sys.argv) > 1 else "power-grid-model"
    main(name)
