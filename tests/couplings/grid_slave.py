"""The power flow as an FMU, built by pythonfmu; does one thing wrong if its parameter `what` says so."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from fixed_point import FixedPoint
from pythonfmu import Boolean, Fmi2Causality, Fmi2Slave, Fmi2Variability, Real, String


class GridSlave(Fmi2Slave):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.feeder = json.loads((Path(__file__).parent / "feeder.json").read_text())
        self.flow = FixedPoint(self.feeder)
        self.what, self.converged, self.v_factor, self.cases = "", True, 1.0, 0
        self.p_mw, self.q_mvar = ([0.0] * len(self.feeder["bus"]) for _ in range(2))
        self.found = self.flow.solve(self.p_mw, self.q_mvar)
        for port in ("p_mw", "q_mvar"):
            values = getattr(self, port)
            for k, bus in enumerate(self.feeder["bus"]):
                self.register_variable(
                    Real(
                        f"{port}[{bus}]",
                        causality=Fmi2Causality.input,
                        getter=lambda k=k, values=values: values[k],
                        setter=lambda value, k=k, values=values: values.__setitem__(k, value),
                    )
                )
        for port in ("vm_pu", "slack_p_mw", "slack_q_mvar"):
            places = range(len(self.feeder["bus"])) if port == "vm_pu" else self.feeder["slack"]
            for k, place in enumerate(places):
                getter = lambda k=k, port=port: float(self.found[port][k])  # noqa: E731
                name = f"{port}[{self.feeder['bus'][place]}]"
                self.register_variable(Real(name, causality=Fmi2Causality.output, getter=getter))
        self.register_variable(Boolean("converged", causality=Fmi2Causality.output))
        tunable = {"causality": Fmi2Causality.parameter, "variability": Fmi2Variability.tunable}
        self.register_variable(String("what", **tunable))
        self.register_variable(Real("v_factor", **tunable))

    def exit_initialization_mode(self):
        if self.what == "is not initialised":
            raise ValueError("no licence found")
        if self.what == "starts slowly":
            time.sleep(600)

    def do_step(self, current_time, step_size):
        # A case is a step.
        self.cases += current_time == self.cases * step_size
        fault = self.cases == (31 if self.what.endswith("later") else 7)
        if fault:
            sys.stdout.write("about to do it\n")
            if self.what == "raises":
                raise ValueError("bus 7 is on fire")
            if self.what == "hangs":
                time.sleep(600)
            if self.what in ("is killed", "is killed later"):
                os.kill(os.getpid(), signal.SIGKILL)
            if self.what == "crashes":
                os.kill(os.getpid(), signal.SIGSEGV)
            if self.what == "exits":
                os._exit(3)
            if self.what == "discards the step":
                return False
        found = self.flow.solve(self.p_mw, self.q_mvar)
        self.converged = found is not None and not (fault and self.what == "does not converge")
        if found is not None:
            self.found = found
        if fault and self.what == "not a number":
            self.found["slack_p_mw"][2] = float("nan")
        if self.what == "prints a lot":
            sys.stdout.write("x" * 200_000 + "\n")
            sys.stderr.write("y" * 200_000)
        self.found["vm_pu"] = self.found["vm_pu"] * self.v_factor
        return True

    def terminate(self):
        if self.what == "does not stop":
            time.sleep(600)
