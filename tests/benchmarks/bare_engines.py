"""What the AC engines cost beyond their libraries, called as barely as can be for the same cases.

    python tests/benchmarks/bare_engines.py

Both in turn, in one process and one thread, on the five islands of the 33-bus outage; CPU time, best of some rounds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
from power_grid_model import CalculationMethod, ComponentType

from cosim.grid.engines.opendss import SNAPSHOT
from cosim.grid.power_flow import open_engine
from cosim.interface import Floats
from cosim.system import load_system

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus_deterministic.yaml"
W_PER_MW, KW_PER_MW = 1e6, 1e3

Solve = Callable[[Floats, Floats], Any]


def bare_power_grid_model(engine: Any) -> Solve:
    """The model's own batch, written into and calculated."""

    def solve(p_mw: Floats, q_mvar: Floats) -> Any:
        update = engine._update_of(p_mw.shape)
        update["p_specified"], update["q_specified"] = p_mw * W_PER_MW, q_mvar * W_PER_MW
        return engine._model.calculate_power_flow(
            update_data={ComponentType.sym_load: update},
            output_component_types=[ComponentType.node, ComponentType.source],
            calculation_method=CalculationMethod.newton_raphson,
            threading=-1,
        )

    return solve


def bare_pandapower(engine: Any) -> Solve:
    """`runpp` on the net, loads written into its table."""
    net = engine._net

    def solve(p_mw: Floats, q_mvar: Floats) -> None:
        for case in range(len(p_mw)):
            net.load["p_mw"], net.load["q_mvar"] = p_mw[case], q_mvar[case]
            pandapower.runpp(net, init="flat", numba=False)

    return solve


def bare_opendss(engine: Any) -> Solve:
    """Loads one by one, a cold start, the voltages and the powers of the lines at the sources."""
    circuit = engine._circuit
    loads, solution, element = circuit.Loads, circuit.Solution, circuit.ActiveCktElement
    lines = [line for _, line, _ in engine._at_slack]

    def solve(p_mw: Floats, q_mvar: Floats) -> None:
        for p_kw, q_kvar in zip((p_mw * KW_PER_MW).tolist(), (q_mvar * KW_PER_MW).tolist(), strict=True):
            for number, (p, q) in enumerate(zip(p_kw, q_kvar, strict=True), start=1):
                loads.idx = number
                loads.kW = p
                loads.kvar = q
            solution.Mode = SNAPSHOT
            solution.Solve()
            _ = circuit.AllBusVmagPu
            for line in lines:
                circuit.SetActiveElement(line)
                _ = element.Powers

    return solve


BARE = {"power-grid-model": bare_power_grid_model, "opendss": bare_opendss, "pandapower": bare_pandapower}


def cpu_ms(solve: Solve, p_mw: Floats, q_mvar: Floats, repeats: int) -> float:
    """CPU time per case [ms]."""
    begun_s = time.process_time()
    for _ in range(repeats):
        solve(p_mw, q_mvar)
    return (time.process_time() - begun_s) / repeats / len(p_mw) * 1e3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    feeder = load_system(SCENARIO).network.stages[0].feeder
    random = np.random.default_rng(33)
    for name, bare_of in BARE.items():
        engine = open_engine(name, feeder)
        bare = bare_of(engine)
        for cases in (1, 32):
            p_mw, q_mvar = random.uniform(0.0, 0.1, (2, cases, feeder.buses))
            repeats = max(1, (20 if name == "pandapower" else 600) // cases)
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(cpu_ms(engine.solve, p_mw, q_mvar, repeats))
                theirs.append(cpu_ms(bare, p_mw, q_mvar, repeats))
            ratio = min(ours) / min(theirs)
            print(
                f"{name:17} {cases:3} cases: {min(ours):8.4f} ms, bare {min(theirs):8.4f} ms: {ratio:.2f}", flush=True
            )


if __name__ == "__main__":
    main()
