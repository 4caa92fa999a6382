"""The power flow of a network whose islands change: an engine for each stage, and one answer for all buses.

In the dark there is no voltage: 0 p.u.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cosim.grid.feeder import Feeder
from cosim.grid.network import Network
from cosim.grid.power_flow import PowerFlow, PowerFlowResult
from cosim.interface import Floats

#: Opens a power flow on a feeder.
Opener = Callable[[Feeder], PowerFlow]


class StagedFlow:
    """Solves with the engine of the stage that a slot is in.

    Args:
        network: The network.
        opener: Opens an engine; that of the first stage is opened at once, so that what is missing shows before a run.
        one_at_a_time: Whether an engine must be let go of before another one is opened.
    """

    def __init__(self, network: Network, opener: Opener, *, one_at_a_time: bool = False) -> None:
        self._network = network
        self._opener = opener
        self._one_at_a_time = one_at_a_time
        self._referred = bool((network.per_unit != 1.0).any())
        self._open: dict[int, PowerFlow] = {}
        if len(network.stages[0].live):
            self._of(0)

    def close(self) -> None:
        """Let go of engines that hold a process or a connection."""
        for flow in self._open.values():
            close = getattr(flow, "close", None)
            if close is not None:
                close()
        self._open = {}

    def solve(self, number: int, p_mw: Floats, q_mvar: Floats) -> PowerFlowResult:
        """Solve N cases in a stage.

        Args:
            number: Number of the stage.
            p_mw: Active power drawn at each bus, without the slack sources [MW], shape [N, B].
            q_mvar: Reactive power drawn at each bus [Mvar], shape [N, B].

        Returns:
            Voltages of all buses [N, B]; what the microgrid that leads each island delivers, 0 elsewhere, [N, M].

        Raises:
            NotConvergedError: If a case has no solution.
            CouplingError: If the engine is from elsewhere, and does not do what it should.
        """
        stage = self._network.stages[number]
        if stage.whole and not self._referred:
            return self._of(number).solve(p_mw, q_mvar)
        vm_pu = np.zeros(p_mw.shape)
        slack_p_mw, slack_q_mvar = np.zeros((2, len(p_mw), len(stage.islands.island)))
        if len(stage.live):
            found = self._of(number).solve(p_mw[:, stage.live], q_mvar[:, stage.live])
            vm_pu[:, stage.live] = found.vm_pu * self._network.per_unit[stage.live]
            slack_p_mw[:, stage.leader], slack_q_mvar[:, stage.leader] = found.slack_p_mw, found.slack_q_mvar
        return PowerFlowResult(vm_pu, slack_p_mw, slack_q_mvar)

    def _of(self, number: int) -> PowerFlow:
        stage = self._network.stages[number]
        if number not in self._open:
            if self._one_at_a_time:
                self.close()
            self._open[number] = self._opener(stage.feeder)
        return self._open[number]
