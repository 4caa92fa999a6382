"""The linearised DistFlow equations of the paper, for all cases at once."""

from __future__ import annotations

import numpy as np

from cosim.grid.feeder import Feeder
from cosim.grid.power_flow import PowerFlowResult
from cosim.interface import Floats


class LinDistFlow:
    """Voltages from a fixed matrix: V = V_slack - R p - X q, with losses neglected.

    Element (j, k) of R is the resistance that the ways from the slack bus to buses j and k have in common.

    Source:
        Wu, Cai, Li 2025, eq. (2)-(4), after Baran and Wu 1989.
    """

    def open(self, feeder: Feeder) -> None:
        """Build the matrices of a feeder."""
        shared_r, shared_x = shared_path_impedances(feeder)
        self._feeder = feeder
        self._slack_vm_pu = feeder.slack_vm_pu[feeder.island]
        # One row vector times this matrix gives a case's voltage drops and slack powers.
        self._drop = np.vstack([shared_r, shared_x]).copy()

    def solve(self, p_mw: Floats, q_mvar: Floats) -> PowerFlowResult:
        """Solve N cases; a linear model always has a solution."""
        injections = np.concatenate([p_mw, q_mvar], axis=1)
        # A stack of row vectors, not one matrix product: BLAS then sums a case the same way however many
        # there are, so that the result of a case is the same to the last bit.
        vm_pu = self._slack_vm_pu - (injections[:, None, :] @ self._drop)[:, 0, :]
        slack_p_mw, slack_q_mvar = self._feeder.per_island(injections.reshape(len(p_mw), 2, -1)).swapaxes(0, 1)
        return PowerFlowResult(vm_pu, slack_p_mw, slack_q_mvar)


def shared_path_impedances(feeder: Feeder) -> tuple[Floats, Floats]:
    """Resistance and reactance that the ways from the slack to two buses have in common.

    Where lines make a loop, a way is shared in proportion to the currents in it: these are the real and the imaginary
    part of the impedance matrix, which in a tree are the same thing.

    Args:
        feeder: A feeder.

    Returns:
        Two symmetric matrices [p.u. per MW or Mvar], shape [B, B]; 0 between islands.
    """
    trees = len(feeder.line_from) == feeder.buses - len(feeder.slack)
    return _along_trees(feeder) if trees else _by_admittances(feeder)


def _by_admittances(feeder: Feeder) -> tuple[Floats, Floats]:
    """The inverse of the admittance matrix without the slack buses."""
    admittance = np.zeros((feeder.buses, feeder.buses), dtype=np.complex128)
    of_line = feeder.vn_kv[feeder.line_to] ** 2 / (feeder.line_r_ohm + 1j * feeder.line_x_ohm)
    for first, second, value in zip(feeder.line_from, feeder.line_to, of_line, strict=True):
        admittance[[first, second], [first, second]] += value
        admittance[[first, second], [second, first]] -= value
    free = np.setdiff1d(np.arange(feeder.buses), feeder.slack)
    impedance = np.zeros_like(admittance)
    impedance[np.ix_(free, free)] = np.linalg.inv(admittance[np.ix_(free, free)])
    return impedance.real.copy(), impedance.imag.copy()


def _along_trees(feeder: Feeder) -> tuple[Floats, Floats]:
    """The impedances of the lines that ways to two buses share, bus by bus from the slack."""
    shared_r, shared_x = np.zeros((2, feeder.buses, feeder.buses))
    neighbours: dict[int, list[tuple[int, int]]] = {bus: [] for bus in range(feeder.buses)}
    for line, (first, second) in enumerate(zip(feeder.line_from, feeder.line_to, strict=True)):
        neighbours[int(first)].append((int(second), line))
        neighbours[int(second)].append((int(first), line))
    reached = [int(bus) for bus in feeder.slack]
    parent = dict.fromkeys(reached, -1)
    for bus in reached:
        for child, line in neighbours[bus]:
            if child in parent:
                continue
            parent[child] = bus
            before = list(parent)
            shared_r[child, before] = shared_r[bus, before]
            shared_x[child, before] = shared_x[bus, before]
            shared_r[before, child] = shared_r[child, before]
            shared_x[before, child] = shared_x[child, before]
            # ohm times MW over kV squared is per unit.
            shared_r[child, child] = shared_r[bus, bus] + feeder.line_r_ohm[line] / feeder.vn_kv[child] ** 2
            shared_x[child, child] = shared_x[bus, bus] + feeder.line_x_ohm[line] / feeder.vn_kv[child] ** 2
            reached.append(child)
    return shared_r, shared_x
