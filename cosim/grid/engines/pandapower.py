"""AC power flow by pandapower, case by case: the reference that the other engines are held to."""

from __future__ import annotations

import copy

import numpy as np
import pandapower

from cosim.grid.feeder import Feeder
from cosim.grid.power_flow import NotConvergedError, PowerFlowResult
from cosim.interface import Floats


class PandapowerFlow:
    """Runs pandapower's Newton-Raphson on a copy of the net with one load per bus."""

    def open(self, feeder: Feeder) -> None:
        """Copy the feeder's net and give each bus one load."""
        net = copy.deepcopy(feeder.net)
        net.load = net.load.drop(net.load.index)
        for bus in feeder.bus:
            pandapower.create_load(net, int(bus), p_mw=0.0, q_mvar=0.0)
        self._net = net
        self._bus = feeder.bus

    def solve(self, p_mw: Floats, q_mvar: Floats) -> PowerFlowResult:
        """Solve N cases one after the other, each from a flat start."""
        net = self._net
        vm_pu = np.empty(p_mw.shape)
        slack_p_mw, slack_q_mvar = np.empty((2, len(p_mw), len(net.ext_grid)))
        for case in range(len(p_mw)):
            net.load["p_mw"], net.load["q_mvar"] = p_mw[case], q_mvar[case]
            try:
                pandapower.runpp(net, init="flat", numba=False)
            except pandapower.LoadflowNotConverged as error:
                raise NotConvergedError(case) from error
            vm_pu[case] = net.res_bus.vm_pu.loc[self._bus]
            slack_p_mw[case] = net.res_ext_grid.p_mw
            slack_q_mvar[case] = net.res_ext_grid.q_mvar
        return PowerFlowResult(vm_pu, slack_p_mw, slack_q_mvar)
