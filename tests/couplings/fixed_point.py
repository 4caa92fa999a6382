"""AC power flow in numpy alone, from the parameters of the model `Grid`: for simulators that must start quickly."""

from __future__ import annotations

from typing import Any

import numpy as np


class FixedPoint:
    """Currents from voltages and voltages from currents, until nothing changes."""

    def __init__(self, feeder: dict[str, Any]) -> None:
        buses = len(feeder["bus"])
        vn_kv = np.array(feeder["vn_kv"])
        y = np.zeros((buses, buses), dtype=complex)
        columns = (feeder[name] for name in ("line_from", "line_to", "line_r_ohm", "line_x_ohm"))
        for a, b, r, x in zip(*columns, strict=True):
            admittance = vn_kv[b] ** 2 / (r + 1j * x)
            y[[a, b], [a, b]] += admittance
            y[[a, b], [b, a]] -= admittance
        self.slack = np.array(feeder["slack"])
        self.free = np.setdiff1d(np.arange(buses), self.slack)
        self.y = y
        self.z = np.linalg.inv(y[np.ix_(self.free, self.free)])
        self.v = np.ones(buses, dtype=complex)
        self.v[self.slack] = feeder["slack_vm_pu"]
        self.v0 = -self.z @ y[np.ix_(self.free, self.slack)] @ self.v[self.slack]

    def solve(self, p_mw: Any, q_mvar: Any) -> dict[str, Any] | None:
        """Voltages and slack powers; None if there is no solution."""
        drawn = np.array(p_mw) + 1j * np.array(q_mvar)
        v = self.v0.copy()
        for _ in range(200):
            new = self.v0 - self.z @ np.conj(drawn[self.free] / v)
            change, v = abs(new - v).max(), new
            if change < 1e-13:
                break
        else:
            return None
        self.v[self.free] = v
        power = (self.v * np.conj(self.y @ self.v) + drawn)[self.slack]
        return {"vm_pu": abs(self.v), "slack_p_mw": power.real, "slack_q_mvar": power.imag}
