"""AC power flow by OpenDSS, case by case: an engine that shares nothing with the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosim.grid.feeder import Feeder
from cosim.grid.power_flow import NotConvergedError, PowerFlowResult
from cosim.interface import Floats
from cosim.units import KW_PER_MW

#: Short-circuit power of a slack source [MVA]: high enough for an ideal voltage source.
IDEAL_SC_MVA = 1e12
#: Largest change of a voltage in the last iteration [p.u.].
TOLERANCE_PU = 1e-10
ITERATIONS = 100
#: Its mode of solving one case.
SNAPSHOT = 0
#: Voltages between which a load draws its power whatever they are [p.u.].
LOWEST_PU, HIGHEST_PU = 0.01, 100.0


class OpenDssFlow:
    """Solves a circuit of its own with OpenDSS; every slack bus is an ideal voltage source, loads are balanced."""

    def open(self, feeder: Feeder) -> None:
        """Build the circuit of a feeder."""
        from dss import DSS

        DSS.AllowChangeDir = False  # else this process has another working directory from now on
        dss = DSS.NewContext()
        dss.AllowChangeDir = False
        dss.AllowForms = False
        run = dss.Text.Commands
        frequency_hz = f"{feeder.f_hz:.17g}"
        run(f"set defaultbasefrequency={frequency_hz}")
        slack_kv = feeder.vn_kv[feeder.slack]
        for k, (bus, kv, vm_pu) in enumerate(zip(feeder.slack, slack_kv, feeder.slack_vm_pu, strict=True)):
            new = "new circuit.feeder" if k == 0 else f"new vsource.s{k}"
            run(
                f"{new} bus1=b{bus} basekv={kv:.17g} pu={vm_pu:.17g} phases=3 angle=0 "
                f"mvasc3={IDEAL_SC_MVA:g} mvasc1={IDEAL_SC_MVA:g}"
            )
        for k, ends in enumerate(zip(feeder.line_from, feeder.line_to, strict=True)):
            r_ohm, x_ohm, c_nf = feeder.line_r_ohm[k], feeder.line_x_ohm[k], feeder.line_c_nf[k]
            run(
                f"new line.l{k} bus1=b{ends[0]} bus2=b{ends[1]} phases=3 length=1 units=none "
                f"r1={r_ohm:.17g} x1={x_ohm:.17g} r0={r_ohm:.17g} x0={x_ohm:.17g} c1={c_nf:.17g} c0={c_nf:.17g}"
            )
        for bus, kv in enumerate(feeder.vn_kv):
            run(
                f"new load.p{bus} bus1=b{bus} phases=3 conn=wye model=1 kv={kv:.17g} kw=0 kvar=0 "
                f"vminpu={LOWEST_PU} vmaxpu={HIGHEST_PU} vlowpu={LOWEST_PU / 2.0}"
            )
        bases = ", ".join(f"{kv:.17g}" for kv in sorted(set(feeder.vn_kv.tolist())))
        run(f"set voltagebases=[{bases}]")
        run("calcvoltagebases")
        run(f"set tolerance={TOLERANCE_PU:g} maxiterations={ITERATIONS} mode=snapshot controlmode=off")
        self._dss, self._circuit = dss, dss.ActiveCircuit
        self._order = self._order_of_buses(feeder.buses)
        self._slack = feeder.slack
        # Lines at each slack bus, and where the powers at that end stand among theirs.
        ends = ((feeder.line_from, 0), (feeder.line_to, 6))
        self._at_slack = [
            (source, f"line.l{line}", first)
            for source, bus in enumerate(feeder.slack.tolist())
            for buses, first in ends
            for line in np.flatnonzero(buses == bus).tolist()
        ]

    def solve(self, p_mw: Floats, q_mvar: Floats) -> PowerFlowResult:
        """Solve N cases one after the other."""
        cases = len(p_mw)
        vm_pu = np.empty(p_mw.shape)
        slack_p_mw, slack_q_mvar = np.empty((2, cases, len(self._slack)))
        for case in range(cases):
            self._draw(p_mw[case], q_mvar[case])
            solution = self._circuit.Solution
            # Begins anew: from the last case's voltages the last bits of this one would be others.
            solution.Mode = SNAPSHOT
            solution.Solve()
            found = np.asarray(self._circuit.AllBusVmagPu)[self._order]
            if not solution.Converged or not np.isfinite(found).all():
                raise NotConvergedError(case)
            vm_pu[case] = found
            slack_p_mw[case], slack_q_mvar[case] = self._delivered(p_mw[case], q_mvar[case])
        return PowerFlowResult(vm_pu, slack_p_mw, slack_q_mvar)

    def _draw(self, p_mw: Floats, q_mvar: Floats) -> None:
        """Set what each bus draws; loads stand in the order of the buses."""
        loads: Any = self._circuit.Loads
        for k, (p_kw, q_kvar) in enumerate(
            zip((p_mw * KW_PER_MW).tolist(), (q_mvar * KW_PER_MW).tolist(), strict=True), start=1
        ):
            loads.idx = k
            loads.kW = p_kw
            loads.kvar = q_kvar

    def _delivered(self, p_mw: Floats, q_mvar: Floats) -> Floats:
        """Active and reactive power of each source [MW, Mvar], shape [2, S]: what is drawn there and flows into lines.

        The source's own power is a difference of nearly equal voltages over hardly any impedance, and has few digits.
        """
        delivered = np.array([p_mw[self._slack], q_mvar[self._slack]])
        for source, line, first in self._at_slack:
            self._circuit.SetActiveElement(line)
            powers = np.asarray(self._circuit.ActiveCktElement.Powers)[first : first + 6]
            delivered[:, source] += powers[0::2].sum() / KW_PER_MW, powers[1::2].sum() / KW_PER_MW
        return delivered

    def _order_of_buses(self, buses: int) -> Any:
        """Where the first phase of each bus stands among all voltages."""
        place = {name.lower(): k for k, name in enumerate(self._circuit.AllNodeNames)}
        return np.array([place[f"b{bus}.1"] for bus in range(buses)])
